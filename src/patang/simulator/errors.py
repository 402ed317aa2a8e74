"""How orders are refused: at once, without an order row, or later, in the row itself.

Source: kite-protocol reference, error model: "two places a refusal can show".
"""

from decimal import Decimal
from typing import Literal

import msgspec

from patang.domain.errors import PatangError

ErrorType = Literal[
    "InputException",
    "OrderException",
    "MarginException",
    "HoldingException",
    "UserException",
    "PermissionException",
    "NetworkException",
    "DataException",
    "GeneralException",
]

Stage = Literal["broker", "exchange"]
"""Who refuses: the broker's risk system, or the exchange once the order has reached it."""


_PAISA = Decimal("0.01")


def price_text(price: Decimal) -> str:
    """Rupees as refusals name them: two decimals, and all of them where a currency has more."""
    return f"{price:.2f}" if price == price.quantize(_PAISA) else f"{price.normalize():f}"


class Rejection(msgspec.Struct, frozen=True):
    """Why an order row ends REJECTED: ``message`` for people, ``raw`` in the refuser's words."""

    message: str
    raw: str = ""
    stage: Stage = "exchange"

    @property
    def raw_message(self) -> str:
        """What ``status_message_raw`` says."""
        return self.raw or self.message


class Refused(PatangError):
    """A request that Kite answers with an error at once: no order row comes of it.

    ``error_type`` is Kite's name of the error, ``message`` its text, ``status`` the HTTP status
    that goes with it. ``raw`` is the risk system's own wording, for the row of an order that was
    taken before it was refused. Source: Kite Connect v3, exceptions and errors.
    """

    def __init__(
        self, error_type: ErrorType, message: str, *, status: int = 400, raw: str = ""
    ) -> None:
        self.error_type = error_type
        self.message = message
        self.status = status
        self.raw = raw
        super().__init__(message)

    @property
    def rejection(self) -> Rejection:
        """The same as a row's end: an order that was taken and then failed this check.

        Source: kiteconnect-mocks orders.json (a row's text of short funds is the longer one).
        """
        more = " Check the orderbook for open orders."
        message = self.message + more if self.error_type == "MarginException" else self.message
        return Rejection(message, self.raw or f"RMS:{self.message}", "broker")
