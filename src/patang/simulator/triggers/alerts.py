"""Alerts: a last price compared with a number or with another one, once, and orders maybe.

Source: Kite Connect v3, alerts. What its page leaves open: an alert that has fired is ``disabled``
(so is the fired one of the official samples), a modification enables it again, and a condition
that holds already fires as soon as the market trades.
"""

import hashlib
import operator
from collections.abc import Callable, Iterator
from decimal import Decimal
from enum import StrEnum

import msgspec

from patang.domain.enums import Exchange as ExchangeName
from patang.domain.errors import InvalidValue
from patang.domain.instrument import InstrumentId, instrument_id
from patang.simulator.errors import Refused
from patang.simulator.exchange import Exchange
from patang.simulator.orders import SimOrder
from patang.simulator.quote import Quote
from patang.simulator.triggers.baskets import Basket, read_basket
from patang.simulator.triggers.gtt import GttBook, place_plainly
from patang.simulator.triggers.protection import protection_form
from patang.simulator.triggers.watch import Listener, PriceWatch
from patang.wire.alert_forms import LAST_PRICE, AlertForm, AlertOperator, RhsType
from patang.wire.rows import AlertGtt

MOST_ACTIVE = 500
"""Source: Kite Connect v3, alerts."""

INDICES = "INDICES"
"""The exchange that alerts know indices by; elsewhere they are on NSE and BSE."""

_COMPARE: dict[AlertOperator, Callable[[Decimal, Decimal], bool]] = {
    AlertOperator.AT_MOST: operator.le,
    AlertOperator.AT_LEAST: operator.ge,
    AlertOperator.BELOW: operator.lt,
    AlertOperator.ABOVE: operator.gt,
    AlertOperator.EQUAL: operator.eq,
}


class AlertStatus(StrEnum):
    """Whether an alert watches. Deleted ones stay listed."""

    ENABLED = "enabled"
    DISABLED = "disabled"
    DELETED = "deleted"


class PlacedOrder(msgspec.Struct, kw_only=True):
    """What an order of the basket came to; ``reason`` is empty where it was placed.

    Once it has filled, ``trigger_id`` is the trigger that protects it, or ``trigger_reason`` says
    why there is none.
    """

    order_id: str
    reason: str
    protection: AlertGtt | None = None
    trigger_id: int | None = None
    trigger_reason: str = ""


class Firing(msgspec.Struct, frozen=True, kw_only=True):
    """One time that the condition held, UTC ns: the quotes it saw and the orders it placed."""

    at_ns: int
    condition: str
    quotes: tuple[Quote, ...]
    orders: tuple[PlacedOrder, ...] | None


class Alert(msgspec.Struct, kw_only=True, eq=False):
    """One alert of a user. Times are UTC nanoseconds; ``app_id`` is the app that made it.

    ``right`` is None where the price is compared with ``form.rhs_constant``.
    """

    uuid: str
    user_id: str
    app_id: int | None
    form: AlertForm
    left: InstrumentId
    right: InstrumentId | None
    basket: Basket | None
    created_ns: int
    updated_ns: int
    status: AlertStatus = AlertStatus.ENABLED
    history: list[Firing] = msgspec.field(default_factory=list)

    @property
    def condition(self) -> str:
        """The comparison as Kite writes it."""
        form = self.form
        right = (
            f"{form.rhs_constant:f}"
            if self.right is None
            else f'{form.rhs_attribute}("{form.rhs_exchange}:{form.rhs_tradingsymbol}")'
        )
        left = f'{form.lhs_attribute}("{form.lhs_exchange}:{form.lhs_tradingsymbol}")'
        return f"{left} {form.operator} {right}"


