"""The days before a world began: made up from its seed, and in agreement with its first prices.

Every underlying has one path of days going back from its last close, and inside each day a path of
quarters of an hour and minutes that adds up to the day exactly. What hangs on an underlying (a
future, an option) is worked out from that path, so the past of an option agrees with its share's.
"""

import math
from collections.abc import Callable, Sequence
from datetime import date
from itertools import accumulate
from typing import NamedTuple

import msgspec

from patang.domain.instrument import Instrument
from patang.simulator.tape.candles import MINUTE_NS, TickCandle
from patang.simulator.worlds.seeded import RandomSource, SeededSource

BLOCK_MINUTES = 15
"""Days are cut into quarters of an hour first, so that long candles need no minutes."""

_DRAWS = 6
_LONGEST_MOVE = 0.09
_MARKET_VOLATILITY = 0.007


class Span(NamedTuple):
    """A stretch of an underlying's path in rupees; ``volume`` is a share of an ordinary day's."""

    open: float
    high: float
    low: float
    close: float
    volume: float


class Underlying(msgspec.Struct, frozen=True, kw_only=True):
    """What a path is made of. ``close`` is the last one before the world, in rupees.

    ``daily_volatility`` is a share such as 0.014, ``beta`` the part in the whole market's moves.
    ``members`` are the underlyings of an index with their weights, which sum to one.
    """

    name: str
    close: float
    daily_volatility: float
    beta: float = 1.0
    members: tuple[tuple["Underlying", float], ...] = ()


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """An instrument whose past is asked for.

    ``value`` gives its price in rupees from the underlying's and the ordinal of the day; it rises
    with the underlying, or falls with it where ``falls``. ``close_ticks`` is its last close before
    the world, ``mean_volume`` the units of an ordinary day (0 for an index), ``oi`` the open
    interest. ``listed`` is the first day it was there.
    """

    instrument: Instrument
    underlying: Underlying
    value: Callable[[float, int], float]
    close_ticks: int
    mean_volume: float
    listed: date
    oi: int = 0
    falls: bool = False


class Hours(NamedTuple):
    """A day's trading: UTC nanoseconds of its beginning and its minutes."""

    open_ns: int
    minutes: int


