"""What Kite checks before an order exists, with its texts where they are known.

Source: kite-protocol reference, price rules and message catalogue; texts without one are ours.
"""

from decimal import Decimal

import msgspec

from patang.domain.enums import (
    Exchange,
    InstrumentType,
    OrderType,
    Product,
    Side,
    Validity,
    Variety,
)
from patang.domain.instrument import Instrument
from patang.domain.money import ZERO
from patang.simulator.errors import Refused
from patang.simulator.orders import OrderRequest
from patang.simulator.terms import Terms
from patang.simulator.venue import Venue

AUTOMATIC = Decimal(-1)
PRODUCTS = {Exchange.NSE: (Product.CNC, Product.MIS), Exchange.BSE: (Product.CNC, Product.MIS)}
MAX_TAG = 20

UNPROTECTED = (
    "Market orders without market protection are not allowed via API. "
    "Please set market protection or use a Limit order."
)
UNKNOWN_INSTRUMENT = (
    "The instrument you are placing an order for has either expired or does not exist."
)

_NO_BOUND = Decimal("Infinity")
# (last price below, percent). 500 itself belongs to "100-500", so that bound is a paisa higher.
# Source: Zerodha support, market price protection.
_EQUITY_BANDS = (
    (Decimal(100), Decimal(2)),
    (Decimal("500.01"), Decimal(1)),
    (_NO_BOUND, Decimal("0.5")),
)
_OPTION_BANDS = (
    (Decimal(10), Decimal(5)),
    (Decimal(100), Decimal(3)),
    (Decimal("500.01"), Decimal(2)),
    (_NO_BOUND, Decimal(1)),
)


def check_request(instrument: Instrument, request: OrderRequest) -> None:
    """Refuse what no market state could make good: product, variety, validity, tag.

    Raises:
        Refused: with Kite's error type and text.
    """
    if not instrument.is_tradable:
        raise Refused("InputException", f"{instrument.id} is an index and cannot be traded.")
    products = PRODUCTS.get(instrument.exchange)
    if products is None:
        raise _invalid("exchange", instrument.exchange, f"orders go to {', '.join(PRODUCTS)}")
    if request.product not in products:
        raise _invalid(
            "product", request.product, f"{instrument.exchange} takes {', '.join(products)}"
        )
    if request.variety is not Variety.REGULAR:
        raise _invalid("variety", request.variety, "this exchange takes regular")
    if request.tag is not None and len(request.tag) > MAX_TAG:
        raise _invalid("tag", request.tag, f"at most {MAX_TAG} characters")


def settle_terms(venue: Venue, side: Side, terms: Terms) -> Terms:
    """Check an order's terms against the market, and turn a protected MARKET into its LIMIT.

    Raises:
        Refused: with Kite's error type and text.
    """
    instrument = venue.instrument
    if terms.validity is Validity.TTL:
        raise _invalid("validity", terms.validity, "this exchange takes DAY, IOC")
    _check_quantity(instrument, terms)
    match terms.order_type:
        case OrderType.MARKET:
            return _protect(venue, side, terms)
        case OrderType.LIMIT:
            _check_price(venue, terms.price)
            return msgspec.structs.replace(terms, trigger_price=ZERO, market_protection=ZERO)
        case OrderType.SL:
            _check_price(venue, terms.price)
            _check_trigger(venue, side, terms.trigger_price)
            beyond = terms.trigger_price - terms.price
            if beyond * side.sign > 0:
                relation = "higher" if side is Side.BUY else "lower"
                raise Refused(
                    "InputException",
                    f"Trigger price for stoploss {side.lower()} orders cannot be {relation} "
                    "than the limit price.",
                )
            return msgspec.structs.replace(terms, market_protection=ZERO)
        case OrderType.SL_M:
            _check_trigger(venue, side, terms.trigger_price)
            protection_percent(venue, terms.market_protection)
            return msgspec.structs.replace(terms, price=ZERO)


