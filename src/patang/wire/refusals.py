"""Refusals by what the caller can do about them, below the wire's own error types.

Kite tells several situations apart by status and text alone. Source: Kite Connect v3, exceptions;
texts seen on the wire.
"""

import re

from patang.wire.errors import (
    HoldingException,
    KiteError,
    NetworkException,
    PermissionException,
    error_class,
)

_IP_REFUSED = re.compile(r"\bIPs?\b.*\b(?:not allowed|configured)\b", re.IGNORECASE)
_NOT_IN_PLAN = "insufficient permission for that call"


class RateLimited(NetworkException):
    """Too many requests in the second, minute or day; nothing was done. Wait, then go on."""

    default_status = 429
    advice = "Wait until the second, minute or day is over."


class NoMarketData(PermissionException):
    """The app's plan has no quotes, candles or feed; orders and the account work without them."""

    advice = "The plan of this API key has no market data; subscribe to it, or do without."


class AddressNotAllowed(PermissionException):
    """Orders are only taken from the addresses that are registered for the app."""

    advice = "Register this machine's address on the developer console; mind IPv6."


class AuthorisationNeeded(HoldingException):
    """The depository has to let the shares go first: ``holdings_authorise`` starts that."""

    default_status = 428
    advice = "Call holdings_authorise and open holdings_authorisation_url in a browser."


Refusal = RateLimited | NoMarketData | AddressNotAllowed | AuthorisationNeeded


def refusal_error(
    error_type: str, message: str, status: int | None, request_id: str | None = None
) -> KiteError:
    """The error of a refusal; ``error_type`` stays the wire's word, whatever the class."""
    kind = _kind(error_type, message, status)
    cls = kind or error_class(error_type)
    return cls(
        message,
        status=status,
        error_type=error_type,
        request_id=request_id,
        remedy=kind.advice if kind else "",
    )


def _kind(error_type: str, message: str, status: int | None) -> type[Refusal] | None:
    if status == RateLimited.default_status:
        return RateLimited
    if status == AuthorisationNeeded.default_status:
        return AuthorisationNeeded
    if _IP_REFUSED.search(message):
        return AddressNotAllowed
    if error_type == "PermissionException" and _NOT_IN_PLAN in message.lower():
        return NoMarketData
    return None
