"""The one reader of the rules' tables: TOML beside the code, given types at once."""

import tomllib
from importlib.resources import files
from typing import TypeVar

import msgspec

from patang.domain.errors import InvariantBroken

T = TypeVar("T")


def read_table(name: str, shape: type[T]) -> T:
    """The package's table ``name`` (without ``.toml``) as ``shape``.

    Raises:
        FileNotFoundError: there is no such table.
        InvariantBroken: the table does not have the shape; the text names the field.
    """
    text = files("patang.rules").joinpath("tables", f"{name}.toml").read_text(encoding="utf-8")
    try:
        return msgspec.convert(tomllib.loads(text), type=shape)
    except (msgspec.ValidationError, tomllib.TOMLDecodeError) as error:
        raise InvariantBroken(f"table {name}.toml: {error}") from error
