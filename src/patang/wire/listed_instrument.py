"""An instrument with everything that its row of the dump says. Source: Kite Connect v3."""

from decimal import Decimal
from typing import Any

from patang.domain.instrument import Instrument

_ZERO = Decimal(0)


class ListedInstrument(Instrument, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """An ``Instrument`` and what only the dump knows.

    ``last_price`` is rupees when the dump was made, mostly 0. An index is listed without tick or
    lot, and gets 0.05 and 1 to calculate with; ``is_bare_index`` remembers that.
    """

    exchange_token: int = 0
    last_price: Decimal = _ZERO
    is_bare_index: bool = False

    def to_dict(self) -> dict[str, Any]:
        """The twelve columns of the dump; an empty ``expiry`` is the empty text."""
        return {
            "instrument_token": self.token,
            "exchange_token": self.exchange_token,
            "tradingsymbol": self.symbol,
            "name": self.name,
            "last_price": self.last_price,
            "expiry": self.expiry or "",
            "strike": self.strike or _ZERO,
            "tick_size": _ZERO if self.is_bare_index else self.tick_size,
            "lot_size": 0 if self.is_bare_index else self.lot_size,
            "instrument_type": self.instrument_type.value,
            "segment": self.segment,
            "exchange": self.exchange.value,
        }
