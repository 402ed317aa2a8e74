"""Any bytes are a message or a complaint, and every message survives the wire."""

import json
import math
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from patang.brokers import protocol as p
from patang.brokers.protocol_words import (
    fill_of,
    intent_of,
    iso_of,
    ns_of,
    place_order_of,
    quote_of,
    tick_of,
    trade_of,
)
from patang.domain.enums import Exchange, OrderType, Product, Side
from patang.domain.errors import InvalidValue
from patang.domain.instrument import InstrumentId
from patang.domain.market import DepthLevel, Tick
from patang.domain.order import Fill, OrderIntent

times = st.integers(0, 4_000_000_000 * 10**9)
prices = st.decimals("0.0001", "9999999", places=4)
words = st.text("abcXYZ019._:-", min_size=1, max_size=64)
junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4)
    ),
    max_leaves=10,
)
field_names = sorted(
    {name for each in p.ClientMessage.__args__ for name in each.__struct_fields__} | {"type"}
)


@given(st.binary(max_size=200) | st.text(max_size=200))
def test_any_frame_is_messages_or_a_complaint(frame):
    for decode in (p.decode_client_frame, p.decode_gateway_frame):
        try:
            found = decode(frame)
        except p.BadMessage:
            continue
        known = (*p.ClientMessage.__args__, *p.GatewayMessage.__args__, p.BadMessage)
        assert all(isinstance(each, known) for each in found)


@settings(max_examples=300)
@given(st.sampled_from(sorted(p.CLIENT_TYPES)), st.dictionaries(st.sampled_from(field_names), junk))
def test_any_fields_of_a_known_type_never_break_the_decoder(kind, fields):
    frame = json.dumps(fields | {"type": kind}, default=str)
    (message,) = p.decode_client_frame(frame)
    assert not isinstance(message, p.UnknownType)
    if isinstance(message, p.Request):
        assert 1 <= len(message.request_id) <= 64
    elif isinstance(message, p.BadMessage):
        assert message.kind in (kind, "")


@given(st.text(max_size=30).filter(lambda text: text not in p.CLIENT_TYPES), words)
def test_an_unknown_type_is_told_apart_and_keeps_its_request(kind, request_id):
    (message,) = p.decode_client_frame(json.dumps({"type": kind, "request_id": request_id}))
    assert isinstance(message, p.UnknownType)
    assert message.request_id == request_id


@pytest.mark.parametrize(
    "frame",
    ["", "{", "[", "null", "[[]]", '{"type":3}', "\ud800", b"\xff\xfe", "[" * 100_000, "1e999"],
)
def test_what_is_no_message_is_a_complaint(frame):
    for decode in (p.decode_client_frame, p.decode_gateway_frame):
        try:
            found = decode(frame)
        except p.BadMessage:
            continue
        assert all(isinstance(each, p.BadMessage) for each in found)


def test_a_batch_has_a_bound():
    one = '{"type":"ACK","seq":1}'
    assert len(p.decode_client_frame(f"[{','.join([one] * p.MAX_BATCH)}]")) == p.MAX_BATCH
    with pytest.raises(p.BadMessage, match="at most 100"):
        p.decode_client_frame(f"[{','.join([one] * (p.MAX_BATCH + 1))}]")


def test_one_bad_message_of_a_batch_leaves_the_others():
    good, bad, also = p.decode_client_frame(
        '[{"type":"ACK","seq":1},{"type":"ACK","sec":1},{"type":"ACK","seq":2}]'
    )
    assert (good.seq, also.seq) == (1, 2)
    assert isinstance(bad, p.BadMessage)


def test_a_field_that_is_misspelt_is_refused_and_not_passed_over():
    (bad,) = p.decode_client_frame(
        '{"type":"PLACE_ORDER","request_id":"r","exchange":"NSE","symbol":"INFY","side":"BUY",'
        '"quantity":1,"product":"MIS","triger_price":1}'
    )
    assert "triger_price" in str(bad)


@given(times)
def test_times_survive(at_ns):
    assert ns_of(iso_of(at_ns)) == at_ns


@given(st.text(max_size=40))
def test_no_text_breaks_the_reader_of_times(text):
    try:
        at_ns = ns_of(text)
    except InvalidValue:
        return
    assert ns_of(iso_of(at_ns)) == at_ns


@given(
    price=prices | st.none(),
    side=st.sampled_from(Side),
    quantity=st.integers(1, 10**9),
    kind=st.sampled_from(OrderType),
    product=st.sampled_from(Product),
    tag=st.text("abc019", min_size=1, max_size=20),
    reason=st.text(max_size=30),
    reduces=st.booleans(),
    at_ns=times,
)
def test_an_intent_survives(price, side, quantity, kind, product, tag, reason, reduces, at_ns):
    intent = OrderIntent(
        intent_id="i1",
        tag=tag,
        strategy="s",
        instrument=InstrumentId("NSE:M&M"),
        side=side,
        quantity=quantity,
        order_type=kind,
        product=product,
        created_ns=at_ns,
        price=price,
        reason=reason,
        reduces=reduces,
    )
    (message,) = p.decode_client_frame(p.encode(place_order_of(intent, request_id=tag)))
    assert intent_of(message, intent_id="i1", tag=tag, at_ns=at_ns) == intent
    assert str(message.price) == str(price)


@given(price=prices, quantity=st.integers(1, 10**9), at_ns=times)
def test_a_fill_survives(price, quantity, at_ns):
    fill = Fill(
        trade_id="t",
        order_id="o",
        instrument=InstrumentId("NFO:NIFTY26DEC25000CE"),
        side=Side.SELL,
        quantity=quantity,
        price=price,
        product=Product.NRML,
        time_ns=at_ns,
    )
    (trade,) = p.decode_gateway_frame(
        p.encode(trade_of(fill, tag="x", seq=7, timestamp=iso_of(at_ns)))
    )
    assert fill_of(trade) == fill


@given(
    last=st.floats(0.01, 1e7), volume=st.integers(0, 2**40), oi=st.integers(0, 2**32) | st.none()
)
def test_a_tick_survives(last, volume, oi):
    tick = Tick(
        instrument=InstrumentId("NSE:INFY"),
        received_ns=5,
        last_price=last,
        exchange_ns=10**18,
        volume=volume,
        oi=oi,
        bids=(DepthLevel(last, 3, 1),),
    )
    (quote,) = p.decode_gateway_frame(p.encode(quote_of(tick)))
    assert tick_of(quote, 5) == tick
    assert math.isfinite(quote.price)


def test_prices_travel_as_exact_numbers():
    message = msgspec.structs.replace(
        msgspec.convert(
            {
                "request_id": "r",
                "exchange": "NSE",
                "symbol": "INFY",
                "side": "BUY",
                "quantity": 1,
                "product": "MIS",
            },
            type=p.PlaceOrder,
        ),
        price=Decimal("1500.10"),
    )
    assert b'"price":1500.10' in p.encode(message)
    assert message.exchange is Exchange.NSE
