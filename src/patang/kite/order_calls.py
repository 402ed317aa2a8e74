"""The client's calls on orders and trades."""

from collections.abc import Callable
from typing import Any

from patang.domain.enums import Exchange, OrderType, Product, Side, Validity, Variety
from patang.domain.instrument import Instrument
from patang.kite.courier import Errand
from patang.kite.endpoint_calls import EndpointCalls
from patang.kite.errors import OrderOutcomeUnknown
from patang.kite.parameters import (
    InstrumentLookup,
    Rupees,
    optional_word,
    rupees,
    unless_zero,
    word,
)
from patang.kite.reconcile import Searches
from patang.kite.windows import Lane
from patang.wire.autoslice_rows import AutosliceAck, PlaceAnswer, autoslice_ack
from patang.wire.form_fields import id_text
from patang.wire.forms import CancelForm, ModifyForm, PlaceForm, to_form
from patang.wire.order_checks import check_modification, check_placement
from patang.wire.rows import OrderAck, OrderRow, TradeRow


class OrderCalls(EndpointCalls):
    """Placing, changing, cancelling and reading orders. No order request is ever repeated.

    ``instrument_of``, where it is set, finds the instrument of ``EXCHANGE:SYMBOL``, so that tick,
    lot and freeze quantity are checked before an order is sent.
    """

    instrument_of: InstrumentLookup | None = None
    _searches: Searches

    async def orders(self) -> list[OrderRow]:
        """Every order of the day in its latest state."""
        rows = await self._call("orders", list[OrderRow])
        await self._book_read(rows)
        return rows

    async def _book_read(self, rows: Any) -> None:
        if not isinstance(rows, list):
            return  # a raw answer, which is the server's own affair
        if not self._is_raw:
            for row in rows:
                self._searches.see(row)
        # What was placed by hand counts against the day's limit as well.
        await self._courier.governor.see_order_book(len(rows))

    async def order_history(self, order_id: str) -> list[OrderRow]:
        """Every state an order went through, oldest first."""
        return await self._call("order_history", list[OrderRow], {"order_id": order_id})

    async def trades(self) -> list[TradeRow]:
        """Every trade of the day."""
        return await self._call("trades", list[TradeRow])

    async def order_trades(self, order_id: str) -> list[TradeRow]:
        """The trades of one order."""
        return await self._call("order_trades", list[TradeRow], {"order_id": order_id})

    async def place_order(
        self,
        variety: Variety | str,
        exchange: Exchange | str,
        tradingsymbol: str,
        transaction_type: Side | str,
        quantity: int,
        product: Product | str,
        order_type: OrderType | str,
        price: Rupees | None = None,
        validity: Validity | str | None = None,
        validity_ttl: int | None = None,
        disclosed_quantity: int | None = None,
        trigger_price: Rupees | None = None,
        iceberg_legs: int | None = None,
        iceberg_quantity: int | None = None,
        auction_number: str | None = None,
        algo_id: str | None = None,
        tag: str | None = None,
        market_protection: Rupees | None = None,
        autoslice: bool | None = None,
    ) -> str:
        """Place an order, once; return its id: accepted for processing, nothing more.

        ``market_protection`` (percent, -1 for automatic) is needed by MARKET and SL-M orders. A
        zero stands for "not used" where the order type has no such price or quantity.

        Raises:
            InvalidValue: a field holds what no order may hold; nothing was sent.
            OrderOutcomeUnknown: the order may be live; find it by ``tag``, do not send it again.
            KiteError: Kite refused it.
        """
        form = place_form(
            variety=variety,
            exchange=exchange,
            tradingsymbol=tradingsymbol,
            transaction_type=transaction_type,
            quantity=quantity,
            product=product,
            order_type=order_type,
            price=price,
            validity=validity,
            validity_ttl=validity_ttl,
            disclosed_quantity=disclosed_quantity,
            trigger_price=trigger_price,
            iceberg_legs=iceberg_legs,
            iceberg_quantity=iceberg_quantity,
            auction_number=auction_number,
            algo_id=algo_id,
            tag=tag,
            market_protection=market_protection,
            autoslice=autoslice,
        )
        return await self.place(form)

    async def place(
        self,
        form: PlaceForm,
        lane: Lane = Lane.ENTRY,
        *,
        is_wanted: Callable[[], bool] | None = None,
    ) -> str:
        """Like ``place_order``, from a form that is already built; ``lane`` says how urgent it is.

        ``is_wanted`` is asked when the limits let it go, just before it leaves; where it says no,
        nothing leaves and ``Withdrawn`` is raised.

        Of a sliced order this is the parent's id. When every slice was refused, the first
        refusal is raised.
        """
        answer = await self._place(form, lane, is_wanted)
        if self._is_raw:
            return answer  # type: ignore[no-any-return]
        ack = autoslice_ack(answer)
        if ack.refused and not ack.placed:
            raise ack.refused[0].as_error()
        if not ack.placed:
            raise OrderOutcomeUnknown("the answer names no order", tag=form.tag)
        return ack.order_id or ack.placed[0]

    async def place_autoslice_order(
        self,
        variety: Variety | str,
        exchange: Exchange | str,
        tradingsymbol: str,
        transaction_type: Side | str,
        quantity: int,
        product: Product | str,
        order_type: OrderType | str,
        price: Rupees | None = None,
        validity: Validity | str | None = None,
        validity_ttl: int | None = None,
        disclosed_quantity: int | None = None,
        trigger_price: Rupees | None = None,
        iceberg_legs: int | None = None,
        iceberg_quantity: int | None = None,
        auction_number: str | None = None,
        algo_id: str | None = None,
        tag: str | None = None,
        market_protection: Rupees | None = None,
    ) -> AutosliceAck:
        """Place an order that Kite slices at the freeze quantity; return each slice's fate.

        Part of the slices may be refused while others are live: see ``placed`` and ``refused``.
        Raises as ``place_order``.
        """
        form = place_form(
            variety=variety,
            exchange=exchange,
            tradingsymbol=tradingsymbol,
            transaction_type=transaction_type,
            quantity=quantity,
            product=product,
            order_type=order_type,
            price=price,
            validity=validity,
            validity_ttl=validity_ttl,
            disclosed_quantity=disclosed_quantity,
            trigger_price=trigger_price,
            iceberg_legs=iceberg_legs,
            iceberg_quantity=iceberg_quantity,
            auction_number=auction_number,
            algo_id=algo_id,
            tag=tag,
            market_protection=market_protection,
            autoslice=True,
        )
        answer = await self._place(form)
        return answer if self._is_raw else autoslice_ack(answer)

    async def modify_order(
        self,
        variety: Variety | str,
        order_id: str,
        parent_order_id: str | None = None,
        quantity: int | None = None,
        price: Rupees | None = None,
        order_type: OrderType | str | None = None,
        trigger_price: Rupees | None = None,
        validity: Validity | str | None = None,
        disclosed_quantity: int | None = None,
        market_protection: Rupees | None = None,
        validity_ttl: int | None = None,
    ) -> str:
        """Change an order that rests, once; ``quantity`` is its new total. Raises as placing."""
        form = ModifyForm(
            variety=word(Variety, "variety", variety),
            order_id=id_text("order_id", order_id),
            order_type=optional_word(OrderType, "order_type", order_type),
            quantity=quantity,
            price=unless_zero(rupees("price", price)),
            trigger_price=unless_zero(rupees("trigger_price", trigger_price)),
            validity=optional_word(Validity, "validity", validity),
            validity_ttl=unless_zero(validity_ttl),
            disclosed_quantity=unless_zero(disclosed_quantity),
            market_protection=rupees("market_protection", market_protection),
            parent_order_id=parent_order_id,
        )
        return await self.modify(form)

    async def modify(self, form: ModifyForm, instrument: Instrument | None = None) -> str:
        """Like ``modify_order``, from a form that is already built."""
        check_modification(form, instrument)
        return await self._change("modify_order", form)

    async def cancel_order(
        self, variety: Variety | str, order_id: str, parent_order_id: str | None = None
    ) -> str:
        """Ask to cancel an order, once. Raises as placing."""
        form = CancelForm(
            variety=word(Variety, "variety", variety),
            order_id=id_text("order_id", order_id),
            parent_order_id=parent_order_id,
        )
        return await self._change("cancel_order", form)

    async def exit_order(
        self, variety: Variety | str, order_id: str, parent_order_id: str | None = None
    ) -> str:
        """Leave a cover order: cancelling its second leg sells or buys at the market."""
        return await self.cancel_order(variety, order_id, parent_order_id)

    async def _place(
        self,
        form: PlaceForm,
        lane: Lane = Lane.ENTRY,
        is_wanted: Callable[[], bool] | None = None,
    ) -> Any:
        lookup = self.instrument_of
        check_placement(form, lookup and lookup(f"{form.exchange}:{form.tradingsymbol}"))
        shape: Any = PlaceAnswer
        path = {"variety": form.variety.value}
        # Each leg of an iceberg is an order of the day. How many slices there will be is not known
        # before the order book shows them.
        errand = Errand(lane=lane, orders=form.iceberg_legs or 1, is_wanted=is_wanted)
        return await self._order_call(
            "place_order", shape, path, to_form(form), tag=form.tag, errand=errand
        )

    async def _change(self, name: str, form: ModifyForm | CancelForm) -> str:
        path = {"variety": form.variety.value, "order_id": form.order_id}
        answer = await self._order_call(name, OrderAck, path, to_form(form), order_id=form.order_id)
        return answer if self._is_raw else answer.order_id  # type: ignore[return-value]


