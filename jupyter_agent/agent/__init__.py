"""The loop, and the one place that permits and runs a tool call."""
