"""What the sandbox answers has the fields of the official samples, and whole numbers where they do.

``PATANG_KITE_SAMPLES`` names the folder of the samples; they are not ours to copy, so without the
variable these tests do not exist.
"""

import json
import os
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import requests

from patang.domain.instrument import InstrumentId
from patang.sandbox.testing import sandbox_fixture

FOLDER = os.environ.get("PATANG_KITE_SAMPLES", "")

ROUTES = {
    "holdings.json": "/portfolio/holdings",
    "ltp.json": "/quote/ltp?i=NSE:INFY",
    "margin_commodity.json": "/user/margins/commodity",
    "margins.json": "/user/margins",
    "mf_holdings.json": "/mf/holdings",
    "ohlc.json": "/quote/ohlc?i=NSE:INFY",
    "order_info.json": "/orders/{order_id}",
    "orders.json": "/orders",
    "positions.json": "/portfolio/positions",
    "profile.json": "/user/profile",
    "quote.json": "/quote?i=NSE:INFY",
    "trigger_range.json": "/instruments/trigger_range/buy?i=NSE:INFY",
}
"""Samples of reads by what answers them."""

SOMETIMES = {"auction_number", "terminal_id"}
"""Fields of rows that came from a terminal or belong to an auction."""

KEYED = {"ltp.json", "ohlc.json", "quote.json", "trigger_range.json"}
"""Answers whose first keys are the instruments that were asked for."""

PRESENT = [name for name in ROUTES if FOLDER and (Path(FOLDER) / name).exists()]

exchange = sandbox_fixture(scope="module")


@pytest.fixture(scope="module")
def order_id(exchange) -> str:
    """An order that traded, of a user who holds shares too."""
    exchange.call(
        lambda world: world.exchange.seed_holding(
            "AB1234", InstrumentId("NSE:INFY"), 20, Decimal("1400.00")
        )
    )
    form = {
        "exchange": "NSE",
        "tradingsymbol": "SBIN",
        "transaction_type": "BUY",
        "quantity": 5,
        "product": "MIS",
        "order_type": "MARKET",
        "market_protection": -1,
        "tag": "shape",
    }
    token = f"token {exchange.api_key}:{exchange.access_token()}"
    headers = {"Authorization": token}
    answer = requests.post(
        f"{exchange.root}/orders/regular", data=form, headers=headers, timeout=10
    )
    placed: str = answer.json()["data"]["order_id"]
    return placed


def shape_of(value: Any, path: str = "") -> dict[str, set[type]]:
    """Every field with the kinds of value it has; rows of one list are one."""
    found: dict[str, set[type]] = {path: {type(value)}}
    parts: list[tuple[str, Any]] = []
    if isinstance(value, dict):
        parts = [(f"{path}.{name}", one) for name, one in value.items()]
    elif isinstance(value, list):
        parts = [(f"{path}[]", one) for one in value]
    for name, one in parts:
        for field, kinds in shape_of(one, name).items():
            found.setdefault(field, set()).update(kinds)
    return found


def within(name: str, told: Any) -> Any:
    return list(told.values()) if name in KEYED else told


if PRESENT:

    @pytest.mark.parametrize("name", PRESENT)
    def test_the_answer_has_the_fields_of_the_sample(exchange, order_id, name):
        sample = within(name, json.loads((Path(FOLDER) / name).read_text())["data"])
        token = f"token {exchange.api_key}:{exchange.access_token()}"
        url = exchange.root + ROUTES[name].format(order_id=order_id)
        answer = requests.get(url, headers={"Authorization": token}, timeout=10)
        assert answer.status_code == 200, answer.text
        ours = shape_of(within(name, answer.json()["data"]))
        theirs = shape_of(sample)
        # An empty object or list says nothing of what would be in it.
        filled = {field.rpartition(".")[0] for field in ours}
        missing = {
            field
            for field in theirs.keys() - ours.keys()
            if field.rpartition(".")[0] in filled and not field.endswith("[]")
        }
        names = {field.rpartition(".")[2] for field in missing}
        assert names <= SOMETIMES
        for field in theirs.keys() & ours.keys():
            if theirs[field] == {int} and "quantity" in field:
                assert ours[field] == {int}, field
            if theirs[field] == {str}:
                assert ours[field] <= {str, type(None)}, field
