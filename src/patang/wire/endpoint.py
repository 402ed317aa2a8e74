"""What one route of Kite's REST API is: where it is, what it carries, how it may be treated."""

from enum import StrEnum
from typing import Any
from urllib.parse import quote

import msgspec

from patang.domain.errors import InvalidValue


class RateClass(StrEnum):
    """Which limit a call counts against: quotes 1/s, candles 3/s, orders and the rest 10/s."""

    QUOTE = "Q"
    HISTORICAL = "H"
    ORDER = "O"
    GENERAL = "G"


class BodyKind(StrEnum):
    """How parameters travel. With ``JSON`` the body is an array and flags are in the query."""

    QUERY = "query"
    FORM = "form"
    JSON = "json"


class RetryClass(StrEnum):
    """Whether a failed call may be sent again: a read or a calculation may, a change never."""

    REPEATABLE = "repeatable"
    ONCE = "once"


class Standing(StrEnum):
    """How sure a route is.

    DOCUMENTED is on Kite's pages; CLIENT is known from official clients alone; LEGACY is left over
    from old versions; CLOSED is refused by the broker (fund orders: the documentation calls mutual
    funds read-only).
    """

    DOCUMENTED = "documented"
    CLIENT = "in official clients"
    LEGACY = "legacy"
    CLOSED = "closed by the broker"


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """One route. ``response`` is the type of ``data``; ``bytes`` means CSV without an envelope.

    ``request`` is the struct that its parameters are built from, where there is one.
    ``instrument_cap`` is the most instruments one call may name. ``call`` is the client's method.
    """

    name: str
    method: str
    path: str
    response: Any
    request: Any = None
    body: BodyKind = BodyKind.QUERY
    rate: RateClass = RateClass.GENERAL
    retry: RetryClass
    standing: Standing = Standing.DOCUMENTED
    needs_session: bool = True
    instrument_cap: int | None = None
    call: str

    @property
    def retryable(self) -> bool:
        """Whether sending it twice does no more than sending it once."""
        return self.retry is RetryClass.REPEATABLE

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of the path parameters, in order."""
        return tuple(part[1:-1] for part in self.path.split("/") if part.startswith("{"))

    def url_path(self, **parameters: str) -> str:
        """The path with its parameters percent-encoded.

        Raises:
            InvalidValue: a parameter is missing, empty, neither text nor a number, or unknown.
        """
        for name in parameters.keys() - set(self.parameters):
            raise InvalidValue(name, f"{self.path} has no such parameter.")
        path = self.path
        for name in self.parameters:
            given: object = parameters.get(name, "")
            is_plain = isinstance(given, str | int) and not isinstance(given, bool)
            value = str(given)
            # A dot alone would be taken for a folder step by what normalises the URL.
            if not is_plain or not value.strip() or value in {".", ".."}:
                raise InvalidValue(name, f"{self.path} needs it, got {given!r}.")
            path = path.replace("{" + name + "}", quote(value, safe=""))
        return path
