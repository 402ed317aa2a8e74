"""What callers may pass, turned into what the wire models hold; the error names the field."""

import re
from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import TypeVar
from urllib.parse import quote_plus

from patang.domain.errors import InvalidValue
from patang.domain.instrument import Instrument

Rupees = Decimal | int | float | str
"""A price as callers write it. A float is taken by its shortest decimal text, so 109.4 is 109.4."""

Keys = str | int | list[str] | tuple[str, ...]
"""``EXCHANGE:SYMBOL``, a token, or several keys."""

InstrumentLookup = Callable[[str], Instrument | None]
"""Finds the instrument of ``EXCHANGE:SYMBOL`` without asking the network."""

Word = TypeVar("Word", bound=StrEnum)
Number = TypeVar("Number", int, Decimal)

_IST = timezone(timedelta(hours=5, minutes=30), "IST")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d( \d\d:\d\d:\d\d)?", re.ASCII)


def word(kind: type[Word], field: str, text: str) -> Word:
    """The member that ``text`` names; raises ``InvalidValue`` listing the known ones."""
    try:
        return kind(text)
    except ValueError:
        known = ", ".join(kind)
    raise InvalidValue(field, f"unknown value {text!r}.", f"Known: {known}.")


def optional_word(kind: type[Word], field: str, text: str | None) -> Word | None:
    """Like ``word``, but None stays None."""
    return None if text is None else word(kind, field, text)


def rupees(field: str, amount: Rupees | None) -> Decimal | None:
    """An exact amount; raises ``InvalidValue`` when it is no finite number."""
    if amount is None:
        return None
    try:
        if not isinstance(amount, bool):
            exact = Decimal(repr(amount) if isinstance(amount, float) else amount)
            if exact.is_finite():
                return exact
    except (InvalidOperation, TypeError, ValueError):
        pass
    raise InvalidValue(field, f"{amount!r} is not a finite number.")


def amount(field: str, given: Rupees) -> Decimal:
    """Like ``rupees``, for an amount that must be there."""
    exact = rupees(field, given)
    if exact is None:
        raise InvalidValue(field, "is missing.")
    return exact


def unless_zero(number: Number | None) -> Number | None:
    """None for a zero, with which many callers say "not used"."""
    return None if number == 0 and not isinstance(number, bool) else number


def candle_time(field: str, moment: str | date | datetime) -> str:
    """A moment as the candle call takes it, in IST; a date stays one.

    Raises:
        InvalidValue: the text is not ``YYYY-MM-DD`` with or without ``HH:MM:SS``.
    """
    if isinstance(moment, datetime):
        local = moment if moment.tzinfo is None else moment.astimezone(_IST)
        return local.strftime("%Y-%m-%d %H:%M:%S")
    if isinstance(moment, date):
        return moment.isoformat()
    if not _MOMENT.fullmatch(str(moment)):
        raise InvalidValue(field, f"{moment!r} is not YYYY-MM-DD or YYYY-MM-DD HH:MM:SS.")
    try:
        datetime.fromisoformat(moment)
    except ValueError as error:
        raise InvalidValue(field, f"{moment!r}: {error}.") from error
    return moment


def instrument_keys(instruments: tuple[Keys, ...]) -> list[str]:
    """``EXCHANGE:SYMBOL`` keys (or tokens), one by one or as lists, without repetitions.

    Raises:
        InvalidValue: there is none, or one is neither ``EXCHANGE:SYMBOL`` nor a token.
    """
    keys: dict[str, None] = {}
    for given in instruments:
        several: Iterable[str | int] = (
            [given]
            if isinstance(given, str | int | bytes) or not isinstance(given, Iterable)
            else given
        )
        for key in several:
            if not _is_key(key):
                raise InvalidValue("instruments", f"{key!r} is not EXCHANGE:SYMBOL.")
            keys[str(key)] = None
    if not keys:
        raise InvalidValue("instruments", "none given.", "Write for example 'NSE:INFY'.")
    return list(keys)


def in_batches(keys: list[str], cap: int, characters: int) -> Iterator[list[str]]:
    """The keys in parts of at most ``cap``, whose queries are no longer than ``characters``."""
    batch: list[str] = []
    length = 0
    for key in keys:
        needed = len(quote_plus(key)) + len("&i=")
        if batch and (len(batch) == cap or length + needed > characters):
            yield batch
            batch, length = [], 0
        batch.append(key)
        length += needed
    yield batch


def _is_key(key: object) -> bool:
    if isinstance(key, str):
        exchange, _, symbol = key.partition(":")
        is_token = key.isascii() and key.isdecimal()
        return is_token or bool(exchange.strip() and symbol.strip())
    return isinstance(key, int) and not isinstance(key, bool) and key > 0
