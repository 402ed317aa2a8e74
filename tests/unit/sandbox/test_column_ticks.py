"""Ticks that come by the column: what is due, when, and that none is lost on the way to a book."""

import numpy as np
import pytest

from patang.sandbox.column_ticks import REST_NS
from patang.sandbox.subscriber import Subscriber, TickerLimits
from patang.wire.messages import SetMode, Subscribe, Unsubscribe, encode_request
from patang.wire.tick_columns import COLUMNS
from patang.wire.ticks import Packet, PacketKind, TickMode, decode_frame, kind_of

INTERVAL = 250_000_000
START = 1_000 * INTERVAL
BOOK = 9_999 << 8 | 1
INDEX = 77 << 8 | 9


class Market:
    """Ten shares and an index without books, and one share with one."""

    def __init__(self) -> None:
        self.tokens = [number << 8 | 1 for number in range(1, 11)] + [INDEX]
        self.rows = np.zeros(len(self.tokens), COLUMNS)
        self.rows["token"] = self.tokens
        self.rows["last_price"] = range(100, 100 + len(self.tokens))
        self.books = np.zeros(len(self.tokens), np.bool_)
        self.book_price = 5

    @property
    def columns(self) -> "Source":
        return Source(self)

    def packet(self, token: int, mode: TickMode) -> Packet | None:
        if token in self.tokens and not self.books[self.tokens.index(token)]:
            raise AssertionError(f"{token} has no book")
        return Packet(token, kind_of(token, mode), self.book_price)


class Source:
    def __init__(self, market: Market) -> None:
        self._market = market
        self.books = market.books

    def row_of(self, token: int) -> int | None:
        tokens = self._market.tokens
        return tokens.index(token) if token in tokens else None

    def columns(self, rows, at_ns):
        fresh = self._market.rows[rows]
        fresh["exchange_timestamp"] = at_ns // 1_000_000_000
        return fresh


@pytest.fixture
def market() -> Market:
    return Market()


@pytest.fixture
def subscriber(market) -> Subscriber:
    return Subscriber("AB1234", market, limits=TickerLimits(token_interval_ns=INTERVAL))


def ask(subscriber: Subscriber, *requests) -> None:
    for request in requests:
        subscriber.handle(encode_request(request))


def sent(
    subscriber: Subscriber, now_ns: int, real_ns: int | None = None
) -> dict[int, tuple[PacketKind, int]]:
    frame = subscriber.take_frame(now_ns, now_ns if real_ns is None else real_ns)
    packets = decode_frame(frame).packets if frame else ()
    return {packet.token: (packet.kind, packet.last_price) for packet in packets}


def test_a_subscription_shows_the_newest_state_at_once(subscriber, market):
    ask(subscriber, Subscribe((market.tokens[0], BOOK)), SetMode(TickMode.FULL, (INDEX,)))
    assert sent(subscriber, START) == {
        market.tokens[0]: (PacketKind.QUOTE, 100),
        BOOK: (PacketKind.QUOTE, 5),
        INDEX: (PacketKind.INDEX_FULL, 110),
    }
    assert sent(subscriber, START + INTERVAL) == {}, "nothing changed"


def test_only_what_changed_is_pushed_and_not_more_often_than_its_turn(subscriber, market):
    ask(subscriber, SetMode(TickMode.FULL, tuple(market.tokens)))
    sent(subscriber, START)
    market.rows["ask_quantity"][3][2] = 40
    assert sent(subscriber, START + INTERVAL - 1) == {}
    assert set(sent(subscriber, START + INTERVAL)) == {market.tokens[3]}
    market.rows["volume"][4] += 1
    assert sent(subscriber, START + INTERVAL + 1) == {}
    assert set(sent(subscriber, START + 2 * INTERVAL)) == {market.tokens[4]}


def test_ltp_mode_pushes_new_prices_only(subscriber, market):
    ask(subscriber, SetMode(TickMode.LTP, tuple(market.tokens[:2])))
    sent(subscriber, START)
    market.rows["volume"] += 1
    assert sent(subscriber, START + INTERVAL) == {}
    market.rows["last_price"][1] = 7
    assert sent(subscriber, START + 2 * INTERVAL) == {market.tokens[1]: (PacketKind.LTP, 7)}


def test_a_fast_clock_does_not_flood_the_client(subscriber, market):
    ask(subscriber, Subscribe((market.tokens[0],)))
    sent(subscriber, START, 0)
    market.rows["last_price"] += 1
    assert sent(subscriber, START + 9 * INTERVAL, REST_NS - 1) == {}
    assert set(sent(subscriber, START + 9 * INTERVAL, REST_NS)) == {market.tokens[0]}


def test_a_frozen_clock_pushes_by_the_real_one(subscriber, market):
    ask(subscriber, Subscribe((market.tokens[0],)))
    sent(subscriber, START, 0)
    market.rows["last_price"] += 1
    assert sent(subscriber, START, INTERVAL - 1) == {}
    assert set(sent(subscriber, START, INTERVAL)) == {market.tokens[0]}


def test_a_newcomer_is_pushed_at_once_and_the_others_wait_for_their_turn(subscriber, market):
    ask(subscriber, Subscribe(tuple(market.tokens[:3])))
    sent(subscriber, START)
    market.rows["last_price"] += 1
    ask(subscriber, Subscribe((market.tokens[5],)))
    assert set(sent(subscriber, START + 1)) == {market.tokens[5]}
    assert set(sent(subscriber, START + INTERVAL)) == set(market.tokens[:3])


def test_a_new_mode_is_pushed_at_once(subscriber, market):
    token = market.tokens[0]
    ask(subscriber, Subscribe((token,)))
    sent(subscriber, START)
    ask(subscriber, SetMode(TickMode.FULL, (token,)))
    assert sent(subscriber, START + 1) == {token: (PacketKind.FULL, 100)}


def test_unsubscribed_tokens_are_silent(subscriber, market):
    ask(subscriber, Subscribe(tuple(market.tokens[:2])), Unsubscribe((market.tokens[0],)))
    assert set(sent(subscriber, START)) == {market.tokens[1]}
    ask(subscriber, Unsubscribe((market.tokens[1],)))
    market.rows["last_price"] += 1
    assert sent(subscriber, START + INTERVAL) == {}


def test_what_becomes_a_book_goes_on_without_a_gap(subscriber, market):
    token = market.tokens[2]
    ask(subscriber, Subscribe((token, market.tokens[3])))
    sent(subscriber, START)
    market.books[2] = True
    market.book_price = 321
    assert sent(subscriber, START + 1) == {token: (PacketKind.QUOTE, 321)}
    market.book_price = 322
    market.rows["last_price"] += 1
    subscriber.mark([token])
    assert sent(subscriber, START + INTERVAL + 1) == {
        token: (PacketKind.QUOTE, 322),
        market.tokens[3]: (PacketKind.QUOTE, 104),
    }
