"""Futures and options of a universe: on what they stand, and which strikes are listed.

Futures come first, then options in rings about the money, so that any number of rows is a sensible
market: chains of calls and puts that get wider as there is room for more.
"""

from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from patang.domain.enums import Exchange, InstrumentType
from patang.domain.instrument import Instrument
from patang.rules import order_rules
from patang.simulator.worlds import contracts
from patang.simulator.worlds.catalogue import COMMODITIES, CURRENCIES, INDICES, SMALL_CONTRACTS
from patang.simulator.worlds.contract_terms import ContractTerms, contract_terms
from patang.simulator.worlds.contracts import Expiry
from patang.simulator.worlds.drivers import quoted_driver
from patang.simulator.worlds.listing import OPTIONS, Listing, decimal_strike
from patang.simulator.worlds.shares import SHARES
from patang.wire.ticks import Segment

# First exchange token of each segment.
_FIRST_TOKENS = {
    Exchange.NFO: 35_001,
    Exchange.BFO: 820_001,
    Exchange.CDS: 1_001,
    Exchange.BCD: 1_001,
    Exchange.MCX: 430_001,
    Exchange.NCO: 10_001,
}
# How many strikes are listed at most on each side of the one at the money.
_INDEX_RINGS, _SHARE_RINGS, _OTHER_RINGS = 150, 25, 120
_RUPEES_IN_A_LOT = 600_000
_STRIKE_STEPS = (0.5, 1, 2.5, 5, 10, 20, 50, 100, 200, 250, 500, 1_000)


class _Chain(NamedTuple):
    """An underlying with contracts: where they stand and how far the strikes go."""

    exchange: Exchange
    name: str
    driver: int
    scale: float
    lot_size: int
    months: int
    weeks: int = 0
    strike_step: Decimal | None = None
    rings: int = 0
    option_months: int = 3


