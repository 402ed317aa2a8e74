"""A world of thousands of instruments, most of them without a book, as its clients see it."""

import math
from collections import Counter
from datetime import date, timedelta

import pytest
from kiteconnect import KiteConnect
from kiteconnect.exceptions import InputException
from websockets.sync.client import connect

from patang.sandbox.settings import SandboxSettings
from patang.sandbox.world import World
from patang.wire.instruments import decode_instruments_csv
from patang.wire.messages import SetMode, encode_request
from patang.wire.ticks import HEARTBEAT, Segment, TickMode, decode_frame

UNIVERSE = 5_000
USERS = [{"user_id": name, "cash": "5000000"} for name in ("AB1234", "CD5678")]
EXPIRY = date(2026, 11, 23)


@pytest.fixture(scope="module")
def large(start_sandbox):
    return start_sandbox(universe=UNIVERSE, speed=0, rate_limits=False, users=USERS)


@pytest.fixture(scope="module")
def client(large):
    kite = KiteConnect(api_key=large.api_key, root=large.root)
    kite.set_access_token(large.access_token("AB1234"))
    yield kite
    kite.reqsession.close()


@pytest.fixture(scope="module")
def dump(client):
    return client.instruments()


def test_the_dump_lists_every_segment(dump):
    assert len(dump) == UNIVERSE
    assert len({row["instrument_token"] for row in dump}) == UNIVERSE
    segments = Counter(row["segment"] for row in dump)
    assert {"NSE", "BSE", "INDICES", "NFO-FUT", "NFO-OPT", "BFO-OPT", "CDS-FUT"} < set(segments)
    assert {"MCX-OPT", "MCX-FUT", "NCO-OPT", "BCD-FUT"} < set(segments)
    assert all(row["instrument_token"] >> 8 == int(row["exchange_token"]) for row in dump)


def test_each_exchange_has_its_part_of_the_dump(client, dump):
    parts = {name: client.instruments(name) for name in ("NSE", "NFO", "MCX")}
    for name, rows in parts.items():
        assert rows == [row for row in dump if row["exchange"] == name]


def nifty_chain(dump):
    return [
        row
        for row in dump
        if row["segment"] == "NFO-OPT" and row["name"] == "NIFTY" and row["expiry"] == EXPIRY
    ]


def test_a_chain_can_be_priced_from_its_quotes(client, dump):
    chain = nifty_chain(dump)
    names = [f"NFO:{row['tradingsymbol']}" for row in chain]
    quotes = client.quote([*names, "NFO:NIFTY26NOVFUT", "NSE:NIFTY 50"])
    assert len(quotes) == len(chain) + 2
    future = quotes["NFO:NIFTY26NOVFUT"]["last_price"]
    assert 0 < future - quotes["NSE:NIFTY 50"]["last_price"] < 30
    discount = math.exp(-0.065 * (EXPIRY - date(2026, 11, 19)) / timedelta(days=365))
    by_strike = {}
    for row, name in zip(chain, names, strict=True):
        by_strike.setdefault(row["strike"], {})[row["instrument_type"]] = quotes[name]
    for strike, pair in by_strike.items():
        over = pair["CE"]["last_price"] - pair["PE"]["last_price"]
        assert over == pytest.approx(discount * (future - strike), abs=0.3)
        for quote in pair.values():
            best_bid, best_ask = quote["depth"]["buy"][0], quote["depth"]["sell"][0]
            assert best_bid["price"] <= quote["last_price"] <= best_ask["price"]
            assert quote["lower_circuit_limit"] <= best_ask["price"] <= quote["upper_circuit_limit"]
            assert quote["oi_day_low"] <= quote["oi"] <= quote["oi_day_high"]


