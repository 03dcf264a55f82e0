"""The Model Context Protocol: our tools for other agents. Their calls pass the gate as a model's do."""
