import pytest

from patang.simulator.book import Resting
from patang.simulator.day.call_auction import equilibrium


def orders(is_buy, *rows):
    """(ticks or None, quantity)"""
    return [
        Resting("x", is_buy, ticks or 0, quantity, is_market=ticks is None)
        for ticks, quantity in rows
    ]


def found(buys, sells, reference=100):
    result = equilibrium(orders(True, *buys), orders(False, *sells), reference)
    return None if result is None else (result.ticks, result.quantity)


@pytest.mark.parametrize(
    ("buys", "sells", "expected"),
    [
        ([], [], None),
        ([(100, 5)], [], None),
        ([(99, 5)], [(101, 5)], None),
        ([(101, 5)], [(99, 5)], (100, 5)),
        # The most units trade at 102: 30 against 20 at 103.
        ([(103, 20), (102, 10)], [(101, 15), (102, 15)], (102, 30)),
        # 20 trade anywhere from 100 to 104; at 104 nothing is left over.
        ([(104, 20), (100, 10)], [(100, 20)], (104, 20)),
        # Both ends leave as much: the one nearer the reference.
        ([(105, 10)], [(102, 10)], (102, 10)),
        ([(98, 10)], [(95, 10)], (98, 10)),
        # The reference lies in the middle of two equals: it is the price.
        ([(106, 10)], [(94, 10)], (100, 10)),
        # Orders without a price trade at whatever price is found.
        ([(None, 10)], [(101, 4), (103, 4)], (103, 8)),
        ([(None, 10)], [(None, 4)], (100, 4)),
        ([(None, 5), (98, 5)], [(97, 10)], (98, 10)),
    ],
)
def test_equilibrium(buys, sells, expected):
    assert found(buys, sells) == expected


def test_hidden_units_count():
    hidden = Resting("x", True, 100, 10, reserve=90)
    result = equilibrium([hidden], orders(False, (100, 60)), 100)
    assert result is not None
    assert result.quantity == 60
