"""What a backtest plays: bars and ticks of a file, or the made-up past of a sandbox's world.

The made-up past is the very one that ``patang history`` shows of a sandbox of the same seed.
"""

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from pathlib import Path

import msgspec

from patang.domain.errors import InvalidValue
from patang.domain.instrument import InstrumentId
from patang.domain.market import NS_PER_SECOND
from patang.rules.ist import NS_PER_DAY, at_ist, ist_date
from patang.sandbox.candles import build_history
from patang.sandbox.settings import DEFAULT_START_NS
from patang.sandbox.tapes import TapeSpec, read_tape
from patang.simulator.tape.candles import MINUTE_NS, TickCandle
from patang.simulator.tape.recording import Recording, TapeEvent, TickBar, bar_events
from patang.simulator.worlds.spec import WorldSpec, build_market

_SPAN_DAYS = 30
# As a sandbox's world: it has traded for five minutes when its doors open.
_WARM_UP_NS = 300 * NS_PER_SECOND


def recorded(path: Path, first: date, last: date, names: Sequence[InstrumentId] = ()) -> Recording:
    """The days of a tape from ``first`` to ``last``, both included.

    Of all its instruments if no ``names`` are given.

    Raises:
        TapeError: the file cannot be read, or a row does not fit.
        MissingExtra: Parquet without the extra ``data``.
        InvalidValue: nothing of it lies in the span, or an instrument is not in it.
    """
    whole = read_tape(TapeSpec(path=path))
    held = {item.id for item in whole.instruments}
    missing = [name for name in names if name not in held]
    if missing:
        raise InvalidValue(
            "--instruments", f"{path} does not hold {missing[0]}.", f"It holds {_some(held)}."
        )
    wanted = set(names) or held
    from_ns, end_ns = at_ist(first, 0, 0), at_ist(last, 0, 0) + NS_PER_DAY
    closes = dict(whole.previous_closes)
    events: dict[InstrumentId, tuple[TapeEvent, ...]] = {}
    for item in whole.instruments:
        if item.id not in wanted:
            continue
        some = whole.events[item.id]
        before = [one.last_ticks for one in some if one.time_ns < from_ns and one.last_ticks]
        if before:
            closes[item.id] = item.from_ticks(before[-1])
        inside = tuple(one for one in some if from_ns <= one.time_ns < end_ns)
        if inside:
            events[item.id] = inside
    if not events:
        begin, end = ist_date(whole.start_ns), ist_date(whole.end_ns)
        raise InvalidValue(
            "--from", f"{path} has nothing of these days.", f"It goes from {begin} to {end}."
        )
    instruments = tuple(item for item in whole.instruments if item.id in events)
    return msgspec.structs.replace(
        whole,
        instruments=instruments,
        previous_closes={item.id: closes[item.id] for item in instruments},
        events=events,
    )


def generated(seed: int, first: date, last: date, names: Sequence[InstrumentId] = ()) -> Recording:
    """The minutes before the world of a seed began; of all its shares if none are named.

    Raises:
        InvalidValue: the span reaches into the world's own days, or an instrument is not listed.
    """
    newest = ist_date(DEFAULT_START_NS) - timedelta(1)
    if last > newest:
        raise InvalidValue(
            "--to",
            f"the made-up past ends on {newest}.",
            "End there or before, or give a file with --data.",
        )
    market = build_market(WorldSpec(seed=seed, start_ns=DEFAULT_START_NS - _WARM_UP_NS))
    market.advance(DEFAULT_START_NS)
    listed = {item.id: item for item in market.exchange.instruments}
    chosen = tuple(names) or tuple(name for name, item in listed.items() if item.is_tradable)
    missing = [name for name in chosen if name not in listed]
    if missing:
        raise InvalidValue(
            "--instruments",
            f"the exchange does not list {missing[0]}.",
            f"It lists {_some(listed)}.",
        )
    history = build_history(market.exchange, seed, DEFAULT_START_NS)

    def candles(name: InstrumentId, interval: str, since: date, until: date) -> list[TickCandle]:
        span = (at_ist(since, 0, 0), at_ist(until, 0, 0))
        return history.candles(name, interval, *span, DEFAULT_START_NS, to_whole_day=True)

    events: dict[InstrumentId, tuple[TapeEvent, ...]] = {}
    closes = {}
    for name in chosen:
        some: list[TapeEvent] = []
        since = first
        while since <= last:
            until = min(since + timedelta(_SPAN_DAYS), last)
            for one in candles(name, "minute", since, until):
                some += bar_events(_bar(one), MINUTE_NS)
            since = until + timedelta(1)
        if some:
            before = candles(name, "day", first - timedelta(14), first - timedelta(1))
            opened = some[0].last_ticks
            closes[name] = listed[name].from_ticks(before[-1].close if before else opened)
            events[name] = tuple(some)
    if not events:
        raise InvalidValue(
            "--from", f"there was no trading from {first} to {last}.", "Take a longer span."
        )
    return Recording(
        instruments=tuple(listed[name] for name in events), previous_closes=closes, events=events
    )


def recording_of(
    data: Path | None, seed: int, first: date, last: date, names: Sequence[InstrumentId] = ()
) -> Recording:
    """The recording of a file, or of the seed's past where there is none; raises as those do."""
    if first > last:
        raise InvalidValue("--to", f"{last} is before {first}.", "Exchange them.")
    if data is None:
        return generated(seed, first, last, names)
    return recorded(data, first, last, names)


def _bar(one: TickCandle) -> TickBar:
    return TickBar(one.start_ns, one.open, one.high, one.low, one.close, one.volume, one.oi or None)


def _some(names: Iterable[str]) -> str:
    shown = sorted(names)
    return ", ".join(shown[:10]) + (f" and {len(shown) - 10} more" if len(shown) > 10 else "")
