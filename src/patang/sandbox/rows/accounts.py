"""A simulated account as Kite's rows: profile, session, funds, positions, holdings."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from patang.domain.enums import OrderType, Product
from patang.domain.instrument import Instrument
from patang.domain.money import ZERO
from patang.domain.position import Position
from patang.sandbox.rows.numbers import json_number
from patang.sandbox.sessions import Session
from patang.simulator.accounts.account import Funds, Holding
from patang.wire.rows import (
    AvailableRow,
    HoldingRow,
    MarginsRow,
    MtfRow,
    PositionRow,
    ProfileRow,
    SegmentRow,
    SessionRow,
    UtilisedRow,
)
from patang.wire.times import format_ist, format_ist_date

_PRODUCTS = [Product.CNC.value, Product.NRML.value, Product.MIS.value]
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


def margins_row(funds: Funds) -> MarginsRow:
    """Funds of both segments: one ledger, all of it under ``equity``."""
    return MarginsRow(equity=_equity(funds), commodity=_nothing())


def position_row(position: Position, instrument: Instrument, last_price: Decimal) -> PositionRow:
    """One position opened today. Source: Kite Connect v3, portfolio, positions; its formulas."""
    multiplier = position.multiplier
    held = position.quantity
    buy_price = _average(position.buy_value, position.buy_quantity * multiplier)
    sell_price = _average(position.sell_value, position.sell_quantity * multiplier)
    value = position.sell_value - position.buy_value
    pnl = json_number(position.pnl(last_price))
    buy_value, sell_value = json_number(position.buy_value), json_number(position.sell_value)
    return PositionRow(
        tradingsymbol=instrument.symbol,
        exchange=instrument.exchange.value,
        instrument_token=instrument.token,
        product=position.product.value,
        quantity=held,
        overnight_quantity=0,
        multiplier=Decimal(multiplier),
        average_price=buy_price if held > 0 else sell_price if held < 0 else ZERO,
        last_price=json_number(last_price),
        value=json_number(value),
        pnl=pnl,
        m2m=pnl,
        unrealised=pnl,
        buy_quantity=position.buy_quantity,
        buy_price=buy_price,
        buy_value=buy_value,
        buy_m2m=buy_value,
        sell_quantity=position.sell_quantity,
        sell_price=sell_price,
        sell_value=sell_value,
        sell_m2m=sell_value,
        day_buy_quantity=position.buy_quantity,
        day_buy_price=buy_price,
        day_buy_value=buy_value,
        day_sell_quantity=position.sell_quantity,
        day_sell_price=sell_price,
        day_sell_value=sell_value,
    )


def holding_row(
    holding: Holding, instrument: Instrument, last_price: Decimal, close: Decimal, now_ns: int
) -> HoldingRow:
    """One holding. Source: Kite Connect v3, portfolio, holdings."""
    change = last_price - close
    return HoldingRow(
        tradingsymbol=instrument.symbol,
        exchange=instrument.exchange.value,
        instrument_token=instrument.token,
        quantity=holding.quantity,
        used_quantity=holding.used_quantity,
        realised_quantity=holding.quantity,
        authorised_date=f"{format_ist_date(now_ns)} 00:00:00",
        opening_quantity=holding.quantity,
        average_price=json_number(holding.average_price),
        last_price=json_number(last_price),
        close_price=json_number(close),
        pnl=json_number((last_price - holding.average_price) * holding.quantity),
        day_change=json_number(change),
        day_change_percentage=json_number(change / close * 100 if close else ZERO),
        mtf=MtfRow(),
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


def _equity(funds: Funds) -> SegmentRow:
    net = json_number(funds.available)
    return SegmentRow(
        net=net,
        available=AvailableRow(
            cash=json_number(funds.opening),
            opening_balance=json_number(funds.opening),
            live_balance=net,
        ),
        utilised=UtilisedRow(
            debits=json_number(funds.opening - funds.available),
            m2m_realised=json_number(funds.realised),
            m2m_unrealised=json_number(funds.unrealised),
        ),
    )


def _nothing() -> SegmentRow:
    return SegmentRow(net=ZERO, available=AvailableRow(), utilised=UtilisedRow())


def _average(value: Decimal, units: int) -> Decimal:
    return json_number(value / units) if units else ZERO
