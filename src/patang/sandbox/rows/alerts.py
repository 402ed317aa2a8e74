"""Alerts of the simulated broker as Kite's rows. Source: Kite Connect v3, alerts."""

from typing import Any

import msgspec
from msgspec import UNSET

from patang.domain.instrument import Instrument
from patang.domain.money import ZERO
from patang.sandbox.rows.numbers import json_number
from patang.simulator.quote import Quote
from patang.simulator.triggers.alerts import Alert, Firing, PlacedOrder
from patang.simulator.triggers.baskets import Basket
from patang.wire.rows import AlertBasket, AlertHistoryRow, AlertRow
from patang.wire.times import format_ist

NEVER = "0001-01-01 00:00:00"
"""The time of a trade that has not been."""

_ITEMS_OF_AN_ALERT = 32


def alert_row(alert: Alert) -> AlertRow:
    """The alert as it stands."""
    form = alert.form
    return AlertRow(
        type=form.type.value,
        user_id=alert.user_id,
        uuid=alert.uuid,
        name=form.name,
        status=alert.status.value,
        disabled_reason="",
        basket=UNSET if alert.basket is None else _basket(alert, alert.basket),
        lhs_attribute=form.lhs_attribute,
        lhs_exchange=form.lhs_exchange,
        lhs_tradingsymbol=form.lhs_tradingsymbol,
        operator=form.operator.value,
        rhs_type=form.rhs_type.value,
        rhs_attribute=form.rhs_attribute or "",
        rhs_exchange=form.rhs_exchange or "",
        rhs_tradingsymbol=form.rhs_tradingsymbol or "",
        rhs_constant=json_number(form.rhs_constant or ZERO),
        alert_count=len(alert.history),
        created_at=format_ist(alert.created_ns),
        updated_at=format_ist(alert.updated_ns),
    )


def history_row(alert: Alert, firing: Firing, instruments: list[Instrument]) -> AlertHistoryRow:
    """One firing; ``instruments`` belong to its quotes."""
    snapshots = [
        _snapshot(quote, instrument)
        for quote, instrument in zip(firing.quotes, instruments, strict=True)
    ]
    return AlertHistoryRow(
        uuid=alert.uuid,
        type=alert.form.type.value,
        meta=snapshots,
        condition=firing.condition,
        created_at=format_ist(firing.at_ns),
        order_meta=None if firing.orders is None else [_placed(one) for one in firing.orders],
    )


def _basket(alert: Alert, basket: Basket) -> AlertBasket:
    """The basket as it was given, its items with the ids and tokens that reading adds."""
    first_id = int(alert.uuid[:6], 16) * _ITEMS_OF_AN_ALERT + 1
    items = [
        msgspec.structs.replace(
            order.item, id=first_id + number, instrument_token=order.instrument.token
        )
        for number, order in enumerate(basket.orders)
    ]
    return msgspec.structs.replace(basket.row, items=items)


def _placed(order: PlacedOrder) -> dict[str, Any]:
    row: dict[str, Any] = {
        "status": "failed" if order.reason else "success",
        "order_id": order.order_id,
        "rejection_reason": order.reason,
    }
    if order.protection is not None:
        row["gtt"] = {"trigger_id": order.trigger_id, "rejection_reason": order.trigger_reason}
    return row


def _snapshot(quote: Quote, instrument: Instrument) -> dict[str, Any]:
    last_trade = NEVER if quote.last_trade_ns is None else format_ist(quote.last_trade_ns)
    return {
        "instrument_token": instrument.token,
        "tradingsymbol": instrument.symbol,
        "timestamp": format_ist(quote.exchange_ns),
        "last_price": json_number(quote.last_price),
        "ohlc": {
            "open": json_number(quote.open),
            "high": json_number(quote.high),
            "low": json_number(quote.low),
            "close": json_number(quote.close),
        },
        "net_change": json_number(quote.last_price - quote.close),
        "exchange": instrument.exchange.value,
        "last_trade_time": last_trade,
        "last_quantity": quote.last_quantity,
        "buy_quantity": quote.buy_quantity,
        "sell_quantity": quote.sell_quantity,
        "volume": quote.volume,
        "volume_tick": quote.last_quantity,
        "average_price": json_number(quote.average_price),
        "oi": quote.oi,
        "oi_day_high": quote.oi_day_high,
        "oi_day_low": quote.oi_day_low,
        "lower_circuit_limit": json_number(quote.lower_circuit),
        "upper_circuit_limit": json_number(quote.upper_circuit),
    }
