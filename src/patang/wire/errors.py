"""Kite's error tree: one class for each ``error_type`` of the wire.

Dispatch on the type, never on the HTTP status alone: several statuses carry several types.
Source: Kite Connect v3, exceptions and errors; the types that its page leaves out are on the wire.
"""

from typing import ClassVar

from patang.domain.errors import PatangError


class KiteError(PatangError):
    """What Kite answered instead of a result.

    ``error_type`` is the wire's name and ``status`` the HTTP status that carried it; a name that
    we do not know becomes a ``GeneralException`` that keeps the name.
    """

    error_type: str = "GeneralException"
    default_status: ClassVar[int] = 500

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        error_type: str | None = None,
        request_id: str | None = None,
        remedy: str = "",
    ) -> None:
        self.message = message
        self.status = status
        self.request_id = request_id
        if error_type is not None:
            self.error_type = error_type
        super().__init__(message, remedy)

    def __str__(self) -> str:
        status = "" if self.status is None else f" (HTTP {self.status})"
        return f"{self.error_type}{status}: {' '.join(str(a) for a in self.args)}"


class GeneralException(KiteError):
    """Anything else, and every type we do not know."""

    error_type = "GeneralException"


class TokenException(KiteError):
    """The session is dead or the credentials are wrong: log in again."""

    error_type = "TokenException"
    default_status = 403


class UserException(KiteError):
    """The account has a problem that only its owner can settle."""

    error_type = "UserException"
    default_status = 403


class PermissionException(KiteError):
    """The key lacks the permission, or this IP address may not place orders."""

    error_type = "PermissionException"
    default_status = 403


class OrderException(KiteError):
    """The order management system refused or failed."""

    error_type = "OrderException"


class InputException(KiteError):
    """A parameter is missing or wrong, or a business rule refuses the request."""

    error_type = "InputException"
    default_status = 400


class MarginException(KiteError):
    """Funds are short."""

    error_type = "MarginException"
    default_status = 400


class HoldingException(KiteError):
    """Holdings are short, or need authorisation at the depository (HTTP 428)."""

    error_type = "HoldingException"
    default_status = 400


class NetworkException(KiteError):
    """Kite cannot reach its order system, or the rate limit is hit (HTTP 429)."""

    error_type = "NetworkException"
    default_status = 503


class DataException(KiteError):
    """An answer that cannot be understood: HTML, cut short, or of the wrong types."""

    error_type = "DataException"
    default_status = 502


_CLASSES: dict[str, type[KiteError]] = {
    cls.error_type: cls
    for cls in (
        GeneralException,
        TokenException,
        UserException,
        PermissionException,
        OrderException,
        InputException,
        MarginException,
        HoldingException,
        NetworkException,
        DataException,
    )
}


def error_class(error_type: str) -> type[KiteError]:
    """The class of a wire name; ``GeneralException`` for a name we do not know."""
    return _CLASSES.get(error_type, GeneralException)
