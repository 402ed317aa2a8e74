"""The OpenAPI document: every route of the table, in valid schemas."""

import json

import jsonschema_rs
import pytest

from patang.sandbox.openapi import openapi_document
from patang.wire.endpoints import ENDPOINTS

DOCUMENT = openapi_document("http://127.0.0.1:1")
OPERATIONS = {
    operation["operationId"]: (method, path, operation)
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
}


def test_every_route_of_the_table_is_in_it_and_no_other():
    assert set(OPERATIONS) == set(ENDPOINTS)
    for name, endpoint in ENDPOINTS.items():
        method, path, _ = OPERATIONS[name]
        assert (method.upper(), path) == (endpoint.method, endpoint.path)


@pytest.mark.parametrize("name", ENDPOINTS)
def test_parameters_of_the_path_and_nothing_else_are_in_the_path(name):
    told = [one["name"] for one in OPERATIONS[name][2]["parameters"] if one["in"] == "path"]
    assert tuple(told) == ENDPOINTS[name].parameters


@pytest.mark.parametrize("name", ENDPOINTS)
def test_every_schema_is_a_schema_and_every_reference_leads_somewhere(name):
    operation = OPERATIONS[name][2]
    schemas = [one["schema"] for one in operation["parameters"]]
    bodies = [operation.get("requestBody", {}), *operation["responses"].values()]
    schemas += [
        content["schema"] for body in bodies for content in body.get("content", {}).values()
    ]
    for schema in schemas:
        whole = schema | {"components": DOCUMENT["components"]}
        assert jsonschema_rs.meta.is_valid(whole)
        jsonschema_rs.Draft202012Validator(whole)  # resolves every reference


def test_form_fields_are_those_of_the_structs_without_the_path():
    body = OPERATIONS["place_order"][2]["requestBody"]["content"]
    (kind,) = body
    schema = body[kind]["schema"]
    assert kind == "application/x-www-form-urlencoded"
    assert "variety" not in schema["properties"]
    assert set(schema["required"]) == {
        "exchange",
        "tradingsymbol",
        "transaction_type",
        "order_type",
        "quantity",
        "product",
    }
    assert schema["properties"]["price"] == {"type": "number"}
    assert schema["properties"]["validity"]["enum"] == ["DAY", "IOC", "TTL"]


def test_money_is_a_number_on_the_wire():
    assert "decimal" not in json.dumps(DOCUMENT)
    order = DOCUMENT["components"]["schemas"]["OrderRow"]["properties"]
    assert order["average_price"] == {"type": "number", "default": 0}


def test_a_response_of_the_wrong_type_is_noticed():
    schema = OPERATIONS["orders"][2]["responses"]["200"]["content"]["application/json"]["schema"]
    validator = jsonschema_rs.Draft202012Validator(schema | {"components": DOCUMENT["components"]})
    assert validator.is_valid({"status": "success", "data": []})
    assert not validator.is_valid({"status": "success", "data": [{"order_id": 7}]})


def test_the_login_needs_no_token():
    assert OPERATIONS["generate_session"][2]["security"] == []
    assert "security" not in OPERATIONS["orders"][2]
