"""The order ledger: from targets to orders, and the truth about each order.

A target is a wish; the ledger turns the difference between the wish and what is held or working
into at most one working order for each strategy and instrument. Nothing is planned while an
order's outcome is unknown, so a lost reply can never become a second order.
"""

import hashlib
from collections.abc import Iterator
from decimal import Decimal

import msgspec

from patang.domain.enums import OrderType, Side
from patang.domain.errors import InvariantBroken
from patang.domain.instrument import Instrument, InstrumentId, Rounding
from patang.domain.market import NS_PER_SECOND
from patang.domain.messages import CancelOrder, OrderUpdated, RunSpec, Signal
from patang.domain.order import Order, OrderIntent, OrderStatus, can_move
from patang.engine.risk import Approved

AUTOMATIC_PROTECTION = Decimal(-1)
_CANCEL_COOLDOWN_NS = NS_PER_SECOND
_REFUSED_COOLDOWN_NS = 5 * NS_PER_SECOND
_ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyz"

Key = tuple[str, InstrumentId]


class Refused(msgspec.Struct, frozen=True):
    """A target that was refused; the same wish is not tried again before ``until_ns``."""

    target: int
    until_ns: int


class OrderLedger:
    """Every order of a run and every target still wished for."""

    def __init__(self, spec: RunSpec) -> None:
        self.orders: dict[str, Order] = {}
        self.targets: dict[Key, Signal] = {}
        self._spec = spec
        self._intents = 0
        self._run_tag = _base36(int.from_bytes(hashlib.sha256(spec.run_id.encode()).digest()[:6]))
        self._by_tag: dict[str, Order] = {}
        self._by_order_id: dict[str, Order] = {}
        # Orders that may still change or fill, by who owns them; done ones leave.
        self._working: dict[Key, list[Order]] = {}
        self._refused: dict[Key, Refused] = {}
        self._cancel_not_before: dict[str, int] = {}

    # --- looking things up -------------------------------------------------

    def find(self, order_id: str, tag: str | None) -> Order | None:
        """Our order behind a broker's report; None when it was placed elsewhere."""
        order = self._by_order_id.get(order_id)
        return order if order is not None or tag is None else self._by_tag.get(tag)

    def working(self, key: Key) -> int:
        """Signed units of ``key`` that may still fill or whose fills have not arrived."""
        return sum(
            order.outstanding_quantity * order.intent.side.sign
            for order in self._working.get(key, ())
        )

    def working_sides(self, instrument: InstrumentId) -> tuple[int, int]:
        """Units that may still be bought and sold of an instrument, all owners together."""
        buys = sells = 0
        for order in self.live_orders():
            if order.intent.instrument == instrument:
                if order.intent.side is Side.BUY:
                    buys += order.outstanding_quantity
                else:
                    sells += order.outstanding_quantity
        return buys, sells

    def live_orders(self) -> Iterator[Order]:
        """Every order that may still change the position, in order of creation per owner."""
        for orders in self._working.values():
            yield from orders

    # --- targets -----------------------------------------------------------

    def aim(self, key: Key, signal: Signal, now_ns: int) -> bool:
        """Adopt a target; False when it is the standing one or was refused a moment ago."""
        refused = self._refused.get(key)
        if refused is not None:
            if refused.target == signal.target and now_ns < refused.until_ns:
                return False
            del self._refused[key]
        before = self.targets.get(key)
        self.targets[key] = signal
        return before is None or before.target != signal.target

    def abandon(self, key: Key, now_ns: int) -> None:
        """The target was refused: stop wanting it until the strategy asks again later."""
        signal = self.targets.pop(key, None)
        if signal is not None:
            self._refused[key] = Refused(signal.target, now_ns + _REFUSED_COOLDOWN_NS)

    def plan(
        self, key: Key, owned: int, instrument: Instrument, now_ns: int
    ) -> OrderIntent | list[CancelOrder]:
        """The next step towards the target of ``key``: an order to judge, or cancels (or nothing).

        A position is closed before its opposite is opened, so that an exit always travels alone
        and can leave through a halt.
        """
        signal = self.targets.get(key)
        if signal is None:
            return []
        delta = signal.target - owned - self.working(key)
        standing = self._working.get(key)
        if standing:
            against = [o for o in standing if delta * o.intent.side.sign < 0]
            return self._cancel(against, "target changed", now_ns)
        closing = min(abs(delta), abs(owned)) if delta * owned < 0 else 0
        quantity = instrument.round_quantity(closing or abs(delta))
        if instrument.freeze_quantity is not None:
            quantity = min(quantity, instrument.round_quantity(instrument.freeze_quantity))
        if quantity == 0:
            return []
        side = Side.BUY if delta > 0 else Side.SELL
        return self._intent(key, signal, instrument, side, quantity, closing > 0, now_ns)

    def cancel_stale(self, now_ns: int) -> list[CancelOrder]:
        """Cancel orders that have rested longer than the run allows; they are planned anew."""
        oldest = now_ns - self._spec.max_working_ns
        stale = [o for o in self.live_orders() if o.intent.created_ns <= oldest]
        return self._cancel(stale, "rested too long", now_ns)

    # --- what happens to orders ----------------------------------------------

    def submit(self, approved: Approved, now_ns: int) -> Order:
        """Enter an approved order; from here on it counts as working."""
        intent = approved.intent
        if intent.intent_id in self.orders or intent.tag in self._by_tag:
            raise InvariantBroken(f"intent {intent.intent_id} was submitted twice.")
        order = Order(intent=intent, updated_ns=now_ns)
        self.orders[intent.intent_id] = order
        self._by_tag[intent.tag] = order
        self._working.setdefault((intent.strategy, intent.instrument), []).append(order)
        return order

    def move(self, order: Order, status: OrderStatus, now_ns: int, message: str = "") -> bool:
        """Take a step if the table holds it; False when the news is stale."""
        if not can_move(order.status, status) or order.status is status:
            return False
        order.move_to(status, now_ns)
        if message:
            order.message = message
        self._settle(order)
        return True

    def identify(self, order: Order, order_id: str) -> bool:
        """Learn the broker's name of an order; False when its tag stands on a second order."""
        if order.order_id is None:
            order.order_id = order_id
            self._by_order_id[order_id] = order
        return order.order_id == order_id

    def report(self, order: Order, update: OrderUpdated, now_ns: int) -> bool:
        """Merge a broker's report; reports may repeat, be late or overtake each other."""
        order.reported_filled = max(order.reported_filled, update.filled_quantity)
        status = update.status
        if order.status is OrderStatus.CANCEL_PENDING and status is order.resting_status:
            return False  # written before our cancel arrived; only a refusal undoes a cancel
        if status is OrderStatus.FILLED:
            order.reported_filled = max(order.reported_filled, order.intent.quantity)
        moved = self.move(order, status, now_ns, update.message)
        self._settle(order)
        return moved

    def book(self, order: Order, quantity: int, value: Decimal) -> None:
        """Count a fill towards its order."""
        order.filled_quantity += quantity
        order.filled_value += value
        self._settle(order)

    def refuse_cancel(self, order: Order, now_ns: int) -> None:
        """A cancel did not go through: the order is taken to rest where it was."""
        if order.status is OrderStatus.CANCEL_PENDING:
            self.move(order, order.resting_status, now_ns)
            self._cancel_not_before[order.intent.intent_id] = now_ns + _CANCEL_COOLDOWN_NS

    # --- inside --------------------------------------------------------------

    def _settle(self, order: Order) -> None:
        key = (order.intent.strategy, order.intent.instrument)
        standing = self._working.setdefault(key, [])
        is_working = not order.status.is_done or order.outstanding_quantity > 0
        if is_working and order not in standing:
            standing.append(order)
        elif not is_working and order in standing:
            standing.remove(order)

    def _cancel(self, orders: list[Order], reason: str, now_ns: int) -> list[CancelOrder]:
        commands = []
        for order in orders:
            may_rest = order.status in (OrderStatus.OPEN, OrderStatus.TRIGGER_PENDING)
            cooled = now_ns >= self._cancel_not_before.get(order.intent.intent_id, 0)
            if may_rest and cooled and order.order_id is not None:
                self.move(order, OrderStatus.CANCEL_PENDING, now_ns)
                commands.append(
                    CancelOrder(
                        intent_id=order.intent.intent_id, order_id=order.order_id, reason=reason
                    )
                )
        return commands

    def _intent(
        self,
        key: Key,
        signal: Signal,
        instrument: Instrument,
        side: Side,
        quantity: int,
        reduces: bool,
        now_ns: int,
    ) -> OrderIntent:
        self._intents += 1
        number = self._intents
        strategy, name = key
        price = None
        if signal.limit_price is not None:
            # Never worse than asked: a buy rounds down, a sale rounds up.
            rounding: Rounding = "down" if side is Side.BUY else "up"
            price = instrument.price_from_float(signal.limit_price, rounding)
        return OrderIntent(
            intent_id=f"{self._spec.run_id}-{number}",
            tag=f"{self._run_tag}{_base36(number).rjust(8, '0')}",
            strategy=strategy,
            instrument=name,
            side=side,
            quantity=quantity,
            order_type=OrderType.MARKET if price is None else OrderType.LIMIT,
            product=self._spec.product,
            created_ns=now_ns,
            price=price,
            market_protection=AUTOMATIC_PROTECTION if price is None else None,
            reduces=reduces,
            reason=signal.reason,
        )


def _base36(number: int) -> str:
    digits = ""
    while number:
        number, digit = divmod(number, 36)
        digits = _ALPHABET[digit] + digits
    return digits or "0"
