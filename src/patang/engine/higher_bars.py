"""Longer bars from the run's own: exact, since every part is a finished bar.

Buckets count from the session's open, like those of the bar builder. A bucket closes with the bar
that completes it, or with the clock when its last minutes were silent; one in which nothing traded
has no bar. It is partial when a part is, or when data was missed inside it.
"""

from collections.abc import Iterable

from patang.domain.enums import Interval
from patang.domain.errors import InvalidValue
from patang.domain.instrument import InstrumentId
from patang.domain.market import NS_PER_SECOND, Bar


class _Bucket:
    """The longer bar of one instrument that is being put together."""

    __slots__ = ("end_ns", "is_partial", "parts", "start_ns")

    def __init__(self, start_ns: int, end_ns: int, *, is_partial: bool) -> None:
        self.start_ns = start_ns
        self.end_ns = end_ns
        self.is_partial = is_partial
        self.parts: list[Bar] = []


class HigherBars:
    """Puts the bars of one longer interval together for some instruments.

    Raises:
        InvalidValue: the interval is not a multiple of the run's own.
    """

    def __init__(
        self,
        interval: Interval,
        instruments: Iterable[InstrumentId],
        *,
        base: Interval,
        open_ns: int,
        close_ns: int,
        grace_ns: int,
    ) -> None:
        if interval.seconds <= base.seconds or interval.seconds % base.seconds:
            raise InvalidValue(
                "strategies.intervals",
                f"{interval} bars cannot be put together from {base} bars.",
                f"Choose a multiple of {base}, or run on a shorter interval.",
            )
        self.interval = interval
        self.instruments = frozenset(instruments)
        self._length_ns = interval.seconds * NS_PER_SECOND
        self._open_ns = open_ns
        self._close_ns = close_ns
        self._grace_ns = grace_ns
        self._buckets: dict[InstrumentId, _Bucket] = {}
        self._missed_until_ns: dict[InstrumentId, int] = {}

    def watch(self, instruments: Iterable[InstrumentId]) -> None:
        """Put bars together for these instruments too; buckets that have begun are partial."""
        self.instruments = self.instruments.union(instruments)

    def add(self, bar: Bar) -> list[Bar]:
        """Take a finished bar; return the longer bars it closed, oldest first."""
        if bar.instrument not in self.instruments:
            return []
        if not self._open_ns <= bar.start_ns < self._close_ns:
            return []
        closed = []
        bucket = self._buckets.get(bar.instrument)
        if bucket is not None and bar.start_ns >= bucket.end_ns:
            closed.append(self._close(bar.instrument, bucket))
            bucket = None
        if bucket is None:
            bucket = self._buckets[bar.instrument] = self._begin(bar)
        bucket.parts.append(bar)
        if bar.end_ns >= bucket.end_ns:
            closed.append(self._close(bar.instrument, bucket))
        return closed

    def advance(self, now_ns: int) -> list[Bar]:
        """Close every bucket whose end plus grace has passed."""
        over = [
            (instrument, bucket)
            for instrument, bucket in self._buckets.items()
            if now_ns >= bucket.end_ns + self._grace_ns
        ]
        return [self._close(instrument, bucket) for instrument, bucket in over]

    def mark_partial(
        self, instruments: Iterable[InstrumentId] | None, from_ns: int, to_ns: int
    ) -> None:
        """Data of ``instruments`` (all when None) was missed between these times (UTC ns)."""
        for instrument in sorted(self.instruments) if instruments is None else instruments:
            missed = self._missed_until_ns.get(instrument, 0)
            self._missed_until_ns[instrument] = max(missed, to_ns)
            bucket = self._buckets.get(instrument)
            if bucket is not None and bucket.start_ns < to_ns and from_ns < bucket.end_ns:
                bucket.is_partial = True

    def open_bars(self) -> list[Bar]:
        """The bars under construction, for the state hash."""
        return [_joined(self.interval, name, bucket) for name, bucket in self._buckets.items()]

    def _begin(self, bar: Bar) -> _Bucket:
        elapsed = (bar.start_ns - self._open_ns) // self._length_ns
        start_ns = self._open_ns + elapsed * self._length_ns
        end_ns = min(start_ns + self._length_ns, self._close_ns)
        missed_until_ns = self._missed_until_ns.get(bar.instrument, 0)
        return _Bucket(start_ns, end_ns, is_partial=start_ns < missed_until_ns)

    def _close(self, instrument: InstrumentId, bucket: _Bucket) -> Bar:
        del self._buckets[instrument]
        return _joined(self.interval, instrument, bucket)


def _joined(interval: Interval, instrument: InstrumentId, bucket: _Bucket) -> Bar:
    parts = bucket.parts
    return Bar(
        instrument=instrument,
        interval=interval,
        start_ns=bucket.start_ns,
        end_ns=bucket.end_ns,
        open=parts[0].open,
        high=max(part.high for part in parts),
        low=min(part.low for part in parts),
        close=parts[-1].close,
        volume=sum(part.volume for part in parts),
        ticks=sum(part.ticks for part in parts),
        oi=parts[-1].oi,
        is_partial=bucket.is_partial or any(part.is_partial for part in parts),
    )
