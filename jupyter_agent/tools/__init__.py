"""What the agent can do, one file a tool, and the port they implement."""
