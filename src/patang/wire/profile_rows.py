"""Rows of the account that only clients know of. Source: official Go client and samples."""

from typing import Any

from msgspec import UNSET, UnsetType, field

from patang.wire.account_rows import ProfileRow
from patang.wire.row import Row


class BankAccount(Row, frozen=True, kw_only=True, dict=True):
    """A linked bank account; the number is masked."""

    name: str = ""
    branch: str = ""
    account: str = ""


class FullProfileRow(ProfileRow, frozen=True, kw_only=True, dict=True):
    """The profile with contact and identity, masked; ``GET /user/profile/full``."""

    parts = ("bank_accounts",)

    twofa_type: str = ""
    phone: str = ""
    bank_accounts: list[BankAccount] | None = field(default_factory=list)
    dp_ids: list[str] | None = field(default_factory=list)
    pan: str = ""
    tags: list[str] | None = field(default_factory=list)
    password_timestamp: str | None = None
    twofa_timestamp: str | None = None

    def __repr__(self) -> str:
        return f"FullProfileRow(user_id={self.user_id!r}, contact and identity hidden)"


class RenewedSessionRow(Row, frozen=True, kw_only=True, dict=True):
    """The answer to renewing a session: at least the tokens."""

    user_id: str = ""
    access_token: str
    refresh_token: str = ""
    login_time: str | UnsetType | None = UNSET
    meta: dict[str, Any] | UnsetType | None = UNSET

    def __repr__(self) -> str:
        return f"RenewedSessionRow(user_id={self.user_id!r}, tokens hidden)"
