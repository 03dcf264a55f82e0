"""Sessions on disk; the only room that speaks to the database."""