def place_form(
    *,
    variety: Variety | str = Variety.REGULAR,
    exchange: Exchange | str,
    tradingsymbol: str,
    transaction_type: Side | str,
    quantity: int,
    product: Product | str,
    order_type: OrderType | str,
    price: Rupees | None = None,
    validity: Validity | str | None = None,
    validity_ttl: int | None = None,
    disclosed_quantity: int | None = None,
    trigger_price: Rupees | None = None,
    iceberg_legs: int | None = None,
    iceberg_quantity: int | None = None,
    auction_number: str | None = None,
    algo_id: str | None = None,
    tag: str | None = None,
    market_protection: Rupees | None = None,
    autoslice: bool | None = None,
) -> PlaceForm:
    """The form of an order from what callers may pass; raises ``InvalidValue``."""
    return PlaceForm(
        variety=word(Variety, "variety", variety),
        exchange=word(Exchange, "exchange", exchange),
        tradingsymbol=tradingsymbol,
        transaction_type=word(Side, "transaction_type", transaction_type),
        order_type=word(OrderType, "order_type", order_type),
        quantity=quantity,
        product=word(Product, "product", product),
        price=unless_zero(rupees("price", price)),
        trigger_price=unless_zero(rupees("trigger_price", trigger_price)),
        validity=optional_word(Validity, "validity", validity),
        validity_ttl=unless_zero(validity_ttl),
        disclosed_quantity=unless_zero(disclosed_quantity),
        iceberg_legs=unless_zero(iceberg_legs),
        iceberg_quantity=unless_zero(iceberg_quantity),
        auction_number=auction_number,
        tag=tag,
        market_protection=rupees("market_protection", market_protection),
        autoslice=autoslice,
        algo_id=algo_id,
    )
