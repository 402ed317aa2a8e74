import math

import pytest

from patang.simulator.worlds.black76 import greeks, implied_volatility, option_price

CASES = [
    (forward, strike, days / 365, volatility, rate, is_call)
    for forward in (88.6, 1500.0, 25_900.0)
    for strike in (0.9, 1.0, 1.08)
    for days in (0.2, 5, 40)
    for volatility in (0.05, 0.15, 0.6)
    for rate in (0.0, 0.065)
    for is_call in (True, False)
]


@pytest.fixture(scope="module")
def quantlib():
    return pytest.importorskip("QuantLib")


def oracle(ql, forward, strike, years, volatility, rate, is_call):
    kind = ql.Option.Call if is_call else ql.Option.Put
    discount = math.exp(-rate * years)
    return ql.BlackCalculator(
        ql.PlainVanillaPayoff(kind, strike), forward, volatility * math.sqrt(years), discount
    )


def test_prices_and_greeks_are_quantlibs(quantlib):
    for forward, share, years, volatility, rate, is_call in CASES:
        strike = forward * share
        peer = oracle(quantlib, forward, strike, years, volatility, rate, is_call)
        price = option_price(forward, strike, years, volatility, rate, is_call=is_call)
        assert price == pytest.approx(peer.value(), rel=1e-9, abs=1e-9)
        ours = greeks(forward, strike, years, volatility, rate, is_call=is_call)
        assert ours.delta == pytest.approx(peer.deltaForward(), rel=1e-7, abs=1e-9)
        assert ours.gamma == pytest.approx(peer.gammaForward(), rel=1e-6, abs=1e-12)
        assert ours.vega == pytest.approx(peer.vega(years), rel=1e-6, abs=1e-9)


def test_theta_is_what_a_moments_passing_adds():
    forward, strike, years, volatility, rate = 25_900.0, 26_000.0, 7 / 365, 0.13, 0.065
    step = 1e-6
    for is_call in (True, False):
        later, earlier = (
            option_price(forward, strike, years + d, volatility, rate, is_call=is_call)
            for d in (-step, step)
        )
        theta = greeks(forward, strike, years, volatility, rate, is_call=is_call).theta
        assert theta == pytest.approx((later - earlier) / (2 * step), rel=1e-5)


def test_without_time_only_the_intrinsic_value_is_left():
    assert option_price(105.0, 100.0, 0.0, 0.2, 0.05, is_call=True) == 5.0
    assert option_price(105.0, 100.0, 0.0, 0.2, 0.05, is_call=False) == 0.0


def test_implied_volatility_is_the_one_that_was_used():
    price = option_price(25_900.0, 26_200.0, 12 / 365, 0.137, 0.065, is_call=True)
    found = implied_volatility(price, 25_900.0, 26_200.0, 12 / 365, 0.065, is_call=True)
    assert found == pytest.approx(0.137, abs=1e-9)
    assert implied_volatility(0.0, 25_900.0, 26_200.0, 12 / 365, 0.065, is_call=True) is None


def test_columns_agree_with_the_formula():
    np = pytest.importorskip("numpy")
    from patang.simulator.worlds.vectors import option_prices

    rows = [(f, f * share, y, v, r, c) for f, share, y, v, r, c in CASES]
    columns = [np.array(column) for column in zip(*rows, strict=True)]
    forward, strike, years, volatility, rate, is_call = columns
    sign = np.where(is_call, 1.0, -1.0)
    made = option_prices(forward, strike, years, volatility, np.exp(-rate * years), sign)
    for price, row in zip(made, rows, strict=True):
        exact = option_price(*row[:5], is_call=row[5])
        assert price == pytest.approx(exact, abs=4e-7 * row[0])
