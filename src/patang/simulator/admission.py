"""What the exchange takes in each phase of the day, and what it sends back.

Source: NSE/CMTR/74466 and BSE 20260610-41 (closing auction), NSE pre-open rules, NSE LPP FAQs.
"""

from datetime import date

from patang.domain.enums import Exchange, OrderType, Product, Validity, Variety
from patang.rules import order_rules
from patang.rules.session import PhaseKind
from patang.simulator.errors import Rejection
from patang.simulator.orders import SimOrder
from patang.simulator.terms import Terms
from patang.simulator.venue import Venue

STOPS = (OrderType.SL, OrderType.SL_M)
"""Order types that wait for a trigger."""

NOT_OPEN = Rejection(
    "The exchange is not taking orders for this instrument now.", "16000 : The market is not open"
)
OUT_OF_RANGE = Rejection(
    "The limit price is outside the range that the exchange allows for this contract.",
    "17070 : The Price is out of the LPP range",
)
# Source: BSE 20260114-28.
_STOP_RANGE = Rejection(
    "The limit price is too far from the trigger price.",
    "Stop limit order price range check failed",
)
_AT_CLOSE_ONLY = Rejection(
    "Only orders at the closing price are allowed in the post-close session.",
    "16284 : Price exceeds day min/max",
)
_PLAIN_ONLY = Rejection(
    "Stop-loss, IOC, disclosed quantity, iceberg and cover orders are not allowed in this session.",
    "16415 : Invalid order parameter",
)
_NO_CHANGE = Rejection(
    "Orders can be neither modified nor cancelled now.", "16115 : Modify/cancel reject"
)
_NO_INTRADAY = Rejection(
    "Intraday orders are not allowed in the post-close session.", "RMS:Blocked for MIS", "broker"
)
# Source: NSE/CMTR/74466; BSE 20260610-41.
_NO_MARKET = {
    Exchange.NSE: Rejection(
        "Market orders are currently not allowed.", "Market orders are currently not allowed."
    ),
    Exchange.BSE: Rejection(
        "Market order cannot be placed during this period.",
        "Market order cannot be placed during this period.",
    ),
}

_LIMIT_ONLY = (PhaseKind.PRE_OPEN_LIMIT_ONLY, PhaseKind.AUCTION_LIMIT_ONLY)
_FROZEN = (
    PhaseKind.PRE_OPEN_MATCHING,
    PhaseKind.AUCTION_REFERENCE,
    PhaseKind.AUCTION_MATCHING,
    PhaseKind.BUFFER,
)


def refuse_entry(
    venue: Venue, order: SimOrder, terms: Terms | SimOrder, on: date, *, waits: bool
) -> Rejection | None:
    """Why the exchange does not take an order under these terms now; None when it does.

    An order carries terms of its own: those in force. One that ``waits`` for its trigger is held
    to limit price protection when it is released.
    """
    phase = venue.phase
    if phase is PhaseKind.CONTINUOUS:
        if order.request.variety is Variety.AUCTION or terms.order_type is OrderType.MARKET:
            return None
        if waits:
            return _refuse_stop(venue, terms, on)
        return refuse_price(venue, order, terms, on)
    if phase is None or phase in _FROZEN:
        return NOT_OPEN
    is_special = (
        waits
        or terms.validity is Validity.IOC
        or terms.disclosed_quantity > 0
        or order.request.variety in (Variety.ICEBERG, Variety.CO)
    )
    if is_special:
        return _PLAIN_ONLY
    if phase in _LIMIT_ONLY:
        if terms.order_type is OrderType.MARKET:
            return _NO_MARKET.get(venue.instrument.exchange, _NO_MARKET[Exchange.NSE])
    elif phase is PhaseKind.POST_CLOSE:
        if order.product is Product.MIS:
            return _NO_INTRADAY
        if not venue.closing_ticks:
            return NOT_OPEN
        closing = venue.price(venue.closing_ticks)
        if terms.order_type is OrderType.LIMIT and terms.price != closing:
            return _AT_CLOSE_ONLY
    return None


def _refuse_stop(venue: Venue, terms: Terms | SimOrder, on: date) -> Rejection | None:
    """A limit too far from its trigger."""
    if not terms.price:
        return None
    allowed = order_rules.stop_range(venue.instrument, terms.trigger_price, on)
    return None if allowed is None or allowed[0] <= terms.price <= allowed[1] else _STOP_RANGE


def refuse_price(
    venue: Venue, order: SimOrder, terms: Terms | SimOrder, on: date
) -> Rejection | None:
    """Limit price protection: buys above and sells below the range around its reference."""
    if not terms.price:
        return None
    reference = venue.price(venue.protected_around_ticks or venue.last_ticks)
    allowed = order_rules.lpp_range(venue.instrument, reference, on)
    if allowed is None:
        return None
    low, high = allowed
    is_outside = terms.price > high if order.side.sign > 0 else terms.price < low
    return OUT_OF_RANGE if is_outside else None


def refuse_change(venue: Venue, order: SimOrder) -> Rejection | None:
    """Why the exchange lets nobody change or cancel this order now; None when it does."""
    if venue.phase in _FROZEN:
        return Rejection(
            "Order cannot be modified or cancelled now.", "16115 : Modify/cancel reject"
        )
    if venue.phase in _LIMIT_ONLY and order.order_type is OrderType.MARKET:
        return _NO_MARKET.get(venue.instrument.exchange, _NO_MARKET[Exchange.NSE])
    return None
