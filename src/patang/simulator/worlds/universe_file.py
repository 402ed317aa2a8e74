"""Universe files: an instruments dump, as Kite serves it, read as the listing of a world.

The dump says what is listed but mostly not at which price. A price comes from the row itself when
it has one, else from the strikes that are listed on it, else from the catalogue of well known
names, else from the seed and the row's tick.
"""

import re
from datetime import date
from decimal import Decimal

import msgspec

from patang.domain.enums import Exchange, InstrumentType
from patang.domain.errors import InvalidValue
from patang.domain.instrument import Instrument
from patang.rules.order_rules import commodity, freeze_quantity
from patang.simulator.worlds.catalogue import (
    COMMODITIES,
    CURRENCIES,
    INDICES,
    SMALL_CONTRACTS,
    Index,
    Quoted,
)
from patang.simulator.worlds.drivers import index_driver, quoted_driver, share_driver
from patang.simulator.worlds.listing import HOURS, OPTIONS, Listing
from patang.simulator.worlds.seeded import SeededSource
from patang.simulator.worlds.shares import SHARES
from patang.wire.errors import DataException
from patang.wire.instruments import decode_instruments_csv
from patang.wire.listed_instrument import ListedInstrument

_UNDERLYING = re.compile(r"(?P<name>.+?)\d{2}(?:[A-Z]{3}|[1-9OND]\d{2})[\d.]*(?:FUT|CE|PE)")
_HOMES = {Exchange.CDS: Exchange.CDS, Exchange.BCD: Exchange.CDS}
# (tick, lowest and highest price that it suits), for shares without any other hint.
_PRICES_BY_TICK = (
    (Decimal("0.01"), 20.0, 240.0),
    (Decimal("0.05"), 260.0, 990.0),
    (Decimal("0.10"), 1_010.0, 4_900.0),
    (Decimal("0.50"), 5_050.0, 9_900.0),
    (Decimal("1.00"), 10_100.0, 19_900.0),
)
_DEAR = (20_100.0, 90_000.0)
_HIGHEST_WIRE_PRICE = 1_600_000_000


def read_universe(body: bytes, on: date, seed: int) -> Listing:
    """The listing that a dump gives on a day; contracts that have ended by then are left out.

    Raises:
        InvalidValue: it is no dump (line and column are named), nothing in it can be used, or a
            row cannot be priced (it is named).
    """
    try:
        rows = decode_instruments_csv(body)
    except DataException as error:
        raise InvalidValue("universe", str(error), "Use an instruments dump of Kite.") from error
    reader = _Reader([one for one in rows if _is_alive(one, on)], on, seed)
    if not reader.listing.rows:
        raise InvalidValue("universe", "nothing in it trades on that day.", "Use a newer dump.")
    return reader.listing


def _is_alive(row: ListedInstrument, on: date) -> bool:
    return row.expiry is None or date.fromisoformat(row.expiry) >= on


