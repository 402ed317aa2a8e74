"""What the exchange says no to before an order exists."""

from typing import Literal

from patang.domain.errors import PatangError

ErrorType = Literal[
    "InputException", "OrderException", "MarginException", "HoldingException", "UserException"
]


class Refused(PatangError):
    """A request that Kite answers with an error at once: no order row comes of it.

    ``error_type`` is Kite's name of the error, ``message`` its text.
    Source: Kite Connect v3, exceptions and errors.
    """

    def __init__(self, error_type: ErrorType, message: str) -> None:
        self.error_type = error_type
        self.message = message
        super().__init__(message)
