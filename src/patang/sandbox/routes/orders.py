"""Routes of the order and trade books."""

from patang.domain.enums import Validity
from patang.domain.instrument import instrument_id
from patang.sandbox.calls import Call
from patang.sandbox.rows.orders import history_rows, order_row, trade_row
from patang.simulator.errors import Refused
from patang.simulator.orders import OrderRequest, SimOrder
from patang.wire.autoslice_rows import AutosliceAck, PlaceAnswer, SliceError, SliceRow
from patang.wire.forms import parse_cancel, parse_modify, parse_place
from patang.wire.rows import OrderAck, OrderRow, TradeRow


def place(call: Call) -> PlaceAnswer | OrderAck:
    """POST /orders/{variety}; an order that asks to be sliced is answered with its slices."""
    form = parse_place(call.path["variety"], call.form.as_dict())
    request = OrderRequest(
        instrument=instrument_id(form.exchange, form.tradingsymbol),
        side=form.transaction_type,
        quantity=form.quantity,
        order_type=form.order_type,
        product=form.product,
        price=form.price,
        trigger_price=form.trigger_price,
        validity=form.validity or Validity.DAY,
        variety=form.variety,
        market_protection=form.market_protection,
        disclosed_quantity=form.disclosed_quantity or 0,
        tag=form.tag,
        validity_ttl=form.validity_ttl,
        iceberg_legs=form.iceberg_legs,
        iceberg_quantity=form.iceberg_quantity,
        auction_number=form.auction_number,
        autoslice=bool(form.autoslice),
        algo_id=form.algo_id,
        app_id=call.session.app.app_id,
    )
    exchange = call.world.exchange
    if not request.autoslice:
        return OrderAck(order_id=exchange.place(call.user_id, request, call.now_ns).order_id)
    sliced = exchange.place_sliced(call.user_id, request, call.now_ns)
    if not sliced.children:
        return OrderAck(order_id=sliced.order_id)
    return AutosliceAck(order_id=sliced.order_id, children=[_slice(one) for one in sliced.children])


def modify(call: Call) -> OrderAck:
    """PUT /orders/{variety}/{order_id}."""
    form = parse_modify(call.path["variety"], call.path["order_id"], call.form.as_dict())
    order = call.world.exchange.modify(
        call.user_id,
        form.order_id,
        call.now_ns,
        quantity=form.quantity,
        price=form.price,
        trigger_price=form.trigger_price,
        order_type=form.order_type,
        validity=form.validity,
        disclosed_quantity=form.disclosed_quantity,
        market_protection=form.market_protection,
        validity_ttl=form.validity_ttl,
        parent_order_id=form.parent_order_id,
    )
    return OrderAck(order_id=order.order_id)


def cancel(call: Call) -> OrderAck:
    """DELETE /orders/{variety}/{order_id}; of a cover order's stop leg it is the exit."""
    form = parse_cancel(call.path["variety"], call.path["order_id"], call.query.as_dict())
    order = call.world.exchange.cancel(
        call.user_id, form.order_id, call.now_ns, parent_order_id=form.parent_order_id
    )
    return OrderAck(order_id=order.order_id)


def orders(call: Call) -> list[OrderRow]:
    """GET /orders."""
    world = call.world
    return [
        order_row(order, world.instrument(order.instrument))
        for order in world.exchange.orders(call.user_id)
    ]


def history(call: Call) -> list[OrderRow]:
    """GET /orders/{order_id}."""
    order = _order(call)
    return history_rows(order, call.world.instrument(order.instrument))


def order_trades(call: Call) -> list[TradeRow]:
    """GET /orders/{order_id}/trades."""
    order = _order(call)
    return _trades(call, order.order_id)


def trades(call: Call) -> list[TradeRow]:
    """GET /trades."""
    return _trades(call, None)


def _slice(child: SimOrder | Refused) -> SliceRow:
    if isinstance(child, SimOrder):
        return SliceRow(order_id=child.order_id)
    return SliceRow(
        error=SliceError(code=child.status, error_type=child.error_type, message=child.message)
    )


def _order(call: Call) -> SimOrder:
    return call.world.exchange.order(call.user_id, call.path["order_id"])


def _trades(call: Call, order_id: str | None) -> list[TradeRow]:
    world = call.world
    return [
        trade_row(
            trade,
            world.exchange.order(call.user_id, trade.order_id),
            world.instrument(trade.instrument),
        )
        for trade in world.exchange.trades(call.user_id, order_id)
    ]
