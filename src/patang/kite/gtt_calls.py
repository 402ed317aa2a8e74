"""The client's calls on good-till-triggered orders (GTT)."""

from collections.abc import Mapping, Sequence
from typing import Any

from patang.domain.enums import Exchange, OrderType, Product, Side
from patang.domain.errors import InvalidValue
from patang.kite.endpoint_calls import EndpointCalls
from patang.kite.parameters import InstrumentLookup, Rupees, amount, rupees, word
from patang.wire.gtt_forms import GttForm, GttLeg, GttType, check_gtt, gtt_to_form
from patang.wire.rows import GttAck, GttRow

Legs = Sequence[GttLeg | Mapping[str, Any]]
_NEEDED = ("transaction_type", "quantity", "order_type", "product")


class GttCalls(EndpointCalls):
    """Orders that wait at the broker for a price, up to a year."""

    instrument_of: InstrumentLookup | None

    async def place_gtt(
        self,
        trigger_type: GttType | str,
        tradingsymbol: str,
        exchange: Exchange | str,
        trigger_values: Sequence[Rupees],
        last_price: Rupees,
        orders: Legs,
        *,
        expires_at: str | None = None,
    ) -> GttAck:
        """Place a trigger, once: ``single``, or ``two-leg`` with the lower value first.

        ``orders`` are dicts or ``GttLeg``: LIMIT with ``price``, or MARKET with
        ``market_protection``. The answer holds the ``trigger_id``. An answer that is lost leaves
        open whether the trigger exists: read ``get_gtts`` before placing it again.

        Raises:
            InvalidValue: a field holds what no trigger may hold; nothing was sent.
        """
        form = gtt_form(
            trigger_type, tradingsymbol, exchange, trigger_values, last_price, orders, expires_at
        )
        self._check(form)
        return await self._call("place_gtt", GttAck, parameters=gtt_to_form(form))

    async def modify_gtt(
        self,
        trigger_id: int,
        trigger_type: GttType | str,
        tradingsymbol: str,
        exchange: Exchange | str,
        trigger_values: Sequence[Rupees],
        last_price: Rupees,
        orders: Legs,
        *,
        expires_at: str | None = None,
    ) -> GttAck:
        """Replace a trigger by what is given here, all of it; raises as ``place_gtt``."""
        form = gtt_form(
            trigger_type, tradingsymbol, exchange, trigger_values, last_price, orders, expires_at
        )
        self._check(form)
        path = {"trigger_id": _id(trigger_id)}
        return await self._call("modify_gtt", GttAck, path, gtt_to_form(form))

    async def get_gtts(self) -> list[GttRow]:
        """Active triggers, and the others of the last seven days."""
        return await self._call("get_gtts", list[GttRow])

    async def get_gtt(self, trigger_id: int) -> GttRow:
        """One trigger of any age."""
        return await self._call("get_gtt", GttRow, {"trigger_id": _id(trigger_id)})

    async def delete_gtt(self, trigger_id: int) -> GttAck:
        """Delete a trigger."""
        return await self._call("delete_gtt", GttAck, {"trigger_id": _id(trigger_id)})

    async def cancel_gtt(self, trigger_id: int) -> GttAck:
        """The same as ``delete_gtt``."""
        return await self.delete_gtt(trigger_id)

    def _check(self, form: GttForm) -> None:
        lookup = self.instrument_of
        instrument = lookup and lookup(f"{form.exchange}:{form.tradingsymbol}")
        if instrument:
            check_gtt(form, instrument)


def gtt_form(
    trigger_type: GttType | str,
    tradingsymbol: str,
    exchange: Exchange | str,
    trigger_values: Sequence[Rupees],
    last_price: Rupees,
    orders: Legs,
    expires_at: str | None = None,
) -> GttForm:
    """The form of a trigger from what callers may pass; raises ``InvalidValue``."""
    for name, given in (("trigger_values", trigger_values), ("orders", orders)):
        if isinstance(given, str | bytes | Mapping) or not isinstance(given, Sequence):
            raise InvalidValue(name, "is no list.")
    return GttForm(
        type=word(GttType, "trigger_type", trigger_type),
        exchange=word(Exchange, "exchange", exchange),
        tradingsymbol=tradingsymbol,
        trigger_values=tuple(
            amount(f"trigger_values[{index}]", value) for index, value in enumerate(trigger_values)
        ),
        last_price=amount("last_price", last_price),
        orders=tuple(_leg(f"orders[{index}]", order) for index, order in enumerate(orders)),
        expires_at=expires_at,
    )


def _leg(name: str, order: GttLeg | Mapping[str, Any]) -> GttLeg:
    if isinstance(order, GttLeg):
        return order
    if not isinstance(order, Mapping):
        raise InvalidValue(name, f"{type(order).__name__} is no order.", "Pass a dict.")
    for field in _NEEDED:
        if field not in order:
            raise InvalidValue(f"{name}.{field}", "is missing.")
    order_type = word(OrderType, f"{name}.order_type", order["order_type"])
    is_priced = order_type is not OrderType.MARKET
    return GttLeg(
        transaction_type=word(Side, f"{name}.transaction_type", order["transaction_type"]),
        quantity=order["quantity"],
        product=word(Product, f"{name}.product", order["product"]),
        order_type=order_type,
        price=rupees(f"{name}.price", order.get("price")) if is_priced else None,
        market_protection=rupees(f"{name}.market_protection", order.get("market_protection")),
    )


def _id(trigger_id: int) -> str:
    text = str(trigger_id)
    if isinstance(trigger_id, bool) or not (text.isascii() and text.isdecimal()):
        raise InvalidValue("trigger_id", f"{trigger_id!r} is not a whole number.")
    return text
