import subprocess
import sys
from datetime import date
from decimal import Decimal

import pytest

from patang.domain.enums import OrderType, Product, Side
from patang.domain.errors import InvalidValue
from patang.domain.instrument import InstrumentId
from patang.rules.ist import at_ist
from patang.rules.session import PhaseKind
from patang.simulator import KiteStatus, OrderRequest, Refused
from patang.simulator.worlds.regimes import Regime
from patang.simulator.worlds.spec import WorldSpec, build_market
from patang.wire.instruments import encode_instruments_csv

ON = date(2026, 11, 19)
START = at_ist(ON, 9, 20)
SECOND = 1_000_000_000
MINUTE = 60 * SECOND
CALL = InstrumentId("NFO:NIFTY26NOV25900CE")
FUTURE = InstrumentId("NFO:NIFTY26NOVFUT")
NIFTY = InstrumentId("NSE:NIFTY 50")


def market(**changes):
    return build_market(WorldSpec(**{"seed": 1, "start_ns": START, "universe": 2_000, **changes}))


def buy(made, instrument, price, quantity=65):
    request = OrderRequest(
        instrument=instrument,
        side=Side.BUY,
        quantity=quantity,
        product=Product.NRML,
        order_type=OrderType.LIMIT,
        price=price,
    )
    return made.exchange.place("AB1234", request, made.now_ns)


def test_the_default_description_is_the_default_market():
    made = market(universe=20)
    assert made.exchange.backdrop is None
    assert len(made.exchange.floor.venues) == 21


def test_only_few_instruments_have_books_at_first():
    made = market()
    exchange = made.exchange
    assert len(exchange.instruments) == 2_000
    assert len(exchange.floor.venues) == 22
    exchange.quote(CALL)
    exchange.last_price(FUTURE)
    assert exchange.instrument(CALL).strike == 25_900
    assert len(exchange.floor.venues) == 22
    assert len(market(book_limit=3).exchange.floor.venues) == 5


def test_an_order_opens_a_book_that_goes_on_where_the_backdrop_was():
    made = market()
    exchange = made.exchange
    exchange.open_account("AB1234", Decimal(10_000_000))
    made.advance(START + 90 * SECOND)
    before = exchange.quote(CALL)
    order = buy(made, CALL, before.asks[0].price + 2)
    after = exchange.quote(CALL)
    assert order.status is KiteStatus.COMPLETE
    assert order.average_price == pytest.approx(before.last_price, rel=Decimal("0.01"))
    assert after.volume > before.volume
    assert (after.open, after.close) == (before.open, before.close)
    assert after.high >= before.high > before.low >= after.low
    assert exchange.backdrop.books[exchange.backdrop.row(CALL)]
    made.advance(START + 5 * MINUTE)
    assert exchange.quote(CALL).volume > after.volume


def test_looking_opens_a_venue_in_the_state_that_was_shown():
    made = market()
    made.advance(START + 45 * SECOND)
    for name in (FUTURE, InstrumentId("BSE:INFY"), InstrumentId("MCX:CRUDEOIL26DECFUT")):
        before = made.exchange.quote(name)
        venue = made.exchange.floor.venues.peek(name)
        assert venue is None
        opened = made.exchange.venue(name)
        quote = opened.quote(made.now_ns)
        # Its people may have traded already.
        assert (quote.open, quote.close) == (before.open, before.close)
        assert quote.high >= before.high
        assert quote.low <= before.low
        assert float(quote.last_price) == pytest.approx(float(before.last_price), rel=1e-3)
        assert quote.volume >= before.volume
        assert opened.phase is PhaseKind.CONTINUOUS
        assert len(opened.book) > 5


def test_books_and_backdrop_agree():
    made = market(seed=5)
    exchange = made.exchange
    exchange.venue(FUTURE)
    exchange.venue(CALL)
    for minutes in (1, 4, 7):
        made.advance(START + minutes * MINUTE)
        index = float(exchange.last_price(NIFTY))
        # Four days of interest at 6.5 percent are 18 points; makers quote a basis point about it.
        assert float(exchange.last_price(FUTURE)) - index == pytest.approx(18.5, abs=12)
        put = float(exchange.last_price(InstrumentId("NFO:NIFTY26NOV25900PE")))
        call = float(exchange.last_price(CALL))
        assert call - put == pytest.approx(index + 18.5 - 25_900, abs=6)
        infy = float(exchange.last_price(InstrumentId("NSE:INFY")))
        assert float(exchange.last_price(InstrumentId("BSE:INFY"))) == pytest.approx(infy, rel=1e-3)


