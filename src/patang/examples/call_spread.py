"""A bull call spread: buy the call at the money, sell one further out, as one basket.

Shows several legs as one wish, strikes that follow the money, and a whole-basket policy.
"""

from patang.domain.enums import InstrumentType, Side
from patang.domain.instrument import InstrumentId, parse_instrument_id
from patang.domain.intents import BasketIntent, Leg, Watch, Withdraw
from patang.domain.messages import Signal
from patang.engine.parameters import choice, number, whole
from patang.engine.strategy import Signals, Strategy, View


class CallSpread(Strategy):
    """Enters ``after_minutes`` into the run, once, with ``lots`` lots of each leg.

    ``underlying`` is the index or share whose price picks the strikes, among the calls the
    strategy was given; the sold strike lies ``width`` strikes above the bought one. It leaves when
    the pair has gained ``take`` or lost ``give`` rupees, or ``leave_minutes`` before the
    square-off. Unless all legs fill, what was done is unwound, or kept when ``on_partial`` says so.
    """

    underlying = choice("NSE:NIFTY 50", "NSE:NIFTY BANK", "BSE:SENSEX")
    after_minutes = whole(5, low=0)
    width = whole(2, low=1, high=20)
    lots = whole(1, low=1)
    take = number(2_000, above=0)
    give = number(1_000, above=0)
    leave_minutes = whole(15, low=0)
    on_partial = choice("unwind", "hold", "alarm")

    def on_start(self, view: View) -> None:
        """Remember when it began; the calls stand in order of their strikes."""
        self.began_ns = view.now_ns
        self.legs: tuple[InstrumentId, ...] = ()
        self.is_leaving = False
        self.has_left = False
        self.calls = sorted(
            (name for name in view.instruments if self._is_call(view, name)),
            key=lambda name: view.instrument(name).strike or 0,
        )

    def on_timer(self, view: View) -> Signals:
        """Enter when it is time, and leave when it has been enough."""
        if self.has_left or not view.is_open:
            return None
        if self.legs:
            self.is_leaving = self.is_leaving or self._is_over(view)
            return self._leave(view) if self.is_leaving else None
        if view.now_ns < self.began_ns + self.after_minutes * 60_000_000_000:
            return None
        return self._enter(view)

    def _enter(self, view: View) -> Signals:
        spot = view.last_price(parse_instrument_id(self.underlying))
        if spot is None or len(self.calls) <= self.width:
            return None
        strikes = [float(view.instrument(name).strike or 0) for name in self.calls]
        last = len(self.calls) - 1 - self.width
        near = min(range(last + 1), key=lambda n: abs(strikes[n] - spot))
        bought, sold = self.calls[near], self.calls[near + self.width]
        if view.last_price(bought) is None or view.last_price(sold) is None:
            return None
        self.legs = (bought, sold)
        quantity = self.lots * view.instrument(bought).lot_size
        partial = self.on_partial
        basket = BasketIntent(
            legs=(
                Leg(instrument=bought, side=Side.BUY, quantity=quantity),
                Leg(instrument=sold, side=Side.SELL, quantity=quantity),
            ),
            on_partial="hold" if partial == "hold" else "alarm" if partial == "alarm" else "unwind",
            reason=f"spot {spot:.2f}",
        )
        others = tuple(name for name in self.calls if name not in self.legs)
        return [basket, Watch(drop=others)]

    def _is_over(self, view: View) -> bool:
        gained = float(sum(view.profit(name) for name in self.legs))
        left_ns = view.session.square_off_ns - view.now_ns
        return (
            gained >= self.take
            or gained <= -self.give
            or left_ns <= self.leave_minutes * 60_000_000_000
        )

    def _leave(self, view: View) -> Signals:
        """Buy the sold call back before the bought one goes: the margin never jumps."""
        bought, sold = self.legs
        if view.position(sold) or view.working(sold):
            return Signal(instrument=sold, target=0, reason="spread over")
        self.has_left = True
        if not view.position(bought):
            return Withdraw(instrument=bought, reason="spread over")
        return Signal(instrument=bought, target=0, reason="spread over")

    def _is_call(self, view: View, name: InstrumentId) -> bool:
        return view.instrument(name).instrument_type is InstrumentType.CE
