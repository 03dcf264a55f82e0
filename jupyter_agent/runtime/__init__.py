"""All sessions of a process, and how everything is put together."""