class Past:
    """All made-up days before the world; ``days[-1]`` is the last of them.

    ``days`` are the trading days, oldest first; ``hours`` tells when a day's trading was.
    """

    def __init__(self, seed: int, days: Sequence[date], hours: Callable[[date], Hours]) -> None:
        self._source = SeededSource(f"{seed}/past")
        self._days = days
        self._places = {day: len(days) - 1 - place for place, day in enumerate(days)}
        self._hours = hours
        self._paths: dict[str, _Path] = {}

    def day(self, subject: Subject, day: date) -> TickCandle | None:
        """The candle of a whole day, from its open; None when the day had no trading."""
        back = self._places.get(day)
        if back is None or day < subject.listed:
            return None
        span = self._path(subject.underlying).day(back)
        volume, oi = self._volume(subject, back, span), self._oi(subject, back)
        (candle,) = self._candles(subject, day, [span], [0], [volume], [oi])
        return candle

    def blocks(self, subject: Subject, day: date) -> list[TickCandle]:
        """The quarters of an hour of a day, counted from its open; they add up to the day."""
        whole = self.day(subject, day)
        if whole is None:
            return []
        back = self._places[day]
        spans = self._blocks(subject.underlying, day, back)
        starts = [number * BLOCK_MINUTES for number in range(len(spans))]
        return self._parts(subject, day, whole, self._oi(subject, back + 1), spans, starts)

    def minutes(self, subject: Subject, day: date) -> list[TickCandle]:
        """The minutes of a day; they add up to its quarters of an hour."""
        wholes = self.blocks(subject, day)
        if not wholes:
            return []
        back = self._places[day]
        oi = self._oi(subject, back + 1)
        minutes = self._hours(day).minutes
        candles: list[TickCandle] = []
        blocks = self._blocks(subject.underlying, day, back)
        for number, (block, whole) in enumerate(zip(blocks, wholes, strict=True)):
            first = number * BLOCK_MINUTES
            count = min(BLOCK_MINUTES, minutes - first)
            source = self._source.split(f"{subject.underlying.name}/{day}/{number}")
            spans = _split(block, count, source)
            starts = range(first, first + count)
            candles += self._parts(subject, day, whole, oi, spans, starts)
            oi = whole.oi
        return candles

    def _blocks(self, underlying: Underlying, day: date, back: int) -> list[Span]:
        count = -(-self._hours(day).minutes // BLOCK_MINUTES)
        source = self._source.split(f"{underlying.name}/{day}")
        return _split(self._path(underlying).day(back), count, source)

    def _path(self, underlying: Underlying) -> "_Path":
        path = self._paths.get(underlying.name)
        if path is None:
            members = [(self._path(one), weight) for one, weight in underlying.members]
            path = self._paths[underlying.name] = _Path(
                underlying, members, self._source.split(f"{underlying.name}/days"), self._market
            )
        return path

    def _market(self, back: int) -> float:
        """The whole market's move of the day that lies ``back`` days before the last one."""
        path = self._paths.get("")
        if path is None:
            everything = Underlying(
                name="", close=1.0, daily_volatility=_MARKET_VOLATILITY, beta=0.0
            )
            path = self._path(everything)
        return path.move(back)

    def _parts(
        self,
        subject: Subject,
        day: date,
        whole: TickCandle,
        oi_before: int,
        spans: Sequence[Span],
        starts: Sequence[int],
    ) -> list[TickCandle]:
        """Spans that make up ``whole``, as candles that add up to it."""
        lot = subject.instrument.lot_size
        volumes = _shares(whole.volume, [one.volume for one in spans], lot)
        interests = _steps(oi_before, whole.oi, len(spans), lot)
        return self._candles(subject, day, spans, starts, volumes, interests)

    def _candles(
        self,
        subject: Subject,
        day: date,
        spans: Sequence[Span],
        starts: Sequence[int],
        volumes: Sequence[int],
        interests: Sequence[int],
    ) -> list[TickCandle]:
        open_ns = self._hours(day).open_ns
        price = self._pricing(subject, day)
        candles: list[TickCandle] = []
        for span, start, volume, oi in zip(spans, starts, volumes, interests, strict=True):
            high, low = price(span.high), price(span.low)
            if subject.falls:
                high, low = low, high
            start_ns = open_ns + start * MINUTE_NS
            open_, close = price(span.open), price(span.close)
            candles.append(TickCandle(start_ns, open_, high, low, close, volume, oi))
        return candles

    def _pricing(self, subject: Subject, day: date) -> Callable[[float], int]:
        """From the underlying's price of a day to the subject's in ticks: it never turns back.

        A day counts as one instant, so that the highest price of a day is that of a minute. What
        the subject really closed at is met by moving everything up or down.
        """
        tick = float(subject.instrument.tick_size)
        value, ordinal = subject.value, day.toordinal()
        last_day = self._days[-1].toordinal()
        offset = subject.close_ticks - value(subject.underlying.close, last_day) / tick

        # A candle opens where the one before closed, so many prices are asked for twice.
        known: dict[float, int] = {}

        def price(spot: float) -> int:
            ticks = known.get(spot)
            if ticks is None:
                ticks = max(1, math.floor(value(spot, ordinal) / tick + offset + 0.5))
                known[spot] = ticks
            return ticks

        return price

    def _volume(self, subject: Subject, back: int, span: Span) -> int:
        lot = subject.instrument.lot_size
        if not subject.mean_volume:
            return 0
        chance = self._source.split(f"{subject.instrument.id}/volume/{back}").random()
        lots = subject.mean_volume * span.volume * (0.8 + 0.4 * chance) / lot
        return max(1, int(lots)) * lot

    def _oi(self, subject: Subject, back: int) -> int:
        """Open interest at a day's end: builds up towards today, in whole lots."""
        if not subject.oi:
            return 0
        lot = subject.instrument.lot_size
        chance = self._source.split(f"{subject.instrument.id}/oi/{back}").random()
        share = 1.0 if back == 0 else math.exp(-back / 30) * (0.9 + 0.2 * chance)
        return int(subject.oi * share) // lot * lot


def minutes_inside(
    whole: TickCandle, hours: Hours, lot: int, source: RandomSource
) -> list[TickCandle]:
    """Minutes made up for a day of which only the whole candle is known; they add up to it."""
    span = Span(whole.open, whole.high, whole.low, whole.close, 1.0)
    spans = _split(span, hours.minutes, source)
    volumes = _shares(whole.volume, [one.volume for one in spans], lot)
    return [
        TickCandle(
            hours.open_ns + number * MINUTE_NS,
            round(one.open),
            round(one.high),
            round(one.low),
            round(one.close),
            volume,
            whole.oi,
        )
        for number, (one, volume) in enumerate(zip(spans, volumes, strict=True))
    ]


class _Path:
    """The days of one underlying, drawn one by one into the past and kept."""

    def __init__(
        self,
        underlying: Underlying,
        members: Sequence[tuple["_Path", float]],
        source: RandomSource,
        market: Callable[[int], float],
    ) -> None:
        self._underlying = underlying
        self._members = members
        self._source = source
        self._market = market
        self._moves: list[float] = []
        self._chances: list[tuple[float, ...]] = []
        self._closes = [underlying.close]

    def day(self, back: int) -> Span:
        """The day ``back`` trading days before the last one before the world."""
        self._draw(back)
        before, close = self._closes[back + 1], self._closes[back]
        gap, up, down, liveliness, *_ = self._chances[back]
        volatility = self._underlying.daily_volatility
        open_ = before * math.exp(0.3 * volatility * gap)
        high = max(open_, close) * math.exp(0.4 * volatility * abs(up))
        low = min(open_, close) * math.exp(-0.4 * volatility * abs(down))
        return Span(open_, high, low, close, math.exp(0.35 * liveliness))

    def move(self, back: int) -> float:
        """The day's return, as a logarithm."""
        self._draw(back)
        return self._moves[back]

    def _draw(self, back: int) -> None:
        underlying = self._underlying
        while len(self._moves) <= back:
            number = len(self._moves)
            chances = tuple(self._source.gauss(0.0, 1.0) for _ in range(_DRAWS))
            if self._members:
                move = sum(path.move(number) * weight for path, weight in self._members)
            else:
                shared = underlying.beta * _MARKET_VOLATILITY
                own = math.sqrt(max(underlying.daily_volatility**2 - shared**2, 0.0))
                move = own * chances[-1]
                if underlying.beta:
                    move += underlying.beta * self._market(number)
            move = min(max(move, -_LONGEST_MOVE), _LONGEST_MOVE)
            self._moves.append(move)
            self._chances.append(chances)
            self._closes.append(self._closes[-1] * math.exp(-move))


def _split(span: Span, count: int, source: RandomSource) -> list[Span]:
    """``count`` spans that follow each other and add up to ``span`` in every respect."""
    if count == 1:
        return [span]
    low, high = span.low, span.high
    at_high, at_low = source.randrange(count), source.randrange(count)
    # The path goes through the extremes in the middle of the parts that hold them.
    turns = sorted([(at_high + 0.5, high), (at_low + 0.5, low)])
    points = [(0.0, span.open), *turns, (float(count), span.close)]
    rough = 0.35 * (high - low) / math.sqrt(count)
    closes, leg, walk = [], 0, 0.0
    for number in range(1, count):
        while points[leg + 1][0] <= number:
            leg += 1
            walk = 0.0
        (begins, first), (ends, last) = points[leg], points[leg + 1]
        part = (number - begins) / (ends - begins)
        walk = walk * 0.8 + rough * source.gauss(0.0, 1.0)
        # The walk dies out towards the ends of a leg, where the path is known.
        wiggle = walk * math.sqrt(max(4 * part * (1 - part), 0.0))
        closes.append(_folded(first + (last - first) * part + wiggle, low, high))
    closes.append(span.close)
    weights = _liveliness(count, source)
    parts, open_ = [], span.open
    for number, close in enumerate(closes):
        top, bottom = max(open_, close), min(open_, close)
        top += min(rough * source.random(), (high - top) / 2)
        bottom -= min(rough * source.random(), (bottom - low) / 2)
        if number == at_high:
            top = high
        if number == at_low:
            bottom = low
        parts.append(Span(open_, top, bottom, close, weights[number]))
        open_ = close
    return parts


def _folded(price: float, low: float, high: float) -> float:
    """A price inside the range: what goes beyond an extreme comes back from it."""
    if price < low:
        price = 2 * low - price
    elif price > high:
        price = 2 * high - price
    return min(max(price, low), high)


def _liveliness(count: int, source: RandomSource) -> list[float]:
    """How much is traded in each part: more at both ends, and never quite the same."""
    last = count - 1
    shapes = [0.6 + 1.2 * (2 * number / last - 1) ** 2 for number in range(count)]
    return [shape * (0.5 + source.random()) for shape in shapes]


def _shares(total: int, weights: Sequence[float], lot: int) -> list[int]:
    """``total`` in parts of whole lots after the weights, whose sum is ``total``."""
    whole = sum(weights)
    lots = total // lot
    marks = [int(lots * (mark / whole)) for mark in accumulate(weights)]
    marks[-1] = lots
    parts = [(mark - before) * lot for before, mark in zip([0, *marks], marks, strict=False)]
    parts[-1] += total - lots * lot
    return parts


def _steps(first: int, last: int, count: int, lot: int) -> list[int]:
    """Evenly from ``first`` to ``last`` in whole lots."""
    steps = [(first + (last - first) * number // count) // lot * lot for number in range(1, count)]
    return [*steps, last]
