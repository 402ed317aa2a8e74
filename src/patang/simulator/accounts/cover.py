"""Whether an account can pay for an order, or deliver it. Source: Kite's RMS messages."""

from patang.domain.enums import Product, Side
from patang.domain.money import ZERO
from patang.simulator.accounts.account import Account, PriceOf, order_exposure
from patang.simulator.errors import Refused
from patang.simulator.orders import SimOrder
from patang.simulator.terms import Terms


def check_cover(
    account: Account, order: SimOrder, terms: Terms, quantity: int, last_price: PriceOf
) -> None:
    """Refuse ``quantity`` open units under ``terms`` if the account cannot answer for them.

    ``order`` is new (it has no id yet), or one of the account's working orders with new terms:
    what the old terms block is then free for the new ones.

    Raises:
        Refused: HoldingException or MarginException.
    """
    if order.product is Product.CNC and order.side is Side.SELL:
        _check_holding(account, order, quantity)
    others = account.exposures(last_price, without=order.order_id)
    blocked = account.margin_used(others)
    price = terms.price or terms.trigger_price
    wanted = order_exposure(order, price, quantity, last_price)
    required = account.margin_used([*others, wanted]) - blocked
    available = account.balance - blocked
    if required > max(available, ZERO):
        raise Refused(
            "MarginException",
            f"Insufficient funds. Required margin is {required:.2f} but available margin is "
            f"{available:.2f}.",
        )


def _check_holding(account: Account, order: SimOrder, quantity: int) -> None:
    deliverable = account.deliverable(order.instrument)
    if order.order_id:
        deliverable += order.pending_quantity
    if quantity > deliverable:
        raise Refused(
            "HoldingException",
            f"Insufficient holding quantity. Required quantity is {quantity} but available "
            f"quantity is {max(deliverable, 0)}.",
        )
