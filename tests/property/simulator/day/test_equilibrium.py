"""The auction's price against an obvious search over every price there is."""

from hypothesis import given
from hypothesis import strategies as st

from patang.simulator.book import Resting
from patang.simulator.day.call_auction import equilibrium

LIMITS = st.lists(
    st.tuples(st.one_of(st.none(), st.integers(90, 110)), st.integers(1, 50)), max_size=12
)


def searched(buys, sells, reference):
    prices = sorted({at for at, _ in buys + sells if at is not None}) or [reference]

    def tradable(price):
        wanted = sum(units for at, units in buys if at is None or at >= price)
        offered = sum(units for at, units in sells if at is None or at <= price)
        return min(wanted, offered), -abs(wanted - offered), -abs(price - reference)

    best = max(tradable(price) for price in prices)
    if not best[0]:
        return None
    at = [price for price in prices if tradable(price) == best]
    return (at[0] if len(at) == 1 else reference), best[0]


@given(LIMITS, LIMITS, st.integers(90, 110))
def test_equilibrium_is_the_best_price_of_all(buys, sells, reference):
    def resting(rows, is_buy):
        return [Resting("x", is_buy, at or 0, units, is_market=at is None) for at, units in rows]

    result = equilibrium(resting(buys, True), resting(sells, False), reference)
    expected = searched(buys, sells, reference)
    assert (None if result is None else (result.ticks, result.quantity)) == expected
