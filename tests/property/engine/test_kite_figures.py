"""The run's positions are Kite's rows: the simulator, which serves them, works them out apart."""

from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from patang.domain.enums import Exchange, InstrumentType, Product, Side
from patang.domain.instrument import Instrument
from patang.domain.messages import CarriedPosition, PositionConverted
from patang.engine.portfolio import Portfolio
from patang.sandbox.rows.numbers import json_number
from patang.sandbox.rows.portfolio import day_row, net_row
from patang.simulator.accounts.position import AccountPosition
from patang.wire.rows import PositionRow
from tests.builders import FUTURE, INFY, START_NS, fill, spec

GOLD = Instrument(
    exchange=Exchange.MCX,
    symbol="GOLDM26DECFUT",
    token=1,
    tick_size=Decimal("0.05"),
    instrument_type=InstrumentType.FUT,
    name="GOLDM",
    multiplier=10,
)
LISTED = (INFY, FUTURE, GOLD)
PRODUCTS = (Product.MIS, Product.NRML)
PRICES = st.integers(1_000, 40_000).map(lambda ticks: ticks * Decimal("0.05"))
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["fill", "fill", "fill", "convert", "night"]),
        st.integers(0, 2),
        st.sampled_from(PRODUCTS),
        st.sampled_from(Side),
        st.integers(1, 30),
        PRICES,
        st.booleans(),
    ),
    max_size=25,
)
_GRAIN = Decimal("0.000001")


def same(ours: object, theirs: PositionRow) -> None:
    for field in ours.__struct_fields__:
        mine, other = getattr(ours, field), getattr(theirs, field)
        if isinstance(mine, int):
            assert mine == other, field
        else:
            # Rows show six decimals; a price carried over the night is a rounded quotient.
            assert abs(json_number(mine) - other) <= _GRAIN, field


@settings(max_examples=200, deadline=None)
@given(STEPS, st.lists(PRICES, min_size=6, max_size=6))
def test_positions_are_those_of_the_exchange_s_own_rows(steps, prices):
    run = spec(instruments=LISTED, strategies=())
    books = Portfolio(run)
    theirs: dict[tuple[str, Product], AccountPosition] = {}

    def position(listed: Instrument, product: Product) -> AccountPosition:
        return theirs.setdefault(
            (listed.id, product),
            AccountPosition(instrument=listed.id, product=product, multiplier=listed.multiplier),
        )

    closes = {listed.id: price for listed, price in zip(LISTED, prices[:3], strict=True)}
    lasts = {listed.id: price for listed, price in zip(LISTED, prices[3:], strict=True)}
    for number, (kind, which, product, side, quantity, price, flag) in enumerate(steps):
        listed = LISTED[which]
        if kind == "fill":
            traded = fill(
                quantity,
                price,
                side=side,
                instrument=listed,
                product=product,
                trade_id=f"t{number}",
                order_id=f"o{number}",
            )
            # One owner for each product, so that each may be carried over the night alone.
            assert books.book(traded, f"owner {product}")
            position(listed, product).apply(side, quantity, price)
        elif kind == "convert":
            source = position(listed, product)
            held, carried = source.quantity, source.overnight_quantity
            overnight = min(abs(carried), abs(held)) if carried * held > 0 else 0
            most = overnight if flag else abs(held) - overnight
            if not most:
                continue
            other = PRODUCTS[product is Product.MIS]
            moved = min(quantity, most)
            event = PositionConverted(
                at_ns=START_NS,
                instrument=listed.id,
                side=Side.BUY if held > 0 else Side.SELL,
                quantity=moved,
                old_product=product,
                new_product=other,
                overnight=flag,
            )
            books.convert(event)
            source.move(position(listed, other), moved, overnight=flag)
        else:
            carried_over = tuple(
                CarriedPosition(
                    owner="anyone",
                    instrument=p.instrument,
                    product=p.product,
                    quantity=p.quantity,
                    average_price=p.average_price,
                    close_price=closes[p.instrument],
                )
                for p in books.positions()
                if p.quantity
            )
            books = Portfolio(spec(instruments=LISTED, strategies=(), carried=carried_over))
            theirs = {key: p.carry(p.settled) for key, p in theirs.items() if p.quantity}
    seen = {(p.instrument, p.product) for p in books.positions()}
    assert seen >= {key for key, p in theirs.items() if p.is_used or p.quantity}
    for listed in LISTED:
        for product in PRODUCTS:
            ours, row = books.position(listed.id, product), theirs.get((listed.id, product))
            if ours is None or row is None:
                continue
            last, close = lasts[listed.id], closes[listed.id]
            same(ours.net(last, close), net_row(row, listed, last, close))
            day = ours.day(last)
            same(day, day_row(row, listed, last, close))
            assert abs(ours.realised - row.realised) <= _GRAIN
            assert abs(ours.pnl(last) - row.pnl(last)) <= _GRAIN
