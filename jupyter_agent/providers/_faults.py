"""What goes wrong on the way to a server, in words: the only place that knows httpx's exceptions.

`details["fault"]` names what is at fault, for the doctor: certificates, proxy, address.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from ..protocol.errors import (
    BadRequest,
    ConnectionFailed,
    ProviderError,
    StreamInterrupted,
    TimedOut,
)

_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_ITS_OWN_AUTHORITY = (
    "If your network or that server uses an authority of its own, save its certificate as a PEM "
    "file and name that file as the CA bundle: `JupyterAgent.ca_bundle` in the settings, or "
    "SSL_CERT_FILE in the environment."
)
# What OpenSSL says, in lower case → what is said of the certificate.
_CERTIFICATES = (
    (
        "not yet valid",
        "is not valid yet. The clock of this machine is probably behind: set it right.",
    ),
    (
        "has expired",
        "has expired, or the clock of this machine is ahead. Check the date here; else whoever "
        "runs that server must renew it.",
    ),
    (
        "mismatch",
        "was made for another name. Check the address: it must have the name that stands in the "
        "certificate.",
    ),
    (
        "self-signed certificate in certificate chain",
        "is not trusted: it comes from an authority this machine does not know, as behind a "
        f"company's proxy. {_ITS_OWN_AUTHORITY}",
    ),
    (
        "self-signed",
        f"is not trusted: it is self-signed. {_ITS_OWN_AUTHORITY}",
    ),
    ("", f"is not trusted: its authority is not known here. {_ITS_OWN_AUTHORITY}"),
)
_NO_TLS = re.compile(r"wrong_version_number|record_layer|unknown_protocol|http_request", re.I)
_NO_HOST = re.compile(
    r"name or service not known|nodename nor servname|getaddrinfo|name resolution"
    r"|no address associated",
    re.I,
)


def translate(
    error: Exception, whom: str, *, reading: bool, proxy: str | None = None
) -> ProviderError:
    """Return our error for one of httpx.

    Args:
        error: what was raised.
        whom: the server, in words.
        reading: whether the answer had begun.
        proxy: the proxy the call went through.

    Raises:
        Exception: the given one, when it is none of the network's.
    """
    import httpx

    if isinstance(error, ProviderError):
        return error
    if isinstance(error, (httpx.ConnectTimeout, httpx.PoolTimeout)):
        through = f" through the proxy {shown(proxy)}" if proxy else ""
        return ConnectionFailed(
            f"Could not connect to {whom}{through} in time. Check the network, the proxy and the "
            "address.",
            details={"fault": "proxy"} if proxy else None,
        )
    if isinstance(error, httpx.TimeoutException):
        return timed_out(whom, started=reading)
    if isinstance(error, httpx.ProxyError):
        return _refused_by_proxy(str(error), whom, proxy)
    if isinstance(error, httpx.ConnectError):
        return _not_connected(str(error), whom, proxy)
    if proxy and isinstance(error, (httpx.InvalidURL, ValueError, ImportError)):
        return _unusable_proxy(error, proxy)
    if isinstance(error, (httpx.InvalidURL, httpx.UnsupportedProtocol)):
        return BadRequest(f"The address of {whom} is not valid. It must begin with https://.")
    if isinstance(error, httpx.LocalProtocolError):
        return unsendable(whom)
    if isinstance(error, httpx.TransportError):
        return _broken(whom, reading, proxy)
    if isinstance(error, OSError):  # httpx itself wraps those of the network
        return ConnectionFailed(
            "The certificates named by SSL_CERT_FILE or SSL_CERT_DIR cannot be read. Correct or "
            "unset them.",
            retryable=False,
            details={"fault": "certificates"},
        )
    raise error


def timed_out(whom: str, *, started: bool) -> TimedOut:
    """Return the error for a server that keeps us waiting."""
    what = "went silent in the middle of the answer" if started else "did not begin to answer"
    return TimedOut(
        f"{whom} {what} in time. Try again; slow models may need a longer timeout in the settings."
    )


def unsendable(whom: str) -> BadRequest:
    """Return the error for a header that HTTP does not allow."""
    return BadRequest(
        f"The key or a header for {whom} holds characters that cannot be sent. Set it again."
    )


def proxy_for(url: str, chosen: str | None) -> str | None:
    """Return the proxy a call goes through: the one chosen, else the environment's."""
    from urllib.request import getproxies, proxy_bypass  # noqa: TID251 - asks the environment alone

    if chosen:
        return chosen
    parts = urlsplit(url)
    host = parts.hostname or ""
    if host in _LOOPBACK or proxy_bypass(host):
        return None
    found = getproxies()
    return found.get(parts.scheme) or found.get("all")


def shown(proxy: str) -> str:
    """Return a proxy's address without its user and password."""
    parts = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme}://{parts.hostname or '?'}{port}"


def _not_connected(words: str, whom: str, proxy: str | None) -> ProviderError:
    if "CERTIFICATE_VERIFY_FAILED" in words:
        said = words.lower()
        what = next(sentence for mark, sentence in _CERTIFICATES if mark in said)
        return ConnectionFailed(
            f"The certificate of {whom} {what}",
            retryable=False,
            details={"fault": "certificates"},
        )
    if _NO_TLS.search(words):
        return ConnectionFailed(
            f"{whom} answers, but without encryption. Does its address begin with http:// rather "
            "than https://?",
            retryable=False,
            details={"fault": "address"},
        )
    if proxy:
        return ConnectionFailed(
            f"The proxy {shown(proxy)} on the way to {whom} cannot be reached. Check its address: "
            "`JupyterAgent.proxy` in the settings, or HTTPS_PROXY in the environment. Hosts that "
            "need none belong into NO_PROXY.",
            details={"fault": "proxy"},
        )
    if _NO_HOST.search(words):
        return ConnectionFailed(
            f"There is no host of the name in the address of {whom}, or the network is down. Check "
            "the address and the connection; inside a company a proxy may be needed.",
            details={"fault": "address"},
        )
    return ConnectionFailed(
        f"Could not connect to {whom}. Is the server running, and its address right?",
        details={"fault": "address"},
    )


def _refused_by_proxy(words: str, whom: str, proxy: str | None) -> ProviderError:
    name = f"The proxy {shown(proxy)}" if proxy else "The proxy"
    if "407" in words:
        what = (
            f"{name} wants a user name and a password. Put them into its address: "
            "http://user:password@host:port."
        )
    else:
        answer = f" (“{words[:80]}”)" if words else ""
        what = f"{name} refused the connection to {whom}{answer}. Check the proxy settings."
    return ConnectionFailed(what, retryable=False, details={"fault": "proxy"})


def _unusable_proxy(error: Exception, proxy: str) -> ProviderError:
    what = "install httpx[socks] for it" if isinstance(error, ImportError) else "check its address"
    return ConnectionFailed(
        f"The proxy {shown(proxy)} cannot be used: {what}.",
        retryable=False,
        details={"fault": "proxy"},
    )


def _broken(whom: str, reading: bool, proxy: str | None) -> ProviderError:
    if reading:
        return StreamInterrupted(
            f"The connection to {whom} broke in the middle of the answer. Nothing of it was run; "
            "try again."
        )
    through = f" The call went through the proxy {shown(proxy)}." if proxy else ""
    return ConnectionFailed(
        f"{whom} closed the connection without an answer. Try again.{through}",
        details={"fault": "proxy"} if proxy else None,
    )
