from decimal import Decimal

import pytest

from patang.simulator.errors import price_text


@pytest.mark.parametrize(
    ("price", "text"),
    [
        ("1500", "1500.00"),
        ("0.05", "0.05"),
        ("0.1", "0.10"),
        ("1E+3", "1000.00"),
        ("0.0025", "0.0025"),
        ("86.00750", "86.0075"),
    ],
)
def test_a_refusal_names_the_whole_price(price, text):
    assert price_text(Decimal(price)) == text
