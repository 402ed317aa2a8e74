import pytest

from tests.money_house import House


@pytest.fixture
def house() -> House:
    return House()
