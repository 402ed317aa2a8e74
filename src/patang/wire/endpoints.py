"""Kite's REST routes in one table: what client, sandbox and documentation read.

Source: Kite Connect v3; the rate classes are from its page on rate limits.
"""

from enum import StrEnum
from typing import Any
from urllib.parse import quote

import msgspec

from patang.domain.errors import InvalidValue
from patang.wire.rows import (
    HoldingRow,
    LtpRow,
    MarginsRow,
    OhlcRow,
    OrderAck,
    OrderRow,
    Positions,
    ProfileRow,
    QuoteRow,
    SegmentRow,
    SessionRow,
    TradeRow,
)


class RateClass(StrEnum):
    """Which limit a call counts against: quotes 1/s, candles 3/s, orders and the rest 10/s."""

    QUOTE = "Q"
    HISTORICAL = "H"
    ORDER = "O"
    GENERAL = "G"


class BodyKind(StrEnum):
    """How parameters travel."""

    QUERY = "query"
    FORM = "form"
    JSON = "json"


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """One route. ``response`` is the type of ``data``; ``bytes`` means CSV without an envelope.

    ``retryable`` is false for whatever changes something: such a request is sent once.
    ``instrument_cap`` is the most instruments one call may name.
    """

    name: str
    method: str
    path: str
    response: Any
    body: BodyKind = BodyKind.QUERY
    rate: RateClass = RateClass.GENERAL
    needs_session: bool = True
    instrument_cap: int | None = None

    @property
    def retryable(self) -> bool:
        """Whether sending it twice does no more than sending it once."""
        return self.method == "GET"

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of the path parameters, in order."""
        return tuple(part[1:-1] for part in self.path.split("/") if part.startswith("{"))

    def url_path(self, **parameters: str) -> str:
        """The path with its parameters percent-encoded.

        Raises:
            InvalidValue: a parameter is missing, empty or unknown.
        """
        for name in parameters.keys() - set(self.parameters):
            raise InvalidValue(name, f"{self.path} has no such parameter.")
        path = self.path
        for name in self.parameters:
            value = str(parameters.get(name, ""))
            # A dot alone would be taken for a folder step by what normalises the URL.
            if not value or value in {".", ".."}:
                raise InvalidValue(name, f"{self.path} needs it, got {value!r}.")
            path = path.replace("{" + name + "}", quote(value, safe=""))
        return path


_ORDERS = "/orders/{variety}"
_ORDER = "/orders/{variety}/{order_id}"
_FORM = BodyKind.FORM
_O = RateClass.ORDER
_Q = RateClass.QUOTE

_TABLE = (
    Endpoint(name="generate_session", method="POST", path="/session/token", response=SessionRow,
             body=_FORM, needs_session=False),
    Endpoint(name="invalidate_session", method="DELETE", path="/session/token", response=bool),
    Endpoint(name="profile", method="GET", path="/user/profile", response=ProfileRow),
    Endpoint(name="margins", method="GET", path="/user/margins", response=MarginsRow),
    Endpoint(name="margins_segment", method="GET", path="/user/margins/{segment}",
             response=SegmentRow),
    Endpoint(name="instruments", method="GET", path="/instruments", response=bytes),
    Endpoint(name="instruments_exchange", method="GET", path="/instruments/{exchange}",
             response=bytes),
    Endpoint(name="place_order", method="POST", path=_ORDERS, response=OrderAck, body=_FORM,
             rate=_O),
    Endpoint(name="modify_order", method="PUT", path=_ORDER, response=OrderAck, body=_FORM,
             rate=_O),
    Endpoint(name="cancel_order", method="DELETE", path=_ORDER, response=OrderAck, rate=_O),
    Endpoint(name="orders", method="GET", path="/orders", response=list[OrderRow]),
    Endpoint(name="order_history", method="GET", path="/orders/{order_id}",
             response=list[OrderRow]),
    Endpoint(name="order_trades", method="GET", path="/orders/{order_id}/trades",
             response=list[TradeRow]),
    Endpoint(name="trades", method="GET", path="/trades", response=list[TradeRow]),
    Endpoint(name="positions", method="GET", path="/portfolio/positions", response=Positions),
    Endpoint(name="holdings", method="GET", path="/portfolio/holdings",
             response=list[HoldingRow]),
    Endpoint(name="quote", method="GET", path="/quote", response=dict[str, QuoteRow], rate=_Q,
             instrument_cap=500),
    Endpoint(name="ohlc", method="GET", path="/quote/ohlc", response=dict[str, OhlcRow], rate=_Q,
             instrument_cap=1000),
    Endpoint(name="ltp", method="GET", path="/quote/ltp", response=dict[str, LtpRow], rate=_Q,
             instrument_cap=1000),
)  # fmt: skip

ENDPOINTS: dict[str, Endpoint] = {endpoint.name: endpoint for endpoint in _TABLE}
"""Every route by its name, which is the client's method where there is one."""
