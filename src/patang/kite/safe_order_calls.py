"""The client's calls that place an order and find out what came of it."""

from patang.domain.enums import Exchange, OrderType, Product, Side, Validity, Variety
from patang.kite.clock import Clock
from patang.kite.governor import Governor
from patang.kite.order_calls import OrderCalls, place_form
from patang.kite.parameters import Rupees
from patang.kite.placement import Placement, new_tag, place_safely
from patang.kite.windows import Lane
from patang.wire.forms import PlaceForm
from patang.wire.order_rows import OrderRow


class SafeOrderCalls(OrderCalls):
    """Orders whose outcome the caller always learns, or learns that it cannot be known."""

    @property
    def clock(self) -> Clock:
        """The clock that limits, retries and waits go by."""
        return self._courier.clock

    @property
    def governor(self) -> Governor:
        """The gate every request passes: its ``state`` says what may go now."""
        return self._courier.governor

    async def place_order_safely(
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
        *,
        tag_prefix: str = "",
        lane: Lane = Lane.ENTRY,
    ) -> Placement:
        """Place an order, once, and learn what came of it, even when its reply is lost.

        The arguments are those of ``place_order``. The order gets a tag of its own that begins with
        ``tag_prefix``; a ``tag`` that is given must be used for no other order. After a lost reply
        the order book is read for up to 90 seconds; hand order updates of the feed to
        ``order_seen`` to learn sooner.

        Raises:
            InvalidValue: a field holds what no order may hold; nothing was sent.
            OrderOutcomeUnknown: the order may be live, and even the order book could not tell.
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
            market_protection=market_protection,
            autoslice=autoslice,
            tag=tag or new_tag(tag_prefix),
        )
        return await self.place_safely(form, lane)

    async def place_safely(self, form: PlaceForm, lane: Lane = Lane.ENTRY) -> Placement:
        """Like ``place_order_safely``, from a form that is already built and has its own tag."""
        return await place_safely(self, form, self._searches, lane=lane)

    def order_seen(self, row: OrderRow) -> None:
        """An order update came, over the feed or as a postback: is it one that is looked for?"""
        self._searches.see(row)
