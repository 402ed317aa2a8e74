"""Where Kite lives (the facts are the wire's), and what every request to it carries."""

from patang import __version__
from patang.wire.addresses import (
    LOGIN_URL,
    REST_ROOT,
    TICKER_ROOT,
    checked_root,
    is_broker_root,
)

__all__ = [
    "COMMON_HEADERS",
    "LOGIN_URL",
    "REST_ROOT",
    "TICKER_ROOT",
    "checked_root",
    "is_broker_root",
]

COMMON_HEADERS = {"X-Kite-Version": "3", "User-Agent": f"Patang/{__version__}"}
