"""Sizes are whole lots, never more than the account bears, and grow with nothing but the means."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patang.domain.errors import InvalidValue
from patang.engine.sizing import (
    Fixed,
    Kelly,
    PercentOfEquity,
    RiskPerTrade,
    Situation,
    SizingRule,
    Volatility,
    units,
)
from tests.builders import FUTURE, INFY

PERCENTS = st.decimals("0.01", "100", places=2)
MONEY = st.decimals("0.05", "100000", places=2)
EQUITY = st.decimals("-1000", "100000000", places=2)
RULES: st.SearchStrategy[SizingRule] = st.one_of(
    st.builds(Fixed, lots=st.integers(1, 500)),
    st.builds(PercentOfEquity, percent=PERCENTS),
    st.builds(Volatility, percent=PERCENTS, multiple=st.decimals("0.1", "10", places=1)),
    st.builds(RiskPerTrade, percent=PERCENTS),
    st.builds(
        Kelly,
        win_rate=st.decimals("0", "1", places=2),
        payoff=st.decimals("0.1", "5", places=1),
        fraction=st.decimals("0.1", "1", places=1),
        percent_max=PERCENTS,
    ),
)


@st.composite
def situations(draw: st.DrawFn) -> Situation:
    price = draw(MONEY)
    stop = draw(MONEY.filter(lambda other: other != price))
    return Situation(
        instrument=draw(st.sampled_from([INFY, FUTURE])),
        equity=draw(EQUITY),
        price=price,
        atr=draw(MONEY),
        stop_price=stop,
    )


@given(RULES, situations(), PERCENTS)
def test_a_size_is_whole_lots_within_the_share_of_the_capital(rule, given_, share):
    size = units(rule, given_, capital_share_max=share)
    assert size >= 0
    assert size % given_.instrument.lot_size == 0
    worth = size * given_.price * given_.instrument.multiplier
    assert worth <= max(given_.equity, Decimal(0)) * share / 100
    if isinstance(rule, Fixed):
        assert size <= rule.lots * given_.instrument.lot_size


@given(RULES, situations(), st.decimals("1", "1000000", places=0))
def test_more_equity_never_means_less(rule, given_, more):
    richer = Situation(
        **{field: getattr(given_, field) for field in given_.__struct_fields__}
        | {"equity": given_.equity + more}
    )
    assert units(rule, richer) >= units(rule, given_)


@given(situations(), PERCENTS)
def test_a_stopped_trade_loses_no_more_than_its_share(given_, percent):
    size = units(RiskPerTrade(percent=percent), given_)
    loss = size * abs(given_.price - given_.stop_price) * given_.instrument.multiplier
    assert loss <= max(given_.equity, Decimal(0)) * percent / 100


@given(situations(), PERCENTS, st.decimals("0.1", "10", places=1))
def test_a_move_of_so_many_ranges_costs_no_more_than_its_share(given_, percent, multiple):
    size = units(Volatility(percent=percent, multiple=multiple), given_)
    move = size * given_.atr * multiple * given_.instrument.multiplier
    assert move <= max(given_.equity, Decimal(0)) * percent / 100


@given(
    st.decimals("0", "1", places=2),
    st.decimals("0.1", "5", places=1),
    st.decimals("0.1", "1", places=1),
    PERCENTS,
)
def test_kelly_is_capped_and_trades_no_edge_that_is_none(win_rate, payoff, fraction, percent_max):
    rule = Kelly(win_rate=win_rate, payoff=payoff, fraction=fraction, percent_max=percent_max)
    assert 0 <= rule.share <= percent_max
    if win_rate * payoff <= 1 - win_rate:
        assert rule.share == 0


def test_known_sizes():
    at = Situation(
        instrument=INFY,
        equity=Decimal(100_000),
        price=Decimal(100),
        atr=Decimal(5),
        stop_price=Decimal(96),
    )
    assert units(Fixed(lots=3), at) == 3
    assert units(PercentOfEquity(percent=Decimal(10)), at) == 100
    assert units(Volatility(percent=Decimal(1), multiple=Decimal(2)), at) == 100
    assert units(RiskPerTrade(percent=Decimal(1)), at) == 250
    # Kelly: 0.6 - 0.4 / 1 = 20 %, half of it.
    assert units(Kelly(win_rate=Decimal("0.6"), payoff=Decimal(1)), at) == 100


@pytest.mark.parametrize(("rule", "field"), [(Volatility(), "atr"), (RiskPerTrade(), "stop_price")])
def test_what_a_rule_needs_is_asked_for_and_not_guessed(rule: SizingRule, field: str):
    bare = Situation(instrument=INFY, equity=Decimal(1_000), price=Decimal(10))
    with pytest.raises(InvalidValue, match=field):
        units(rule, bare)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Fixed(lots=0),
        lambda: PercentOfEquity(percent=Decimal(101)),
        lambda: Volatility(multiple=Decimal(0)),
        lambda: RiskPerTrade(percent=Decimal("NaN")),
        lambda: Kelly(win_rate=Decimal(2), payoff=Decimal(1)),
        lambda: Kelly(win_rate=Decimal("0.5"), payoff=Decimal(1), fraction=Decimal(2)),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(make):
    with pytest.raises(InvalidValue):
        make()
