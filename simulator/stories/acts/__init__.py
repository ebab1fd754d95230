"""What people and intruders do, one small class for each deed: the words that stories are written in."""
