"""The composition root, and the life of a conversation."""
