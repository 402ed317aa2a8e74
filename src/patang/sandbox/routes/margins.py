"""Routes that calculate: margins of orders and baskets, and what orders cost.

Source: Kite Connect v3, margins.
"""

from collections.abc import Sequence
from decimal import Decimal

from patang.domain.enums import Exchange, Product
from patang.domain.instrument import Instrument, InstrumentId
from patang.rules.charges import Charges, api_form, order_charges
from patang.rules.order_rules import products
from patang.sandbox.calls import Call
from patang.sandbox.rows.margins import (
    charges_row,
    compact_margin_row,
    order_charges_row,
    order_margin_row,
)
from patang.simulator.accounts.estimates import PlannedOrder, basket_needs, order_needs
from patang.simulator.errors import Refused
from patang.wire.errors import InputException
from patang.wire.margin_forms import ChargeOrder, MarginMode, MarginOrder, parse_calculation
from patang.wire.margin_rows import BasketMarginRow, OrderChargesRow

QUANTITY_MAX = 1_000_000_000
PRICE_MAX = Decimal(100_000_000)
ORDERS_MAX = 500
BASKET_MAX = 100
"""A basket's orders are weighed against each other, so the work grows faster than their number."""


def order_margins(call: Call) -> object:
    """POST /margins/orders: each order for itself, beside what the account has."""
    orders = _planned(call)
    account = call.world.exchange.back_office.account(call.user_id)
    needs = [order_needs(account, order) for order in orders]
    pairs = list(zip(orders, needs, strict=True))
    if _is_compact(call):
        return [compact_margin_row(needed, order.instrument) for order, needed in pairs]
    return [
        order_margin_row(needed, order.instrument, _charges(call, order)) for order, needed in pairs
    ]


def basket_margins(call: Call) -> object:
    """POST /margins/basket: the orders in turn, and all of them together."""
    orders = _planned(call, BASKET_MAX)
    exchange = call.world.exchange
    # The official Python client writes True, others true.
    with_positions = call.query.first("consider_positions").lower() != "false"
    account = exchange.back_office.account(call.user_id)
    basket = basket_needs(account, exchange.marks, orders, with_positions=with_positions)
    pairs = list(zip(orders, basket.orders, strict=True))
    if _is_compact(call):
        return {
            "initial": compact_margin_row(basket.initial),
            "final": compact_margin_row(basket.final),
            "orders": [compact_margin_row(needed, order.instrument) for order, needed in pairs],
        }
    costs = [_charges(call, order) for order in orders]
    return BasketMarginRow(
        initial=order_margin_row(basket.initial),
        final=order_margin_row(basket.final),
        orders=[
            order_margin_row(needed, order.instrument, cost)
            for (order, needed), cost in zip(pairs, costs, strict=True)
        ],
        charges=charges_row(sum(costs, Charges())),
    )


def contract_note(call: Call) -> list[OrderChargesRow]:
    """POST /charges/orders: the charges of executed orders, by the same index."""
    rows = []
    for form in _orders(call, ChargeOrder):
        instrument = _instrument(call, form.exchange, form.tradingsymbol, form.product)
        _check_numbers(form.quantity, form.average_price)
        if not form.average_price:
            raise InputException("Invalid `average_price`.")
        charges = order_charges(
            instrument,
            form.product,
            form.transaction_type,
            form.quantity,
            form.average_price,
            call.now_ns,
        )
        rows.append(order_charges_row(form, api_form(charges), instrument))
    return rows


def _orders(
    call: Call, kind: type[MarginOrder] | type[ChargeOrder], most: int = ORDERS_MAX
) -> Sequence:  # type: ignore[type-arg]
    orders = parse_calculation(call.body, kind)
    if not orders:
        raise InputException("Invalid JSON in the request body: there is no order in it.")
    if len(orders) > most:
        raise InputException(f"Maximum of {most} orders per request exceeded.")
    return orders


def _planned(call: Call, most: int = ORDERS_MAX) -> list[PlannedOrder]:
    """The orders of the body; a price of zero stands for the last one."""
    planned = []
    for form in _orders(call, MarginOrder, most):
        instrument = _instrument(call, form.exchange, form.tradingsymbol, form.product)
        _check_numbers(form.quantity, form.price, form.trigger_price)
        price = form.price or form.trigger_price or call.world.exchange.last_price(instrument.id)
        planned.append(
            PlannedOrder(
                instrument=instrument,
                product=form.product,
                side=form.transaction_type,
                quantity=form.quantity,
                price=price,
            )
        )
    return planned


def _check_numbers(quantity: int, *prices: Decimal) -> None:
    """Amounts beyond any trade would only be noise, and slow to multiply."""
    if not 0 < quantity <= QUANTITY_MAX:
        raise InputException("Invalid `quantity`.")
    if not all(0 <= price <= PRICE_MAX for price in prices):
        raise InputException("Invalid `price`.")


def _instrument(call: Call, exchange: Exchange, symbol: str, product: Product) -> Instrument:
    try:
        instrument = call.world.exchange.instrument(InstrumentId(f"{exchange.value}:{symbol}"))
    except Refused as refused:
        raise InputException("Invalid `tradingsymbol`.") from refused
    if not instrument.is_tradable:
        raise InputException("Invalid `tradingsymbol`.")
    if product not in products(exchange):
        raise InputException("Invalid `product`.")
    return instrument


def _charges(call: Call, order: PlannedOrder) -> Charges:
    return api_form(
        order_charges(
            order.instrument, order.product, order.side, order.quantity, order.price, call.now_ns
        )
    )


def _is_compact(call: Call) -> bool:
    mode = call.query.first("mode")
    if mode and mode != MarginMode.COMPACT:
        raise InputException("Invalid `mode`.")
    return bool(mode)
