"""Which of several dated rows of a table holds on a day."""

from collections.abc import Sequence
from datetime import date
from typing import Protocol, TypeVar

from patang.domain.errors import PatangError


class RuleUnknown(PatangError):
    """The tables do not say what held on that day."""


class Dated(Protocol):
    """A row that holds from a day in India on, until a later row for the same thing."""

    @property
    def effective_from(self) -> date:
        """The first day it holds."""


D = TypeVar("D", bound=Dated)


def in_force(rows: Sequence[D], on: date) -> D | None:
    """The newest row that has begun by ``on``; None when none has. ``rows`` are in date order."""
    for row in reversed(rows):
        if row.effective_from <= on:
            return row
    return None


def required(rows: Sequence[D], on: date, what: str) -> D:
    """As ``in_force``, but a day before the first row is an error that names ``what``.

    Raises:
        RuleUnknown: no row has begun by ``on``.
    """
    row = in_force(rows, on)
    if row is None:
        raise RuleUnknown(f"The tables do not know {what} on {on}.", "Choose a later day.")
    return row
