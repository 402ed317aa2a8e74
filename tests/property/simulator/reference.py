"""A matching engine to compare with: one instrument, plain lists, every step in the open.

Prices are ticks. Nothing is fast, nothing is shared with the simulator, and each rule stands once.
"""

from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal

ENDED = ("COMPLETE", "CANCELLED")


@dataclass(eq=False)
class Order:
    user: str
    is_buy: bool
    quantity: int
    ticks: int | None = None
    trigger: int | None = None
    protection: Decimal | None = None
    ioc: bool = False
    until: int | None = None
    tranche: int = 0
    legs: list[int] = field(default_factory=list)  # sizes of the legs that are still to come
    left: int = 0
    shown: int = 0
    status: str = ""

    def __post_init__(self):
        self.left = self.quantity


class Reference:
    def __init__(self, last, lower, upper):
        self.last, self.lower, self.upper = last, lower, upper
        self.orders, self.book, self.stops, self.legs_due = [], [], [], []
        self.trades, self.cash, self.shares = [], {}, {}

    # --- commands ---

    def place(self, order):
        self._accept(order)
        self._settle()

    def modify(self, order, quantity, ticks):
        filled = order.quantity - order.left
        keeps = order in self.book and ticks == order.ticks and quantity <= order.quantity
        if order.tranche > quantity:
            order.tranche = quantity
        lowered = order.quantity - quantity
        order.quantity, order.left, order.ticks = quantity, quantity - filled, ticks
        order.protection = order.protection if ticks is None else None
        if order in self.stops:  # it waits on, behind those that came meanwhile
            self.stops.remove(order)
            self.stops.append(order)
        elif keeps:  # what is hidden goes first
            hidden = order.left + lowered - order.shown
            order.shown -= max(0, lowered - hidden)
            if not order.left:
                self._end(order, "COMPLETE")
        else:
            self.book.remove(order)
            self._enter(order)
        self._settle()

    def cancel(self, order):
        self._end(order, "CANCELLED")

    def pass_time(self, now):
        for order in [*self.book, *self.stops]:
            if order.until is not None and order.until <= now:
                self._end(order, "CANCELLED")

    # --- rules ---

    def _accept(self, order):
        self.orders.append(order)
        if order.trigger is not None:
            order.status = "TRIGGER PENDING"
            self.stops.append(order)
            return
        if order.ticks is None:
            order.ticks = self._protected(order)
        self._enter(order)

    def _settle(self):
        """Stops fire until none does; then the next leg of an iceberg comes, and so on."""
        while True:
            fired = [one for one in self.stops if self._reached(one)]
            for order in fired:
                self.stops.remove(order)
            for order in fired:
                if order.ticks is None:
                    order.ticks = self._protected(order)
                self._enter(order)
            if not fired:
                if not self.legs_due:
                    return
                self._accept(self.legs_due.pop(0))

    def _reached(self, order):
        return self.last >= order.trigger if order.is_buy else self.last <= order.trigger

    def _protected(self, order):
        share = order.protection / 100 if order.is_buy else -order.protection / 100
        ticks = int((self.last * (1 + share)).quantize(Decimal(1), ROUND_HALF_UP))
        return min(max(ticks, self.lower), self.upper)

    def _enter(self, order):
        order.status = "OPEN"
        while order.left:
            others = [one for one in self.book if one.is_buy != order.is_buy]
            sign = 1 if order.is_buy else -1
            crossing = [one for one in others if (order.ticks - one.ticks) * sign >= 0]
            if not crossing:
                break
            best = min(crossing, key=lambda one: one.ticks * sign)  # the oldest of the best
            if best.user == order.user:
                self._end(order, "CANCELLED")
                return
            self._trade(order, best, min(order.left, best.shown))
        if not order.left:
            self._end(order, "COMPLETE")
        elif order.ioc:
            self._end(order, "CANCELLED")
        else:
            self._rest(order)

    def _rest(self, order):
        order.shown = min(order.tranche or order.left, order.left)
        self.book.append(order)

    def _trade(self, taker, maker, quantity):
        self.last = maker.ticks
        self.trades.append((taker.user, maker.user, taker.is_buy, maker.ticks, quantity))
        for order in (taker, maker):
            signed = quantity if order.is_buy else -quantity
            order.left -= quantity
            self.shares[order.user] = self.shares.get(order.user, 0) + signed
            self.cash[order.user] = self.cash.get(order.user, 0) - signed * maker.ticks
        maker.shown -= quantity
        if not maker.left:
            self._end(maker, "COMPLETE")
        elif not maker.shown:
            self.book.remove(maker)
            self._rest(maker)

    def _end(self, order, status):
        order.status = status
        for standing in (self.book, self.stops):
            if order in standing:
                standing.remove(order)
        if status == "COMPLETE" and order.legs:
            self.legs_due.append(
                Order(
                    order.user,
                    order.is_buy,
                    order.legs[0],
                    ticks=order.ticks if order.protection is None else None,
                    protection=order.protection,
                    until=order.until,
                    legs=order.legs[1:],
                )
            )
