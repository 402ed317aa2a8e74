"""What Kite checks before an order exists, with its texts where they are known.

Source: kite-protocol reference, price rules and message catalogue; texts without one are ours.
"""

from datetime import date
from decimal import Decimal

import msgspec

from patang.domain.enums import (
    Exchange,
    OrderType,
    Product,
    Side,
    Validity,
    Variety,
)
from patang.domain.instrument import Instrument
from patang.domain.market import HIGHEST_PRICE
from patang.domain.money import ZERO
from patang.rules import order_rules
from patang.rules.session import PhaseKind
from patang.simulator.errors import Refused, price_text
from patang.simulator.orders import OrderRequest, SimOrder
from patang.simulator.terms import Change, Terms
from patang.simulator.venue import Venue

AUTOMATIC = Decimal(-1)
MAX_TAG = 20
MAX_TTL_MINUTES = 24 * 60

UNPROTECTED = (
    "Market orders without market protection are not allowed via API. "
    "Please set market protection or use a Limit order."
)
UNKNOWN_INSTRUMENT = (
    "The instrument you are placing an order for has either expired or does not exist."
)

_NO_MARKET_ICEBERG = (Exchange.BSE, Exchange.BFO, Exchange.BCD)
_UNPRICED = (OrderType.MARKET, OrderType.SL_M)


def check_request(instrument: Instrument, request: OrderRequest, on: date) -> None:
    """Refuse what no market state could make good: expiry, product, variety, validity, tag.

    Raises:
        Refused: with Kite's error type and text.
    """
    if not instrument.is_tradable:
        raise Refused("InputException", f"{instrument.id} is an index and cannot be traded.")
    if instrument.expiry is not None and instrument.expiry < on.isoformat():
        raise Refused("InputException", UNKNOWN_INSTRUMENT)
    products = order_rules.products(instrument.exchange)
    if request.product not in products:
        raise _invalid(
            "product", request.product, f"{instrument.exchange} takes {', '.join(products)}"
        )
    varieties = order_rules.varieties(instrument.exchange)
    if request.variety not in varieties:
        raise _invalid(
            "variety", request.variety, f"{instrument.exchange} takes {', '.join(varieties)}"
        )
    if request.tag is not None and len(request.tag) > MAX_TAG:
        raise _invalid("tag", request.tag, f"at most {MAX_TAG} characters")
    match request.variety:
        case Variety.CO:
            _check_cover(request)
        case Variety.ICEBERG:
            _check_iceberg(instrument, request, on)
        case Variety.AUCTION:
            _check_auction(request)
        case _:
            return


def _check_cover(request: OrderRequest) -> None:
    if request.product is not Product.MIS:
        raise _invalid("product", request.product, "cover orders are MIS")
    if request.order_type not in (OrderType.MARKET, OrderType.LIMIT):
        raise _invalid("order_type", request.order_type, "cover orders are MARKET or LIMIT")
    if request.validity is not Validity.DAY or request.disclosed_quantity:
        raise _invalid("validity", request.validity, "cover orders are DAY and fully disclosed")


def _check_iceberg(instrument: Instrument, request: OrderRequest, on: date) -> None:
    legs, leg_quantity = request.iceberg_legs or 0, request.iceberg_quantity or 0
    most = order_rules.iceberg_legs_max(on)
    if not 2 <= legs <= most:
        raise _invalid("iceberg_legs", legs, f"2 to {most}")
    if leg_quantity < 1 or leg_quantity % instrument.lot_size:
        raise _invalid("iceberg_quantity", leg_quantity, "whole lots, quantity divided by legs")
    if not (legs - 1) * leg_quantity < request.quantity <= legs * leg_quantity:
        raise _invalid(
            "iceberg_quantity", leg_quantity, f"{legs} legs must make up {request.quantity}"
        )
    if request.validity is Validity.IOC or request.disclosed_quantity:
        raise _invalid("validity", request.validity, "icebergs are DAY or TTL, fully disclosed")
    if request.order_type in _UNPRICED and instrument.exchange in _NO_MARKET_ICEBERG:
        raise _invalid(
            "order_type", request.order_type, f"icebergs on {instrument.exchange} have a price"
        )