def test_an_order_trades_with_the_book_it_opens(client, dump):
    row = nifty_chain(dump)[0]
    name = f"NFO:{row['tradingsymbol']}"
    before = client.quote(name)[name]
    order_id = client.place_order(
        "regular",
        exchange="NFO",
        tradingsymbol=row["tradingsymbol"],
        transaction_type="BUY",
        quantity=row["lot_size"],
        product="NRML",
        order_type="LIMIT",
        price=round(before["depth"]["sell"][0]["price"] + 2, 2),
    )
    last = client.order_history(order_id)[-1]
    assert last["status"] == "COMPLETE", last["status_message"]
    assert last["average_price"] == pytest.approx(before["last_price"], rel=0.02)
    after = client.quote(name)[name]
    assert after["volume"] >= before["volume"] + row["lot_size"]
    position = next(
        one for one in client.positions()["net"] if one["tradingsymbol"] == row["tradingsymbol"]
    )
    assert position["quantity"] == row["lot_size"]


def test_margins_of_contracts_need_no_book(client, dump):
    puts = [row for row in nifty_chain(dump) if row["instrument_type"] == "PE"]
    order = {
        "exchange": "NFO",
        "tradingsymbol": puts[-1]["tradingsymbol"],
        "transaction_type": "SELL",
        "variety": "regular",
        "product": "NRML",
        "order_type": "MARKET",
        "quantity": puts[-1]["lot_size"],
    }
    (margin,) = client.order_margins([order])
    assert margin["span"] > 50_000


def test_what_is_not_listed_has_no_quote_and_takes_no_order(client):
    assert client.quote("NFO:NIFTY26NOV25901CE") == {}
    with pytest.raises(InputException, match="expired or does not exist"):
        client.place_order(
            "regular",
            exchange="NFO",
            tradingsymbol="NIFTY26NOV25901CE",
            transaction_type="BUY",
            quantity=65,
            product="NRML",
            order_type="LIMIT",
            price=10,
        )


def test_the_ticker_shows_what_the_quotes_show(large, client, dump):
    chosen = [row for row in dump[:: UNIVERSE // 60] if row["segment"] != "INDICES"]
    tokens = [row["instrument_token"] for row in chosen]
    names = {row["instrument_token"]: f"{row['exchange']}:{row['tradingsymbol']}" for row in chosen}
    address = (
        f"{large.ready['ws']}/?api_key={large.api_key}&access_token={large.access_token('AB1234')}"
    )
    packets = {}
    with connect(address, compression=None, ping_interval=None, max_size=None) as socket:
        socket.send(encode_request(SetMode(mode=TickMode.QUOTE, tokens=tokens)))
        while len(packets) < len(tokens):
            frame = socket.recv(timeout=5)
            if isinstance(frame, bytes) and frame != HEARTBEAT:
                packets |= {one.token: one for one in decode_frame(frame).packets}
    quotes = client.quote([*names.values()])
    divisors = {Segment.CDS: 10_000_000, Segment.BCD: 10_000, Segment.NCO: 10_000}
    for token, packet in packets.items():
        quote = quotes[names[token]]
        divisor = divisors.get(token & 0xFF, 100)
        assert packet.last_price / divisor == pytest.approx(quote["last_price"])
        assert packet.high / divisor == pytest.approx(quote["ohlc"]["high"])
        assert packet.volume == quote["volume"]


def test_watching_depth_opens_few_books_only():
    world = World(SandboxSettings(universe=1_000, speed=0, book_limit=25), "http://sandbox")
    rows = [one for one in world.instruments if one.segment == "NFO-OPT"]
    for one in rows[:10]:
        world.open_in_depth(one.token)
    assert len(world.exchange.floor.venues) == 25
    assert world.exchange.floor.venues.peek(rows[0].id) is not None
    assert world.exchange.floor.venues.peek(rows[9].id) is None


def test_a_dump_served_is_a_universe_to_serve(client, tmp_path, large):
    reply = client.reqsession.get(
        f"{large.root}/instruments",
        headers={"Authorization": f"token {large.api_key}:{client.access_token}"},
        timeout=10,
    )
    assert reply.headers["content-type"] == "text/csv"
    path = tmp_path / "universe.csv"
    path.write_bytes(reply.content)
    world = World(SandboxSettings(universe_file=path, speed=0, book_limit=0), "http://sandbox")
    listed = {one.id: one.token for one in decode_instruments_csv(reply.content)}
    assert {one.id: one.token for one in world.instruments} == listed
