"""The organisation's partners in an incident: whom to tell, what they are told, and who answered."""
