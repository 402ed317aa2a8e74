"""Between Kite's words and the domain's: order states, requests, updates and fills."""

from patang.domain.enums import Exchange, Product, Side
from patang.domain.errors import InvalidValue
from patang.domain.instrument import instrument_id, parse_instrument_id
from patang.domain.messages import OrderUpdated
from patang.domain.order import Fill, OrderIntent, OrderStatus
from patang.wire.errors import DataException
from patang.wire.forms import PlaceForm
from patang.wire.rows import OrderRow, TradeRow
from patang.wire.times import parse_ist

_STATUSES = {
    "COMPLETE": OrderStatus.FILLED,
    "CANCELLED": OrderStatus.CANCELLED,
    "CANCELLED AMO": OrderStatus.CANCELLED,
    "LAPSED": OrderStatus.CANCELLED,
    "REJECTED": OrderStatus.REJECTED,
    "OPEN": OrderStatus.OPEN,
    "TRIGGERED": OrderStatus.OPEN,
    "TRIGGER PENDING": OrderStatus.TRIGGER_PENDING,
    "CANCEL PENDING": OrderStatus.CANCEL_PENDING,
    "CANCEL AMO REQ RECEIVED": OrderStatus.CANCEL_PENDING,
    # All others are ACCEPTED: interim states, of a stop order as well as of an open one, so that
    # they never claim that a stop has triggered; UPDATE, which says nothing of where the order
    # rests; AMO REQ RECEIVED, which waits for the session; and whatever Kite adds.
}

_KITE_MARKS = {"mktp", "autoslice"}


def status_of(kite_status: str) -> OrderStatus:
    """The domain's status of a Kite status text.

    Kite says that it may add states, so a text we do not know is never taken to be final: it is
    ACCEPTED, the weakest thing that can be said of an order that the broker lists.
    """
    return _STATUSES.get(kite_status.strip().upper(), OrderStatus.ACCEPTED)


def place_form(intent: OrderIntent) -> PlaceForm:
    """The request that places an intent.

    Raises:
        InvalidValue: the instrument is not ``EXCHANGE:SYMBOL``, or a field is out of range.
    """
    exchange, _, symbol = parse_instrument_id(intent.instrument).partition(":")
    return PlaceForm(
        variety=intent.variety,
        exchange=Exchange(exchange),
        tradingsymbol=symbol,
        transaction_type=intent.side,
        order_type=intent.order_type,
        quantity=intent.quantity,
        product=intent.product,
        price=intent.price,
        trigger_price=intent.trigger_price,
        validity=intent.validity,
        tag=intent.tag,
        market_protection=intent.market_protection,
    )


def order_updated(row: OrderRow, at_ns: int) -> OrderUpdated:
    """The engine's event of an order row or postback that was read at ``at_ns`` (UTC).

    Raises:
        DataException: a word or time of the row is not one of Kite's.
    """
    try:
        return OrderUpdated(
            at_ns=at_ns,
            order_id=row.order_id,
            tag=tag_of(row),
            instrument=instrument_id(row.exchange, row.tradingsymbol),
            side=Side(row.transaction_type),
            quantity=row.quantity,
            filled_quantity=row.filled_quantity,
            status=_status(row),
            exchange_ns=_newest_exchange_ns(row),
            message=row.status_message or row.status_message_raw or "",
        )
    except (InvalidValue, ValueError) as error:
        raise DataException(f"order {row.order_id}: {error}") from error


def tag_of(row: OrderRow) -> str | None:
    """The tag its placer gave an order; Kite's own marks (``mktp``, ``autoslice``) are none.

    ``tag`` is the first of ``tags``, and nothing says that the placer's comes before the marks.
    """
    tags: list[str] = row.tags or []
    for tag in (row.tag, *tags):
        if tag and tag.partition(":")[0] not in _KITE_MARKS:
            return tag
    return None


def _status(row: OrderRow) -> OrderStatus:
    status = status_of(row.status)
    # A partial fill is pushed as UPDATE; only an order that is in the market fills.
    is_filling = status is OrderStatus.ACCEPTED and 0 < row.filled_quantity < row.quantity
    return OrderStatus.OPEN if is_filling else status


def _newest_exchange_ns(row: OrderRow) -> int | None:
    text = row.exchange_update_timestamp or row.exchange_timestamp
    return parse_ist(text) if text else None


def fill_of(row: TradeRow) -> Fill:
    """The fill that a row of the trade book records.

    Raises:
        DataException: a word or time of the row is not one of Kite's, or it has no time.
    """
    text = row.fill_timestamp or row.exchange_timestamp or ""
    try:
        return Fill(
            trade_id=row.trade_id,
            order_id=row.order_id,
            instrument=instrument_id(row.exchange, row.tradingsymbol),
            side=Side(row.transaction_type),
            quantity=row.quantity,
            price=row.average_price,
            product=Product(row.product),
            time_ns=parse_ist(text),
        )
    except (InvalidValue, ValueError) as error:
        raise DataException(f"trade {row.trade_id}: {error}") from error