def _check_auction(request: OrderRequest) -> None:
    if not request.auction_number:
        raise _invalid("auction_number", request.auction_number, "auction orders need one")
    if request.side is not Side.SELL or request.order_type is not OrderType.LIMIT:
        raise _invalid("order_type", request.order_type, "auction orders are LIMIT sales")
    if request.product is not Product.CNC:
        raise _invalid("product", request.product, "auction orders are CNC")


def check_cover_change(order: SimOrder, change: Change) -> None:
    """Refuse what a modification of a cover order may not change.

    Raises:
        Refused: naming the field.
    """
    for name in change.__struct_fields__:
        if name in ("price", "trigger_price"):
            continue
        value = getattr(change, name)
        if value is not None and value != getattr(order, name):
            raise _invalid(name, value, "a cover order changes price or trigger_price alone")


def check_cover_trigger(venue: Venue, side: Side, price: Decimal, trigger: Decimal) -> None:
    """Refuse a stop price of a cover order that is not behind its entry at ``price`` rupees.

    Raises:
        Refused: naming what is wrong.
    """
    _check_level(venue, trigger, "trigger price")
    if (trigger - price) * side.sign >= 0:
        relation = "lower" if side is Side.BUY else "higher"
        raise Refused(
            "InputException",
            f"Trigger price of a cover {side.lower()} order should be {relation} than its price "
            f"({price_text(price)}).",
        )


def settle_terms(venue: Venue, side: Side, terms: Terms, on: date) -> Terms:
    """Check an order's terms against the market, and turn a protected MARKET into its LIMIT.

    A MARKET order stays one where protection does not apply: in call auctions, after the close,
    and without protection before it was demanded.

    Raises:
        Refused: with Kite's error type and text.
    """
    terms = check_static(venue.instrument, terms, on)
    match terms.order_type:
        case OrderType.MARKET:
            return _protect(venue, side, terms, on)
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
            _check_protection(venue, terms.market_protection, on)
            return msgspec.structs.replace(terms, price=ZERO)


def check_static(instrument: Instrument, terms: Terms, on: date) -> Terms:
    """Check what does not depend on the market's state: quantities, validity, kinds of order.

    Raises:
        Refused: with Kite's error type and text.
    """
    _check_quantity(instrument, terms)
    _check_disclosed(instrument, terms)
    if terms.order_type is OrderType.SL_M and not order_rules.slm_allowed(instrument, on):
        raise _invalid(
            "order_type", terms.order_type, f"{instrument.exchange} options take SL with a price"
        )
    match terms.validity:
        case Validity.IOC:
            if not order_rules.ioc_allowed(instrument.exchange, on):
                raise _invalid("validity", terms.validity, f"{instrument.exchange} has no IOC")
        case Validity.TTL:
            if not 1 <= terms.validity_ttl <= MAX_TTL_MINUTES:
                raise _invalid(
                    "validity_ttl", terms.validity_ttl, f"minutes, 1 to {MAX_TTL_MINUTES}"
                )
            return terms
        case _:
            pass
    return msgspec.structs.replace(terms, validity_ttl=0) if terms.validity_ttl else terms


def check_waiting(instrument: Instrument, terms: Terms, on: date) -> Terms:
    """Check an order that goes to the exchange later: whatever the market may be by then.

    Raises:
        Refused: with Kite's error type and text.
    """
    terms = check_static(instrument, terms, on)
    if terms.order_type in (OrderType.LIMIT, OrderType.SL):
        _check_amount(instrument, terms.price, "price", "LIMIT and SL orders need one above 0")
    if terms.order_type in (OrderType.SL, OrderType.SL_M):
        _check_amount(
            instrument, terms.trigger_price, "trigger_price", "SL and SL-M orders need one above 0"
        )
    if terms.order_type in _UNPRICED:
        _check_percent(terms.market_protection, on)
    return terms


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
    return order_rules.automatic_protection(venue.instrument.instrument_type, venue.last_price)


def protection_tags(percent: Decimal) -> tuple[str, str]:
    """The tags of a limit order that was a market order. Source: kiteconnect-mocks orders.json."""
    return "mktp", f"mktp:{percent:.2f}"


def _check_protection(venue: Venue, protection: Decimal, on: date) -> Decimal | None:
    """The percent; None for an order that needs no protection and has none."""
    if protection.is_zero() and not order_rules.market_protection_required(on):
        return None
    return protection_percent(venue, protection)