def protection_percent(venue: Venue, protection: Decimal) -> Decimal:
    """Percent of the last price that ``protection`` stands for; -1 is the automatic band.

    Raises:
        Refused: absent, zero, or outside 0 to 100.
    """
    if protection.is_zero():
        raise Refused("InputException", UNPROTECTED)
    if protection.is_finite() and 0 < protection <= 100:
        return protection
    if not protection.is_finite() or protection != AUTOMATIC:
        raise _invalid("market_protection", protection, "-1, or percent above 0 up to 100")
    instrument_type, last = venue.instrument.instrument_type, venue.last_price
    if instrument_type in (InstrumentType.CE, InstrumentType.PE):
        return next(percent for bound, percent in _OPTION_BANDS if last < bound)
    return next(percent for bound, percent in _EQUITY_BANDS if last < bound)


def _protect(venue: Venue, side: Side, terms: Terms) -> Terms:
    percent = protection_percent(venue, terms.market_protection)
    tags = tuple(tag for tag in terms.tags if not tag.startswith("mktp"))
    return msgspec.structs.replace(
        terms,
        order_type=OrderType.LIMIT,
        price=venue.price(venue.protected_ticks(side, percent)),
        trigger_price=ZERO,
        market_protection=ZERO,
        tags=(*tags, "mktp", f"mktp:{percent:.2f}"),
    )


def _check_quantity(instrument: Instrument, terms: Terms) -> None:
    if terms.quantity < 1:
        raise _invalid("quantity", terms.quantity, "a whole number above 0")
    if terms.quantity % instrument.lot_size:
        raise _invalid("quantity", terms.quantity, f"a multiple of lot size {instrument.lot_size}")
    freeze = instrument.freeze_quantity
    if freeze is not None and terms.quantity > freeze:
        raise Refused(
            "InputException",
            f"Quantity {terms.quantity} is above the freeze quantity {freeze} of "
            f"{instrument.symbol}. Place it in several orders.",
        )
    if not 0 <= terms.disclosed_quantity <= terms.quantity:
        raise _invalid("disclosed_quantity", terms.disclosed_quantity, "at most the quantity")


def _check_price(venue: Venue, price: Decimal) -> None:
    if not price.is_finite() or price <= 0:
        raise _invalid("price", price, "LIMIT and SL orders need one above 0")
    # The band comes first: within it, arithmetic on the tick is safe from absurd exponents.
    _check_band(venue, price, "order price")
    if not venue.instrument.is_on_tick(price):
        raise _off_tick(venue.instrument, "price")


def _check_trigger(venue: Venue, side: Side, trigger: Decimal) -> None:
    if not trigger.is_finite() or trigger <= 0:
        raise _invalid("trigger_price", trigger, "SL and SL-M orders need one above 0")
    _check_band(venue, trigger, "trigger price")
    if not venue.instrument.is_on_tick(trigger):
        raise _off_tick(venue.instrument, "trigger price")
    if (trigger - venue.last_price) * side.sign <= 0:
        relation = "higher" if side is Side.BUY else "lower"
        raise Refused(
            "InputException",
            f"Trigger price for stoploss {side.lower()} orders should be {relation} than the "
            f"last traded price ({venue.last_price}).",
        )


def _check_band(venue: Venue, price: Decimal, what: str) -> None:
    lower, upper = venue.price(venue.lower_ticks), venue.price(venue.upper_ticks)
    if lower <= price <= upper:
        return
    is_low = price < lower
    relation, circuit = ("lower", "lower") if is_low else ("higher", "upper")
    raise Refused(
        "InputException",
        f"Your {what} is {relation} than the current {circuit} circuit limit of "
        f"{lower if is_low else upper:.2f}. Place an order within the daily range.",
    )


def _off_tick(instrument: Instrument, what: str) -> Refused:
    return Refused(
        "InputException",
        f"Tick size for this script is {instrument.tick_size:.2f}. Kindly enter {what} in the "
        "multiple of tick size for this script",
    )


def _invalid(field: str, value: object, wanted: str) -> Refused:
    return Refused("InputException", f"Invalid `{field}` {value}: {wanted}.")
