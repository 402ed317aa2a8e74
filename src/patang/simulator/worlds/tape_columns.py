"""A day's tape and depth of many rows at once, as the ticker's columns. Needs NumPy.

Each row trades once a step, at its bid or its offer. The day's range and average follow from the
knots of the paths, so they do not depend on which steps somebody saw.
"""

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from patang.domain.market import NS_PER_SECOND
from patang.simulator.worlds.chain import FUTURE, INDEX, OPTION, SPOT, Chain
from patang.simulator.worlds.listing import Listing
from patang.simulator.worlds.paths import KNOT_NS
from patang.simulator.worlds.vectors import uniform, words
from patang.wire.tick_columns import COLUMNS
from patang.wire.ticks import DEPTH_LEVELS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from patang.simulator.worlds.paths import Hours, Paths
    from patang.simulator.worlds.vectors import Floats, Integers, Words

STEP_NS = NS_PER_SECOND // 4
_MINUTE_NS = 60 * NS_PER_SECOND
_KNOTS_IN_MINUTE = 2
_STEPS_IN_KNOT = 120
_INTEREST_MOVES = 0.4
_GRAIN = 64
"""Parts of a tick in which averages are added up."""
_NUMBERS_AT_ONCE = 200_000
_MOST = 2_000_000_000
"""Units of a day: what fits the ticker's 32 bits with room to spare."""

_LEVELS = np.arange(DEPTH_LEVELS)
_SHIFTS = (6 * _LEVELS).astype(np.uint64)
_ORDER_SHIFTS = (30 + 4 * _LEVELS).astype(np.uint64)
_OTHER_SIDE = 0x5DEECE66D
_SIX_BITS, _FOUR_BITS = np.uint64(63), np.uint64(15)


class Show(NamedTuple):
    """Rows of one timetable that are asked for together: where they go, and their chain."""

    table: int
    places: "Integers"
    chain: Chain
    is_haltable: bool


class Bar(NamedTuple):
    """One minute: UTC ns, prices in ticks, units traded in it, open interest at its end."""

    start_ns: int
    open: int
    high: int
    low: int
    close: int
    volume: int
    interest: int


