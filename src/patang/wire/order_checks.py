"""What makes an order wrong before it is sent, as far as can be known without the broker.

The forms refuse what no order may hold; here are the rules that join several fields, and those
that need the instrument. Source: Kite Connect v3, orders; field rules of 2026.
"""

from decimal import Decimal

from patang.domain.enums import OrderType, Side, Validity, Variety
from patang.domain.errors import InvalidValue
from patang.domain.instrument import Instrument
from patang.wire.forms import ModifyForm, PlaceForm

MAX_SLICES = 10
"""The most slices that Kite makes of one order; since 2026-04-01."""

ICEBERG_LEGS = range(2, 51)
"""How many legs an iceberg may have."""

_PRICED = {OrderType.LIMIT, OrderType.SL}
_TRIGGERED = {OrderType.SL, OrderType.SL_M}
_PROTECTED = {OrderType.MARKET, OrderType.SL_M}
_COVER_MAY_CHANGE = {"variety", "order_id", "parent_order_id", "price", "trigger_price"}


def check_placement(form: PlaceForm, instrument: Instrument | None = None) -> None:
    """Check a new order; with its instrument, tick, lot and freeze quantity too.

    Raises:
        InvalidValue: naming the field, what is wrong with it and what to do.
    """
    _check_price(form)
    _check_trigger(form)
    if form.order_type in _PROTECTED and form.market_protection is None:
        raise _unprotected(form.order_type)
    _check_validity(form)
    _check_variety(form)
    if form.disclosed_quantity is not None and form.disclosed_quantity > form.quantity:
        cause = f"{form.disclosed_quantity} is more than the quantity {form.quantity}."
        raise InvalidValue("disclosed_quantity", cause)
    if instrument is not None:
        _check_against(form, instrument)


def check_modification(form: ModifyForm, instrument: Instrument | None = None) -> None:
    """Check a change of an order, of which only the new values are known.

    Raises:
        InvalidValue: naming the field.
    """
    if form.order_type in _PROTECTED and form.market_protection is None:
        raise _unprotected(form.order_type)
    for name in ("price", "trigger_price"):
        amount = getattr(form, name)
        if amount is not None and amount <= 0:
            raise InvalidValue(name, f"{amount} is not above zero.", "Leave it out to keep it.")
    if form.variety is Variety.CO:
        for name in form.__struct_fields__:
            if name not in _COVER_MAY_CHANGE and getattr(form, name) is not None:
                raise InvalidValue(name, "a cover order changes price or trigger_price alone.")
    if instrument is not None:
        _check_ticks(form, instrument)
        if form.quantity is not None:
            _check_lots(form.quantity, instrument)


def _check_price(form: PlaceForm) -> None:
    needs_price = form.order_type in _PRICED
    if needs_price and (form.price is None or form.price <= 0):
        raise InvalidValue("price", f"{form.price} does not price a {form.order_type} order.")
    if not needs_price and form.price is not None:
        raise InvalidValue("price", f"a {form.order_type} order has none.", "Leave it out.")


def _check_trigger(form: PlaceForm) -> None:
    trigger = form.trigger_price
    if form.order_type in _TRIGGERED or form.variety is Variety.CO:
        if trigger is None or trigger <= 0:
            kind = "cover" if form.variety is Variety.CO else form.order_type
            raise InvalidValue("trigger_price", f"{trigger} does not trigger a {kind} order.")
    elif trigger is not None:
        raise InvalidValue("trigger_price", f"a {form.order_type} order has none.", "Leave it out.")
    if form.order_type is not OrderType.SL or form.price is None or trigger is None:
        return
    if form.transaction_type is Side.BUY and form.price < trigger:
        raise InvalidValue("price", f"{form.price} of a buy is below its trigger {trigger}.")
    if form.transaction_type is Side.SELL and form.price > trigger:
        raise InvalidValue("price", f"{form.price} of a sale is above its trigger {trigger}.")


def _unprotected(order_type: OrderType | None) -> InvalidValue:
    return InvalidValue(
        "market_protection",
        f"a {order_type} order is refused without it.",
        "Pass -1 for the automatic band, or percent up to 100.",
    )


def _check_validity(form: PlaceForm) -> None:
    is_timed = form.validity is Validity.TTL
    if is_timed and form.validity_ttl is None:
        raise InvalidValue("validity_ttl", "validity TTL needs minutes.")
    if not is_timed and form.validity_ttl is not None:
        raise InvalidValue("validity_ttl", "only validity TTL has minutes.", "Pass validity='TTL'.")


def _check_variety(form: PlaceForm) -> None:
    legs, leg_quantity = form.iceberg_legs, form.iceberg_quantity
    if form.variety is Variety.ICEBERG:
        if legs is None or legs not in ICEBERG_LEGS:
            raise InvalidValue("iceberg_legs", f"{legs} is not between 2 and 50.")
        if leg_quantity is None or not (legs - 1) * leg_quantity < form.quantity <= (
            legs * leg_quantity
        ):
            cause = f"{leg_quantity} in {legs} legs does not make up {form.quantity}."
            raise InvalidValue("iceberg_quantity", cause, "It is quantity divided by legs.")
    elif legs is not None or leg_quantity is not None:
        name = "iceberg_legs" if legs is not None else "iceberg_quantity"
        raise InvalidValue(name, f"a {form.variety} order has no legs.", "Use variety iceberg.")
    if form.variety is Variety.AUCTION and not form.auction_number:
        remedy = "get_auction_instruments lists the numbers."
        raise InvalidValue("auction_number", "an auction order needs it.", remedy)


def _check_against(form: PlaceForm, instrument: Instrument) -> None:
    if (form.exchange, form.tradingsymbol) != (instrument.exchange, instrument.symbol):
        cause = f"{form.exchange}:{form.tradingsymbol} was checked against {instrument.id}."
        raise InvalidValue("tradingsymbol", cause)
    if not instrument.is_tradable:
        raise InvalidValue("tradingsymbol", f"{instrument.id} is an index: it cannot be traded.")
    _check_ticks(form, instrument)
    _check_lots(form.quantity, instrument)
    freeze = instrument.freeze_quantity
    if freeze is None:
        return
    one_order = form.iceberg_quantity or form.quantity
    most = freeze * MAX_SLICES if form.autoslice else freeze
    if one_order > most:
        raise InvalidValue(
            "iceberg_quantity" if form.iceberg_quantity else "quantity",
            f"{one_order} is above {most}, the most that {instrument.id} takes in one order.",
            "" if form.autoslice else "Pass autoslice=True, or send smaller orders.",
        )


def _check_ticks(form: PlaceForm | ModifyForm, instrument: Instrument) -> None:
    for name in ("price", "trigger_price"):
        amount: Decimal | None = getattr(form, name)
        if amount is not None and not instrument.is_on_tick(amount):
            raise InvalidValue(
                name,
                f"{amount} is not a multiple of the tick {instrument.tick_size}"
                f" of {instrument.id}.",
                f"The nearest is {instrument.round_price(amount)}.",
            )


def _check_lots(quantity: int, instrument: Instrument) -> None:
    if quantity % instrument.lot_size:
        raise InvalidValue(
            "quantity",
            f"{quantity} is not a whole number of lots of {instrument.lot_size}"
            f" of {instrument.id}.",
            f"The next below is {instrument.round_quantity(quantity)}.",
        )
