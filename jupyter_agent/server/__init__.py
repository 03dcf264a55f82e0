"""The Jupyter server extension: routes, handlers and the socket."""