class DayTape:
    """What all rows have traded today; ``begin`` each day anew."""

    def __init__(self, listing: Listing, chain: Chain, key: int) -> None:
        rows = listing.rows
        self._key = key
        self._chain = chain
        self.tick: Floats = np.array([float(one.tick_size) for one in rows])
        divisor = np.array([one.price_divisor for one in rows])
        self.wire_per_tick: Integers = np.rint(self.tick * divisor).astype(np.int64)
        self._token = np.array([one.token for one in rows], dtype=np.uint32)
        self._lot: Integers = np.array([one.lot_size for one in rows], dtype=np.int64)
        self._places: Words = np.arange(len(rows), dtype=np.uint64)
        self.first_row: Integers = np.full(len(listing.drivers), -1, dtype=np.int64)
        """By driver: the row that is the driver itself; -1 where none is."""
        spots = np.flatnonzero(chain.kind <= INDEX)[::-1]
        self.first_row[chain.driver[spots]] = spots
        fate = uniform(words(key, self._places, 0))
        busy = np.where(chain.kind == OPTION, 6.0, np.where(chain.kind == FUTURE, 12.0, 150.0))
        self._rate: Floats = np.maximum(1.0, busy * fate * fate)
        self._interest = (200 + 40_000 * fate * fate).astype(np.int64) * self._lot
        self._interest[chain.kind < FUTURE] = 0
        self._trend = uniform(words(key, self._places, 1)) - 0.5
        self._size = np.maximum(1, (self._rate * 2).astype(np.int64)) * self._lot
        self._size = np.minimum(self._size, _MOST // 400)

    def begin(
        self,
        closes: "Floats",
        paths: "Paths",
        hours: "Sequence[Hours]",
        table_of: "Integers",
    ) -> None:
        """Start a day with yesterday's closes in rupees."""
        size = len(closes)
        self._paths = paths
        self.close_ticks: Integers = np.maximum(1, np.rint(closes / self.tick)).astype(np.int64)
        opens = np.array([start for start, _ in hours])[table_of]
        shuts = np.array([end for _, end in hours])[table_of]
        self._steps_of_day = np.maximum(1, (shuts - opens) // STEP_NS)
        most = _MOST / (self._lot * self._steps_of_day)
        self._pace: Floats = np.minimum(self._rate, np.maximum(most, 1e-3))
        self._done: Integers = np.array([paths.knot(start) for start, _ in hours])[table_of]
        self._open: Integers = np.zeros(size, dtype=np.int64)
        self._high: Integers = np.zeros(size, dtype=np.int64)
        self._low: Integers = np.full(size, _MOST, dtype=np.int64)
        self._total: Integers = np.zeros(size, dtype=np.int64)
        self._at_knot: Floats = np.zeros(size)

    def blank(self, rows: "Integers") -> "NDArray[Any]":
        """Columns of the rows that say nothing but who they are and where they closed."""
        shown = np.zeros(len(rows), COLUMNS)
        shown["token"] = self._token[rows]
        shown["close"] = shown["last_price"] = self.close_ticks[rows] * self.wire_per_tick[rows]
        return shown

    def fill(
        self,
        shown: "NDArray[Any]",
        show: Show,
        *,
        steps: int,
        until_ns: int,
        now_ns: int,
        is_open: bool,
    ) -> None:
        """Write what the rows show after ``steps`` of trading, the last of it at ``until_ns``."""
        chain, at = show.chain, show.places
        rows = chain.rows
        interest = self._interest[rows]
        held = self.held(rows, steps)
        shown["oi"][at] = held
        shown["oi_day_high"][at] = np.maximum(held, interest)
        shown["oi_day_low"][at] = np.minimum(held, interest)
        if not steps:
            return
        paths = self._paths
        step = until_ns // STEP_NS
        bits = words(self._key, self._places[rows], step)
        value = self._ticks(chain, chain.own(paths.spot(until_ns, now_ns)), until_ns)
        is_index = chain.kind == INDEX
        spread = self._spread(chain, value)
        bid = self._bid(value, spread)
        last = np.where(is_index, bid, bid + spread * (bits & np.uint64(1)).astype(np.int64))
        last = np.maximum(last, 1)
        self._catch_up(chain, until_ns)
        high, low, average = self._range(chain, value, until_ns, now_ns, steps)
        wire = self.wire_per_tick[rows]
        shown["last_price"][at] = last * wire
        shown["open"][at] = self._open[rows] * wire
        high = np.maximum(np.maximum(high, last), self._open[rows])
        low = np.minimum(np.minimum(low, last), self._open[rows])
        shown["high"][at] = high * wire
        shown["low"][at] = low * wire
        shown["exchange_timestamp"][at] = until_ns // NS_PER_SECOND
        tradable = np.where(is_index, 0, 1)
        shown["last_trade_time"][at] = until_ns // NS_PER_SECOND * tradable
        average = np.clip(average, low, high)
        shown["average_price"][at] = np.rint(average * wire) * tradable
        lot = self._lot[rows]
        volume = self._volume(rows, bits, steps) * tradable
        bits_before = words(self._key, self._places[rows], step - 1)
        before = self._volume(rows, bits_before, steps - 1)
        shown["volume"][at] = volume
        shown["last_quantity"][at] = np.maximum(volume - before, lot) * tradable
        if is_open:
            self._fill_depth(shown, at, rows, bid, spread, tradable, bits, step)

    def minutes(self, show: Show, open_ns: int, end_ns: int, now_ns: int) -> list[Bar]:
        """One row's minutes from the open to ``end_ns``, as the row has shown or would have."""
        chain, paths, bars = show.chain, self._paths, list[Bar]()
        rows = chain.rows
        end_ns -= (end_ns - open_ns) % STEP_NS
        if end_ns <= open_ns:
            return bars
        first, last = paths.knot(open_ns), paths.knot(end_ns)
        values, highs, lows = self._intervals(chain, first, last)
        opens = self._bid(values, self._spread(chain, values))[:, 0].tolist()
        highs_left, lows_left = highs[:, 0].tolist(), lows[:, 0].tolist()
        if paths.knot_ns(last) < end_ns:
            up, down = (chain.own(one) for one in paths.extremes(end_ns, now_ns))
            high, low = self._extremes(chain, up, down, paths.knot_ns(last), end_ns)
            value = self._ticks(chain, chain.own(paths.spot(end_ns, now_ns)), end_ns)
            highs_left.append(int(high[0]))
            lows_left.append(int(low[0]))
            opens.append(int(self._bid(value, self._spread(chain, value))[0]))
        volume = 0
        for place in range(0, len(highs_left), _KNOTS_IN_MINUTE):
            start_ns = open_ns + place * KNOT_NS
            stop_ns = min(start_ns + _MINUTE_NS, end_ns)
            steps = (stop_ns - open_ns) // STEP_NS
            after = min(place + _KNOTS_IN_MINUTE, len(opens) - 1)
            bits = words(self._key, self._places[rows], stop_ns // STEP_NS)
            total = int(self._volume(rows, bits, steps)[0])
            most, least = max(highs_left[place:after]), min(lows_left[place:after])
            bars.append(
                Bar(
                    start_ns,
                    max(least, opens[place]),
                    most,
                    least,
                    max(least, opens[after]),
                    0 if chain.kind[0] == INDEX else total - volume,
                    int(self.held(rows, steps)[0]),
                )
            )
            volume = total
        return bars

    def auction(self, shown: "NDArray[Any]", show: Show, *, auction_ns: int, now_ns: int) -> None:
        """Let the closing auction have the day's last trade."""
        chain, at = show.chain, show.places
        rows = chain.rows
        value = self._ticks(chain, chain.own(self._paths.spot(auction_ns, now_ns)), auction_ns)
        price = np.maximum(np.rint(value).astype(np.int64), 1) * self.wire_per_tick[rows]
        quantity = 40 * self._lot[rows] * self._pace[rows].astype(np.int64)
        shown["last_price"][at] = price
        shown["high"][at] = np.maximum(shown["high"][at], price)
        shown["low"][at] = np.minimum(shown["low"][at], price)
        shown["last_quantity"][at] = quantity
        shown["volume"][at] += quantity.astype(np.uint32)
        for name in ("last_trade_time", "exchange_timestamp"):
            shown[name][at] = auction_ns // NS_PER_SECOND

    # --- prices ---------------------------------------------------------------------------------

    def _ticks(self, chain: Chain, own: "Floats", at_ns: "int | Integers") -> "Floats":
        ticks: Floats = chain.worth(own, at_ns) / self.tick[chain.rows]
        return ticks

    def _spread(self, chain: Chain, value: "Floats") -> "Integers":
        """Ticks from bid to offer: a basis point of a share's price, one tick of a contract's."""
        spread = np.where(chain.kind == SPOT, np.rint(value * 1e-4), 1.0)
        spread = np.where(chain.kind == INDEX, 0.0, np.maximum(spread, 1.0))
        whole: Integers = spread.astype(np.int64)
        return whole

    def _bid(self, value: "Floats", spread: "Integers") -> "Integers":
        # The nearest whole ticks so that bid and offer lie about the value; an index is its value.
        bid: Integers = np.floor(value - spread / 2 + 0.5).astype(np.int64)
        return bid

    def _catch_up(self, chain: Chain, until_ns: int) -> None:
        """Take into the day's range and average the intervals that have ended."""
        rows = chain.rows
        done = self._done[rows]
        first, last = int(done.min()), self._paths.knot(until_ns)
        at_once = max(1, _NUMBERS_AT_ONCE // len(rows))
        fresh = self._open[rows] == 0
        for start in range(first, last, at_once):
            stop = min(start + at_once, last)
            values, highs, lows = self._intervals(chain, start, stop)
            if start == first and fresh.any():
                self._open_day(chain, values[0], fresh)
            chosen = done <= np.arange(start, stop)[:, None]
            best = np.where(chosen, highs, 0).max(axis=0)
            worst = np.where(chosen, lows, _MOST).min(axis=0)
            self._high[rows] = np.maximum(self._high[rows], best)
            self._low[rows] = np.minimum(self._low[rows], worst)
            # Whole numbers: a sum must not depend on the order in which its parts were added.
            area = np.rint((values[:-1] + values[1:]) * (_STEPS_IN_KNOT * _GRAIN / 2))
            self._total[rows] += np.where(chosen, area, 0.0).astype(np.int64).sum(axis=0)
            self._at_knot[rows] = np.where(done <= stop, values[-1], self._at_knot[rows])
        self._done[rows] = np.maximum(done, last)
        fresh = self._open[rows] == 0
        if fresh.any():
            value = self._ticks(
                chain, chain.own(self._paths.knots[last]), self._paths.knot_ns(last)
            )
            self._open_day(chain, value, fresh)

    def _open_day(self, chain: Chain, value: "Floats", fresh: "NDArray[np.bool_]") -> None:
        rows = chain.rows
        bid = np.maximum(self._bid(value, self._spread(chain, value)), 1)
        self._open[rows] = np.where(fresh, bid, self._open[rows])
        self._at_knot[rows] = np.where(fresh, value, self._at_knot[rows])

    def _intervals(
        self, chain: Chain, first: int, last: int
    ) -> "tuple[Floats, Integers, Integers]":
        """Values at the knots from ``first`` to ``last``, and the ranges between them."""
        paths = self._paths
        times = paths.knot_ns(0) + np.arange(first, last + 1)[:, None] * KNOT_NS
        prices, highs, lows = (
            chain.spread(one) for one in paths.ranges(chain.drivers, first, last)
        )
        values = self._ticks(chain, prices, times)
        return values, *self._extremes(chain, highs, lows, times[:-1], times[1:])

    def _extremes(
        self,
        chain: Chain,
        up: "Floats",
        down: "Floats",
        start_ns: "int | Integers",
        end_ns: "int | Integers",
    ) -> "tuple[Integers, Integers]":
        """The best and worst prices of an interval: an option's time runs out in it as well."""
        if chain.has_puts:
            is_put = chain.sign < 0
            up, down = np.where(is_put, down, up), np.where(is_put, up, down)
        best = self._ticks(chain, up, start_ns)
        worst = self._ticks(chain, down, end_ns)
        spread = self._spread(chain, best)
        low = self._bid(worst, self._spread(chain, worst))
        return self._bid(best, spread) + spread, np.maximum(low, 1)

    def _range(
        self, chain: Chain, value: "Floats", until_ns: int, now_ns: int, steps: int
    ) -> "tuple[Integers, Integers, Floats]":
        rows, paths = chain.rows, self._paths
        knot_ns = paths.knot_ns(paths.knot(until_ns))
        highs, lows = paths.extremes(until_ns, now_ns)
        high, low = self._extremes(chain, chain.own(highs), chain.own(lows), knot_ns, until_ns)
        in_knot = (until_ns - knot_ns) / STEP_NS
        total = self._total[rows] / _GRAIN + (self._at_knot[rows] + value) / 2 * in_knot
        return (
            np.maximum(self._high[rows], high),
            np.minimum(self._low[rows], low),
            total / max(steps, 1),
        )

    # --- quantities -----------------------------------------------------------------------------

    def _volume(self, rows: "Integers", bits: "Words", steps: int) -> "Integers":
        """Units traded in so many steps; never less than a step before."""
        part = uniform(bits)
        lots = np.floor(self._pace[rows] * (max(steps, 0) + part * (steps > 0)))
        volume: Integers = np.maximum(lots, 1.0 if steps > 0 else 0.0).astype(np.int64)
        return volume * self._lot[rows]

    def held(self, rows: "Integers", steps: int) -> "Integers":
        """Open interest after so many steps: it grows or shrinks all day long; whole lots."""
        interest = self._interest[rows]
        part = steps / self._steps_of_day[rows]
        grown = (interest * self._trend[rows] * _INTEREST_MOVES * part).astype(np.int64)
        held: Integers = interest + grown - grown % self._lot[rows]
        return held

    def _fill_depth(
        self,
        shown: "NDArray[Any]",
        at: "Integers",
        rows: "Integers",
        bid: "Integers",
        spread: "Integers",
        tradable: "Integers",
        bits: "Words",
        step: int,
    ) -> None:
        wire, size = self.wire_per_tick[rows][:, None], self._size[rows][:, None]
        others = words(self._key ^ _OTHER_SIDE, self._places[rows], step)
        for side, best, way, own_bits in (
            ("bid", bid, -1, bits),
            ("ask", bid + spread, 1, bits ^ others),
        ):
            ticks = best[:, None] + way * _LEVELS
            stands = ((ticks > 0) & (tradable[:, None] > 0)).astype(np.int64)
            quantity = size * (1 + ((own_bits[:, None] >> _SHIFTS) & _SIX_BITS).astype(np.int64))
            quantity *= stands
            shown[f"{side}_price"][at] = ticks * wire * stands
            shown[f"{side}_quantity"][at] = quantity
            orders = 1 + ((own_bits[:, None] >> _ORDER_SHIFTS) & _FOUR_BITS).astype(np.int64)
            shown[f"{side}_orders"][at] = orders * stands
            name = "buy_quantity" if side == "bid" else "sell_quantity"
            beyond = 1 + (own_bits >> np.uint64(58)).astype(np.int64) // 8
            shown[name][at] = quantity.sum(axis=1) * beyond
