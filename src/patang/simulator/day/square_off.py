"""The broker's square-off of intraday positions.

Waiting MIS orders are cancelled first; then each open position is closed with a market order of
the broker's own, a row of the order book like any other, placed by RMS. Every such order that
trades costs Rs 50 and GST. Source: support.zerodha.com, intraday auto square-off timings.
"""

from collections.abc import Collection
from decimal import Decimal

from patang.domain.enums import OrderType, Product, Side
from patang.domain.instrument import Instrument, InstrumentId
from patang.simulator.errors import Refused
from patang.simulator.exchange import Exchange
from patang.simulator.orders import KiteStatus, OrderRequest, SimOrder

RMS = "RMS"
"""Who places the exits, as their rows' ``placed_by``."""

CANCELLED = "The order was cancelled by RMS: intraday positions are being squared off."


def square_off(exchange: Exchange, instruments: Collection[InstrumentId], at_ns: int) -> None:
    """Close what is intraday in ``instruments``, for every user, and take no more of it today.

    What cannot be closed (a share at its circuit limit) stays, and is carried over at the day's
    end.
    """
    for name in instruments:
        exchange.venue(name).is_intraday_over = True
    meant = frozenset(instruments)
    for user_id in exchange.user_ids():
        _cancel_waiting(exchange, user_id, meant, at_ns)
        for position in exchange.positions(user_id):
            if position.product is Product.MIS and position.instrument in meant:
                _exit(exchange, user_id, position.instrument, position.quantity, at_ns)


def _cancel_waiting(
    exchange: Exchange, user_id: str, instruments: Collection[InstrumentId], at_ns: int
) -> None:
    for order in exchange.orders(user_id):
        is_ours = order.product is Product.MIS and order.instrument in instruments
        # Cancelling one may end another: a cover order's legs go together.
        if is_ours and _is_waiting(order):
            exchange.expire_order(order, at_ns, CANCELLED)


def _is_waiting(order: SimOrder) -> bool:
    """Whether it could still trade today, be it that the line to the exchange is cut."""
    return not order.status.is_done and order.status is not KiteStatus.AMO_REQ_RECEIVED


def _exit(exchange: Exchange, user_id: str, name: InstrumentId, quantity: int, at_ns: int) -> None:
    instrument = exchange.venue(name).instrument
    side = Side.SELL if quantity > 0 else Side.BUY
    for part in _parts(instrument, abs(quantity)):
        request = OrderRequest(
            instrument=name,
            side=side,
            quantity=part,
            order_type=OrderType.MARKET,
            product=Product.MIS,
            market_protection=Decimal(-1),
            placed_by=RMS,
        )
        try:
            exchange.place(user_id, request, at_ns)
        except Refused:
            # A halted or closed market takes no exits: the position is carried over.
            return


def _parts(instrument: Instrument, quantity: int) -> list[int]:
    most = instrument.freeze_quantity or quantity
    most -= most % instrument.lot_size
    whole, rest = divmod(quantity, max(most, 1)) if quantity else (0, 0)
    return [most] * whole + ([rest] if rest else [])
