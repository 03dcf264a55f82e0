"""A conversation as text: in a terminal, and as documents that stay."""
