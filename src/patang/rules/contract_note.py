"""A day's trades of one segment as the contract note charges them: netted, and rounded."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

import msgspec

from patang.domain.enums import Product, Side
from patang.domain.errors import InvalidValue
from patang.domain.instrument import Instrument, InstrumentId
from patang.domain.money import ZERO, to_paisa, to_rupee
from patang.rules.charge_table import Rates, Segment, rates_of
from patang.rules.charges import Charges, brokerage_of, rates_of_order

_FINEST = Decimal("0.000001")
"""Finer than any tick, in rupees."""

_NOTES = {
    Segment.EQUITY_DELIVERY: "equity",
    Segment.EQUITY_INTRADAY: "equity",
    Segment.EQUITY_MTF: "equity",
    Segment.EQUITY_FUTURES: "equity derivatives",
    Segment.EQUITY_OPTIONS: "equity derivatives",
    Segment.CURRENCY_FUTURES: "currency",
    Segment.CURRENCY_OPTIONS: "currency",
    Segment.COMMODITY_FUTURES: "commodity",
    Segment.COMMODITY_OPTIONS: "commodity",
}


def note_of(segment: Segment) -> str:
    """Which of a day's contract notes charges trades of a segment."""
    return _NOTES[segment]


class ExecutedOrder(msgspec.Struct, frozen=True, kw_only=True):
    """What one order traded on a day, at its average price in rupees: a contract note's line.

    ``group`` is a BSE share's group, where its fee depends on it ("X", "Z", "M", ...).
    """

    instrument: Instrument
    product: Product
    side: Side
    quantity: int
    price: Decimal
    group: str = ""

    @property
    def value(self) -> Decimal:
        """Rupees traded, with the contract multiplier.

        What trades add up to is exact; the average of their prices need not be.
        """
        return (self.price * self.quantity * self.instrument.multiplier).quantize(_FINEST)


def contract_note(
    orders: Sequence[ExecutedOrder], on: date, *, nets_intraday: bool = True
) -> Charges:
    """Charges of one day's executed orders of one segment, rounded as they are settled.

    Brokerage goes to the paisa per order; exchange fee, SEBI fee and GST to the paisa, transaction
    tax and stamp duty to the rupee, once for the note. With ``nets_intraday`` shares bought and
    sold on the same day are taxed as intraday whatever their product, at the average of all the
    share's trades of the day. Without it each order is taxed on its own value and product, as the
    web calculator does. MTF is never netted. Brokerage always follows the product.
    Source: Zerodha support, "How is STT calculated"; Zerodha's brokerage calculator.

    Raises:
        InvalidValue: orders of several segments, or a product that is not traded there.
        RateUnknown: the charges table begins after ``on``.
    """
    lines = [
        (order, rates_of_order(order.instrument, order.product, order.group, on))
        for order in orders
    ]
    _check_one_segment(lines)
    if not lines:
        return Charges()
    shares: dict[InstrumentId, list[ExecutedOrder]] = {}
    tax = stamp_duty = ZERO
    for order, rates in lines:
        if nets_intraday and rates.segment in (Segment.EQUITY_DELIVERY, Segment.EQUITY_INTRADAY):
            shares.setdefault(order.instrument.id, []).append(order)
        elif order.side is Side.BUY:
            tax += order.value * rates.buy_tax
            stamp_duty += order.value * rates.stamp_duty
        else:
            tax += order.value * rates.sell_tax
    for trades in shares.values():
        share_tax, share_stamp = _netted(trades, on)
        tax += share_tax
        stamp_duty += share_stamp
    brokerage = sum((to_paisa(brokerage_of(rates, order.value)) for order, rates in lines), ZERO)
    exchange_fee = to_paisa(
        sum((order.value * (rates.exchange_fee + rates.ipft) for order, rates in lines), ZERO)
    )
    sebi_fee = to_paisa(sum((order.value * rates.sebi_fee for order, rates in lines), ZERO))
    return Charges(
        brokerage=brokerage,
        transaction_tax=to_rupee(tax),
        exchange_fee=exchange_fee,
        sebi_fee=sebi_fee,
        stamp_duty=to_rupee(stamp_duty),
        # On the note's printed figures, the IPFT part included.
        gst=to_paisa((brokerage + exchange_fee + sebi_fee) * lines[0][1].gst),
    )


def _check_one_segment(lines: Sequence[tuple[ExecutedOrder, Rates]]) -> None:
    names = sorted({note_of(rates.segment) for _, rates in lines})
    if len(names) > 1:
        raise InvalidValue(
            "orders", f"they belong to several notes: {', '.join(names)}.", "Make one of each."
        )


def _netted(orders: Sequence[ExecutedOrder], on: date) -> tuple[Decimal, Decimal]:
    """Unrounded transaction tax and stamp duty of one share's trades of a day."""
    bought = sum(order.quantity for order in orders if order.side is Side.BUY)
    sold = sum(order.quantity for order in orders if order.side is Side.SELL)
    if not bought + sold:
        return ZERO, ZERO
    exchange, group = orders[0].instrument.exchange, orders[0].group
    intraday = rates_of(Segment.EQUITY_INTRADAY, exchange, group, on)
    delivery = rates_of(Segment.EQUITY_DELIVERY, exchange, group, on)
    value = sum((order.value for order in orders), ZERO)
    squared = min(bought, sold)
    delivered = abs(bought - sold)
    delivery_tax = delivery.buy_tax if bought > sold else delivery.sell_tax
    # Quantity times average price, multiplied first so that nothing is lost to the division.
    tax = value * (squared * intraday.sell_tax + delivered * delivery_tax) / (bought + sold)
    if not bought:
        return tax, ZERO
    buy_value = sum((order.value for order in orders if order.side is Side.BUY), ZERO)
    kept = bought - squared
    stamp = buy_value * (squared * intraday.stamp_duty + kept * delivery.stamp_duty) / bought
    return tax, stamp
