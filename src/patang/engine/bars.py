"""Ticks become bars: the reference candle builder of the decision plane.

Boundaries count from the session's open, so a 60-minute bar starts at 09:15 and not at 09:00.
Volume is the growth of the day's running total; the first tick only sets the baseline, since what
was traded before we looked belongs to no bar of ours. A tick that reports no new trade, such as a
change of depth, moves no price. A bucket in which nothing traded has no bar, as in Kite's history.
"""

from collections.abc import Iterable

from patang.domain.enums import Interval
from patang.domain.instrument import InstrumentId
from patang.domain.market import NS_PER_SECOND, Bar, Tick


class _Open:
    """The bar of one instrument that is being built, and the running volume."""

    __slots__ = (
        "carried",
        "close",
        "complete_from_ns",
        "end_ns",
        "high",
        "is_partial",
        "low",
        "oi",
        "open",
        "start_ns",
        "ticks",
        "total_ns",
        "total_volume",
        "volume",
    )

    def __init__(self, tick: Tick) -> None:
        self.start_ns = 0
        self.end_ns = 0
        self.open = self.high = self.low = self.close = 0.0
        self.volume = 0
        self.ticks = 0
        self.oi: int | None = None
        self.is_partial = False
        # Since when no tick was missed: a bar that began earlier is partial.
        self.complete_from_ns = tick.time_ns
        # The day's running total that was counted so far, and the time of the tick that told it.
        self.total_volume = tick.volume
        self.total_ns = tick.time_ns
        # Traded volume of ticks that came too late for their own bar: none of it gets lost.
        self.carried = 0


class BarBuilder:
    """Builds the bars of one interval for every instrument it is shown.

    Ticks outside ``[open_ns, close_ns)`` build no bar: auctions and post-close prints are not
    continuous trading. ``grace_ns`` is how long a bar stays open for late ticks once the clock has
    passed its end.
    """

    def __init__(self, interval: Interval, open_ns: int, close_ns: int, grace_ns: int) -> None:
        self.interval = interval
        self.late_ticks = 0
        self._open_ns = open_ns
        self._close_ns = close_ns
        self._grace_ns = grace_ns
        self._length_ns = interval.seconds * NS_PER_SECOND
        self._bars: dict[InstrumentId, _Open] = {}

    def add(self, tick: Tick) -> Bar | None:
        """Take one tick; return the bar it closed, if its time lies beyond that bar's end."""
        bar = self._bars.get(tick.instrument)
        if bar is None:
            bar = self._bars[tick.instrument] = _Open(tick)
        traded_ns = tick.time_ns if tick.last_trade_ns is None else tick.last_trade_ns
        volume = self._traded_since(bar, tick)
        # Else only depth moved, or the tick was overtaken. An index reports no volume at all.
        is_news = volume > 0 or tick.volume == 0
        if not self._open_ns <= traded_ns < self._close_ns:
            return None
        closed = None
        if traded_ns >= bar.end_ns:
            if not is_news:
                return None
            closed = self._close(tick.instrument, bar)
            self._begin(bar, traded_ns)
        elif traded_ns < bar.start_ns:
            self.late_ticks += is_news
            bar.carried += volume
            return None
        price = tick.last_price
        if bar.ticks == 0:
            bar.open = bar.high = bar.low = price
        elif price > bar.high:
            bar.high = price
        elif price < bar.low:
            bar.low = price
        if is_news:
            bar.close = price
        bar.volume += volume + bar.carried
        bar.carried = 0
        bar.ticks += 1
        bar.oi = tick.oi
        return closed

    def advance(self, now_ns: int) -> list[Bar]:
        """Close every bar whose end plus grace has passed, silent instruments included."""
        closed = []
        for instrument, bar in self._bars.items():
            if bar.ticks and now_ns >= bar.end_ns + self._grace_ns:
                done = self._close(instrument, bar)
                if done is not None:
                    closed.append(done)
        return closed

    def mark_partial(
        self, instruments: Iterable[InstrumentId] | None, from_ns: int, to_ns: int
    ) -> None:
        """Ticks of ``instruments`` (all when None) were lost between these times (UTC ns).

        The open bar is partial when it overlaps them, and so is any later one that does.
        """
        for instrument in self._bars if instruments is None else instruments:
            bar = self._bars.get(instrument)
            if bar is None:
                continue
            bar.complete_from_ns = max(bar.complete_from_ns, to_ns)
            if bar.ticks and bar.start_ns < to_ns and from_ns < bar.end_ns:
                bar.is_partial = True

    def open_bars(self) -> list[Bar]:
        """The bars under construction, for the state hash."""
        return [self._render(name, bar) for name, bar in self._bars.items() if bar.ticks]

    def progress(self) -> list[tuple[InstrumentId, int, int, int]]:
        """Volume counted, volume carried, complete since (UTC ns): for the state hash."""
        return [
            (name, bar.total_volume, bar.carried, bar.complete_from_ns)
            for name, bar in self._bars.items()
        ]

    def _traded_since(self, bar: _Open, tick: Tick) -> int:
        growth = tick.volume - bar.total_volume
        if growth < 0 and not bar.total_ns < self._open_ns <= tick.time_ns:
            # Within the day the total only grows, so this tick was overtaken by a newer one.
            return 0
        bar.total_volume = tick.volume
        bar.total_ns = tick.time_ns
        return max(growth, 0)  # a total from before the open may be yesterday's

    def _begin(self, bar: _Open, traded_ns: int) -> None:
        elapsed = (traded_ns - self._open_ns) // self._length_ns
        bar.start_ns = self._open_ns + elapsed * self._length_ns
        bar.end_ns = min(bar.start_ns + self._length_ns, self._close_ns)
        bar.volume = 0
        bar.ticks = 0
        bar.oi = None
        bar.is_partial = bar.start_ns < bar.complete_from_ns

    def _close(self, instrument: InstrumentId, bar: _Open) -> Bar | None:
        if not bar.ticks:
            return None
        done = self._render(instrument, bar)
        bar.ticks = 0
        # Its bucket is over: whatever still arrives for it is late.
        bar.start_ns = bar.end_ns
        return done

    def _render(self, instrument: InstrumentId, bar: _Open) -> Bar:
        return Bar(
            instrument=instrument,
            interval=self.interval,
            start_ns=bar.start_ns,
            end_ns=bar.end_ns,
            open=bar.open,
            high=bar.high,
            low=bar.low,
            close=bar.close,
            volume=bar.volume,
            ticks=bar.ticks,
            oi=bar.oi,
            is_partial=bar.is_partial,
        )
