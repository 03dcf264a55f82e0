"""The demo model: a script that drives the real tools and reacts to what they return."""
