"""Where Kite lives, how to know that an address is Kite's, and what a root may look like.

Source: Kite Connect v3, introduction, user (login flow), WebSocket streaming.
"""

from urllib.parse import urlsplit

from patang.domain.errors import InvalidValue

REST_ROOT = "https://api.kite.trade"
TICKER_ROOT = "wss://ws.kite.trade"
LOGIN_URL = "https://kite.zerodha.com/connect/login"

_ENCRYPTED = {"http": "https", "ws": "wss"}
_BROKER_DOMAINS = ("kite.trade", "zerodha.com")


def is_broker_root(root: str) -> bool:
    """Whether an address is Zerodha's own, so that what is sent there is real.

    >>> is_broker_root("https://api.kite.trade"), is_broker_root("https://kite.trade.example")
    (True, False)
    """
    host = urlsplit(root).hostname or ""
    return any(f".{host}".endswith(f".{domain}") for domain in _BROKER_DOMAINS)


def checked_root(root: str, plain_scheme: str) -> str:
    """The root without a trailing slash; ``plain_scheme`` is ``http`` or ``ws``.

    Raises:
        InvalidValue: no host, another scheme, a query, credentials, or the broker without TLS.
    """
    encrypted = _ENCRYPTED[plain_scheme]
    parts = urlsplit(root)
    if parts.scheme not in (plain_scheme, encrypted) or not parts.hostname:
        raise InvalidValue(
            "root", f"{root!r} is not an address.", f"Write {encrypted}://host or the sandbox's."
        )
    if parts.query or parts.fragment or parts.username is not None:
        raise InvalidValue(
            "root", "a root has no query, fragment or credentials.", "Give scheme, host and port."
        )
    if is_broker_root(root) and parts.scheme != encrypted:
        raise InvalidValue(
            "root", f"{parts.hostname} is only spoken to over TLS.", f"Write {encrypted}://."
        )
    return root.rstrip("/")
