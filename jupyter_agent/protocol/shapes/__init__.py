"""Other systems' messages: read into ours, and written back without loss. One module a shape."""
