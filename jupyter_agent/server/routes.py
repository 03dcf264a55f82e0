"""The URL table."""

from __future__ import annotations

from typing import Any

from ..protocol.bridge_address import BRIDGE_PATH
from . import bridge, demo, rest
from .open_tabs import OpenTabsHandler
from .socket import AgentSocket

API = r"/jupyter-agent/api"
# For loops in kernels: another secret, other routes.
BRIDGE = rf"/{BRIDGE_PATH}"
_SESSION = rf"{API}/sessions/([^/]+)"
_PROVIDER = rf"{API}/providers/([^/]+)"

ROUTES: tuple[tuple[str, type[Any]], ...] = (
    (rf"{API}/socket", AgentSocket),
    (rf"{API}/status", rest.StatusHandler),
    (rf"{API}/models", rest.ModelsHandler),
    # One segment: a model's name has slashes, and comes encoded.
    (rf"{API}/models/([^/]+)", rest.ModelHandler),
    (rf"{API}/sessions", rest.SessionsHandler),
    (rf"{API}/search", rest.SearchHandler),
    (_SESSION, rest.SessionHandler),
    (rf"{_SESSION}/fork", rest.ForkHandler),
    (rf"{_SESSION}/export", rest.ExportHandler),
    (rf"{API}/variables", rest.VariablesHandler),
    (rf"{API}/files", rest.FilesHandler),
    (rf"{API}/demo", demo.DemoHandler),
    (rf"{API}/open-tabs", OpenTabsHandler),
    (rf"{API}/providers", rest.ProvidersHandler),
    (_PROVIDER, rest.ProviderHandler),
    (rf"{_PROVIDER}/test", rest.ProviderTestHandler),
    (rf"{BRIDGE}/models", bridge.BridgeModelsHandler),
    (rf"{BRIDGE}/model", bridge.BridgeModelHandler),
    (rf"{BRIDGE}/answer", bridge.BridgeAnswerHandler),
)
