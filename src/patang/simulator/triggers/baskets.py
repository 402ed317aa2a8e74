"""The orders of an alert's basket: read from what was asked, and placed as plain orders."""

from enum import StrEnum
from typing import Any, TypeVar

import msgspec

from patang.domain.enums import OrderType, Product, Side, Validity, Variety
from patang.domain.errors import InvalidValue
from patang.domain.instrument import Instrument, instrument_id
from patang.simulator.errors import Refused
from patang.simulator.exchange import Exchange
from patang.simulator.orders import OrderRequest
from patang.simulator.triggers.protection import protection_of
from patang.wire.rows import AlertBasket, AlertGtt, AlertItem

MOST_ITEMS = 20
"""Orders of one basket. Source: Zerodha support, baskets."""

Word = TypeVar("Word", bound=StrEnum)


class BasketOrder(msgspec.Struct, frozen=True, kw_only=True):
    """One order of a basket: the item as it was given, what it places, and what follows it."""

    item: AlertItem
    instrument: Instrument
    request: OrderRequest
    protection: AlertGtt | None


class Basket(msgspec.Struct, frozen=True, kw_only=True):
    """The orders of one alert, in the order given."""

    row: AlertBasket
    orders: tuple[BasketOrder, ...]


def read_basket(basket: dict[str, Any], exchange: Exchange) -> Basket:
    """A basket's orders; unknown keys are ignored, zeros and empty words mean "not used".

    Raises:
        Refused: naming the field that is missing or wrong.
    """
    try:
        row = msgspec.convert(basket, AlertBasket, strict=False)
    except msgspec.ValidationError as error:
        raise Refused("InputException", f"Invalid `basket`: {error}.") from error
    if not 0 < len(row.items) <= MOST_ITEMS:
        raise Refused("InputException", f"Invalid `basket.items`: 1 to {MOST_ITEMS} orders.")
    orders = tuple(
        _order(f"basket.items[{index}]", item, exchange) for index, item in enumerate(row.items)
    )
    return Basket(row=row, orders=orders)


def _order(name: str, item: AlertItem, exchange: Exchange) -> BasketOrder:
    asked = item.params
    if asked.variety != Variety.REGULAR:
        raise Refused("InputException", f"Invalid `{name}.params.variety`: alerts place regular.")
    for given in ("squareoff", "stoploss", "trailing_stoploss"):
        if getattr(asked, given):
            raise Refused("InputException", f"Invalid `{name}.params.{given}`: leave it at zero.")
    for given in ("quantity", "disclosed_quantity", "validity_ttl"):
        if getattr(asked, given) < (given == "quantity"):
            raise Refused("InputException", f"Invalid `{name}.params.{given}`.")
    try:
        instrument = exchange.instrument(instrument_id(item.exchange, item.tradingsymbol))
    except InvalidValue as error:
        raise Refused("InputException", f"Invalid `{name}.exchange`.") from error
    tags = asked.tags or ()
    request = OrderRequest(
        instrument=instrument.id,
        side=_word(Side, f"{name}.params.transaction_type", asked.transaction_type),
        quantity=asked.quantity,
        order_type=_word(OrderType, f"{name}.params.order_type", asked.order_type),
        product=_word(Product, f"{name}.params.product", asked.product),
        price=asked.price or None,
        trigger_price=asked.trigger_price or None,
        validity=_word(Validity, f"{name}.params.validity", asked.validity),
        validity_ttl=asked.validity_ttl or None,
        market_protection=asked.market_protection or None,
        disclosed_quantity=asked.disclosed_quantity,
        tag=tags[0] if tags else None,
    )
    return BasketOrder(
        item=item, instrument=instrument, request=request, protection=protection_of(name, asked)
    )


def _word(kind: type[Word], name: str, text: str) -> Word:
    try:
        return kind(text)
    except ValueError as error:
        raise Refused("InputException", f"Invalid `{name}`.") from error
