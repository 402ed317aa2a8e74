"""Between the gateway's messages and the domain: times, orders, fills, ticks."""

import re
from datetime import UTC, datetime
from functools import lru_cache

from patang.brokers.protocol import (
    BookedFields,
    OrderUpdate,
    PlaceOrder,
    Quote,
    QuoteLevel,
    Trade,
)
from patang.domain.enums import Exchange
from patang.domain.errors import InvalidValue
from patang.domain.instrument import InstrumentId, instrument_id
from patang.domain.market import NS_PER_SECOND, DepthLevel, Tick
from patang.domain.messages import BookedPosition, OrderUpdated
from patang.domain.order import Fill, OrderIntent

_ISO = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(?:Z|\+00:00)")


def iso_of(at_ns: int) -> str:
    """UTC nanoseconds as ISO 8601 text: ``2026-02-02T10:30:45Z``, with a fraction if it has one."""
    seconds, fraction = divmod(at_ns, NS_PER_SECOND)
    text = _second_text(seconds)
    return f"{text}.{fraction:09d}".rstrip("0") + "Z" if fraction else text + "Z"


@lru_cache(maxsize=64)
def _second_text(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def ns_of(text: str, field: str = "timestamp") -> int:
    """Inverse of ``iso_of``; raises ``InvalidValue`` for anything but ISO 8601 in UTC."""
    found = _ISO.fullmatch(text)
    try:
        if found is None:
            raise ValueError
        seconds = int(datetime.fromisoformat(found[1]).replace(tzinfo=UTC).timestamp())
    except ValueError:
        raise InvalidValue(
            field, f"{text[:40]!r} is no ISO 8601 time in UTC.", "Write 2026-02-02T10:30:45Z."
        ) from None
    return seconds * NS_PER_SECOND + int((found[2] or "").ljust(9, "0"))


def intent_of(message: PlaceOrder, *, intent_id: str, tag: str, at_ns: int) -> OrderIntent:
    """The intent that a request to place asks for; raises ``InvalidValue``."""
    return OrderIntent(
        intent_id=intent_id,
        tag=tag,
        strategy=message.strategy,
        instrument=instrument_id(message.exchange, message.symbol),
        side=message.side,
        quantity=message.quantity,
        order_type=message.order_type,
        product=message.product,
        created_ns=at_ns,
        price=message.price,
        trigger_price=message.trigger_price,
        market_protection=message.market_protection,
        validity=message.validity,
        variety=message.variety,
        reduces=message.reduces,
        reason=message.reason,
    )


def place_order_of(
    intent: OrderIntent, request_id: str, valid_until_ns: int | None = None
) -> PlaceOrder:
    """The request that asks the gateway for an intent; raises ``InvalidValue``."""
    exchange, _, symbol = intent.instrument.partition(":")
    try:
        return PlaceOrder(
            request_id=request_id,
            exchange=Exchange(exchange),
            symbol=symbol,
            side=intent.side,
            quantity=intent.quantity,
            product=intent.product,
            order_type=intent.order_type,
            price=intent.price,
            trigger_price=intent.trigger_price,
            market_protection=intent.market_protection,
            validity=intent.validity,
            variety=intent.variety,
            tag=intent.tag,
            strategy=intent.strategy,
            reduces=intent.reduces,
            reason=intent.reason,
            valid_until=None if valid_until_ns is None else iso_of(valid_until_ns),
        )
    except ValueError as error:
        raise InvalidValue("intent", f"{intent.intent_id}: {error}") from error


def order_updated_of(update: OrderUpdate, at_ns: int) -> OrderUpdated:
    """The engine's event of an update that has an order id; raises ``InvalidValue``."""
    if update.order_id is None:
        raise InvalidValue("order_id", "is missing.")
    stamp = update.exchange_timestamp
    return OrderUpdated(
        at_ns=at_ns,
        order_id=update.order_id,
        tag=update.tag,
        instrument=instrument_id(update.exchange, update.symbol),
        side=update.side,
        quantity=update.quantity,
        filled_quantity=update.filled_quantity,
        status=update.status,
        exchange_ns=None if stamp is None else ns_of(stamp, "exchange_timestamp"),
        message=update.message,
    )


def fill_of(trade: Trade) -> Fill:
    """The fill that a trade tells of; raises ``InvalidValue``."""
    return Fill(
        trade_id=trade.trade_id,
        order_id=trade.order_id,
        instrument=instrument_id(trade.exchange, trade.symbol),
        side=trade.side,
        quantity=trade.quantity,
        price=trade.price,
        product=trade.product,
        time_ns=ns_of(trade.exchange_timestamp, "exchange_timestamp"),
    )


def trade_of(fill: Fill, *, tag: str | None, seq: int, timestamp: str) -> Trade:
    """Inverse of ``fill_of``."""
    exchange, _, symbol = fill.instrument.partition(":")
    return Trade(
        seq=seq,
        timestamp=timestamp,
        trade_id=fill.trade_id,
        order_id=fill.order_id,
        exchange=exchange,
        symbol=symbol,
        side=fill.side,
        quantity=fill.quantity,
        price=fill.price,
        product=fill.product,
        exchange_timestamp=iso_of(fill.time_ns),
        tag=tag,
    )


def booked_of(fields: BookedFields) -> BookedPosition:
    """What the broker added today, as the engine compares it."""
    return BookedPosition(
        instrument=instrument_id(fields.exchange, fields.symbol),
        product=fields.product,
        quantity=fields.quantity,
    )


def booked_fields(position: BookedPosition) -> BookedFields:
    """Inverse of ``booked_of``."""
    exchange, _, symbol = position.instrument.partition(":")
    return BookedFields(
        exchange=exchange, symbol=symbol, product=position.product, quantity=position.quantity
    )


def quote_of(tick: Tick) -> Quote:
    """A tick as it is fanned out."""
    exchange, _, symbol = tick.instrument.partition(":")
    return Quote(
        exchange=exchange,
        symbol=symbol,
        price=tick.last_price,
        timestamp=iso_of(tick.received_ns),
        exchange_timestamp=_optional_iso(tick.exchange_ns),
        last_trade_timestamp=_optional_iso(tick.last_trade_ns),
        quantity=tick.last_quantity,
        average_price=tick.average_price,
        volume=tick.volume,
        buy_quantity=tick.buy_quantity,
        sell_quantity=tick.sell_quantity,
        open=tick.open,
        high=tick.high,
        low=tick.low,
        close=tick.close,
        oi=tick.oi,
        bids=tuple(QuoteLevel(x.price, x.quantity, x.orders) for x in tick.bids),
        asks=tuple(QuoteLevel(x.price, x.quantity, x.orders) for x in tick.asks),
    )


def tick_of(quote: Quote, received_ns: int) -> Tick:
    """Inverse of ``quote_of`` but for ``received_ns``, which is when it came here."""
    return Tick(
        instrument=InstrumentId(f"{quote.exchange}:{quote.symbol}"),
        received_ns=received_ns,
        last_price=quote.price,
        exchange_ns=_optional_ns(quote.exchange_timestamp),
        last_trade_ns=_optional_ns(quote.last_trade_timestamp),
        last_quantity=quote.quantity,
        average_price=quote.average_price,
        volume=quote.volume,
        buy_quantity=quote.buy_quantity,
        sell_quantity=quote.sell_quantity,
        open=quote.open,
        high=quote.high,
        low=quote.low,
        close=quote.close,
        oi=quote.oi,
        bids=tuple(DepthLevel(x.price, x.quantity, x.orders) for x in quote.bids),
        asks=tuple(DepthLevel(x.price, x.quantity, x.orders) for x in quote.asks),
    )


def _optional_iso(at_ns: int | None) -> str | None:
    return None if at_ns is None else iso_of(at_ns)


def _optional_ns(text: str | None) -> int | None:
    return None if text is None else ns_of(text)
