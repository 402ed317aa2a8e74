"""Who the user is, as Kite's rows: profile and session."""

from collections.abc import Iterable
from typing import Any

from patang.domain.enums import OrderType, Product
from patang.sandbox.sessions import Session
from patang.wire.rows import (
    ProfileRow,
    SessionRow,
)
from patang.wire.times import format_ist

_PRODUCTS = [product.value for product in (Product.CNC, Product.NRML, Product.MIS, Product.MTF)]
_ORDER_TYPES = [order_type.value for order_type in OrderType]


def profile_row(user_id: str, exchanges: Iterable[str]) -> ProfileRow:
    """Who the user is."""
    return ProfileRow(**_profile(user_id, exchanges))


def session_row(session: Session, exchanges: Iterable[str]) -> SessionRow:
    """The answer to a login."""
    return SessionRow(
        **_profile(session.user_id, exchanges),
        api_key=session.app.api_key,
        access_token=session.access_token,
        public_token=session.public_token,
        refresh_token=session.refresh_token,
        enctoken="",
        silo="",
        login_time=format_ist(session.opened_ns),
    )


def _profile(user_id: str, exchanges: Iterable[str]) -> dict[str, Any]:
    return {
        "user_id": user_id,
        "user_type": "individual",
        "email": f"{user_id.lower()}@example.com",
        "user_name": f"Sandbox {user_id}",
        "user_shortname": user_id,
        "broker": "ZERODHA",
        "exchanges": list(exchanges),
        "products": _PRODUCTS,
        "order_types": _ORDER_TYPES,
        "avatar_url": None,
        "meta": {"demat_consent": "consent"},
    }
