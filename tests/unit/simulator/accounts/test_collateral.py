"""Pledged shares, and what else lets a user block more than there is in cash."""

from decimal import Decimal as D

import pytest

from patang.domain.enums import Product, Side
from patang.domain.errors import InvalidValue
from patang.sandbox.rows.margins import margins_row
from patang.simulator import Refused
from tests.money_house import FRIDAY, FUTURE, INFY, THURSDAY

OPENING = D(10_000_000)


def test_pledged_shares_count_at_the_close_less_a_haircut_until_they_are_released(house):
    house.exchange.seed_holding("buyer", INFY, 1_000, D(1000))
    office = house.exchange.back_office
    office.pledge("buyer", INFY, 600)
    assert house.funds().collateral == 600 * 1500 * D("0.8")
    assert house.funds().available == OPENING + 720_000
    with pytest.raises(Refused, match="available quantity is 400"):
        house.order("buyer", Side.SELL, INFY, 401, "1510", Product.CNC)
    house.mark(INFY, "1600")
    house.end_day(THURSDAY)
    assert house.funds().collateral == 600 * 1600 * D("0.8")
    assert house.ledger("buyer", "pledge") == [D("-35.40")]
    house.begin_day(FRIDAY)
    office.pledge("buyer", INFY, 0)
    assert house.funds().collateral == 0


def test_collateral_in_use_is_not_released(house):
    house.exchange.seed_holding("buyer", INFY, 1_000, D(1000))
    office = house.exchange.back_office
    office.pledge("buyer", INFY, 1_000)
    house.order("buyer", Side.BUY, FUTURE, 65 * 52, "26050", Product.NRML)
    with pytest.raises(Refused, match="in use"):
        office.pledge("buyer", INFY, 0)
    assert house.funds().collateral == 1_200_000
    for quantity in (-1, 1_001):
        with pytest.raises(Refused, match="1000 of NSE:INFY can be pledged"):
            office.pledge("buyer", INFY, quantity)


def test_the_brokers_own_margin_is_for_the_day(house):
    house.exchange.back_office.grant("buyer", D(50_000))
    assert house.funds().available == OPENING + 50_000
    house.end_day(THURSDAY)
    assert house.funds().available == OPENING
    with pytest.raises(InvalidValue, match="amount"):
        house.exchange.back_office.grant("buyer", D(-1))


def test_every_source_of_funds_has_its_field(house):
    house.exchange.seed_holding("buyer", INFY, 100, D(1000))
    office = house.exchange.back_office
    office.pledge("buyer", INFY, 100)
    office.grant("buyer", D(5_000))
    office.pay_in("buyer", D(20_000))
    office.pay_out("buyer", D(1_000))
    house.trade(FUTURE, 65, "26050")
    equity = margins_row(house.funds()).equity
    available, utilised = equity.available, equity.utilised
    assert (available.collateral, utilised.stock_collateral) == (120_000, 120_000)
    assert (available.adhoc_margin, available.intraday_payin) == (5_000, 20_000)
    assert available.cash == OPENING + 20_000
    assert utilised.payout == 1_000
    assert utilised.span > 0 < utilised.exposure
    total = available.cash + available.collateral + available.adhoc_margin
    assert equity.net == total - utilised.debits
    assert utilised.debits == utilised.payout + utilised.span + utilised.exposure
