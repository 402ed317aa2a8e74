"""One day's instruments, indexed: symbol to token and back, chains, expiries, search."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from decimal import Decimal
from functools import cached_property
from types import MappingProxyType

import msgspec

from patang.domain.enums import Exchange, InstrumentType
from patang.domain.errors import InvalidValue
from patang.domain.instrument import Instrument, InstrumentId
from patang.kite.parameters import optional_word, word
from patang.kite.search import Match, SymbolSearch

_OPTIONS = (InstrumentType.CE, InstrumentType.PE)


class Strike(msgspec.Struct, frozen=True, kw_only=True):
    """One line of an option chain; a side that is not listed is None."""

    strike: Decimal
    call: Instrument | None
    put: Instrument | None


class OptionChain(msgspec.Struct, frozen=True, kw_only=True):
    """The options of one underlying and expiry, by rising strike."""

    exchange: Exchange
    name: str
    expiry: str
    strikes: tuple[Strike, ...]

    def nearest(self, price: Decimal) -> Strike:
        """The strike next to a price of the underlying; the lower one half way between two."""
        return min(self.strikes, key=lambda line: (abs(line.strike - price), line.strike))

    def around(self, price: Decimal, each_side: int) -> tuple[Strike, ...]:
        """The nearest strike and so many on each side of it, as far as they are listed."""
        middle = self.strikes.index(self.nearest(price))
        return self.strikes[max(middle - each_side, 0) : middle + each_side + 1]


class Directory:
    """The instruments of one dump. Immutable; indexes are built when first asked for.

    Tokens are good for this day only: exchanges reuse them after expiry.
    """

    def __init__(self, instruments: Iterable[Instrument]) -> None:
        self._by_id = {instrument.id: instrument for instrument in instruments}

    def __len__(self) -> int:
        return len(self._by_id)

    def __iter__(self) -> Iterator[Instrument]:
        return iter(self._by_id.values())

    def __contains__(self, instrument: object) -> bool:
        return instrument in self._by_id

    def __getitem__(self, instrument: str) -> Instrument:
        """The instrument ``EXCHANGE:SYMBOL``.

        Raises:
            InvalidValue: there is none today; the text names the closest ones.
        """
        found = self._by_id.get(InstrumentId(instrument))
        if found is not None:
            return found
        exchange, colon, symbol = instrument.partition(":")
        listed = exchange if colon and exchange in Exchange.__members__ else None
        close = self.search(symbol if listed else instrument, exchange=listed, limit=3)
        names = ", ".join(match.instrument.id for match in close)
        raise InvalidValue(
            "instrument",
            f"{instrument!r} is not in today's list.",
            f"Did you mean {names}?" if names else "Write EXCHANGE:SYMBOL, as in NSE:INFY.",
        )

    def get(self, instrument: str) -> Instrument | None:
        """The instrument ``EXCHANGE:SYMBOL``, or None."""
        return self._by_id.get(InstrumentId(instrument))

    @cached_property
    def by_token(self) -> Mapping[int, Instrument]:
        """Every instrument by its token of the day."""
        return MappingProxyType({each.token: each for each in self})

    def token(self, instrument: str) -> int:
        """The token of ``EXCHANGE:SYMBOL``; raises ``InvalidValue`` as ``[]`` does."""
        return self[instrument].token

    def symbol(self, token: int) -> InstrumentId:
        """``EXCHANGE:SYMBOL`` of a token.

        Raises:
            InvalidValue: no instrument has this token today.
        """
        found = self.by_token.get(token)
        if found is None:
            raise InvalidValue("token", f"{token} belongs to no instrument of today's list.")
        return found.id

    def search(
        self,
        query: str,
        *,
        exchange: Exchange | str | None = None,
        kind: InstrumentType | str | None = None,
        limit: int = 20,
    ) -> list[Match]:
        """Instruments that a query means, the best first; see ``SymbolSearch.find``."""
        return self._search.find(
            query,
            exchange=optional_word(Exchange, "exchange", exchange),
            kind=optional_word(InstrumentType, "kind", kind),
            limit=limit,
        )

    def names(self, exchange: Exchange | str = Exchange.NFO) -> list[str]:
        """The underlyings that have derivatives on an exchange, by name."""
        wanted = word(Exchange, "exchange", exchange)
        return sorted({name for listed, name in self._derivatives if listed is wanted})

    def expiries(
        self,
        name: str,
        *,
        exchange: Exchange | str = Exchange.NFO,
        kind: InstrumentType | str | None = None,
        on_or_after: date | None = None,
    ) -> list[str]:
        """Expiry days (``YYYY-MM-DD``) of an underlying's contracts, the next one first.

        ``kind`` asks for futures or options alone (CE and PE expire together).
        """
        kinds = optional_word(InstrumentType, "kind", kind)
        first = "" if on_or_after is None else on_or_after.isoformat()
        days = {
            contract.expiry
            for contract in self._contracts(name, exchange)
            if contract.expiry and kinds in (None, contract.instrument_type)
        }
        return sorted(day for day in days if day >= first)

    def futures(self, name: str, *, exchange: Exchange | str = Exchange.NFO) -> list[Instrument]:
        """The futures of an underlying, the next expiry first."""
        found = [
            each
            for each in self._contracts(name, exchange)
            if each.instrument_type is InstrumentType.FUT
        ]
        return sorted(found, key=lambda each: each.expiry or "")

    def option_chain(
        self, name: str, expiry: str | date | None = None, *, exchange: Exchange | str = "NFO"
    ) -> OptionChain:
        """The options of an underlying at one expiry, by default the next one listed.

        Raises:
            InvalidValue: the underlying has no options, or none at that expiry.
        """
        options = [
            each for each in self._contracts(name, exchange) if each.instrument_type in _OPTIONS
        ]
        days = sorted({each.expiry for each in options if each.expiry})
        if not days:
            raise InvalidValue("name", f"{name!r} has no options on {exchange} today.")
        day = days[0] if expiry is None else str(expiry)
        lines: dict[Decimal, dict[InstrumentType, Instrument]] = defaultdict(dict)
        for each in options:
            if each.expiry == day and each.strike is not None:
                lines[each.strike][each.instrument_type] = each
        if not lines:
            listed = ", ".join(days)
            raise InvalidValue(
                "expiry", f"{name} has no options that expire on {day}.", f"Listed: {listed}."
            )
        return OptionChain(
            exchange=word(Exchange, "exchange", exchange),
            name=options[0].name,
            expiry=day,
            strikes=tuple(
                Strike(strike=strike, call=sides.get(_OPTIONS[0]), put=sides.get(_OPTIONS[1]))
                for strike, sides in sorted(lines.items())
            ),
        )

    def with_prefix(self, exchange: Exchange | str, prefix: str) -> list[Instrument]:
        """Instruments of an exchange whose symbol begins so, in the order of the alphabet."""
        start = f"{word(Exchange, 'exchange', exchange).value}:{prefix.upper()}"
        found = []
        for key in self._sorted_ids[bisect_left(self._sorted_ids, start) :]:
            if not key.startswith(start):
                break
            found.append(self._by_id[key])
        return found

    def _contracts(self, name: str, exchange: Exchange | str) -> list[Instrument]:
        wanted = word(Exchange, "exchange", exchange)
        return self._derivatives.get((wanted, name.strip().upper()), [])

    @cached_property
    def _derivatives(self) -> dict[tuple[Exchange, str], list[Instrument]]:
        found: dict[tuple[Exchange, str], list[Instrument]] = defaultdict(list)
        for each in self:
            if each.expiry:
                found[each.exchange, each.name.upper()].append(each)
        return dict(found)

    @cached_property
    def _sorted_ids(self) -> list[InstrumentId]:
        return sorted(self._by_id)

    @cached_property
    def _search(self) -> SymbolSearch:
        return SymbolSearch(self)
