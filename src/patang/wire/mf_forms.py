"""Requests of mutual funds. Source: Kite Connect v3, mutual funds, and the official clients.

The broker has closed them (payment leaves the bank account directly), so they are refused there;
they stay because the routes do.
"""

from decimal import Decimal
from enum import StrEnum

import msgspec

from patang.domain.enums import Side
from patang.domain.errors import InvalidValue
from patang.wire.form_fields import check_amount, check_count, check_text, form_of

ENDLESS = -1
"""``instalments`` of a plan that runs until it is cancelled."""


class SipFrequency(StrEnum):
    """How often a systematic plan buys."""

    WEEKLY = "weekly"
    MONTHLY = "monthly"
    QUARTERLY = "quarterly"


class SipStatus(StrEnum):
    """Whether a systematic plan runs."""

    ACTIVE = "active"
    PAUSED = "paused"


class MfOrderForm(msgspec.Struct, frozen=True, kw_only=True):
    """A fund order: a purchase names an ``amount`` in rupees, a redemption a ``quantity``.

    Raises:
        InvalidValue: naming the field.
    """

    tradingsymbol: str
    transaction_type: Side
    quantity: Decimal | None = None
    amount: Decimal | None = None
    tag: str | None = None

    def __post_init__(self) -> None:
        check_text("tradingsymbol", self.tradingsymbol)
        if self.transaction_type is Side.BUY:
            needed, refused = "amount", "quantity"
        else:
            needed, refused = "quantity", "amount"
        check_amount(needed, getattr(self, needed))
        if getattr(self, refused) is not None:
            cause = f"a {self.transaction_type} names its {needed}."
            raise InvalidValue(refused, cause, "Leave it out.")
        _check_tag(self.tag)


class MfSipForm(msgspec.Struct, frozen=True, kw_only=True):
    """A systematic plan; ``instalments`` -1 is endless, ``instalment_day`` is for monthly plans.

    Raises:
        InvalidValue: naming the field.
    """

    tradingsymbol: str
    amount: Decimal
    instalments: int
    frequency: SipFrequency
    initial_amount: Decimal | None = None
    instalment_day: int | None = None
    tag: str | None = None

    def __post_init__(self) -> None:
        check_text("tradingsymbol", self.tradingsymbol)
        check_amount("amount", self.amount)
        _check_plan(self.instalments, self.instalment_day)
        if self.initial_amount is not None:
            check_amount("initial_amount", self.initial_amount)
        _check_tag(self.tag)


class MfSipChange(msgspec.Struct, frozen=True, kw_only=True):
    """What changes on a systematic plan; None leaves a field as it is.

    Raises:
        InvalidValue: naming the field.
    """

    amount: Decimal | None = None
    status: SipStatus | None = None
    instalments: int | None = None
    frequency: SipFrequency | None = None
    instalment_day: int | None = None

    def __post_init__(self) -> None:
        if self.amount is not None:
            check_amount("amount", self.amount)
        _check_plan(self.instalments, self.instalment_day)
        if all(getattr(self, name) is None for name in self.__struct_fields__):
            raise InvalidValue("amount", "nothing changes.", "Give at least one new value.")


def mf_to_form(form: MfOrderForm | MfSipForm | MfSipChange) -> dict[str, str]:
    """The body parameters."""
    return form_of(form)


def _check_plan(instalments: int | None, instalment_day: int | None) -> None:
    if instalments is not None and instalments != ENDLESS:
        check_count("instalments", instalments)
    if instalment_day is not None:
        check_count("instalment_day", instalment_day)
        if instalment_day > 28:
            raise InvalidValue("instalment_day", f"{instalment_day} is not in every month.")


def _check_tag(tag: object) -> None:
    if tag is None:
        return
    if not isinstance(tag, str) or not (tag.isascii() and tag.isalnum() and len(tag) <= 8):
        raise InvalidValue("tag", f"{tag!r} is not 8 letters and digits at most.")
