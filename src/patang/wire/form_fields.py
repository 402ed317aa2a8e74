"""Single form parameters, both ways: values as the text that travels, and the text read back."""

from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any, TypeVar

import msgspec

from patang.domain.errors import InvalidValue
from patang.wire.errors import InputException

Word = TypeVar("Word", bound=StrEnum)
Value = TypeVar("Value")

_FLAGS = {"true": True, "1": True, "false": False, "0": False}
_MAX_DIGITS = 18
_JSON = msgspec.json.Encoder(decimal_format="number")


def form_text(value: object) -> str:
    """How a value travels: booleans as ``true``, decimals without exponent, structs as JSON."""
    match value:
        case bool():
            return "true" if value else "false"
        case Decimal():
            return f"{value:f}"
        case StrEnum():
            return value.value
        case str() | int():
            return str(value)
        case _:
            return _JSON.encode(value).decode()


def encode_json(value: object) -> bytes:
    """A JSON request body; ``Decimal`` becomes a number."""
    return _JSON.encode(value)


def check_text(name: str, text: object) -> None:
    """Raise ``InvalidValue`` unless ``text`` says something."""
    if not isinstance(text, str) or not text.strip():
        raise InvalidValue(name, f"{text!r} is empty or no text.")


def check_texts(struct: msgspec.Struct, *names: str) -> None:
    """Raise ``InvalidValue`` unless each of these fields is text, or absent."""
    for name in names:
        text = getattr(struct, name)
        if text is not None and not isinstance(text, str):
            raise InvalidValue(name, f"{text!r} is no text.")


def check_flag(name: str, flag: object) -> bool:
    """The flag, absent being false; raises ``InvalidValue`` for what is no flag."""
    if flag is None or isinstance(flag, bool) or (isinstance(flag, int) and flag in (0, 1)):
        return bool(flag)
    raise InvalidValue(name, f"{flag!r} is neither true nor false.")


def id_text(name: str, given: object) -> str:
    """The text of an id, which may be given as a whole number; raises ``InvalidValue``."""
    if isinstance(given, bool) or not isinstance(given, str | int) or not str(given).strip():
        raise InvalidValue(name, f"{given!r} is no id.")
    return str(given)


def check_count(name: str, count: object, *, least: int = 1) -> None:
    """Raise ``InvalidValue`` unless ``count`` is a whole number of at least ``least``."""
    if isinstance(count, bool) or not isinstance(count, int) or count < least:
        raise InvalidValue(name, f"{count!r} is not a whole number of {least} or more.")


def check_amount(name: str, amount: object, *, is_zero_allowed: bool = False) -> None:
    """Raise ``InvalidValue`` unless ``amount`` is a finite ``Decimal`` above zero."""
    if not isinstance(amount, Decimal) or not amount.is_finite():
        raise InvalidValue(name, f"{amount!r} is not a finite Decimal.")
    if amount < 0 or (amount == 0 and not is_zero_allowed):
        raise InvalidValue(name, f"{amount} is not above zero.")


def read_json(name: str, text: str, type_: type[Value]) -> Value:
    """A JSON parameter as ``type_``; unknown keys are ignored, as servers must.

    Raises:
        InputException: the text is not such JSON.
    """
    try:
        return msgspec.json.decode(text, type=type_, strict=False)
    except InvalidValue as error:
        raise InputException(f"Invalid `{error.field}`.") from error
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise InputException(f"Invalid `{name}`.") from error


def read_word(kind: type[Word], name: str, text: str) -> Word:
    """The member that ``text`` names; raises ``InputException``."""
    try:
        return kind(text)
    except ValueError as error:
        raise InputException(f"Invalid `{name}`.") from error


class Fields:
    """Typed reading of a form, with Kite's words for what is wrong (``InputException``)."""

    def __init__(self, form: Mapping[str, str]) -> None:
        self._form = form

    def required(self, name: str) -> str:
        """The parameter's text, which must be there."""
        text = self._form.get(name, "").strip()
        if not text:
            raise InputException(f"Missing or empty field `{name}`")
        return text

    def text(self, name: str, *, is_required: bool = False) -> str | None:
        """The parameter's text; None when it is absent or empty."""
        return self.required(name) if is_required else self._form.get(name, "").strip() or None

    def required_word(self, kind: type[Word], name: str) -> Word:
        """A word of a closed set, which must be there."""
        return read_word(kind, name, self.required(name))

    def word(self, kind: type[Word], name: str) -> Word | None:
        """A word of a closed set."""
        text = self.text(name)
        return None if text is None else read_word(kind, name, text)

    def required_count(self, name: str) -> int:
        """A whole number above zero, which must be there."""
        count = self.read(name, self.required(name), whole)
        if count < 1:
            raise InputException(f"Invalid `{name}`.")
        return count

    def count(self, name: str, *, is_required: bool = False) -> int | None:
        """A whole number; zero stands for "not used" and becomes None."""
        if is_required:
            return self.required_count(name)
        text = self.text(name)
        return None if text is None else self.read(name, text, whole) or None

    def money(self, name: str, *, is_required: bool = False) -> Decimal | None:
        """An amount; zero stands for "not used" and becomes None."""
        text = self.text(name, is_required=is_required)
        amount = None if text is None else self.read(name, text, finite)
        if is_required and not amount:
            raise InputException(f"Invalid `{name}`.")
        return amount or None

    def flag(self, name: str) -> bool | None:
        """A boolean in any of the spellings that clients send."""
        text = self.text(name)
        return None if text is None else self.read(name, text.lower(), _FLAGS.__getitem__)

    def json(self, name: str, type_: type[Value]) -> Value:
        """A JSON parameter, which must be there."""
        return read_json(name, self.required(name), type_)

    @staticmethod
    def read(name: str, text: str, convert: Callable[[str], Value]) -> Value:
        """``convert(text)``, with its failure named after the parameter."""
        try:
            return convert(text)
        except (ValueError, KeyError, InvalidOperation) as error:
            raise InputException(f"Invalid `{name}`.") from error


def whole(text: str) -> int:
    """A whole number; ``1.0`` counts as one, because some clients send decimals."""
    amount = finite(text)
    if amount != amount.to_integral_value():
        raise ValueError(text)
    return int(amount)


def finite(text: str) -> Decimal:
    """A number of reasonable size; raises ``ValueError`` or ``InvalidOperation``."""
    # Python alone reads "1_000" as a number.
    if len(text) > _MAX_DIGITS or not text.isascii() or "_" in text:
        raise ValueError(text)
    amount = Decimal(text)
    # "1e9999999" is short and finite, and would be a gigabyte of digits.
    if not amount.is_finite() or abs(amount.adjusted()) > _MAX_DIGITS:
        raise ValueError(text)
    return amount


def form_of(struct: msgspec.Struct, *, leaving_out: frozenset[str] = frozenset()) -> dict[str, str]:
    """Every field that is set, as form parameters; None is left out."""
    values: dict[str, Any] = {
        name: getattr(struct, name) for name in struct.__struct_fields__ if name not in leaving_out
    }
    return {name: form_text(value) for name, value in values.items() if value is not None}
