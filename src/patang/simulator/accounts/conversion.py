"""A position changes its product: intraday becomes delivery, or the other way."""

import msgspec

from patang.domain.enums import Product, Side
from patang.domain.instrument import Instrument, InstrumentId
from patang.domain.money import ZERO
from patang.rules.order_rules import products
from patang.simulator.accounts.account import Account
from patang.simulator.errors import Refused


class Conversion(msgspec.Struct, frozen=True, kw_only=True):
    """``quantity`` units of a long (BUY) or short (SELL) position go from one product to another.

    ``overnight`` takes them from what was carried into the day, otherwise from what was opened in
    it. Source: Kite Connect v3, portfolio, position conversion.
    """

    instrument: InstrumentId
    side: Side
    quantity: int
    old_product: Product
    new_product: Product
    overnight: bool = False


def convert(account: Account, listed: Instrument, wanted: Conversion) -> None:
    """Change the product; what the new one needs has to be there.

    Raises:
        Refused: InputException (no such position, or a product that is not traded there),
            HoldingException (a short that holdings do not cover, or a long that waiting sales
            are to deliver) or MarginException.
    """
    _check(account, listed, wanted)
    source = account.position(wanted.instrument, wanted.old_product)
    if source is None:  # as checked above
        return
    target = account.slot(wanted.instrument, wanted.new_product).open_position()
    before = (msgspec.structs.replace(source), msgspec.structs.replace(target))
    available = account.available
    source.move(target, wanted.quantity, overnight=wanted.overnight)
    for product in (wanted.old_product, wanted.new_product):
        account.changed(wanted.instrument, product)
    left = account.available
    if left < min(available, ZERO):
        for position in before:
            account.put_position(position)
        account.clear_empty(wanted.instrument)
        raise Refused(
            "MarginException",
            f"Insufficient funds. Required margin is {available - left:.2f} but available margin "
            f"is {available:.2f}.",
        )
    account.clear_empty(wanted.instrument)


def _check(account: Account, listed: Instrument, wanted: Conversion) -> None:
    traded = products(listed.exchange)
    if wanted.new_product not in traded or wanted.new_product is wanted.old_product:
        raise Refused(
            "InputException",
            f"Invalid `new_product` {wanted.new_product}: {listed.exchange} takes "
            f"{', '.join(traded)}.",
        )
    position = account.position(wanted.instrument, wanted.old_product)
    held = position.quantity if position else 0
    convertible = 0
    if position is not None and held * wanted.side.sign > 0:
        carried = position.overnight_quantity
        overnight = min(abs(carried), abs(held)) if carried * held > 0 else 0
        convertible = overnight if wanted.overnight else abs(held) - overnight
    if not 0 < wanted.quantity <= convertible:
        raise Refused(
            "InputException",
            f"Cannot convert {wanted.quantity} of {wanted.instrument}: {convertible} "
            f"{'overnight' if wanted.overnight else 'day'} units are open in "
            f"{wanted.old_product}.",
        )
    if wanted.quantity % listed.lot_size:
        raise Refused(
            "InputException",
            f"Invalid `quantity` {wanted.quantity}: a multiple of lot size {listed.lot_size}.",
        )
    # A short has to be delivered where it goes; a long may be what a waiting sale is to deliver.
    delivers = wanted.new_product if wanted.side is Side.SELL else wanted.old_product
    if delivers in (Product.CNC, Product.MTF):
        deliverable = account.deliverable(wanted.instrument, delivers)
        if wanted.quantity > deliverable:
            raise Refused(
                "HoldingException",
                f"Insufficient holding quantity. Required quantity is {wanted.quantity} but "
                f"available quantity is {max(deliverable, 0)}.",
            )
