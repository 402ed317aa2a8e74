"""Whether an account can pay for an order, or deliver it. Source: Kite's RMS messages."""

from decimal import Decimal

from patang.domain.enums import Product, Side
from patang.domain.money import ZERO
from patang.simulator.accounts.account import Account
from patang.simulator.errors import Refused
from patang.simulator.orders import SimOrder
from patang.simulator.terms import Terms
from patang.simulator.venue import Venue

NEEDS_AUTHORISATION = 428
"""HTTP status of a sale that the depository has to allow first. Source: Kite, holdings."""


def check(account: Account, venue: Venue, order: SimOrder, terms: Terms, quantity: int) -> None:
    """Refuse ``quantity`` open units under ``terms`` if the account cannot answer for them.

    ``order`` is new (it has no id yet), or one of the account's working orders with new terms:
    what the old terms block is then free for the new ones.

    Raises:
        Refused: HoldingException (with status 428 where the depository has to be asked) or
            MarginException.
    """
    if order.side is Side.SELL and order.product in (Product.CNC, Product.MTF):
        _check_holding(account, order, quantity)
    price = terms.price or terms.trigger_price or venue.last_price
    check_funds(account, order, quantity, price)


def check_funds(account: Account, order: SimOrder, quantity: int, price: Decimal) -> None:
    """Refuse what the account cannot pay for; raises ``Refused`` with MarginException."""
    required, available = account.required(order, quantity, price)
    if required > max(available, ZERO):
        raise Refused(
            "MarginException",
            f"Insufficient funds. Required margin is {required:.2f} but available margin is "
            f"{available:.2f}.",
            # Source: kiteconnect-mocks orders.json, a row rejected for funds.
            raw=f"RMS:Margin Exceeds,Required:{required:.2f}, Available:{available:.2f} for entity "
            f"account-{account.user_id} across exchange across segment across product ",
        )


def _check_holding(account: Account, order: SimOrder, quantity: int) -> None:
    instrument, product = order.instrument, order.product
    pending = account.pending(instrument, product, Side.SELL)
    deliverable = account.deliverable(instrument, product)
    if order.order_id in account.working:
        deliverable += order.pending_quantity
        pending -= order.pending_quantity
    if quantity > deliverable:
        raise Refused(
            "HoldingException",
            f"Insufficient holding quantity. Required quantity is {quantity} but available "
            f"quantity is {max(deliverable, 0)}.",
        )
    if account.sells_freely or product is not Product.CNC:
        return
    # Shares bought today are not at the depository yet: only what is held needs its word.
    out_of_holdings = pending + quantity - account.held(instrument, product)
    holding = account.holdings.get(instrument)
    lacking = out_of_holdings - (holding.authorised_quantity if holding else 0)
    if lacking > 0 and holding is not None:
        raise Refused(
            "HoldingException",
            f"{lacking} quantity needs authorisation at depository.",
            status=NEEDS_AUTHORISATION,
        )
