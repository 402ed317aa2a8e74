"""What the api_key's plan allows: a personal key trades, and has no market data.

Such a key is refused with 403 on quotes, candles and the ticker. The ticker words that as it words
a dead session, so only asking both ways tells them apart. Source: Kite Connect v3, introduction.
"""

from enum import StrEnum

from patang.kite.client import Kite
from patang.wire.errors import PermissionException, TokenException

_ASKED = "NSE:INFY"


class MarketDataAccess(StrEnum):
    """Whether quotes, candles and the ticker are there for this client."""

    AVAILABLE = "AVAILABLE"
    NOT_IN_PLAN = "NOT_IN_PLAN"
    """The session is good; the key's plan has no market data. Orders and portfolio work."""
    NO_SESSION = "NO_SESSION"
    """Log in first; what the plan allows cannot be seen without a session."""


async def market_data_access(kite: Kite) -> MarketDataAccess:
    """Ask for one price, and for the profile when that is refused.

    Raises:
        KiteError: the answer says nothing about the plan, for example because Kite is down.
    """
    try:
        await kite.ltp(_ASKED)
    except PermissionException:
        return MarketDataAccess.NOT_IN_PLAN
    except TokenException:
        return await _plan_or_session(kite)
    return MarketDataAccess.AVAILABLE


async def _plan_or_session(kite: Kite) -> MarketDataAccess:
    try:
        await kite.profile()
    except TokenException:
        return MarketDataAccess.NO_SESSION
    return MarketDataAccess.NOT_IN_PLAN
