"""What callers may pass, turned into what the wire models hold; the error names the field."""

from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import TypeVar

from patang.domain.errors import InvalidValue

Rupees = Decimal | int | float | str
"""A price as callers write it. A float is taken by its shortest decimal text, so 109.4 is 109.4."""

Word = TypeVar("Word", bound=StrEnum)


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


def instrument_keys(instruments: tuple[str | list[str] | tuple[str, ...], ...]) -> list[str]:
    """``EXCHANGE:SYMBOL`` keys, given one by one or as a list, without repetitions.

    Raises:
        InvalidValue: there is none, or one is not a non-empty string.
    """
    keys: dict[str, None] = {}
    for given in instruments:
        for key in [given] if isinstance(given, str) else given:
            if not _is_key(key):
                raise InvalidValue("instruments", f"{key!r} is not EXCHANGE:SYMBOL.")
            keys[key] = None
    if not keys:
        raise InvalidValue("instruments", "none given.", "Write for example 'NSE:INFY'.")
    return list(keys)


def _is_key(key: object) -> bool:
    return isinstance(key, str) and bool(key.strip())
