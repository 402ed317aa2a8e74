"""Good-till-triggered orders: they wait at the broker, up to a year, for a last price.

Source: Kite Connect v3, GTT orders; Zerodha support, GTT (limits, distance, derivatives).
"""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from enum import StrEnum

import msgspec

from patang.domain.enums import Exchange as ExchangeName
from patang.domain.enums import Product, Side
from patang.domain.errors import InvalidValue
from patang.domain.instrument import Instrument, InstrumentId, instrument_id
from patang.rules.ist import NS_PER_DAY, at_ist, ist_date
from patang.rules.order_rules import gtt_limits, products
from patang.simulator.agenda import Entry
from patang.simulator.errors import Refused, price_text
from patang.simulator.exchange import Exchange
from patang.simulator.orders import KiteStatus, OrderRequest
from patang.simulator.triggers.watch import PriceWatch
from patang.wire.gtt_forms import GttForm, GttLeg, GttType
from patang.wire.times import parse_ist

FIRST_TRIGGER_ID = 210_000_001
LISTED_NS = 7 * NS_PER_DAY
"""How long a trigger that is no longer active stays in the list."""

_MOST_DIGITS = 12
_CASH = (ExchangeName.NSE, ExchangeName.BSE)


class GttStatus(StrEnum):
    """What has become of a trigger; ``TRIGGERED`` says nothing about its order's fate."""

    ACTIVE = "active"
    TRIGGERED = "triggered"
    DISABLED = "disabled"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    REJECTED = "rejected"
    DELETED = "deleted"


class GttResult(msgspec.Struct, frozen=True, kw_only=True):
    """What a leg's order came to: ``reason`` is empty where it was placed.

    ``triggered_at`` is the last price, rupees, that fired it at ``at_ns`` (UTC).
    """

    at_ns: int
    triggered_at: Decimal
    order_id: str
    reason: str


class Gtt(msgspec.Struct, kw_only=True, eq=False):
    """One trigger of a user. Leg i of ``form.orders`` belongs to trigger value i.

    ``rises[i]`` says that leg i fires at its value or above, else at its value or below.
    Times are UTC nanoseconds; ``app_id`` is the app that placed it.
    """

    trigger_id: int
    user_id: str
    app_id: int | None
    form: GttForm
    instrument: Instrument
    rises: tuple[bool, ...]
    created_ns: int
    updated_ns: int
    expires_ns: int
    status: GttStatus = GttStatus.ACTIVE
    results: tuple[GttResult | None, ...] = ()
    expiry: Entry | None = None


