"""A universe of any size, made consistently: shares, indices, futures, option chains.

The twenty well known shares and the indices come first; invented companies and contracts fill the
rest. What a size, a day and a seed give is always the same.
"""

from collections.abc import Callable
from datetime import date
from decimal import Decimal

from patang.domain.enums import Exchange, InstrumentType
from patang.domain.errors import InvalidValue
from patang.domain.instrument import Instrument
from patang.rules import order_rules
from patang.simulator.worlds.catalogue import (
    BSE_CODES,
    INDICES,
    VIX_TOKEN,
    Company,
    Index,
    invented_companies,
)
from patang.simulator.worlds.contract_rows import ContractRows
from patang.simulator.worlds.drivers import index_driver, share_driver
from patang.simulator.worlds.listing import Listing
from patang.simulator.worlds.seeded import RandomSource, SeededSource
from patang.simulator.worlds.shares import SHARES, default_instruments
from patang.wire.ticks import Segment

DEFAULT_SIZE = 20
SMALLEST = 250
LARGEST = 100_000

# Parts of a large universe in each segment, roughly as Kite's dump of 2026 has them; what is left
# over goes to shares.
_PARTS = {
    Exchange.NFO: 0.48,
    Exchange.BFO: 0.14,
    Exchange.MCX: 0.08,
    Exchange.CDS: 0.05,
    Exchange.BCD: 0.02,
    Exchange.NCO: 0.02,
}
_NSE_PART_OF_SHARES = 0.45
_TWIN_EACH = 2
"""Every second invented company of the NSE is listed on the BSE too."""

# First exchange token of what has no real one.
_FIRST_TOKENS = {Exchange.NSE: 20_001, Exchange.BSE: 544_001}


def generate_universe(size: int, on: date, seed: int) -> Listing:
    """A listing of exactly ``size`` rows for a day; 20 is the default market: its shares and index.

    Raises:
        InvalidValue: neither 20 nor from 250 to 100,000.
        RuleUnknown: the market's rules are not known for that day.
    """
    check_size(size)
    if size == DEFAULT_SIZE:
        return default_listing(on)
    return _Generator(size, on, SeededSource(seed).split).listing


def check_size(size: int) -> None:
    """Refuse a universe that cannot be made; raises ``InvalidValue``."""
    if size != DEFAULT_SIZE and not SMALLEST <= size <= LARGEST:
        raise InvalidValue(
            "universe",
            f"{size} rows cannot be made.",
            f"Use {DEFAULT_SIZE}, or from {SMALLEST} to {LARGEST}.",
        )


def default_listing(on: date) -> Listing:
    """The twenty shares, then the index."""
    listing = Listing(on)
    for instrument, share in zip(default_instruments(), SHARES, strict=False):
        listing.add(
            instrument,
            listing.add_driver(
                share_driver(instrument, share.daily_volatility, float(share.close))
            ),
        )
    index = default_instruments()[-1]
    listing.add(index, listing.add_driver(index_driver(listing, INDICES[0], ())))
    return listing


class _Generator:
    """Builds one listing; each segment has a quota of rows."""

    def __init__(self, size: int, on: date, streams: Callable[[str], RandomSource]) -> None:
        self.listing = Listing(on)
        self._size = size
        self._on = on
        self._companies = invented_companies(streams)
        self._invented: list[str] = []
        self._next_tokens = dict(_FIRST_TOKENS)
        quotas = {exchange: int(size * part) for exchange, part in _PARTS.items()}
        shares = size - sum(quotas.values())
        self._add_well_known()
        nse = max(0, int(shares * _NSE_PART_OF_SHARES) - len(SHARES) - len(INDICES))
        for number in range(min(nse, shares - len(self.listing) - 1)):
            self._add_company(Exchange.NSE, is_twin=number % _TWIN_EACH == 0, room=shares - 12)
        self._add_indices()
        contracts = ContractRows(self.listing, self._invented)
        for exchange, quota in quotas.items():
            contracts.add(exchange, quota)
        while len(self.listing) < size:
            self._add_company(Exchange.BSE, is_twin=False, room=size)

    # --- shares and indices -------------------------------------------------------------------

    def _add_well_known(self) -> None:
        for instrument, share in zip(default_instruments(), SHARES, strict=False):
            driver = share_driver(instrument, share.daily_volatility, float(share.close))
            self.listing.add(instrument, self.listing.add_driver(driver))
        for number, share in enumerate(SHARES):
            close = float(share.close)
            self.listing.add(
                self._share(Exchange.BSE, share.symbol, share.name, close, BSE_CODES[share.symbol]),
                number,
            )

    def _add_company(self, exchange: Exchange, *, is_twin: bool, room: int) -> None:
        company = next(self._companies)
        instrument = self._company(exchange, company)
        driver = self.listing.add_driver(
            share_driver(instrument, company.daily_volatility, company.price)
        )
        self.listing.add(instrument, driver)
        if exchange is Exchange.NSE:
            self._invented.append(company.symbol)
            if is_twin and len(self.listing) < room:
                self.listing.add(self._company(Exchange.BSE, company), driver)

    def _company(self, exchange: Exchange, company: Company) -> Instrument:
        place = self._take_token(exchange)
        return self._share(exchange, company.symbol, company.name, company.price, place)

    def _share(
        self, exchange: Exchange, symbol: str, name: str, price: float, place: int
    ) -> Instrument:
        tick = order_rules.tick_size_for(
            exchange, InstrumentType.EQ, symbol, Decimal(f"{price:.2f}"), self._on
        )
        return Instrument(
            exchange=exchange,
            symbol=symbol,
            token=place * 256 + Segment[exchange.value],
            tick_size=tick,
            segment=exchange.value,
            name=name,
        )

    def _add_indices(self) -> None:
        for index in INDICES:
            first, count = index.invented
            driver = index_driver(self.listing, index, self._invented[first : first + count])
            self.listing.add(_index_row(index), self.listing.add_driver(driver))
        vix = Index(Exchange.NSE, "INDIA VIX", VIX_TOKEN, "12.65", 0.9)
        driver = index_driver(self.listing, vix, ())
        self.listing.add(_index_row(vix), self.listing.add_driver(driver))

    def _take_token(self, exchange: Exchange) -> int:
        place = self._next_tokens[exchange]
        self._next_tokens[exchange] = place + 1
        return place


def _index_row(index: Index) -> Instrument:
    return Instrument(
        exchange=index.exchange,
        symbol=index.symbol,
        token=index.token,
        tick_size=Decimal("0.05"),
        segment="INDICES",
        name=index.symbol,
        is_tradable=False,
    )
