"""No input makes the sandbox fail: requests made up from its OpenAPI document, valid and not.

What is answered with 200 must also be what the document promises. In the second run the names are
those of the world, so that more of the requests get past the first question.
"""

import json
from decimal import Decimal
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from kiteconnect import KiteConnect
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import response_schema_conformance

from patang.domain.instrument import InstrumentId
from patang.sandbox.openapi import openapi_document
from patang.sandbox.testing import sandbox_fixture
from patang.sandbox.world import World
from patang.wire.endpoints import ENDPOINTS

SYMBOLS = ["INFY", "RELIANCE", "SBIN", "NIFTY 50"]
CONDITION = {
    "exchange": "NSE",
    "tradingsymbol": "INFY",
    "trigger_values": [1400.0],
    "last_price": 1500.0,
}
LEG = {
    "exchange": "NSE",
    "tradingsymbol": "INFY",
    "transaction_type": "BUY",
    "quantity": 1,
    "order_type": "LIMIT",
    "product": "CNC",
    "price": 1400.0,
}
ALERT = {
    "name": "low",
    "type": "simple",
    "lhs_exchange": "NSE",
    "lhs_tradingsymbol": "INFY",
    "lhs_attribute": "LastTradedPrice",
    "operator": "<=",
    "rhs_type": "constant",
    "rhs_constant": "1",
}
ICEBERG = ("iceberg_legs", "iceberg_quantity")
LEFT_OUT: dict[str, Any] = {}
KNOWN: dict[str, dict[str, Any]] = {
    "exchange": {"enum": ["NSE"]},
    "lhs_exchange": {"enum": ["NSE", "INDICES"]},
    "tradingsymbol": {"enum": SYMBOLS},
    "lhs_tradingsymbol": {"enum": SYMBOLS},
    "lhs_attribute": {"enum": ["LastTradedPrice"]},
    "quantity": {"type": "integer", "minimum": 1, "maximum": 40},
    "price": {"enum": [1400, 1500.5, 1550, 1600]},
    "trigger_price": {"enum": [0, 1400, 1500.5]},
    "market_protection": {"enum": [-1, 0, 2]},
    "disclosed_quantity": {"enum": [0, 5]},
    "variety": {"enum": ["regular", "amo", "co"]},
    "product": {"enum": ["CNC", "MIS"]},
    "old_product": {"enum": ["MIS"]},
    "new_product": {"enum": ["CNC"]},
    "position_type": {"enum": ["day"]},
    "order_type": {"enum": ["LIMIT", "MARKET", "SL"]},
    "validity": {"enum": ["DAY", "IOC"]},
    "tag": {"type": "string", "pattern": "^[a-z0-9]{1,8}$"},
    "validity_ttl": LEFT_OUT,
    "auction_number": LEFT_OUT,
    "algo_id": LEFT_OUT,
    "parent_order_id": {"type": "string", "minLength": 1},
    "iceberg_legs": {"enum": [2, 5]},
    "iceberg_quantity": {"enum": [4, 10]},
    "name": {"type": "string", "pattern": "^[a-z]{1,9}$"},
    "rhs_type": {"enum": ["constant"]},
    "rhs_constant": {"enum": [1, 1500.5]},
    "rhs_exchange": LEFT_OUT,
    "rhs_tradingsymbol": LEFT_OUT,
    "rhs_attribute": LEFT_OUT,
    "basket": LEFT_OUT,
    "amount": {"enum": [5000, 10000]},
    "initial_amount": {"enum": [5000]},
    "instalments": {"enum": [6, -1]},
    "instalment_day": {"enum": [5, 28]},
    "average_price": {"enum": [1500, 1450.5]},
    "instrument_token": {"enum": [408065, 256265]},
    "i": {"type": "array", "items": {"enum": ["NSE:INFY", "NSE:NIFTY 50", "408065"]}},
    "from": {"enum": ["2026-11-16", "2026-11-18 09:15:00"]},
    "to": {"enum": ["2026-11-18", "2026-11-19 15:30:00"]},
    "condition": {"enum": [json.dumps(CONDITION)]},
    "orders": {"enum": [json.dumps([LEG]), json.dumps([LEG | {"quantity": -1}])]},
}
NEVER_GRANTED = {"generate_session", "renew_access_token", "invalidate_session"}
"""Routes whose good answers need something that cannot be guessed."""

exchange = sandbox_fixture(scope="module", fund_orders=True)