class GttBook:
    """All triggers of the exchange's users. Each fires once, in continuous trading alone.

    An order that fires is placed as any other and may be refused as any other: nothing is
    blocked for it before.
    """

    def __init__(self, exchange: Exchange, watch: PriceWatch) -> None:
        self._exchange = exchange
        self._watch = watch
        self._triggers: dict[int, Gtt] = {}
        self._next_id = FIRST_TRIGGER_ID

    def place(self, user_id: str, form: GttForm, at_ns: int, app_id: int | None = None) -> Gtt:
        """Let a trigger wait.

        Raises:
            Refused: unknown instrument, off tick or lot, too near to the last price or on its
                wrong side, a product or side that cannot be, or too many active triggers.
        """
        instrument, rises, expires_ns = self._check(form, at_ns)
        most = gtt_limits().most_active
        if sum(one.status is GttStatus.ACTIVE for one in self._of(user_id)) >= most:
            raise Refused("InputException", f"Maximum of {most} active GTTs per account exceeded.")
        gtt = Gtt(
            trigger_id=self._next_id,
            user_id=user_id,
            app_id=app_id,
            form=form,
            instrument=instrument,
            rises=rises,
            created_ns=at_ns,
            updated_ns=at_ns,
            expires_ns=expires_ns,
            results=(None,) * len(rises),
        )
        self._next_id += 1
        self._triggers[gtt.trigger_id] = gtt
        self._begin(gtt)
        return gtt

    def modify(self, gtt: Gtt, form: GttForm, at_ns: int) -> None:
        """Let an active trigger be what ``form`` says; raises ``Refused`` as ``place`` does."""
        _check_active(gtt, "modified")
        instrument, rises, expires_ns = self._check(form, at_ns)
        if instrument.id != gtt.instrument.id:
            raise Refused("InputException", "The instrument of a GTT cannot be changed.")
        self._end(gtt)
        gtt.form, gtt.rises, gtt.expires_ns = form, rises, expires_ns
        gtt.results = (None,) * len(rises)
        gtt.updated_ns = at_ns
        self._begin(gtt)

    def delete(self, gtt: Gtt, at_ns: int) -> None:
        """Let an active trigger wait no more.

        Raises:
            Refused: it is not active.
        """
        _check_active(gtt, "deleted")
        self._finish(gtt, GttStatus.DELETED, at_ns)

    def find(self, user_id: str, trigger_id: int) -> Gtt | None:
        """A user's trigger, of any age; None where there is none of that id."""
        gtt = self._triggers.get(trigger_id)
        return gtt if gtt is not None and gtt.user_id == user_id else None

    def listed(self, user_id: str, at_ns: int) -> list[Gtt]:
        """Active triggers and the others of the last seven days, the newest first."""
        rows = [
            gtt
            for gtt in self._of(user_id)
            if gtt.status is GttStatus.ACTIVE or gtt.updated_ns > at_ns - LISTED_NS
        ]
        return rows[::-1]

    def _of(self, user_id: str) -> Iterator[Gtt]:
        return (gtt for gtt in self._triggers.values() if gtt.user_id == user_id)

    # --- life -----------------------------------------------------------------------------------

    def _begin(self, gtt: Gtt) -> None:
        gtt.expiry = self._exchange.agenda.at(
            gtt.expires_ns, lambda at_ns: self._finish(gtt, GttStatus.EXPIRED, at_ns)
        )
        self._watch.add(
            gtt.instrument.id, _key(gtt), lambda price, at_ns: self._hear(gtt, price, at_ns)
        )

    def _end(self, gtt: Gtt) -> None:
        self._watch.remove(gtt.instrument.id, _key(gtt))
        if gtt.expiry is not None:
            gtt.expiry.cancel()

    def _finish(self, gtt: Gtt, status: GttStatus, at_ns: int) -> None:
        self._end(gtt)
        gtt.status, gtt.updated_ns = status, at_ns

    def _hear(self, gtt: Gtt, price: Decimal, at_ns: int) -> None:
        for index, value in enumerate(gtt.form.trigger_values):
            if price >= value if gtt.rises[index] else price <= value:
                self._fire(gtt, index, price, at_ns)
                return  # The other leg of two is dropped.

    def _fire(self, gtt: Gtt, index: int, price: Decimal, at_ns: int) -> None:
        self._finish(gtt, GttStatus.TRIGGERED, at_ns)
        request = order_of(gtt.instrument.id, gtt.form.orders[index])
        request = msgspec.structs.replace(
            request, app_id=gtt.app_id, origin={"gtt": gtt.trigger_id}
        )
        order_id, reason = place_plainly(self._exchange, gtt.user_id, request, at_ns)
        result = GttResult(at_ns=at_ns, triggered_at=price, order_id=order_id, reason=reason)
        gtt.results = tuple(result if leg == index else None for leg in range(len(gtt.form.orders)))

    # --- checks ---------------------------------------------------------------------------------

    def _check(self, form: GttForm, at_ns: int) -> tuple[Instrument, tuple[bool, ...], int]:
        """The instrument, which way each leg looks, and when the trigger expires."""
        instrument = self._exchange.instrument(instrument_id(form.exchange, form.tradingsymbol))
        last = self._exchange.last_price(instrument.id)
        if not instrument.is_tradable:
            raise Refused("InputException", f"{instrument.id} is an index and cannot be traded.")
        if form.last_price.adjusted() > _MOST_DIGITS:
            raise Refused("InputException", "Invalid `last_price`.")
        if form.type is GttType.TWO_LEG:
            lower, upper = form.trigger_values
            if not lower < last < upper:
                raise Refused(
                    "InputException",
                    f"Trigger values must lie below and above the last price ({last}).",
                )
        for value in form.trigger_values:
            _check_trigger(instrument, value, last, form.last_price)
        for leg in form.orders:
            _check_leg(instrument, leg, form.type)
        rises = tuple(value > last for value in form.trigger_values)
        return instrument, rises, _expires_ns(form, instrument, at_ns)