def _check_percent(protection: Decimal, on: date) -> None:
    """As ``protection_percent``, before there is a price that it could be a percentage of."""
    if protection.is_zero():
        if order_rules.market_protection_required(on):
            raise Refused("InputException", UNPROTECTED)
    elif not protection.is_finite() or not (protection == AUTOMATIC or 0 < protection <= 100):
        raise _invalid("market_protection", protection, "-1, or percent above 0 up to 100")


def _protect(venue: Venue, side: Side, terms: Terms, on: date) -> Terms:
    percent = _check_protection(venue, terms.market_protection, on)
    plain = msgspec.structs.replace(terms, price=ZERO, trigger_price=ZERO, market_protection=ZERO)
    if percent is None or venue.collects or venue.phase is PhaseKind.POST_CLOSE:
        return plain
    tags = tuple(tag for tag in terms.tags if not tag.startswith("mktp"))
    return msgspec.structs.replace(
        plain,
        order_type=OrderType.LIMIT,
        price=venue.price(venue.protected_ticks(side, percent)),
        tags=(*tags, *protection_tags(percent)),
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


def _check_disclosed(instrument: Instrument, terms: Terms) -> None:
    disclosed = terms.disclosed_quantity
    if not disclosed:
        return
    if not 0 < disclosed <= terms.quantity:
        raise _invalid("disclosed_quantity", disclosed, "at most the quantity")
    least = order_rules.disclosed_minimum(instrument.exchange, terms.quantity)
    if least is None:
        raise _invalid("disclosed_quantity", disclosed, f"{instrument.exchange} orders have none")
    if disclosed < least:
        raise _invalid("disclosed_quantity", disclosed, f"at least {least} of {terms.quantity}")


def _check_price(venue: Venue, price: Decimal) -> None:
    if not price.is_finite() or price <= 0:
        raise _invalid("price", price, "LIMIT and SL orders need one above 0")
    _check_level(venue, price, "order price")


def _check_trigger(venue: Venue, side: Side, trigger: Decimal) -> None:
    if not trigger.is_finite() or trigger <= 0:
        raise _invalid("trigger_price", trigger, "SL and SL-M orders need one above 0")
    _check_level(venue, trigger, "trigger price")
    if (trigger - venue.last_price) * side.sign <= 0:
        relation = "higher" if side is Side.BUY else "lower"
        raise Refused(
            "InputException",
            f"Trigger price for stoploss {side.lower()} orders should be {relation} than the "
            f"last traded price ({venue.last_price}).",
        )


def _check_level(venue: Venue, price: Decimal, what: str) -> None:
    """A price within the day's band and on the tick; ``what`` it is, in words."""
    if not price.is_finite() or price <= 0:
        raise _invalid("_".join(what.split()), price, "a price above 0")
    # The band comes first: within it, arithmetic on the tick is safe from absurd exponents.
    _check_band(venue, price, what)
    if not venue.instrument.is_on_tick(price):
        raise _off_tick(venue.instrument, what.removeprefix("order "))


def _check_amount(instrument: Instrument, price: Decimal, name: str, wanted: str) -> None:
    if not price.is_finite() or not 0 < price < HIGHEST_PRICE:
        raise _invalid(name, price, wanted)
    if not instrument.is_on_tick(price):
        raise _off_tick(instrument, name.replace("_", " "))


def _check_band(venue: Venue, price: Decimal, what: str) -> None:
    lower, upper = venue.price(venue.lower_ticks), venue.price(venue.upper_ticks)
    if lower <= price <= upper:
        return
    is_low = price < lower
    relation, circuit = ("lower", "lower") if is_low else ("higher", "upper")
    raise Refused(
        "InputException",
        f"Your {what} is {relation} than the current {circuit} circuit limit of "
        f"{price_text(lower if is_low else upper)}. Place an order within the daily range.",
    )


def _off_tick(instrument: Instrument, what: str) -> Refused:
    return Refused(
        "InputException",
        f"Tick size for this script is {price_text(instrument.tick_size)}. Kindly enter {what} in "
        "the multiple of tick size for this script",
    )


def _invalid(field: str, value: object, wanted: str) -> Refused:
    return Refused("InputException", f"Invalid `{field}` {value}: {wanted}.")
