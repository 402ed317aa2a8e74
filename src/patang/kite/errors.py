"""What can go wrong between us and Kite, beyond the errors that Kite itself names."""

from patang.wire.errors import KiteError, NetworkException


class NotSent(NetworkException):
    """Nothing left this machine, so nothing can have come of it."""


class ConnectFailed(NotSent):
    """No connection could be made: the server saw no byte of the request."""


class LimitReached(NotSent):
    """A limit of the account is used up, and waiting for it would be no use. ``limit`` names it."""

    def __init__(self, limit: str, message: str, remedy: str = "") -> None:
        self.limit = limit
        super().__init__(message, remedy=remedy)


class CircuitOpen(NotSent):
    """The server failed so often lately that it is given a pause. Cancels and exits still go."""


class AccountStateUnusable(NotSent):
    """The file in which the processes of an account share their limits cannot be used."""


class Withdrawn(NotSent):
    """Whoever asked for the request wanted it no more when its turn came."""


class ReplyLost(NetworkException):
    """The request may have arrived, but no whole answer came back."""


class OrderOutcomeUnknown(KiteError):
    """An order request left, and nothing that came back says what became of it.

    The order may be live. It is never sent again: read the order book and look for ``tag`` (on
    a placement) or ``order_id`` (on a change or cancel). ``reason`` says what was seen instead of
    an answer.
    """

    def __init__(
        self,
        reason: str,
        *,
        tag: str | None = None,
        order_id: str | None = None,
        status: int | None = None,
    ) -> None:
        self.reason = reason
        self.tag = tag
        self.order_id = order_id
        subject = f"order {order_id}" if order_id else "an order"
        if tag:
            subject = f"the order tagged {tag}"
        super().__init__(
            f"The outcome of the request for {subject} is not known: {reason}",
            status=status,
            remedy="Do not send it again: look in the order book.",
        )

    def __str__(self) -> str:
        return f"{type(self).__name__}: {' '.join(str(part) for part in self.args)}"