def order_of(instrument: InstrumentId, leg: GttLeg) -> OrderRequest:
    """The plain order that a leg places."""
    return OrderRequest(
        instrument=instrument,
        side=leg.transaction_type,
        quantity=leg.quantity,
        order_type=leg.order_type,
        product=leg.product,
        price=leg.price,
        market_protection=leg.market_protection,
    )


def place_plainly(
    exchange: Exchange, user_id: str, request: OrderRequest, at_ns: int
) -> tuple[str, str]:
    """Place an order for a trigger: its id, and why it failed (empty where it did not)."""
    try:
        order = exchange.place(user_id, request, at_ns)
    except Refused as refused:
        return "", refused.message
    except InvalidValue as error:
        return "", f"Invalid `{error.field}`."
    if order.status is KiteStatus.REJECTED:
        return order.order_id, order.status_message or "The order was rejected."
    return order.order_id, ""


def _key(gtt: Gtt) -> str:
    return f"gtt/{gtt.trigger_id}"


def _check_active(gtt: Gtt, what: str) -> None:
    if gtt.status is not GttStatus.ACTIVE:
        raise Refused("InputException", f"A GTT that is {gtt.status} cannot be {what}.")


def _check_trigger(instrument: Instrument, value: Decimal, last: Decimal, stated: Decimal) -> None:
    _check_tick(instrument, value, "trigger price")
    least = gtt_limits().least_distance_percent
    if abs(value - last) * 100 < last * least:
        raise Refused(
            "InputException",
            f"Trigger price {value} must be at least {least:f}% away from the last price ({last}).",
        )
    if (value > last) is not (value > stated):
        raise Refused(
            "InputException",
            f"Trigger price {value} is already met: the last price is {last}, not {stated}.",
        )


def _check_leg(instrument: Instrument, leg: GttLeg, kind: GttType) -> None:
    if leg.price is not None:
        _check_tick(instrument, leg.price, "price")
    if leg.quantity % instrument.lot_size:
        raise Refused(
            "InputException",
            f"Invalid `quantity` {leg.quantity}: a multiple of lot size {instrument.lot_size}.",
        )
    known = [one for one in products(instrument.exchange) if one is not Product.MIS]
    if leg.product not in known:
        raise Refused(
            "InputException",
            f"Invalid `product` {leg.product}: {instrument.exchange} takes {', '.join(known)}.",
        )
    is_two_leg_buy = kind is GttType.TWO_LEG and leg.transaction_type is Side.BUY
    if is_two_leg_buy and instrument.exchange in _CASH:
        raise Refused("InputException", "Two-leg buy GTTs are for derivatives only.")


def _check_tick(instrument: Instrument, price: Decimal, what: str) -> None:
    if not instrument.is_on_tick(price):
        raise Refused(
            "InputException",
            f"Tick size for this script is {price_text(instrument.tick_size)}. Kindly enter {what} "
            "in the multiple of tick size for this script",
        )


def _expires_ns(form: GttForm, instrument: Instrument, at_ns: int) -> int:
    """A year on, or what the form says, and no later than the end of a contract's last day."""
    latest_ns = at_ns + gtt_limits().valid_days * NS_PER_DAY
    if instrument.expiry is not None:
        latest_ns = min(latest_ns, at_ist(date.fromisoformat(instrument.expiry), 23, 59, 59))
    if form.expires_at is None:
        return latest_ns
    expires_ns = parse_ist(form.expires_at)
    if not at_ns < expires_ns <= latest_ns:
        raise Refused(
            "InputException",
            f"Invalid `expires_at` {form.expires_at}: from now to a year on, and no later than "
            f"the contract ({ist_date(latest_ns)}).",
        )
    return expires_ns
