"""The order ledger: from targets to orders, and the truth about each order.

A target is a wish; the ledger turns the difference between the wish and what is held or working
into at most one working order for each strategy and instrument. Nothing is planned while an
order's outcome is unknown, so a lost reply can never become a second order.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal

import msgspec

from patang.domain.enums import OrderType, Side
from patang.domain.errors import InvariantBroken
from patang.domain.instrument import Instrument, InstrumentId, Rounding
from patang.domain.market import NS_PER_SECOND
from patang.domain.messages import CancelOrder, OrderUpdated, RunSpec, Signal
from patang.domain.order import REPORTED, Order, OrderIntent, OrderStatus, can_move
from patang.engine.risk import Approved

AUTOMATIC_PROTECTION = Decimal(-1)
_CANCEL_COOLDOWN_NS = NS_PER_SECOND
_CANCEL_DOUBLINGS = 5
# How long a report may have been under way; one that is newer has seen our cancel and says that
# the order rests all the same.
_STALE_REPORT_NS = 10 * NS_PER_SECOND
_CANCEL_AGAIN_NS = 30 * NS_PER_SECOND
_UNSEEN = (OrderStatus.SUBMITTED, OrderStatus.UNRESOLVED, OrderStatus.NOT_PLACED)
_RESTING = (OrderStatus.OPEN, OrderStatus.TRIGGER_PENDING)
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
        self._cancel_refusals: dict[str, int] = {}

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
        if standing and all(map(_is_presumed_entry, standing)):
            # They keep their reservation, but what is held may be left all the same.
            delta = signal.target - owned
            if delta * owned >= 0:
                return []
        elif standing:
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
        """Cancel orders that have rested longer than the run allows; they are planned anew.

        A cancel that came to nothing is asked again. An order that was accepted long ago and not
        heard of since is cancelled as well: its updates may be lost.
        """
        rested, asked = now_ns - self._spec.max_working_ns, now_ns - _CANCEL_AGAIN_NS
        old = [
            o for o in self.live_orders() if o.intent.created_ns <= rested and not o.intent.rests
        ]
        again = [o for o in self.live_orders() if o.is_cancel_asked and o.updated_ns <= asked]
        return [
            *self._cancel(old, "rested too long", now_ns, (OrderStatus.ACCEPTED, *_RESTING)),
            *self._cancel(again, "cancelled before", now_ns, (OrderStatus.CANCEL_PENDING,)),
        ]

    def withdraw(
        self, is_unwanted: Callable[[OrderIntent], bool], reason: str, now_ns: int
    ) -> list[CancelOrder]:
        """Cancel the resting orders whose intent is unwanted."""
        unwanted = [order for order in self.live_orders() if is_unwanted(order.intent)]
        return self._cancel(unwanted, reason, now_ns)

    def waiting(self) -> list[tuple[str, int]]:
        """What may not be tried before which time (UTC ns), for the state hash."""
        refused = [
            (f"{owner}/{name} {r.target}", r.until_ns) for (owner, name), r in self._refused.items()
        ]
        return [*refused, *self._cancel_not_before.items()]

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
        """Learn the broker's name of an order; False when it or the tag is another order's."""
        if self._by_order_id.get(order_id, order) is not order:
            return False
        if order.order_id is None:
            order.order_id = order_id
            self._by_order_id[order_id] = order
        return order.order_id == order_id

    def report(self, order: Order, update: OrderUpdated, now_ns: int) -> bool:
        """Merge a broker's report; reports may repeat, be late or overtake each other."""
        status = update.status
        if status not in REPORTED:
            return False
        order.reported_filled = max(order.reported_filled, update.filled_quantity)
        if status is OrderStatus.FILLED:
            # The quantity may have been changed at the broker, by hand.
            order.reported_filled = max(order.reported_filled, update.quantity)
        if self._is_overtaken(order, status, now_ns):
            return False
        moved = self.move(order, status, now_ns, update.message)
        self._settle(order)
        return moved

    def doubt(self, now_ns: int) -> list[Order]:
        """A new process knows nothing of what was on the wire; return the orders concerned."""
        doubted = []
        for order in self.live_orders():
            order.is_cancel_in_flight = False
            if order.status is OrderStatus.SUBMITTED:
                order.move_to(OrderStatus.UNRESOLVED, now_ns)
                doubted.append(order)
        return doubted

    def book(self, order: Order, quantity: int, value: Decimal, now_ns: int) -> None:
        """Count a fill towards its order; what trades was placed, whatever we were told."""
        if order.status in _UNSEEN:
            order.move_to(OrderStatus.ACCEPTED, now_ns)
        order.filled_quantity += quantity
        order.filled_value += value
        self._settle(order)

    def release(self, order: Order) -> bool:
        """Give up the reservation of a NOT_PLACED order; False when the order is anything else.

        Should it turn up after all, it counts again from then on.
        """
        if order.status is not OrderStatus.NOT_PLACED or order.is_released:
            return False
        order.is_released = True
        self._settle(order)
        return True

    def refuse_cancel(self, order: Order, now_ns: int) -> None:
        """A cancel did not go through: the order is taken to rest where it was."""
        order.is_cancel_in_flight = False
        if order.status is OrderStatus.CANCEL_PENDING:
            self.move(order, order.resting_status, now_ns)
            intent_id = order.intent.intent_id
            refusals = self._cancel_refusals.get(intent_id, 0)
            self._cancel_refusals[intent_id] = refusals + 1
            # Cancels count against the broker's limits too: ask less and less often.
            wait_ns = _CANCEL_COOLDOWN_NS << min(refusals, _CANCEL_DOUBLINGS)
            self._cancel_not_before[intent_id] = now_ns + wait_ns

    # --- inside --------------------------------------------------------------

    @staticmethod
    def _is_overtaken(order: Order, status: OrderStatus, now_ns: int) -> bool:
        """Whether a report that the order rests was written before its cancel was known."""
        if order.status is not OrderStatus.CANCEL_PENDING or status not in _RESTING:
            return False
        if order.resting_status is OrderStatus.OPEN and status is OrderStatus.TRIGGER_PENDING:
            return True  # a stop that has triggered does not wait for its trigger again
        is_recent = now_ns < order.updated_ns + _STALE_REPORT_NS
        if order.is_cancel_in_flight and is_recent:
            order.resting_status = status  # where a refusal will put it back
            return True
        return False

    def _settle(self, order: Order) -> None:
        key = (order.intent.strategy, order.intent.instrument)
        standing = self._working.setdefault(key, [])
        is_working = not order.status.is_done or order.outstanding_quantity > 0
        if is_working and order not in standing:
            standing.append(order)
        elif not is_working and order in standing:
            standing.remove(order)

    def _cancel(
        self,
        orders: Iterable[Order],
        reason: str,
        now_ns: int,
        may_be: tuple[OrderStatus, ...] = _RESTING,
    ) -> list[CancelOrder]:
        commands = []
        for order in orders:
            intent_id = order.intent.intent_id
            cooled = now_ns >= self._cancel_not_before.get(intent_id, 0)
            if order.status in may_be and cooled and order.order_id is not None:
                self.move(order, OrderStatus.CANCEL_PENDING, now_ns)
                order.updated_ns = now_ns
                order.is_cancel_asked = order.is_cancel_in_flight = True
                commands.append(
                    CancelOrder(intent_id=intent_id, order_id=order.order_id, reason=reason)
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
            rests=signal.rests,
        )


def _is_presumed_entry(order: Order) -> bool:
    """An order that should have opened or added to a position, and is presumed not placed."""
    return order.status is OrderStatus.NOT_PLACED and not order.intent.reduces


def _base36(number: int) -> str:
    digits = ""
    while number:
        number, digit = divmod(number, 36)
        digits = _ALPHABET[digit] + digits
    return digits or "0"
