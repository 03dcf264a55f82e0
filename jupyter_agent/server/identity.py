"""Who is asking: whose sessions they see, whether they still may, and whether they may approve."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from jupyter_server.auth.identity import (
    IdentityProvider,
    LegacyIdentityProvider,
    PasswordIdentityProvider,
    User,
)
from jupyter_server.auth.login import LegacyLoginHandler
from jupyter_server.base.handlers import JupyterHandler
from jupyter_server.utils import ensure_async, origin_matches_pat

from ..protocol.tools import Mode

# Everyone who knows the server's one token or password is the same owner.
LOCAL_OWNER = "local"

# Modes in which some tools run without asking: choosing one is as much as approving.
UNASKED_MODES = frozenset({"edits", "auto"})


def most_unapproved(default: Mode) -> Mode:
    """Return the mode that prompts of a client that may not approve do not exceed.

    It is `ask`, or the administrator's default where that lets more run: such a client could have
    made itself a session in that mode.
    """
    return default if default in UNASKED_MODES else "ask"


_OWN_PROVIDERS = (IdentityProvider, PasswordIdentityProvider, LegacyIdentityProvider)
_MAKERS_OF_USERS = (
    "get_user",
    "_get_user",
    "get_user_token",
    "get_user_cookie",
    "user_from_cookie",
    "generate_anonymous_user",
    "process_login_form",
)


def is_anonymous(provider: IdentityProvider) -> bool:
    """Say whether users have names drawn by lot: Jupyter's own token and password logins."""
    for method in _MAKERS_OF_USERS:
        maker = next((kind for kind in type(provider).__mro__ if method in vars(kind)), None)
        if maker is not None and maker not in _OWN_PROVIDERS:
            return False
    handler = provider.login_handler_class
    return not isinstance(provider, LegacyIdentityProvider) or handler is LegacyLoginHandler


def owner_of(provider: IdentityProvider, user: User) -> str:
    """Return the owner that a user's sessions belong to."""
    return LOCAL_OWNER if is_anonymous(provider) else f"user:{user.username}"


class _Probe(JupyterHandler):
    """A request looked at anew: an identity provider keeps its answer on the handler it saw."""


async def owner_now(handler: JupyterHandler) -> str | None:
    """Ask the identity provider again; returns the owner, None when the login is no longer good."""
    probe = _Probe(handler.application, handler.request)
    user: User | None = await ensure_async(handler.identity_provider.get_user(probe))
    return None if user is None else owner_of(handler.identity_provider, user)


def why_not_approve(handler: JupyterHandler) -> str | None:
    """Return why approvals are refused on this socket, None when it was opened by a browser.

    Approvals need a login cookie, no token beside it, and an `Origin` that is this server. A
    program that can read the server's token can mint such a cookie: this raises the bar for code
    in a kernel, and no more.
    """
    request = handler.request
    if not handler.identity_provider.auth_enabled:
        return (
            "Authentication is off on this server, so nothing can be approved here: the agent can "
            "read, but neither edit nor run. Start Jupyter with a token or a password. If nobody "
            "else can reach this server, set `JupyterAgent.allow_token_approvals=True` instead."
        )
    if request.headers.get("Authorization") or "token" in request.arguments:
        return "Approvals need a browser's login, not a token. Log in and reload the page."
    if handler.token_authenticated or not request.headers.get("Cookie"):
        return "Approvals need a browser's login cookie. Log in and reload the page."
    if not _is_same_origin(handler):
        return "Approvals are accepted only from pages of this server."
    return None


def why_not_unasked(handler: JupyterHandler) -> str | None:
    """Return why a request may not choose a mode in which tools run unasked, None when it may.

    It needs what approving needs, else it would be the way around. Lab's own requests carry the
    token beside the cookie, so here a token is no harm where the cookie is good by itself.
    """
    refused = why_not_approve(handler)
    provider = handler.identity_provider
    if refused is None or not provider.auth_enabled or not _is_same_origin(handler):
        return refused
    if is_anonymous(provider) and provider.get_user_cookie(handler) is not None:
        return None
    return refused


def _is_same_origin(handler: JupyterHandler) -> bool:
    origin: Any = handler.get_origin()
    host = handler.request.headers.get("Host")
    if not origin or not host:
        return False
    if urlsplit(origin.lower()).netloc == host.lower():
        return True
    # A proxy may change the host; an administrator then names the origin, and not by "*".
    allowed = handler.allow_origin
    if allowed:
        return bool(allowed == origin)
    return bool(handler.allow_origin_pat and origin_matches_pat(handler.allow_origin_pat, origin))
