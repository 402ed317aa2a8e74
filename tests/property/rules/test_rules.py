"""Laws of the rules: charges add up, notes round within bounds, sessions never overlap."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from patang.domain.enums import Exchange, InstrumentType, Product, Side
from patang.domain.instrument import Instrument
from patang.rules.calendar import Calendar
from patang.rules.charges import Charges, order_charges
from patang.rules.contract_note import ExecutedOrder, contract_note
from patang.rules.ist import IST, at_ist, format_ist, ist_date

NSE = Calendar.load("NSE")
ON = date(2026, 11, 20)

instants = st.integers(at_ist(NSE.valid_from, 0, 0), at_ist(NSE.valid_through, 23, 59))
prices = st.integers(1, 2_000_000).map(lambda ticks: Decimal(ticks) / 20)
quantities = st.integers(1, 100_000)
sides = st.sampled_from(Side)
places = st.sampled_from(
    [
        (Exchange.NSE, InstrumentType.EQ, Product.CNC),
        (Exchange.NSE, InstrumentType.EQ, Product.MIS),
        (Exchange.BSE, InstrumentType.EQ, Product.MTF),
        (Exchange.NFO, InstrumentType.FUT, Product.NRML),
        (Exchange.NFO, InstrumentType.CE, Product.MIS),
        (Exchange.MCX, InstrumentType.FUT, Product.NRML),
        (Exchange.CDS, InstrumentType.PE, Product.NRML),
    ]
)


def instrument(exchange: Exchange, kind: InstrumentType) -> Instrument:
    return Instrument(
        exchange=exchange,
        symbol="X",
        token=1,
        tick_size=Decimal("0.05"),
        instrument_type=kind,
    )


@given(places, sides, prices, quantities, quantities)
def test_charges_never_fall_as_an_order_fills(
    place: tuple[Exchange, InstrumentType, Product],
    side: Side,
    price: Decimal,
    filled: int,
    more: int,
) -> None:
    traded = instrument(*place[:2])
    before = order_charges(traded, place[2], side, filled, price, ON)
    after = order_charges(traded, place[2], side, filled + more, price, ON)
    assert all(part >= 0 for part in msgspec.structs.astuple(after - before))
    assert before + (after - before) == after
    assert after.total == sum(msgspec.structs.astuple(after))


@given(
    places, st.lists(st.tuples(sides, prices, quantities), min_size=1, max_size=8), st.booleans()
)
def test_a_note_differs_from_exact_charges_by_rounding_only(
    place: tuple[Exchange, InstrumentType, Product],
    trades: list[tuple[Side, Decimal, int]],
    nets: bool,
) -> None:
    traded = instrument(*place[:2])
    orders = [
        ExecutedOrder(
            instrument=traded, product=place[2], side=side, price=price, quantity=quantity
        )
        for side, price, quantity in trades
    ]
    exact = Charges()
    for order in orders:
        exact += order_charges(traded, place[2], order.side, order.quantity, order.price, ON)
    note = contract_note(orders, ON, nets_intraday=nets)
    half_paisa, half_rupee = Decimal("0.005"), Decimal("0.5")
    assert abs(note.brokerage - exact.brokerage) <= half_paisa * len(orders)
    assert abs(note.exchange_fee - exact.exchange_fee) <= half_paisa
    assert abs(note.sebi_fee - exact.sebi_fee) <= half_paisa
    if not nets or traded.exchange is not Exchange.NSE:
        assert abs(note.transaction_tax - exact.transaction_tax) <= half_rupee
        assert abs(note.stamp_duty - exact.stamp_duty) <= half_rupee
    else:  # netting moves a trade from the delivery to the intraday rate, or averages its price
        value = sum((order.value for order in orders), Decimal(0))
        assert 0 <= note.transaction_tax <= value * Decimal("0.001") + half_rupee


@given(instants, st.booleans())
def test_the_next_session_opens_at_or_after_the_instant(at_ns: int, auction: bool) -> None:
    if at_ns > at_ist(date(2026, 12, 31), 9, 15):
        return
    session = NSE.next_session(at_ns, closing_auction=auction)
    assert session.open_ns >= at_ns
    assert NSE.is_open(session.open_ns, closing_auction=auction)
    assert session == NSE.session(session.date, closing_auction=auction)
    before = NSE.trading_days(max(ist_date(at_ns), NSE.valid_from), session.date)
    assert len(before) <= 2  # today's, if it has begun, and the next


@given(st.dates(NSE.valid_from, NSE.valid_through), st.booleans())
def test_phases_follow_each_other_within_their_day(day: date, auction: bool) -> None:
    session = NSE.session(day, closing_auction=auction)
    if session is None:
        return
    edges = [edge for phase in session.phases for edge in (phase.start_ns, phase.end_ns)]
    assert edges == sorted(edges)
    assert all(ist_date(edge) == day for edge in edges)
    for phase in session.phases:
        assert session.phase_at(phase.start_ns) is phase
        assert phase.random_end_ns is None or phase.start_ns < phase.random_end_ns < phase.end_ns


@given(st.integers(0, 4_102_444_800))
def test_indian_time_is_what_datetime_says(seconds: int) -> None:
    local = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)).astimezone(IST)
    at_ns = seconds * 10**9
    assert ist_date(at_ns) == local.date()
    assert format_ist(at_ns) == local.strftime("%Y-%m-%d %H:%M:%S")
    assert at_ist(local.date(), local.hour, local.minute, local.second) == at_ns
