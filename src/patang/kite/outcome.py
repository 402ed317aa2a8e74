"""Which failures leave an order's fate open."""

from patang.kite.errors import NotSent
from patang.wire.errors import DataException, KiteError, NetworkException, TokenException

_TOO_MANY_REQUESTS = 429


def is_unsent(error: KiteError) -> bool:
    """Whether an error says that no byte of the request left: it costs nothing and changes nothing.

    A client without a session refuses with a TokenException that no status came with.
    """
    return error.status is None and isinstance(error, NotSent | TokenException)


def is_ambiguous(error: KiteError) -> bool:
    """Whether an order request that ended in ``error`` may nevertheless have been carried out.

    Definite are only a request that never left, a rate limit's refusal, and a refusal that
    Kite itself words with a status below 500. A 400 that says the request timed out is not one:
    the order may still go through. Source: Kite Connect v3, exceptions; Zerodha's forum.
    """
    if isinstance(error, NotSent) or error.status == _TOO_MANY_REQUESTS:
        return False
    if isinstance(error, NetworkException | DataException):
        return True
    if error.status is not None and error.status >= 500:
        return True
    return "timed out" in error.message.lower()
