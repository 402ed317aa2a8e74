"""What a person types, turned into instruments: exact, prefix, words, part of a word, misspelt.

A derivative is found by its parts in any order, as it is spoken of: ``NIFTY 26DEC 25000 CE``.
Symbols are never built from dates, because expiry days move; they are looked up.
"""

import re
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator
from decimal import Decimal, InvalidOperation
from enum import IntEnum
from heapq import nsmallest

import msgspec

from patang.domain.enums import Exchange, InstrumentType
from patang.domain.errors import InvalidValue
from patang.domain.instrument import Instrument

QUERY_LENGTH = 100
_MONTHS = ("JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC").split()
_KINDS = {
    "CE": InstrumentType.CE, "CALL": InstrumentType.CE,
    "PE": InstrumentType.PE, "PUT": InstrumentType.PE,
    "FUT": InstrumentType.FUT, "FUTURE": InstrumentType.FUT,
}  # fmt: skip
_ORDER = {kind: rank for rank, kind in enumerate(("EQ", "FUT", "CE", "PE"))}
_NUMBER = re.compile(r"\d+(\.\d+)?")
# Below this share of common trigrams two words have little to do with each other.
_LEAST_LIKENESS = 0.34


class Found(IntEnum):
    """How an instrument was found; the lower, the surer."""

    EXACT = 0
    PREFIX = 1
    WORDS = 2
    PART = 3
    SIMILAR = 4


class Match(msgspec.Struct, frozen=True, kw_only=True):
    """An instrument that a query may mean; ``likeness`` is 1 unless the match is ``SIMILAR``."""

    instrument: Instrument
    found: Found
    likeness: float = 1.0


