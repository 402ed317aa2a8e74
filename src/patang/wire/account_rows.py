"""Rows of the account: session, profile, funds. Source: Kite Connect v3, user."""

from decimal import Decimal
from typing import Any, ClassVar

from msgspec import UNSET, UnsetType, field

from patang.wire.row import Row

_ZERO = Decimal(0)


class ProfileRow(Row, frozen=True, kw_only=True, dict=True):
    """Who the user is and what the account may trade. Source: Kite Connect v3, user."""

    user_id: str
    user_type: str = ""
    email: str = ""
    user_name: str = ""
    user_shortname: str = ""
    broker: str = ""
    exchanges: list[str] = field(default_factory=list)
    products: list[str] = field(default_factory=list)
    order_types: list[str] = field(default_factory=list)
    avatar_url: str | None = None
    meta: dict[str, Any] | None = field(default_factory=dict)


class SessionRow(ProfileRow, frozen=True, kw_only=True, dict=True):
    """The answer to a login. ``login_time`` is IST text; the token dies at 06:00 IST next day."""

    api_key: str = ""
    access_token: str
    public_token: str = ""
    refresh_token: str = ""
    enctoken: str | UnsetType = UNSET
    silo: str | UnsetType = UNSET
    login_time: str

    def __repr__(self) -> str:
        return (
            f"SessionRow(user_id={self.user_id!r}, login_time={self.login_time!r}, tokens hidden)"
        )


class AvailableRow(Row, frozen=True, kw_only=True, dict=True):
    """Where a segment's funds come from, rupees."""

    adhoc_margin: Decimal = _ZERO
    cash: Decimal = _ZERO
    opening_balance: Decimal = _ZERO
    live_balance: Decimal = _ZERO
    collateral: Decimal = _ZERO
    intraday_payin: Decimal = _ZERO


class UtilisedRow(Row, frozen=True, kw_only=True, dict=True):
    """What blocks a segment's funds, rupees; ``debits`` is not the sum of the others."""

    debits: Decimal = _ZERO
    exposure: Decimal = _ZERO
    m2m_realised: Decimal = _ZERO
    m2m_unrealised: Decimal = _ZERO
    option_premium: Decimal = _ZERO
    payout: Decimal = _ZERO
    span: Decimal = _ZERO
    holding_sales: Decimal = _ZERO
    turnover: Decimal = _ZERO
    liquid_collateral: Decimal = _ZERO
    stock_collateral: Decimal = _ZERO
    delivery: Decimal = _ZERO


class SegmentRow(Row, frozen=True, kw_only=True, dict=True):
    """Funds of one segment; ``net`` is the cash that can be traded. Source: user, margins."""

    parts: ClassVar[tuple[str, ...]] = ("available", "utilised")

    enabled: bool = True
    net: Decimal
    available: AvailableRow
    utilised: UtilisedRow


class MarginsRow(Row, frozen=True, kw_only=True, dict=True):
    """Funds of both segments; a single-ledger account shows all under ``equity``."""

    parts: ClassVar[tuple[str, ...]] = ("equity", "commodity")

    equity: SegmentRow
    commodity: SegmentRow
