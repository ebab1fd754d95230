"""Pictures of every card, as Teams would draw them, to look at before a tired responder does."""