class _Haystack:
    """Texts in one string, so that a part of any of them is found at the speed of C."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._starts: list[int] = []
        position = 1
        lines = []
        for text in texts:
            line = text.replace("\n", " ")
            self._starts.append(position)
            position += len(line) + 1
            lines.append(line)
        self._string = "\n" + "\n".join(lines) + "\n"

    def __getitem__(self, place: int) -> str:
        end = self._string.index("\n", self._starts[place])
        return self._string[self._starts[place] : end]

    def holding(self, needle: str) -> Iterator[tuple[int, Found]]:
        """The places of the texts that hold ``needle``: whole, in front, or somewhere."""
        string, starts = self._string, self._starts
        position = string.find(needle, 1)
        while position >= 0:
            place = bisect_right(starts, position) - 1
            how = Found.PART
            if position == starts[place]:
                is_whole = string[position + len(needle)] == "\n"
                how = Found.EXACT if is_whole else Found.PREFIX
            yield place, how
            if place + 1 == len(starts):
                return
            position = string.find(needle, starts[place + 1])


class SymbolSearch:
    """Search over one day's instruments. Building it takes half a second for the whole list."""

    def __init__(self, instruments: Iterable[Instrument]) -> None:
        self._rows = sorted(instruments, key=_by_likelihood)
        self._symbols = _Haystack(each.symbol.upper() for each in self._rows)
        self._named = [place for place, each in enumerate(self._rows) if not each.expiry]
        self._names = _Haystack(self._rows[place].name.upper() for place in self._named)
        self._contracts: dict[str, list[int]] = defaultdict(list)
        for place, each in enumerate(self._rows):
            if each.expiry:
                self._contracts[each.name.upper()].append(place)
        self._grams: dict[str, list[int]] | None = None
        self._spellings: list[tuple[int, list[int]]] = []

    def find(
        self,
        query: str,
        *,
        exchange: Exchange | None = None,
        kind: InstrumentType | None = None,
        limit: int = 20,
    ) -> list[Match]:
        """The best ``limit`` matches on symbol or name; ``EXCHANGE:`` may stand in front.

        Surer ways of finding come first; within one, shares and indices before futures before
        options, earlier expiries first, then the shorter symbol. Similar spellings are looked for
        only when nothing else fits.

        Raises:
            InvalidValue: an empty or very long query, or a limit below one.
        """
        if limit < 1:
            raise InvalidValue("limit", f"{limit} is below 1.")
        text = " ".join(query.upper().split())
        if not text or len(text) > QUERY_LENGTH:
            raise InvalidValue("query", f"has {len(text)} characters, not 1 to {QUERY_LENGTH}.")
        prefix, colon, rest = text.partition(":")
        if colon and rest.strip() and prefix in Exchange.__members__:
            exchange, text = Exchange(prefix), rest.strip()

        def fits(place: int) -> bool:
            row = self._rows[place]
            return exchange in (None, row.exchange) and kind in (None, row.instrument_type)

        fitting = [(how, 0.0, place) for place, how in self._sure(text).items() if fits(place)]
        if not fitting:
            similar = dict(self._similar(text))
            fitting = [(Found.SIMILAR, -like, at) for at, like in similar.items() if fits(at)]
        return [
            Match(
                instrument=self._rows[place],
                found=how,
                likeness=round(-likeness, 4) if how is Found.SIMILAR else 1.0,
            )
            for how, likeness, place in nsmallest(limit, fitting)
        ]

    def _sure(self, text: str) -> dict[int, Found]:
        """Places of what holds the text, or all of its words, or is described by it."""
        found = dict(self._symbols.holding(text))
        words = text.split()
        rarest = max(words, key=len)
        for at, _ in self._names.holding(rarest):
            name = f" {self._names[at]}"
            if all(word in name for word in words):
                whole = all(f" {word}" in name for word in words)
                how = Found.WORDS if whole else Found.PART
                place = self._named[at]
                found[place] = min(how, found.get(place, how))
        for place in self._described(words):
            found[place] = min(Found.WORDS, found.get(place, Found.WORDS))
        return found

    def _described(self, words: list[str]) -> list[int]:
        """Derivatives by underlying, expiry, strike and kind, said in any order."""
        for start in range(len(words)):
            for end in range(len(words), start, -1):
                contracts = self._contracts.get(" ".join(words[start:end]))
                rest = words[:start] + words[end:]
                if contracts is not None and rest:
                    rows = self._rows
                    return [
                        place
                        for place in contracts
                        if all(_says(word, rows[place]) for word in rest)
                    ]
        return []

    def _similar(self, text: str) -> Iterator[tuple[int, float]]:
        grams = self._built_grams()
        wanted = _trigrams(text)
        shared: dict[int, int] = defaultdict(int)
        for gram in wanted:
            for at in grams.get(gram, ()):
                shared[at] += 1
        # Rising likeness, so that an instrument's better spelling is the one that stays.
        for at, count in sorted(shared.items(), key=lambda item: self._likeness(item, wanted)):
            likeness = self._likeness((at, count), wanted)
            if likeness >= _LEAST_LIKENESS:
                for place in self._spellings[at][1]:
                    yield place, likeness

    def _likeness(self, shared: tuple[int, int], wanted: frozenset[str]) -> float:
        at, count = shared
        return 2 * count / (len(wanted) + self._spellings[at][0])

    def _built_grams(self) -> dict[str, list[int]]:
        """Trigrams of symbols and names of what is no derivative: a few ten thousand spellings."""
        if self._grams is None:
            spelt: dict[str, list[int]] = defaultdict(list)
            for place in self._named:
                each = self._rows[place]
                for spelling in {each.symbol.upper(), each.name.upper()} - {""}:
                    spelt[spelling].append(place)
            built: dict[str, list[int]] = defaultdict(list)
            spellings: list[tuple[int, list[int]]] = []
            for spelling, places in sorted(spelt.items()):
                grams = _trigrams(spelling)
                for gram in grams:
                    built[gram].append(len(spellings))
                spellings.append((len(grams), places))
            # Searches run in threads: none may see an index that is still being built.
            self._spellings, self._grams = spellings, built
        return self._grams


def _by_likelihood(each: Instrument) -> tuple[object, ...]:
    return (
        _ORDER.get(each.instrument_type.value, len(_ORDER)),
        each.expiry or "",
        len(each.symbol),
        each.strike or 0,
        each.symbol,
        each.exchange.value,
    )


def _says(word: str, each: Instrument) -> bool:
    """Whether one word of a query describes a contract: its kind, strike, or expiry."""
    if word in _KINDS:
        return each.instrument_type is _KINDS[word]
    if each.strike is not None and _NUMBER.fullmatch(word) and _is_number(word, each.strike):
        return True
    expiry = each.expiry or ""
    year, month, day = expiry[2:4], _MONTHS[int(expiry[5:7]) - 1], expiry[8:10]
    return word in {
        expiry, month, f"{year}{month}", f"{day}{month}", f"{int(day)}{month}",
        f"{day}{month}{year}", f"{day}{month}20{year}", f"{year}{month}{day}",
    }  # fmt: skip


def _is_number(word: str, strike: Decimal) -> bool:
    try:
        return Decimal(word) == strike
    except InvalidOperation:
        return False


def _trigrams(text: str) -> frozenset[str]:
    padded = f"  {text} "
    return frozenset(padded[at : at + 3] for at in range(len(padded) - 2))