def run(seed):
    made = market(seed=seed)
    made.exchange.open_account("AB1234", Decimal(10_000_000))
    made.advance(START + 20 * SECOND)
    buy(made, FUTURE, made.exchange.quote(FUTURE).asks[0].price)
    made.advance(START + 3 * MINUTE)
    names = [one.id for one in made.exchange.instruments[::40]]
    return [made.exchange.quote(name) for name in names], made.exchange.trades("AB1234")


def test_equal_descriptions_and_commands_make_equal_markets():
    first = run(3)
    assert first[1]
    assert run(3) == first
    assert run(4) != first


def test_another_process_makes_the_same_market():
    program = (
        "import hashlib, numpy as np\n"
        "from patang.simulator.worlds.spec import WorldSpec, build_market\n"
        f"made = build_market(WorldSpec(seed=8, start_ns={START}, universe=700))\n"
        f"made.advance({START + 20 * SECOND})\n"
        "rows = np.flatnonzero(~made.exchange.backdrop.books)\n"
        "shown = made.exchange.backdrop.columns(rows, made.now_ns)\n"
        "print(hashlib.sha256(shown.tobytes()).hexdigest(), len(rows))\n"
    )
    runs = [
        subprocess.run(
            [sys.executable, "-c", program],
            capture_output=True,
            text=True,
            timeout=30,
            env={"PYTHONHASHSEED": seed},
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert runs[0] == runs[1]
    assert runs[0].endswith(" 678\n")


def test_books_that_open_later_make_and_lose_no_units():
    made = market()
    exchange = made.exchange
    exchange.open_account("AB1234", Decimal(10_000_000))
    buy(made, FUTURE, exchange.quote(FUTURE).asks[0].price + 20)
    made.advance(START + 2 * MINUTE)
    floor = exchange.floor
    agents = [name for name, traded in floor.agent_instruments.items() if traded == FUTURE]
    held = [floor.agents[name].shares for name in agents]
    assert sum(map(abs, held)) > 0
    assert sum(held) + exchange.positions("AB1234")[0].quantity == 0
    assert all(units % 65 == 0 for units in held)


def test_asking_changes_nothing():
    asked, quiet = market(), market()
    for seconds in range(1, 30):
        asked.advance(START + seconds * SECOND)
        for one in asked.exchange.instruments[::97]:
            asked.exchange.quote(one.id)
    quiet.advance(asked.now_ns)
    for one in asked.exchange.instruments[::13]:
        assert asked.exchange.quote(one.id) == quiet.exchange.quote(one.id)


def test_a_dump_makes_a_market():
    dump = encode_instruments_csv((one, Decimal(0)) for one in market().exchange.instruments)
    made = market(universe=20, universe_file=dump)
    assert len(made.exchange.instruments) == 2_000
    assert made.exchange.quote(CALL).bids


def test_what_is_not_listed_is_refused():
    made = market()
    for ask in (made.exchange.quote, made.exchange.venue, made.exchange.instrument):
        with pytest.raises(Refused):
            ask(InstrumentId("NFO:NIFTY99NOVFUT"))


def test_descriptions_that_make_no_market_are_refused():
    with pytest.raises(InvalidValue, match="universe"):
        market(universe=21)
    with pytest.raises(InvalidValue, match="book_limit"):
        market(book_limit=-1)


def test_a_contract_that_has_ended_is_listed_no_more():
    last_day = date(2026, 11, 23)
    made = market(start_ns=at_ist(last_day, 15, 38), book_limit=0)
    exchange = made.exchange
    exchange.open_account("AB1234", Decimal(10_000_000))
    buy(made, FUTURE, exchange.quote(FUTURE).asks[0].price + 10)
    assert exchange.positions("AB1234")[0].quantity == 65
    names = (FUTURE, CALL)
    made.advance(at_ist(last_day, 23, 0))
    assert all(exchange.lists(name) for name in names)
    made.advance(at_ist(date(2026, 11, 25), 9, 16))
    for name in names:
        assert not exchange.lists(name)
        with pytest.raises(Refused):
            exchange.quote(name)
        with pytest.raises(Refused, match="expired"):
            exchange.venue(name)
    assert not exchange.positions("AB1234")
    assert exchange.quote(InstrumentId("NFO:NIFTY26DECFUT")).volume


def test_a_crash_halts_the_market_and_lets_it_go_on():
    made = market(regime=Regime.CRASH, book_limit=0, start_ns=at_ist(ON, 10, 0))
    exchange, halted = made.exchange, []
    for minute in range(0, 330, 5):
        made.advance(at_ist(ON, 10, 0) + minute * MINUTE)
        if made.day.halt is not None:
            halted.append(exchange.quote(CALL))
    index = exchange.quote(NIFTY)
    assert index.low < index.close * Decimal("0.9") < index.last_price
    assert len(halted) > 8
    assert len({quote.volume for quote in halted}) == 1
    assert not halted[0].bids
    assert exchange.quote(CALL).volume > halted[0].volume


def test_open_interest_of_a_book_goes_on():
    made = market(book_limit=0)
    before = made.exchange.quote(FUTURE).oi
    venue = made.exchange.venue(FUTURE)
    assert venue.oi == before
    made.advance(START + 20 * MINUTE)
    assert venue.oi != before
    assert venue.oi_low <= min(venue.oi, before)
    assert venue.oi_high >= max(venue.oi, before)


def test_without_numpy_only_the_default_market_can_be_made():
    program = (
        "import sys; sys.modules['numpy'] = None\n"
        "from patang.domain.errors import MissingExtra\n"
        "from patang.simulator.worlds.spec import WorldSpec, build_market\n"
        f"print(len(build_market(WorldSpec(seed=1, start_ns={START})).exchange.instruments))\n"
        "try:\n"
        f"    build_market(WorldSpec(seed=1, start_ns={START}, universe=500))\n"
        "except MissingExtra as error:\n"
        "    print(error.extra)\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=30
    )
    assert (ran.stdout, ran.stderr) == ("21\nfast\n", "")


def test_indices_are_published_while_books_trade():
    made = market()
    seen = []
    made.exchange.on_index = lambda venue, at_ns: seen.append((venue.instrument.id, at_ns))
    made.advance(START + 30 * SECOND)
    assert {name for name, _ in seen} == {NIFTY, InstrumentId("BSE:SENSEX")}


@pytest.mark.parametrize("universe", [20, 600])
class TestRegimes:
    def moves(self, made):
        exchange = made.exchange
        shares = [one.id for one in exchange.instruments if one.segment == "NSE"][:20]
        return [
            float(exchange.last_price(name) / exchange.previous_close(name)) - 1 for name in shares
        ]

    def test_a_calm_day_goes_nowhere_far(self, universe):
        made = market(universe=universe)
        made.advance(START + 4 * MINUTE)
        assert max(map(abs, self.moves(made))) < 0.03

    def test_a_gap_is_there_from_the_start(self, universe):
        made = market(universe=universe, regime=Regime.GAP, start_ns=at_ist(ON, 9, 15))
        made.advance(at_ist(ON, 9, 17))
        moves = self.moves(made)
        assert 0.012 < abs(sum(moves) / 20) < 0.05

    def test_a_circuit_takes_some_shares_to_their_bands(self, universe):
        made = market(universe=universe, regime=Regime.CIRCUIT, start_ns=at_ist(ON, 11, 30))
        made.advance(at_ist(ON, 11, 33))
        moves = self.moves(made)
        assert all(abs(moves[number]) > 0.09 for number in (1, 6, 11, 16))
        assert sum(abs(move) < 0.04 for move in moves) == 16
        assert min(moves) < 0 < max(moves)


def test_a_trend_takes_the_index_along():
    made = market(universe=600, regime=Regime.TREND, start_ns=at_ist(ON, 13, 55))
    made.advance(at_ist(ON, 14, 0))
    move = float(made.exchange.last_price(NIFTY) / made.exchange.previous_close(NIFTY)) - 1
    assert abs(move) > 0.01
