"""Rupees, rounded as contract notes round and grouped as people in India read them."""

from decimal import Decimal

import pytest

from patang.domain.money import format_inr, to_paisa, to_rupee


@pytest.mark.parametrize(
    ("value", "paisa", "rupee"),
    [
        ("1.005", "1.01", "1"),
        ("-1.005", "-1.01", "-1"),
        ("0.5", "0.50", "1"),
        ("2.494", "2.49", "2"),
    ],
)
def test_halves_round_away_from_zero(value: str, paisa: str, rupee: str):
    assert to_paisa(Decimal(value)) == Decimal(paisa)
    assert to_rupee(Decimal(value)) == Decimal(rupee)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("0", "0.00"),
        ("-0.001", "0.00"),
        ("999", "999.00"),
        ("1000", "1,000.00"),
        ("100000", "1,00,000.00"),
        ("-12345678.456", "-1,23,45,678.46"),
        ("1000000000000", "10,00,00,00,00,000.00"),
    ],
)
def test_digits_are_grouped_in_lakhs_and_crores(value: str, text: str):
    assert format_inr(Decimal(value)) == text


def test_signs_and_decimals_can_be_chosen():
    assert format_inr(Decimal("1234.5"), decimals=0, signed=True) == "+1,235"
    assert format_inr(Decimal(0), signed=True) == "0.00"
