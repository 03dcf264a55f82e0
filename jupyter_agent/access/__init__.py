"""Which model answers a session, at which address and with which key."""
