"""What an account's day costs: contract notes, and the charges outside them."""

from collections.abc import Iterable
from datetime import date
from decimal import Decimal

import msgspec

from patang.domain.enums import Product, Side
from patang.domain.instrument import Instrument, InstrumentId
from patang.domain.money import to_paisa
from patang.rules.charge_table import segment_of
from patang.rules.charges import Charges, depository_charge, fee_with_gst, order_charges
from patang.rules.contract_note import ExecutedOrder, contract_note, note_of
from patang.simulator.accounts.account import Account
from patang.simulator.accounts.marks import Marks
from patang.simulator.orders import SimOrder


class Fee(msgspec.Struct, frozen=True, kw_only=True):
    """One charge outside the contract notes, rupees with GST."""

    name: str
    amount: Decimal
    text: str


def order_costs(account: Account, marks: Marks, on: date) -> Charges:
    """The exact charges of every order executed today, unrounded: as ``order_charges`` adds up."""
    total = Charges()
    for order in _executed(account.orders.values()):
        total += order_charges(
            marks.instrument(order.instrument),
            order.product,
            order.side,
            order.filled_quantity,
            order.average_price,
            on,
        )
    return total


def contract_notes(account: Account, marks: Marks, on: date) -> dict[str, Charges]:
    """The day's contract notes so far, by segment, rounded as they are settled."""
    lines: dict[str, list[ExecutedOrder]] = {}
    for order in _executed(account.orders.values()):
        instrument = marks.instrument(order.instrument)
        segment = segment_of(instrument.exchange, instrument.instrument_type, order.product)
        lines.setdefault(note_of(segment), []).append(
            ExecutedOrder(
                instrument=instrument,
                product=order.product,
                side=order.side,
                quantity=order.filled_quantity,
                price=order.average_price,
            )
        )
    return {name: contract_note(lines[name], on) for name in sorted(lines)}


def fees(account: Account, on: date) -> list[Fee]:
    """The day's charges outside the contract notes.

    They are for sales out of the demat, and for each executed order that the broker placed: its
    risk desk's exits, and what a dealer took by telephone; and for pledges. Source: Zerodha,
    charges.
    """
    found: list[Fee] = []
    for instrument in sold_out_of_demat(account):
        amount = to_paisa(depository_charge(on))
        found.append(Fee(name="depository", amount=amount, text=f"DP charges for {instrument}"))
    users = ("", account.user_id)
    placed = [one for one in _executed(account.orders.values()) if one.placed_by not in users]
    if placed:
        amount = to_paisa(fee_with_gst("square_off", on) * len(placed))
        text = f"Square-off or call and trade, {len(placed)} orders"
        found.append(Fee(name="square_off", amount=amount, text=text))
    if account.pledge_requests:
        amount = to_paisa(fee_with_gst("margin_pledge", on) * account.pledge_requests)
        text = f"Pledging, {account.pledge_requests} requests"
        found.append(Fee(name="pledge", amount=amount, text=text))
    return found


def sold_out_of_demat(account: Account) -> list[InstrumentId]:
    """Shares of which more was sold today than bought: each costs one depository charge."""
    sold: dict[InstrumentId, int] = {}
    for (instrument, product), position in account.positions.items():
        if product in (Product.CNC, Product.MTF) and position.quantity < 0:
            sold[instrument] = position.quantity
    return list(sold)


def delivery_tax(share: Instrument, side: Side, quantity: int, price: Decimal, on: date) -> Decimal:
    """Transaction tax in rupees, unrounded, on shares that change hands at an expiry.

    Source: Zerodha support, STT: contracts settled in shares are taxed as delivery.
    """
    charges = order_charges(share, Product.CNC, side, quantity, price, on)
    return charges.transaction_tax


def _executed(orders: Iterable[SimOrder]) -> list[SimOrder]:
    return [order for order in orders if order.filled_quantity]
