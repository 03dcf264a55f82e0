"""Outputs and values cut down to what the model should see; pure."""
