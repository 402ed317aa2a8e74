"""Money and volume are conserved, to the last decimal and the last share."""

from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from patang.domain.enums import Interval, Product, Side
from patang.domain.market import NS_PER_SECOND, Tick
from patang.domain.money import ZERO
from patang.domain.order import Fill
from patang.engine.bars import BarBuilder
from patang.engine.portfolio import EXTERNAL, Portfolio
from tests.builders import CLOSE_NS, FUTURE, INFY, OPEN_NS, START_NS, TCS, spec

FILLS = st.lists(
    st.builds(
        Fill,
        trade_id=st.integers(0, 30).map(lambda number: f"t{number}"),
        order_id=st.integers(0, 4).map(lambda number: f"o{number}"),
        instrument=st.sampled_from([INFY.id, TCS.id, FUTURE.id]),
        side=st.sampled_from(Side),
        quantity=st.integers(1, 5_000),
        price=st.integers(1, 10**7).map(lambda ticks: ticks * Decimal("0.05")),
        product=st.sampled_from([Product.MIS, Product.NRML]),
        time_ns=st.just(START_NS),
    ),
    max_size=40,
)


@settings(deadline=None)
@given(FILLS, st.lists(st.sampled_from(["a", "b", EXTERNAL]), min_size=40, max_size=40), st.data())
def test_cash_positions_and_charges_are_conserved(fills, owners, data):
    run = spec()
    books = Portfolio(run)
    booked: dict[tuple[str, str, str], Fill] = {}
    for fill, owner in zip(fills, owners, strict=False):
        charges = books.charges
        key = (fill.instrument.partition(":")[0], fill.trade_id, fill.order_id)
        assert books.book(fill, owner) == (key not in booked)
        booked.setdefault(key, fill)
        assert books.charges >= charges or fill.order_id in {f.order_id for f in booked.values()}
        assert books.charges == round(books.charges, 2)
    spent = sum((f.value * f.side.sign for f in booked.values()), ZERO)
    assert books.cash == run.opening_cash - spent - books.charges
    marks = {
        name: data.draw(st.integers(1, 10**6)) * Decimal("0.05")
        for name in (INFY.id, TCS.id, FUTURE.id)
    }
    for name, price in marks.items():
        books.mark(name, price)
    held = sum((p.quantity * marks[p.instrument] for p in books.positions()), ZERO)
    assert books.equity == books.cash + held
    profit = sum((p.pnl(marks[p.instrument]) for p in books.positions()), ZERO)
    assert books.equity == run.opening_cash + profit - books.charges
    for name in marks:
        owned = sum(p.quantity for (_, each), p in books.owners().items() if each == name)
        assert owned == books.held(name)


@st.composite
def deliveries(draw: st.DrawFn) -> list[Tick]:
    """Ticks of one day as they may be delivered: late, overtaken, repeated, some lost."""
    steps = draw(
        st.lists(
            st.tuples(st.integers(0, 90), st.integers(0, 40), st.integers(-9, 9)),
            min_size=1,
            max_size=60,
        )
    )
    at_ns, total, price, ticks = OPEN_NS + 60 * NS_PER_SECOND, 1_000, 100.0, []
    traded_ns = at_ns
    for seconds, quantity, move in steps:
        at_ns += seconds * NS_PER_SECOND
        total += quantity
        if quantity:
            price, traded_ns = price + move * 0.05, at_ns
        ticks.append(
            Tick(
                instrument=INFY.id,
                received_ns=at_ns,
                exchange_ns=at_ns,
                last_trade_ns=traded_ns,
                last_price=price,
                volume=total,
            )
        )
    delays = draw(st.lists(st.integers(0, 4), min_size=len(ticks), max_size=len(ticks)))
    order = sorted(range(len(ticks)), key=lambda index: index + delays[index])
    kept = [ticks[index] for index in order if delays[index] != 4]
    return kept or ticks[:1]


@settings(max_examples=200, deadline=None)
@given(deliveries(), st.sampled_from([Interval.MINUTE, Interval.MINUTE_60]), st.booleans())
def test_bars_conserve_volume(ticks: list[Tick], interval: Interval, has_timer: bool):
    builder = BarBuilder(interval, OPEN_NS, CLOSE_NS, 2 * NS_PER_SECOND)
    bars = []
    for tick in ticks:
        closed = builder.add(tick)
        bars += [] if closed is None else [closed]
        if has_timer:
            bars += builder.advance(tick.received_ns)
    ((_, _, carried, _),) = builder.progress()
    counted = sum(bar.volume for bar in [*bars, *builder.open_bars()]) + carried
    assert counted == max(tick.volume for tick in ticks) - ticks[0].volume
    bars += builder.advance(CLOSE_NS + 3 * NS_PER_SECOND)
    assert builder.open_bars() == []
    for bar in bars:
        assert bar.low <= min(bar.open, bar.close) <= max(bar.open, bar.close) <= bar.high
        assert (bar.start_ns - OPEN_NS) % (interval.seconds * NS_PER_SECOND) == 0
    starts = [bar.start_ns for bar in bars]
    assert starts == sorted(set(starts))
