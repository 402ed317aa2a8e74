"""What the instruments of a tape are: from a dump, or, for shares, from what is generally known."""

from collections.abc import Sequence
from decimal import Decimal
from hashlib import shake_128
from pathlib import Path

from patang.domain.enums import Exchange
from patang.domain.errors import InvalidValue
from patang.domain.instrument import Instrument, InstrumentId
from patang.simulator.worlds.shares import default_instruments, tick_size
from patang.wire.errors import DataException
from patang.wire.instruments import decode_instruments_csv
from patang.wire.ticks import Segment

_SHARES = (Exchange.NSE, Exchange.BSE)
_TICKS = (Decimal("0.05"), Decimal("0.01"))
_MOST_EXCHANGE_TOKENS = 1 << 24


class TapeInstruments:
    """Finds the instruments of a tape; ``dump`` is a file as Kite's ``/instruments`` gives it.

    Raises:
        InvalidValue: the dump cannot be read.
    """

    def __init__(self, dump: Path | None) -> None:
        self._dump = dump
        self._known = {one.id: one for one in default_instruments()}
        if dump is not None:
            self._known = {one.id: one for one in _read(dump)}
        self._tokens = {one.token: one.id for one in self._known.values()}

    def find(self, name: InstrumentId, prices: Sequence[Decimal]) -> Instrument:
        """The instrument of a name; a share that nobody knows gets a tick that fits its prices.

        Raises:
            InvalidValue: a contract that no dump describes, or prices that fit no tick.
        """
        known = self._known.get(name)
        if known is not None and (self._dump is not None or _fits(prices, known.tick_size)):
            return known
        exchange, _, symbol = name.partition(":")
        if self._dump is not None:
            raise InvalidValue("instruments", f"{name} is not in {self._dump}.")
        if exchange not in _SHARES:
            raise InvalidValue(
                "instruments", f"nothing is known of {name}.", "Give the dump of its day."
            )
        candidates = (tick_size(prices[0]), *_TICKS)
        tick = next((one for one in candidates if _fits(prices, one)), None)
        if tick is None:
            raise InvalidValue("instruments", f"the prices of {name} fit no tick of shares.")
        return Instrument(
            exchange=Exchange(exchange),
            symbol=symbol,
            token=known.token if known is not None else self._token(name),
            tick_size=tick,
            segment=exchange if known is None else known.segment,
            name=symbol,
            is_tradable=known is None or known.is_tradable,
        )

    def _token(self, name: InstrumentId) -> int:
        """A token that only the name decides, unless another has it already."""
        segment = Segment[name.partition(":")[0]]
        number = int.from_bytes(shake_128(name.encode()).digest(4), "big")
        while True:
            token = number % _MOST_EXCHANGE_TOKENS << 8 | segment
            if self._tokens.setdefault(token, name) == name:
                return token
            number += 1


def _fits(prices: Sequence[Decimal], tick: Decimal) -> bool:
    return all(price % tick == 0 for price in prices)


def _read(dump: Path) -> list[Instrument]:
    try:
        body = dump.read_bytes()
    except OSError as error:
        raise InvalidValue("instruments", f"{dump}: {error.strerror or error}.") from error
    try:
        return list(decode_instruments_csv(body))
    except DataException as error:
        raise InvalidValue(
            "instruments", f"{dump}: {error}", "Use an instruments dump of Kite."
        ) from error
