"""Zerodha's Kite Connect over the network: client, ticker feed, session.

Usable with nothing of Patang above it. Importing it loads no network library.
"""

from patang.kite.breaker import BreakerSettings, CircuitBreaker
from patang.kite.client import Kite
from patang.kite.client_config import KiteConfig
from patang.kite.clock import Clock, SystemClock
from patang.kite.courier import CallRecord
from patang.kite.errors import (
    CircuitOpen,
    ConnectFailed,
    LimitReached,
    NotSent,
    OrderOutcomeUnknown,
    ReplyLost,
)
from patang.kite.feed import KiteFeed
from patang.kite.feed_connection import FeedCounters
from patang.kite.feed_events import (
    FeedConnected,
    FeedDisconnected,
    FeedEvent,
    FeedFrame,
    FeedNotice,
    FeedStale,
    OrderUpdate,
)
from patang.kite.governor import Governor, Lane, Limits
from patang.kite.placement import NotPlaced, Placed, Rejected, new_tag
from patang.kite.retry import RetryPolicy
from patang.kite.secret import Secret
from patang.kite.transport import (
    MemoryTransport,
    NetworkSettings,
    Request,
    Response,
    Timeouts,
    Transport,
)
from patang.wire.connection import LinkSettings, LinkState
from patang.wire.errors import (
    DataException,
    GeneralException,
    HoldingException,
    InputException,
    KiteError,
    MarginException,
    NetworkException,
    OrderException,
    PermissionException,
    TokenException,
    UserException,
)
from patang.wire.refusals import (
    AddressNotAllowed,
    AuthorisationNeeded,
    NoMarketData,
    RateLimited,
)
from patang.wire.ticks import TickMode

__all__ = [
    "Kite",
    "KiteConfig",
    "KiteFeed",
    "Secret",
    "Clock",
    "SystemClock",
    "TickMode",
    "LinkSettings",
    "LinkState",
    "FeedEvent",
    "FeedFrame",
    "OrderUpdate",
    "FeedNotice",
    "FeedConnected",
    "FeedDisconnected",
    "FeedStale",
    "FeedCounters",
    "Transport",
    "MemoryTransport",
    "Request",
    "Response",
    "Timeouts",
    "NetworkSettings",
    "Governor",
    "Limits",
    "Lane",
    "RetryPolicy",
    "CircuitBreaker",
    "BreakerSettings",
    "CallRecord",
    "Placed",
    "Rejected",
    "NotPlaced",
    "new_tag",
    "KiteError",
    "OrderOutcomeUnknown",
    "ConnectFailed",
    "ReplyLost",
    "NotSent",
    "LimitReached",
    "CircuitOpen",
    "TokenException",
    "UserException",
    "PermissionException",
    "OrderException",
    "InputException",
    "MarginException",
    "HoldingException",
    "NetworkException",
    "DataException",
    "GeneralException",
    "RateLimited",
    "NoMarketData",
    "AddressNotAllowed",
    "AuthorisationNeeded",
]
