"""Triggers over a whole trading day: they sleep from the closing auction to the next opening."""

from decimal import Decimal

from patang.domain.instrument import InstrumentId
from patang.simulator import default_market
from patang.simulator.triggers.alerts import AlertBook, AlertStatus
from patang.simulator.triggers.gtt import GttBook
from patang.simulator.triggers.watch import PriceWatch
from patang.wire.alert_forms import AlertForm, AlertOperator
from patang.wire.times import format_ist, parse_ist

INFY = InstrumentId("NSE:INFY")


def always(exchange: str = "NSE", symbol: str = "INFY") -> AlertForm:
    """A condition that holds at any price: it fires as soon as the market trades."""
    return AlertForm(
        name="always",
        lhs_exchange=exchange,
        lhs_tradingsymbol=symbol,
        operator=AlertOperator.ABOVE,
        rhs_constant=Decimal(1),
    )


def test_a_condition_waits_from_the_closing_auction_to_the_next_mornings_continuous_trading():
    market = default_market(3, parse_ist("2026-11-19 15:14:50"))
    exchange = market.exchange
    exchange.open_account("u", Decimal(1_000_000))
    watch = PriceWatch(exchange)
    alerts = AlertBook(exchange, watch, GttBook(exchange, watch))
    market.advance(parse_ist("2026-11-19 15:14:58"))
    in_time = alerts.create("u", always(), market.now_ns)
    market.advance(parse_ist("2026-11-19 15:15:30"))
    late = alerts.create("u", always(), market.now_ns)
    assert in_time.status is AlertStatus.DISABLED

    for until in ("2026-11-19 15:59:00", "2026-11-20 09:00:00", "2026-11-20 09:14:59"):
        market.advance(parse_ist(until))
        assert late.status is AlertStatus.ENABLED, until
        if until == "2026-11-19 15:59:00":
            of_index = alerts.create("u", always("INDICES", "NIFTY 50"), market.now_ns)
    assert of_index.status is AlertStatus.ENABLED

    market.advance(parse_ist("2026-11-20 09:15:05"))
    assert late.status is of_index.status is AlertStatus.DISABLED
    assert format_ist(late.history[0].at_ns)[:16] == "2026-11-20 09:15"
