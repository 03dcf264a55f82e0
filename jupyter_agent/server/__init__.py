"""The Jupyter server extension: routes, the socket, and what the core needs of the server.

Modules that a bare server loads at its start (`extension`, `routes`, `rest`, `socket`,
`identity`) import nothing heavy; the rest comes with the first request.
"""
