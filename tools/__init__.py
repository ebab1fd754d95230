"""What developers use beside the product; nothing in the product imports it."""