class ContractRows:
    """Lists contracts on the drivers of a listing; companies of ``invented`` may have some too."""

    def __init__(self, listing: Listing, invented: Sequence[str]) -> None:
        self.listing = listing
        self._on = listing.on
        self._invented = invented
        self._next_tokens = dict(_FIRST_TOKENS)
        self._known_terms: dict[tuple[Exchange, str, bool], ContractTerms] = {}
        self._known_expiries: dict[tuple[Exchange, str], tuple[Expiry, ...]] = {}

    def add(self, exchange: Exchange, quota: int) -> None:
        """List ``quota`` futures and options of a segment, fewer where there are not so many."""
        end = len(self.listing) + quota
        chains = self._chains(exchange, quota)
        for month in range(max((chain.months for chain in chains), default=0)):
            for chain in chains:
                if month < chain.months and len(self.listing) < end:
                    self._add_future(chain, month)
        for chain, expiry, strike in self._strikes(chains):
            if len(self.listing) + 2 > end:
                break
            self._add_options(chain, expiry, strike)

    def _chains(self, exchange: Exchange, quota: int) -> list[_Chain]:
        match exchange:
            case Exchange.NFO | Exchange.BFO:
                return [*self._index_chains(exchange), *self._share_chains(exchange, quota)]
            case Exchange.CDS | Exchange.BCD:
                return [self._currency_chain(exchange, number) for number in range(len(CURRENCIES))]
            case _:
                return self._commodity_chains(exchange)

    def _index_chains(self, exchange: Exchange) -> Iterator[_Chain]:
        home = Exchange.NSE if exchange is Exchange.NFO else Exchange.BSE
        for index in INDICES:
            lot = order_rules.lot_size(exchange, index.contract_name, self._on)
            driver = self.listing.find_driver(f"{index.exchange}:{index.symbol}")
            if index.exchange is home and lot is not None and driver is not None:
                yield _Chain(
                    exchange,
                    index.contract_name,
                    driver,
                    1.0,
                    lot,
                    months=3,
                    weeks=4,
                    strike_step=Decimal(index.strike_step),
                    rings=_INDEX_RINGS,
                )

    def _share_chains(self, exchange: Exchange, quota: int) -> Iterator[_Chain]:
        count = min(200, quota // 120) if exchange is Exchange.NFO else min(20, quota // 400)
        for symbol in [*(share.symbol for share in SHARES), *self._invented][:count]:
            driver = self.listing.find_driver(f"NSE:{symbol}")
            if driver is None:
                continue
            price = self.listing.drivers[driver].close
            lot = max(25, round(_RUPEES_IN_A_LOT / price / 25) * 25)
            yield _Chain(
                exchange,
                symbol,
                driver,
                1.0,
                lot,
                months=3,
                strike_step=_strike_step(price),
                rings=_SHARE_RINGS,
            )

    def _currency_chain(self, exchange: Exchange, number: int) -> _Chain:
        quoted = CURRENCIES[number]
        driver = self.listing.find_driver(f"{Exchange.CDS}/{quoted.name}")
        if driver is None:
            driver = self._add_quoted(Exchange.CDS, quoted.name)
        return _Chain(
            exchange,
            quoted.name,
            driver,
            1.0,
            order_rules.lot_size(exchange, quoted.name, self._on) or 1_000,
            months=12,
            weeks=5,
            strike_step=Decimal(quoted.strike_step),
            rings=_OTHER_RINGS,
        )

    def _commodity_chains(self, exchange: Exchange) -> list[_Chain]:
        large = COMMODITIES if exchange is Exchange.MCX else COMMODITIES[:4]
        chains = []
        for quoted in large:
            driver = self.listing.find_driver(f"{Exchange.MCX}/{quoted.name}")
            if driver is None:
                driver = self._add_quoted(Exchange.MCX, quoted.name)
            step = Decimal(quoted.strike_step) if quoted.strike_step else None
            chains.append(_Chain(exchange, quoted.name, driver, 1.0, 1, 4, 0, step, _OTHER_RINGS))
        if exchange is Exchange.MCX:
            for name, large_name, scale in SMALL_CONTRACTS:
                driver = self.listing.find_driver(f"{Exchange.MCX}/{large_name}")
                if driver is not None:
                    chains.append(_Chain(exchange, name, driver, scale, 1, 3))
        return chains

    def _add_quoted(self, home: Exchange, name: str) -> int:
        quoted = next(one for one in (*CURRENCIES, *COMMODITIES) if one.name == name)
        return self.listing.add_driver(quoted_driver(home, quoted))

    def _add_future(self, chain: _Chain, month: int) -> None:
        expiry = self._expiries(chain)[month]
        spot = self.listing.drivers[chain.driver].close * chain.scale
        self.listing.add(
            self._contract(
                chain,
                contracts.future_symbol(chain.name, expiry),
                InstrumentType.FUT,
                expiry,
                Decimal(f"{spot:.4f}"),
            ),
            chain.driver,
            scale=chain.scale,
            forward=expiry,
        )

    def _add_options(self, chain: _Chain, expiry: Expiry, strike: Decimal) -> None:
        ends = self._option_end(chain, expiry)
        for kind in OPTIONS:
            symbol = contracts.option_symbol(
                chain.name, expiry.on, strike, kind, is_monthly=expiry.is_monthly
            )
            self.listing.add(
                self._contract(chain, symbol, kind, ends, strike, strike),
                chain.driver,
                scale=chain.scale,
                forward=expiry.on,
            )

    def _contract(
        self,
        chain: _Chain,
        symbol: str,
        kind: InstrumentType,
        expiry: date,
        price: Decimal,
        strike: Decimal | None = None,
    ) -> Instrument:
        exchange = chain.exchange
        token = self._take_token(exchange) * 256 + Segment[exchange.value]
        terms = self._terms(chain, kind, price)
        return Instrument(
            exchange=exchange,
            symbol=symbol,
            token=token,
            tick_size=terms.tick_size,
            lot_size=chain.lot_size,
            instrument_type=kind,
            segment=terms.segment,
            name=chain.name,
            expiry=expiry.isoformat(),
            strike=strike,
            freeze_quantity=terms.freeze_quantity,
            multiplier=terms.multiplier,
            price_divisor=terms.price_divisor,
        )

    def _terms(self, chain: _Chain, kind: InstrumentType, price: Decimal) -> ContractTerms:
        """What all options of a chain have in common, and all its futures."""
        key = (chain.exchange, chain.name, kind in OPTIONS)
        terms = self._known_terms.get(key)
        if terms is None:
            terms = self._known_terms[key] = contract_terms(
                chain.exchange, kind, chain.name, price, chain.lot_size, self._on
            )
        return terms

    def _strikes(self, chains: list[_Chain]) -> Iterator[tuple[_Chain, Expiry, Decimal]]:
        """Strikes of all chains, those nearest to the money first."""
        with_options = [chain for chain in chains if chain.strike_step is not None]
        for ring in range(_INDEX_RINGS + 1):
            for chain in with_options:
                step = chain.strike_step
                if step is None or ring > chain.rings:
                    continue
                spot = self.listing.drivers[chain.driver].close * chain.scale
                middle = round(spot / float(step))
                for number in (middle,) if ring == 0 else (middle + ring, middle - ring):
                    if number > 0:
                        strike = decimal_strike(step, number)
                        for expiry in self._option_expiries(chain):
                            yield chain, expiry, strike

    def _expiries(self, chain: _Chain) -> tuple[date, ...]:
        return tuple(one.on for one in self._listed(chain) if one.is_monthly)

    def _option_expiries(self, chain: _Chain) -> tuple[Expiry, ...]:
        listed = self._listed(chain)
        monthly = [
            one for one in listed if one.is_monthly and self._option_end(chain, one) >= self._on
        ]
        monthly = monthly[: chain.option_months]
        return tuple(one for one in listed if not one.is_monthly or one in monthly)

    def _option_end(self, chain: _Chain, expiry: Expiry) -> date:
        if chain.exchange in (Exchange.MCX, Exchange.NCO):
            # These are options on the future, and end before it does.
            return contracts.option_expiry(chain.exchange, expiry.on)
        return expiry.on

    def _listed(self, chain: _Chain) -> tuple[Expiry, ...]:
        key = (chain.exchange, chain.name)
        known = self._known_expiries.get(key)
        if known is None:
            known = self._known_expiries[key] = contracts.expiries(
                chain.exchange, chain.name, self._on, months=chain.months, weeks=chain.weeks
            )
        return known

    def _take_token(self, exchange: Exchange) -> int:
        place = self._next_tokens[exchange]
        self._next_tokens[exchange] = place + 1
        return place


def _strike_step(price: float) -> Decimal:
    """About two percent of the price, on one of the usual steps."""
    step = next((one for one in _STRIKE_STEPS if one >= price * 0.015), _STRIKE_STEPS[-1])
    return Decimal(str(step))
