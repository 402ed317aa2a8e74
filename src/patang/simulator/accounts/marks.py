"""What an account has to know of the market to value what it holds."""

from collections.abc import Callable, Iterable
from datetime import date
from decimal import Decimal

from patang.domain.enums import InstrumentType
from patang.domain.instrument import Instrument, InstrumentId
from patang.rules.ist import ist_date
from patang.rules.margins import underlying_of

PriceOf = Callable[[InstrumentId], Decimal]


class Marks:
    """Prices and contracts of an exchange, looked up when they are asked for.

    ``find`` gives a listed instrument, None for others; ``last_price`` rupees, the previous close
    before the first trade; ``previous_close`` the last session's.
    """

    def __init__(
        self,
        find: Callable[[InstrumentId], Instrument | None],
        last_price: PriceOf,
        previous_close: PriceOf,
        instruments: Callable[[], Iterable[Instrument]],
        now_ns: Callable[[], int],
    ) -> None:
        self.find = find
        self.last_price = last_price
        self.previous_close = previous_close
        self._instruments = instruments
        self._now_ns = now_ns
        self._futures: dict[str, list[Instrument]] | None = None

    @property
    def now_ns(self) -> int:
        """The exchange's time, UTC nanoseconds."""
        return self._now_ns()

    @property
    def today(self) -> date:
        """The exchange's date in India."""
        return ist_date(self._now_ns())

    def instrument(self, instrument: InstrumentId) -> Instrument:
        """A listed instrument; raises ``KeyError`` for others."""
        found = self.find(instrument)
        if found is None:
            raise KeyError(instrument)
        return found

    def underlying(self, contract: Instrument) -> InstrumentId | None:
        """What a future or option stands on, as far as it is listed.

        The index or share, else the future that expires with it or next, else None.
        """
        named = underlying_of(contract)
        if named is not None and self.find(named) is not None:
            return named
        return self._future_of(contract)

    def underlying_price(self, contract: Instrument, price_of: PriceOf | None = None) -> Decimal:
        """Rupees of the underlying; a future's own price or an option's strike without one."""
        price_of = price_of or self.last_price
        underlying = self.underlying(contract)
        if underlying is not None:
            return price_of(underlying)
        if contract.instrument_type is InstrumentType.FUT or contract.strike is None:
            return price_of(contract.id)
        return contract.strike

    def forget_contracts(self) -> None:
        """Read the list of futures anew: contracts come and go overnight."""
        self._futures = None

    def _future_of(self, contract: Instrument) -> InstrumentId | None:
        if self._futures is None:
            self._futures = {}
            for one in self._instruments():
                if one.instrument_type is InstrumentType.FUT and one.name:
                    self._futures.setdefault(f"{one.exchange}:{one.name}", []).append(one)
            for several in self._futures.values():
                several.sort(key=lambda one: (one.expiry or "", one.symbol))
        futures = self._futures.get(f"{contract.exchange}:{contract.name}", [])
        later = (one.id for one in futures if (one.expiry or "") >= (contract.expiry or ""))
        return next(later, futures[-1].id if futures else None)
