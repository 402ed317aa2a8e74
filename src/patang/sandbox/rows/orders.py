"""Orders and trades of the simulated exchange as rows of Kite's order and trade books."""

from typing import Any

from patang.domain.instrument import Instrument
from patang.sandbox.apps import App
from patang.sandbox.rows.numbers import json_number
from patang.simulator.orders import KiteStatus, OrderState, SimOrder, SimTrade
from patang.wire.checksums import postback_checksum
from patang.wire.rows import OrderRow, Postback, TradeRow
from patang.wire.times import format_ist, format_ist_clock

UPDATE = "UPDATE"
"""A postback's word for an open order that was modified or partly filled."""

# From these on, Kite's order_timestamp is the time of the modification or the cancel.
_ASKED_BY_USER = (
    KiteStatus.MODIFY_VALIDATION_PENDING,
    KiteStatus.MODIFY_AMO_REQ_RECEIVED,
    KiteStatus.CANCEL_PENDING,
)


def order_row(order: SimOrder, instrument: Instrument) -> OrderRow:
    """The order as it stands."""
    return OrderRow(**_fields(order, order.history[-1], order.order_ns, instrument))


def history_rows(order: SimOrder, instrument: Instrument) -> list[OrderRow]:
    """Each state of the order, oldest first."""
    rows: list[OrderRow] = []
    order_ns = order.placed_ns
    for state in order.history:
        if state.status in _ASKED_BY_USER:
            order_ns = state.at_ns
        rows.append(OrderRow(**_fields(order, state, order_ns, instrument)))
    return rows


def postback(order: SimOrder, instrument: Instrument, app: App) -> Postback | None:
    """The update that an order's newest state causes; None for states that Kite does not send.

    Sent: every final state, a modification, a partial fill, a trigger that released the order.
    Source: Kite Connect v3, postbacks; Zerodha staff on the developer forum for the trigger.
    """
    status = _update_status(order)
    if status is None:
        return None
    fields = _fields(order, order.history[-1], order.order_ns, instrument)
    for absent in ("account_id", "modified", "tags", "validity_ttl"):
        fields.pop(absent, None)
    fields["status"] = status
    return Postback(
        **fields,
        user_id=order.user_id,
        unfilled_quantity=order.quantity - order.filled_quantity,
        app_id=app.app_id,
        checksum=postback_checksum(order.order_id, str(fields["order_timestamp"]), app.api_secret),
    )


def trade_row(trade: SimTrade, order: SimOrder, instrument: Instrument) -> TradeRow:
    """One fill."""
    return TradeRow(
        trade_id=trade.trade_id,
        order_id=trade.order_id,
        exchange_order_id=trade.exchange_order_id,
        exchange=instrument.exchange.value,
        tradingsymbol=instrument.symbol,
        instrument_token=instrument.token,
        product=trade.product.value,
        transaction_type=trade.side.value,
        average_price=json_number(trade.price),
        quantity=trade.quantity,
        fill_timestamp=format_ist(trade.time_ns),
        exchange_timestamp=format_ist(trade.time_ns),
        order_timestamp=format_ist_clock(order.placed_ns),
    )


def _update_status(order: SimOrder) -> str | None:
    state = order.history[-1]
    if state.status.is_done:
        return state.status.value
    if len(order.history) < 2:
        return None
    before = order.history[-2]
    if state.filled_quantity > before.filled_quantity:
        return UPDATE
    if before.status is KiteStatus.MODIFIED and state.status.is_resting:
        return UPDATE
    if before.status is KiteStatus.TRIGGER_PENDING and state.status is KiteStatus.OPEN:
        return state.status.value
    return None


def _fields(
    order: SimOrder, state: OrderState, order_ns: int, instrument: Instrument
) -> dict[str, Any]:
    request = order.request
    fields: dict[str, Any] = {
        "account_id": order.user_id,
        "placed_by": order.placed_by,
        "order_id": order.order_id,
        "exchange_order_id": state.exchange_order_id,
        "parent_order_id": order.parent_order_id,
        "status": state.status.value,
        "status_message": state.status_message,
        "status_message_raw": state.status_message_raw,
        "order_timestamp": format_ist(order_ns),
        "exchange_update_timestamp": _optional_time(state.update_ns),
        "exchange_timestamp": _optional_time(state.exchange_ns),
        "variety": request.variety.value,
        "modified": state.is_modified,
        "exchange": instrument.exchange.value,
        "tradingsymbol": instrument.symbol,
        "instrument_token": instrument.token,
        "order_type": state.order_type.value,
        "transaction_type": request.side.value,
        "validity": state.validity.value,
        "validity_ttl": state.validity_ttl,
        "product": request.product.value,
        "quantity": state.quantity,
        "disclosed_quantity": state.disclosed_quantity,
        "price": json_number(state.price),
        "trigger_price": json_number(state.trigger_price),
        "average_price": json_number(state.average_price),
        "filled_quantity": state.filled_quantity,
        "pending_quantity": state.pending_quantity,
        "cancelled_quantity": state.cancelled_quantity,
        "market_protection": json_number(state.market_protection),
        "meta": order.meta,
        "tag": request.tag,
        "guid": None,
    }
    if request.auction_number is not None:
        fields["auction_number"] = request.auction_number
    if order.tags:
        fields["tags"] = list(order.tags)
    return fields


def _optional_time(at_ns: int | None) -> str | None:
    return None if at_ns is None else format_ist(at_ns)
