"""What a route is given and what it may answer with."""

from collections.abc import Callable
from urllib.parse import parse_qsl

import msgspec

from patang.sandbox.sessions import Session
from patang.sandbox.world import World
from patang.wire.endpoints import Endpoint
from patang.wire.errors import InputException, TokenException


class Query:
    """Parameters of a query string or a form; a name may come more than once."""

    def __init__(self, encoded: bytes) -> None:
        self._pairs = parse_qsl(encoded.decode("utf-8", "replace"), keep_blank_values=True)

    def all(self, name: str) -> list[str]:
        """Every value of a name, in order."""
        return [value for key, value in self._pairs if key == name]

    def first(self, name: str) -> str:
        """The first value of a name; empty when there is none."""
        return next((value for key, value in self._pairs if key == name), "")

    def required(self, name: str) -> str:
        """The first value of a name.

        Raises:
            InputException: absent or empty.
        """
        value = self.first(name)
        if not value:
            raise InputException(f"Missing or empty field `{name}`")
        return value

    def as_dict(self) -> dict[str, str]:
        """One value for each name, the last one given."""
        return dict(self._pairs)


class Call(msgspec.Struct, kw_only=True):
    """One request, after the market has moved to ``now_ns``.

    ``form`` has the body's parameters where it is a form, ``body`` its bytes.
    """

    endpoint: Endpoint
    world: World
    now_ns: int
    path: dict[str, str]
    query: Query
    form: Query
    body: bytes = b""
    caller: Session | None

    @property
    def session(self) -> Session:
        """Who calls. Routes that need no login must not ask."""
        if self.caller is None:
            raise TokenException("This route was called without a login.")
        return self.caller

    @property
    def user_id(self) -> str:
        """The account of the caller."""
        return self.session.user_id


class Csv(msgspec.Struct, frozen=True):
    """An answer that is a table instead of an envelope."""

    body: bytes


Handler = Callable[[Call], object]
"""A route: reads the call, acts on the world, returns what goes into ``data`` (or a ``Csv``)."""