class AlertBook:
    """All alerts of the exchange's users, evaluated in continuous trading alone."""

    def __init__(self, exchange: Exchange, watch: PriceWatch, gtts: GttBook) -> None:
        self._exchange = exchange
        self._watch = watch
        self._gtts = gtts
        self._alerts: dict[str, Alert] = {}
        self._unfilled: dict[str, tuple[Alert, PlacedOrder]] = {}
        self._indices: dict[str, InstrumentId] | None = None

    def create(self, user_id: str, form: AlertForm, at_ns: int, app_id: int | None = None) -> Alert:
        """Let an alert watch.

        Raises:
            Refused: unknown instrument or attribute, a basket that cannot be placed, or too many.
        """
        self._check_room(user_id)
        left, right, basket = self._read(form)
        alert = Alert(
            uuid=_uuid(user_id, len(self._alerts)),
            user_id=user_id,
            app_id=app_id,
            form=form,
            left=left,
            right=right,
            basket=basket,
            created_ns=at_ns,
            updated_ns=at_ns,
        )
        self._alerts[alert.uuid] = alert
        self._begin(alert)
        return alert

    def modify(self, alert: Alert, form: AlertForm, at_ns: int) -> None:
        """Let an alert be what ``form`` says, enabled; raises ``Refused`` as ``create`` does."""
        if alert.status is AlertStatus.DELETED:
            raise Refused("InputException", "An alert that is deleted cannot be modified.")
        if alert.status is AlertStatus.DISABLED:
            self._check_room(alert.user_id)
        left, right, basket = self._read(form)
        self._end(alert)
        alert.form, alert.left, alert.right, alert.basket = form, left, right, basket
        alert.status, alert.updated_ns = AlertStatus.ENABLED, at_ns
        self._begin(alert)

    def delete(self, alert: Alert, at_ns: int) -> None:
        """Let an alert watch no more; it stays listed. One that is deleted already stays so."""
        if alert.status is not AlertStatus.DELETED:
            self._end(alert)
            alert.status, alert.updated_ns = AlertStatus.DELETED, at_ns

    def find(self, user_id: str, uuid: str) -> Alert | None:
        """A user's alert; None where there is none of that id."""
        alert = self._alerts.get(uuid)
        return alert if alert is not None and alert.user_id == user_id else None

    def listed(self, user_id: str, status: AlertStatus | None = None) -> list[Alert]:
        """A user's alerts, of one status or of all, the newest first."""
        rows = [one for one in self._of(user_id) if status is None or one.status is status]
        return rows[::-1]

    def _of(self, user_id: str) -> Iterator[Alert]:
        return (alert for alert in self._alerts.values() if alert.user_id == user_id)

    # --- life -----------------------------------------------------------------------------------

    def _begin(self, alert: Alert) -> None:
        for instrument in _watched(alert):
            self._watch.add(instrument, f"alert/{alert.uuid}", self._ear(alert, instrument))

    def _ear(self, alert: Alert, instrument: InstrumentId) -> Listener:
        return lambda price, at_ns: self._hear(alert, instrument, price, at_ns)

    def _end(self, alert: Alert) -> None:
        for instrument in _watched(alert):
            self._watch.remove(instrument, f"alert/{alert.uuid}")

    def _hear(self, alert: Alert, moved: InstrumentId, price: Decimal, at_ns: int) -> None:
        left = price if moved == alert.left else self._exchange.last_price(alert.left)
        if alert.right is None:
            right = alert.form.rhs_constant
        elif moved == alert.right:
            right = price
        else:
            right = self._exchange.last_price(alert.right)
        if right is not None and _COMPARE[alert.form.operator](left, right):
            self._fire(alert, at_ns)

    def _fire(self, alert: Alert, at_ns: int) -> None:
        self._end(alert)
        alert.status, alert.updated_ns = AlertStatus.DISABLED, at_ns
        quotes = tuple(self._exchange.quote(one) for one in _watched(alert))
        orders = None if alert.basket is None else self._place(alert, alert.basket, at_ns)
        alert.history.append(
            Firing(at_ns=at_ns, condition=alert.condition, quotes=quotes, orders=orders)
        )

    def _place(self, alert: Alert, basket: Basket, at_ns: int) -> tuple[PlacedOrder, ...]:
        placed = []
        for one in basket.orders:
            request = msgspec.structs.replace(
                one.request, app_id=alert.app_id, origin={"alert": alert.uuid}
            )
            order_id, reason = place_plainly(self._exchange, alert.user_id, request, at_ns)
            outcome = PlacedOrder(order_id=order_id, reason=reason, protection=one.protection)
            placed.append(outcome)
            if one.protection is not None and not reason:
                self._unfilled[order_id] = (alert, outcome)
                # It may have filled at once.
                self.hear_order(self._exchange.order(alert.user_id, order_id))
        return tuple(placed)

    def hear_order(self, order: SimOrder) -> None:
        """Take note of an order's change: what a basket's order filled may want protection.

        To be called with each change of any user's order; it only sets a timer.
        """
        if order.status.is_done and order.order_id in self._unfilled:
            alert, outcome = self._unfilled.pop(order.order_id)
            if order.filled_quantity:
                self._exchange.agenda.at(
                    self._exchange.now_ns, lambda at_ns: self._protect(alert, outcome, order, at_ns)
                )

    def _protect(self, alert: Alert, outcome: PlacedOrder, order: SimOrder, at_ns: int) -> None:
        if outcome.protection is None:
            return
        instrument = self._exchange.instrument(order.instrument)
        last_price = self._exchange.last_price(order.instrument)
        try:
            form = protection_form(order, instrument, outcome.protection, last_price)
            gtt = self._gtts.place(alert.user_id, form, at_ns, alert.app_id)
        except Refused as refused:
            outcome.trigger_reason = refused.message
        except InvalidValue as error:
            outcome.trigger_reason = str(error)
        else:
            outcome.trigger_id = gtt.trigger_id

    # --- checks ---------------------------------------------------------------------------------

    def _check_room(self, user_id: str) -> None:
        if sum(one.status is AlertStatus.ENABLED for one in self._of(user_id)) >= MOST_ACTIVE:
            raise Refused("InputException", f"Maximum of {MOST_ACTIVE} active alerts exceeded.")

    def _read(self, form: AlertForm) -> tuple[InstrumentId, InstrumentId | None, Basket | None]:
        left = self._instrument("lhs", form.lhs_exchange, form.lhs_tradingsymbol)
        _check_attribute("lhs_attribute", form.lhs_attribute)
        right: InstrumentId | None = None
        if form.rhs_type is RhsType.INSTRUMENT:
            right = self._instrument("rhs", form.rhs_exchange or "", form.rhs_tradingsymbol or "")
            _check_attribute("rhs_attribute", form.rhs_attribute)
            if right == left:
                raise Refused("InputException", "Invalid `rhs_tradingsymbol`: both sides are one.")
        basket = None if form.basket is None else read_basket(form.basket, self._exchange)
        return left, right, basket

    def _instrument(self, side: str, exchange: str, symbol: str) -> InstrumentId:
        if exchange == INDICES:
            known = self._index(symbol)
            if known is None:
                raise Refused("InputException", f"Invalid `{side}_tradingsymbol`.")
            return known
        try:
            wanted = instrument_id(exchange, symbol)
        except InvalidValue as error:
            field = "tradingsymbol" if exchange in ExchangeName.__members__ else "exchange"
            raise Refused("InputException", f"Invalid `{side}_{field}`.") from error
        if not self._exchange.instrument(wanted).is_tradable:
            raise Refused("InputException", f"Invalid `{side}_exchange`: indices are on {INDICES}.")
        return wanted

    def _index(self, symbol: str) -> InstrumentId | None:
        if self._indices is None:
            self._indices = {
                one.symbol: one.id for one in self._exchange.instruments if not one.is_tradable
            }
        return self._indices.get(symbol)


def _watched(alert: Alert) -> tuple[InstrumentId, ...]:
    return (alert.left,) if alert.right is None else (alert.left, alert.right)


def _check_attribute(name: str, attribute: str | None) -> None:
    if attribute != LAST_PRICE:
        raise Refused("InputException", f"Invalid `{name}`: the only one is {LAST_PRICE}.")


def _uuid(user_id: str, number: int) -> str:
    """An id in the shape of a random UUID, the same in every run."""
    digits = hashlib.sha256(f"alert/{user_id}/{number}".encode()).hexdigest()
    variant = "89ab"[int(digits[16], 16) % 4]
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:32]}"
