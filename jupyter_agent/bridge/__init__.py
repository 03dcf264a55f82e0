"""The client side of a running Jupyter server, for loops outside it: models, so far.

The server's side is `server/bridge.py` and `runtime/serving.py`; what both say is
`protocol/bridge.py`. Nothing here knows the loop.
"""