class _Reader:
    def __init__(self, rows: list[ListedInstrument], on: date, seed: int) -> None:
        self.listing = Listing(on)
        self._split = SeededSource(seed).split
        self._indices = {f"{one.exchange}:{one.symbol}": one for one in INDICES}
        self._shares = {one.symbol: one for one in SHARES}
        self._middles = _middle_strikes(rows)
        self._by_name: dict[str, int] = {}
        # Shares first, then the indices they make, then what hangs on either.
        equities = [one for one in rows if one.instrument_type is InstrumentType.EQ]
        for row in equities:
            if row.is_tradable:
                self._add_share(row)
        for row in equities:
            if not row.is_tradable:
                self._add_index(row)
        for row in rows:
            if row.instrument_type is not InstrumentType.EQ:
                self._add_contract(row)
        self._check_prices()

    def _add_share(self, row: ListedInstrument) -> None:
        known = self._by_name.get(row.symbol)
        if known is None:
            share = self._shares.get(row.symbol)
            rng = self._split(f"{row.symbol}/listed")
            volatility = 0.010 + 0.015 * rng.random() if share is None else share.daily_volatility
            level = _positive(row.last_price) or self._middles.get(row.symbol)
            if level is None:
                low, high = _usual_prices(row.tick_size)
                level = low * (high / low) ** rng.random() if share is None else float(share.close)
            driver = share_driver(row, volatility, level)
            known = self._by_name[row.symbol] = self.listing.add_driver(driver)
        self.listing.add(_instrument(row, self.listing.on), known)

    def _add_index(self, row: ListedInstrument) -> None:
        index = self._indices.get(row.id)
        level = _positive(row.last_price)
        if index is None:
            level = level or self._split(f"{row.id}/listed").random() * 20_000 + 1_000
            index = Index(row.exchange, row.symbol, row.token, str(level), 0.15)
        else:
            level = level or self._middles.get(index.contract_name)
            index = index if level is None else index._replace(level=str(level))
        number = self.listing.add_driver(index_driver(self.listing, index, ()))
        self._by_name.setdefault(index.contract_name or row.symbol, number)
        self.listing.add(_instrument(row, self.listing.on), number)

    def _check_prices(self) -> None:
        """Refuse what the ticker's 32 bits could not carry, a day's move included."""
        for row, one in enumerate(self.listing.rows):
            if self.listing.spot(row) * one.price_divisor > _HIGHEST_WIRE_PRICE:
                raise InvalidValue("universe", f"{one.id} is too dear.", "Give a lower last_price.")

    def _add_contract(self, row: ListedInstrument) -> None:
        needs = ("expiry",) if row.instrument_type is InstrumentType.FUT else ("expiry", "strike")
        for field in needs:
            if not getattr(row, field):
                raise InvalidValue("universe", f"{row.id} has no {field}.", "Complete the row.")
        name = row.name if row.name and row.name != row.symbol else _name_in(row)
        number, scale = self._driver(row, name)
        expiry = None if row.expiry is None else date.fromisoformat(row.expiry)
        self.listing.add(
            _instrument(row, self.listing.on, name), number, scale=scale, forward=expiry
        )

    def _driver(self, row: ListedInstrument, name: str) -> tuple[int, float]:
        """What a contract follows; spots of currencies and commodities are made when needed."""
        if row.exchange in (Exchange.NFO, Exchange.BFO):
            home, scale, key = Exchange.NSE, 1.0, name
        else:
            home = _HOMES.get(row.exchange, Exchange.MCX)
            large, scale = next(
                ((large, part) for small, large, part in SMALL_CONTRACTS if small == name),
                (name, 1.0),
            )
            name, key = large, f"{home}/{large}"
        known = self._by_name.get(key)
        if known is None:
            known = self._by_name[key] = self.listing.add_driver(
                quoted_driver(HOURS[home], self._quoted(row, name))
            )
        return known, scale

    def _quoted(self, row: ListedInstrument, name: str) -> Quoted:
        quoted = next((one for one in (*CURRENCIES, *COMMODITIES) if one.name == name), None)
        level = self._middles.get(name)
        if row.instrument_type is InstrumentType.FUT:
            level = _positive(row.last_price) or level
        if quoted is None:
            low, high = _usual_prices(row.tick_size)
            quoted = Quoted(name, str(low + (high - low) / 3), 0.25, 0.05, "")
        return quoted if level is None else quoted._replace(level=str(level))


def _middle_strikes(rows: list[ListedInstrument]) -> dict[str, float]:
    """The middle of the strikes of each name's nearest options: about where it stands."""
    by_name: dict[str, dict[str, list[Decimal]]] = {}
    for row in rows:
        if row.instrument_type in OPTIONS and row.strike and row.expiry:
            name = row.name or _name_in(row)
            by_name.setdefault(name, {}).setdefault(row.expiry, []).append(row.strike)
    return {name: _middle(chains[min(chains)]) for name, chains in by_name.items()}


def _middle(strikes: list[Decimal]) -> float:
    return float(sorted(strikes)[len(strikes) // 2])


def _name_in(row: Instrument) -> str:
    """The underlying's name in a contract's symbol: old dumps have no other."""
    match = _UNDERLYING.fullmatch(row.symbol)
    return row.name or row.symbol if match is None else match["name"]


def _instrument(row: ListedInstrument, on: date, name: str | None = None) -> Instrument:
    """The row with what a dump leaves out: units of a lot, and the largest order."""
    name = row.name if name is None else name
    known = commodity(name) if row.exchange in (Exchange.MCX, Exchange.NCO) else None
    freeze = None
    if row.instrument_type is not InstrumentType.EQ:
        freeze = freeze_quantity(row.exchange, name, on)
    return msgspec.structs.replace(
        row,
        name=name,
        multiplier=1 if known is None else known.multiplier,
        freeze_quantity=None if freeze is None else max(freeze, row.lot_size),
    )


def _usual_prices(tick: Decimal) -> tuple[float, float]:
    return next(((low, high) for known, low, high in _PRICES_BY_TICK if tick <= known), _DEAR)


def _positive(price: Decimal) -> float | None:
    return float(price) if price > 0 else None