@pytest.fixture(scope="module")
def found(exchange) -> dict[str, dict[str, Any]]:
    """Something of each kind in the books of the user, and how it is named."""
    kite = KiteConnect(exchange.api_key, exchange.access_token(), root=exchange.root)
    exchange.call(
        lambda world: world.exchange.seed_holding(
            "AB1234", InstrumentId("NSE:INFY"), 50, Decimal("1400.00")
        )
    )
    bought = {**LEG, "variety": "regular", "product": "MIS", "quantity": 30}
    kite.place_order(**bought | {"order_type": "MARKET", "price": 0, "market_protection": -1})
    orders = [kite.place_order(**bought | {"price": 1400 + number}) for number in range(40)]
    order = {"type": "single", "condition": json.dumps(CONDITION), "orders": json.dumps([LEG])}
    triggers = [kite._post("gtt.place", params=order)["trigger_id"] for _ in range(30)]
    headers = {"Authorization": f"token {kite.api_key}:{kite.access_token}"}
    alerts = [
        requests.post(f"{exchange.root}/alerts", data=ALERT, headers=headers, timeout=5)
        for _ in range(30)
    ]
    fund = next(one for one in kite.mf_instruments() if one["purchase_allowed"])["tradingsymbol"]
    fund_orders = [kite.place_mf_order(fund, "BUY", amount=10_000) for _ in range(10)]
    plans = [kite.place_mf_sip(fund, 5_000, 6, "monthly", instalment_day=5) for _ in range(10)]
    held = [one["isin"] for one in exchange.call(lambda w: fund_rows(w, "AB1234"))]
    kite.reqsession.close()
    return {
        "order_id": {"enum": orders},
        "mf order_id": {"enum": [one["order_id"] for one in fund_orders]},
        "mf tradingsymbol": {"enum": [fund]},
        "trigger_id": {"enum": triggers},
        "uuid": {"enum": [one.json()["data"]["uuid"] for one in alerts]},
        "sip_id": {"enum": [one["sip_id"] for one in plans]},
        "isin": {"enum": held},
    }


def fund_rows(world: World, user_id: str) -> list[dict[str, Any]]:
    rows = world.funds.holdings(user_id, world.now_ns)
    return [{"isin": row.tradingsymbol} for row in rows]


def knowing(part: Any, known: dict[str, Any]) -> Any:
    """Part of the document, with names of the world where any would do."""
    if isinstance(part, list):
        return [knowing(one, known) for one in part]
    if not isinstance(part, dict):
        return part
    if isinstance(part.get("name"), str) and part["name"] in known and "schema" in part:
        schema = known[part["name"]]
        is_many = part["schema"].get("type") == "array" and schema.get("type") != "array"
        many = {"type": "array", "items": schema, "minItems": 1, "maxItems": 2}
        return part | {"schema": many if is_many else schema}
    changed = {name: knowing(one, known) for name, one in part.items()}
    if "properties" in part:
        fields = {name: known.get(name, one) for name, one in changed["properties"].items()}
        changed["properties"] = {name: one for name, one in fields.items() if one is not LEFT_OUT}
    return changed


def known_document(found: dict[str, dict[str, Any]]) -> dict[str, Any]:
    document = openapi_document()
    known = KNOWN | found
    # Only what is sent is narrowed; the rows that come back may hold anything.
    asked = {"MarginOrder", "ChargeOrder"}
    schemas = document["components"]["schemas"]
    document["components"]["schemas"] = {
        name: knowing(one, known) if name in asked else one for name, one in schemas.items()
    }
    for path, methods in document["paths"].items():
        here = known
        if path.startswith("/mf/"):
            names = ("order_id", "tradingsymbol")
            here = known | {name: known[f"mf {name}"] for name in names}
        elif path.startswith("/orders"):
            # Most of what is optional fits few orders; each of these may still be there or not.
            here = known | dict.fromkeys(ICEBERG, LEFT_OUT)
        for operation in methods.values():
            for part in ("parameters", "requestBody"):
                if part in operation:
                    operation[part] = knowing(operation[part], here)
    (form,) = document["paths"]["/orders/{variety}"]["post"]["requestBody"]["content"].values()
    form["schema"]["required"].append("price")
    return document


RUNS = {
    "known names": (GenerationMode.POSITIVE, 18),
    "valid": (GenerationMode.POSITIVE, 4),
    "invalid": (GenerationMode.NEGATIVE, 8),
}
"""Whether what is made up follows the document, and how many requests of each route."""


@pytest.fixture(scope="module")
def operations(found) -> dict[tuple[str, str], Any]:
    plain = openapi_document()
    documents = {"known names": known_document(found), "valid": plain, "invalid": plain}
    return {
        (run, one.ok().definition.raw["operationId"]): one.ok()
        for run, document in documents.items()
        for one in schemathesis.openapi.from_dict(document).get_all_operations()
    }


CHECKS = [not_a_server_error, response_schema_conformance]


@pytest.mark.parametrize("name", ENDPOINTS)
@pytest.mark.parametrize("run", RUNS)
def test_no_request_is_a_server_error(exchange, operations, run, name):
    mode, examples = RUNS[run]
    if (run, name) == ("known names", "place_order"):
        examples = 80  # most of what is made up contradicts itself, and one has to be taken
    token = f"token {exchange.api_key}:{exchange.access_token('AB1234')}"

    @settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(operations[run, name].as_strategy(mode))
    def ask(case: schemathesis.Case) -> None:
        response = case.call(base_url=exchange.root, headers={"Authorization": token})
        answered.append(response.status_code)
        case.validate_response(response, checks=CHECKS)
        if response.status_code != 200:
            told = response.json()
            assert response.headers["content-type"] == ["application/json"]
            assert told["status"] == "error"
            assert told["message"]
            assert told["error_type"].endswith("Exception")

    answered: list[int] = []
    try:
        ask()
    except Unsatisfiable:
        # Nothing that could be sent is wrong for a route that takes nothing.
        assert mode is GenerationMode.NEGATIVE
    if run == "known names":
        assert 200 in answered or name in NEVER_GRANTED
