"""The answer to an order that Kite slices by itself. Source: Kite Connect v3, orders."""

from typing import Any, ClassVar

from msgspec import UNSET, UnsetType

from patang.wire.errors import KiteError
from patang.wire.refusals import refusal_error
from patang.wire.row import Row


class SliceError(Row, frozen=True, kw_only=True, dict=True):
    """Why one slice was refused."""

    code: int = 0
    error_type: str = "GeneralException"
    message: str = ""
    data: Any = None

    def as_error(self) -> KiteError:
        """The exception that this refusal would have been on its own."""
        return refusal_error(self.error_type, self.message, self.code or None)


class SliceRow(Row, frozen=True, kw_only=True, dict=True):
    """One slice: placed, with an ``order_id``, or refused, with an ``error``."""

    parts: ClassVar[tuple[str, ...]] = ("error",)

    order_id: str | UnsetType = UNSET
    error: SliceError | UnsetType | None = UNSET


class AutosliceAck(Row, frozen=True, kw_only=True, dict=True):
    """The parent's id, which is no exchange order, and one entry for each slice.

    A quantity below the freeze limit needs no slices: then ``order_id`` is the order's and there
    are no children. Until March 2026 the answer was the bare list of slices; such an answer has
    an empty ``order_id`` here. Part of the slices may fail while the request succeeds.
    """

    parts: ClassVar[tuple[str, ...]] = ("children",)

    order_id: str
    children: list[SliceRow] | UnsetType = UNSET

    @property
    def placed(self) -> list[str]:
        """Ids of the orders that were placed."""
        if self.children is UNSET or (self.order_id and not self.children):
            return [self.order_id] if self.order_id else []
        return [child.order_id for child in self.children if child.order_id]

    @property
    def refused(self) -> list[SliceError]:
        """Why slices were refused, in the order of the slices."""
        return [child.error for child in self.children or () if child.error]


PlaceAnswer = AutosliceAck | list[SliceRow]
"""What ``POST /orders/{variety}`` may answer: the acknowledgement, or the older bare list."""


def autoslice_ack(answer: PlaceAnswer) -> AutosliceAck:
    """One shape for both."""
    if isinstance(answer, AutosliceAck):
        return answer
    return AutosliceAck(order_id="", children=answer)
