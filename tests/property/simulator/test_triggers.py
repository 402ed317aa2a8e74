"""Triggers against an obvious model of them, and however time is cut into calls."""

from datetime import UTC, datetime
from decimal import Decimal

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from patang.domain.enums import Exchange as ExchangeName
from patang.domain.enums import Product, Side
from patang.domain.instrument import Instrument, InstrumentId
from patang.simulator import Exchange, default_market
from patang.simulator.triggers.alerts import AlertBook
from patang.simulator.triggers.gtt import GttBook
from patang.simulator.triggers.watch import PriceWatch
from patang.wire.alert_forms import AlertForm, AlertOperator
from patang.wire.gtt_forms import GttForm, GttLeg, GttType

SECOND = 1_000_000_000
START = int(datetime(2026, 11, 20, 4, 0, tzinfo=UTC).timestamp()) * SECOND
SHARE = InstrumentId("NSE:SHARE")
INFY = InstrumentId("NSE:INFY")
LENGTH = 30 * SECOND
LAST = Decimal(1000)


def a_form(symbol: str, last: Decimal, *values: Decimal) -> GttForm:
    legs = [
        GttLeg(transaction_type=Side.SELL, quantity=1, product=Product.CNC, price=value)
        for value in values
    ]
    return GttForm(
        type=GttType.SINGLE if len(values) == 1 else GttType.TWO_LEG,
        exchange=ExchangeName.NSE,
        tradingsymbol=symbol,
        trigger_values=values,
        last_price=last,
        orders=tuple(legs),
    )


below = st.integers(900, 997).map(Decimal)
above = st.integers(1003, 1100).map(Decimal)
triggers = st.one_of(below.map(lambda v: (v,)), above.map(lambda v: (v,)), st.tuples(below, above))
prices = st.lists(st.integers(900, 1100).map(Decimal), max_size=25)


def fires_at(values: tuple[Decimal, ...], tape: list[Decimal]) -> tuple[int, Decimal] | None:
    """Which value fires first, and at what price: read off the whole tape at once."""
    for price in tape:
        for index, value in enumerate(values):
            if price <= value < LAST or price >= value > LAST:
                return index, price
    return None


@settings(max_examples=60, deadline=None)
@given(st.lists(triggers, min_size=1, max_size=6), prices, st.integers(1, 5))
def test_a_trigger_fires_where_the_tape_first_reaches_it(values, tape, at_once):
    share = Instrument(exchange=ExchangeName.NSE, symbol="SHARE", token=1, tick_size=Decimal(1))
    exchange = Exchange([share], {SHARE: LAST})
    exchange.open_account("u", Decimal(0))
    exchange.seed_holding("u", SHARE, 100, LAST)
    book = GttBook(exchange, PriceWatch(exchange))
    exchange.pass_time(START)
    placed = [book.place("u", a_form("SHARE", LAST, *each), START) for each in values]
    venue = exchange.venue(SHARE)
    for number, price in enumerate(tape):
        # Several prices may fall into one moment, before anything can react.
        at_ns = START + (number // at_once + 1) * SECOND
        exchange.pass_time(at_ns)
        venue.set_last(int(price), at_ns)
        exchange.floor.mark(venue, at_ns)
    exchange.pass_time(START + 100 * SECOND)

    seen = []
    for gtt in placed:
        hits = [(i, one.triggered_at) for i, one in enumerate(gtt.results) if one is not None]
        assert len(hits) <= 1
        seen.append(hits[0] if hits else None)
    assert seen == [fires_at(each, tape) for each in values]
    assert len(exchange.orders("u")) == sum(one is not None for one in seen)


def record(cuts) -> tuple[bytes, int]:
    """What triggers and alerts did in a living market, as bytes, and how often they fired."""
    market = default_market(5, START)
    exchange = market.exchange
    exchange.open_account("u", Decimal(10_000_000))
    exchange.seed_holding("u", INFY, 100, LAST)
    watch = PriceWatch(exchange)
    gtts = GttBook(exchange, watch)
    alerts = AlertBook(exchange, watch, gtts)
    last, tick = exchange.last_price(INFY), exchange.venue(INFY).instrument.tick_size
    for ticks in range(-8, 9):
        form = AlertForm(
            name="a",
            lhs_exchange="NSE",
            lhs_tradingsymbol="INFY",
            operator=AlertOperator.EQUAL,
            rhs_constant=last + ticks * tick,
        )
        alerts.create("u", form, START)
    lower, upper = (
        exchange.venue(INFY).instrument.round_price(last * (1 + Decimal(percent) / 100), way)
        for percent, way in (("-0.25", "down"), ("0.25", "up"))
    )
    pair = gtts.place("u", a_form("INFY", last, lower, upper), START)
    for offset in sorted({*cuts, LENGTH}):
        market.advance(START + offset)
    told = [(one.condition, one.history) for one in alerts.listed("u")]
    seen = msgspec.json.encode([told, pair.results, exchange.orders("u")])
    return seen, sum(bool(history) for _, history in told)


REFERENCE, FIRED = record(())


def test_the_living_market_fires_some():
    assert 0 < FIRED < 17


@settings(max_examples=8, deadline=None)
@given(st.lists(st.integers(1, LENGTH - 1), max_size=20))
def test_slicing_of_time_changes_nothing(cuts):
    assert record(cuts)[0] == REFERENCE
