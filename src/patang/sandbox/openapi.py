"""An OpenAPI document of Kite's REST routes, made from the endpoint table and the row types.

What the table does not hold stands here: the parameters of a query, and the names that travel in a
form where they are not the fields of a struct. Source: Kite Connect v3.
"""

from collections.abc import Iterator
from typing import Any

import msgspec

import patang
from patang.domain.enums import Exchange, Interval, Side, Variety
from patang.wire.endpoint import BodyKind, Endpoint, RateClass, Standing
from patang.wire.endpoints import ENDPOINTS
from patang.wire.gtt_forms import GttType
from patang.wire.instruments import CONTENT_TYPE as CSV

REFERENCE = "#/components/schemas/{name}"
FORM = "application/x-www-form-urlencoded"
JSON = "application/json"

Schema = dict[str, Any]

_TEXT: Schema = {"type": "string", "minLength": 1}
_WHOLE: Schema = {"type": "integer", "minimum": 1}
_FLAG: Schema = {"type": "string", "enum": ["true", "false", "1", "0"]}
_STAMP: Schema = {
    "type": "string",
    "description": "YYYY-MM-DD HH:MM:SS or YYYY-MM-DD, IST",
    "pattern": r"^\d{4}-\d{2}-\d{2}( \d{2}:\d{2}:\d{2})?$",
}
_MANY: Schema = {"type": "array", "items": _TEXT, "minItems": 1}


def _words(*words: str) -> Schema:
    return {"type": "string", "enum": list(words)}


_PATH: dict[str, Schema] = {
    "variety": _words(*Variety),
    "exchange": _words(*Exchange),
    "segment": _words("equity", "commodity"),
    "interval": _words(*Interval),
    "transaction_type": _words(*(side.value.lower() for side in Side)),
    "instrument_token": _WHOLE,
    "trigger_id": _WHOLE,
}
"""Parameters of paths that are not just any text."""

_INSTRUMENTS = (("i", _MANY, True),)
_QUERY: dict[str, tuple[tuple[str, Schema, bool], ...]] = {
    "invalidate_session": (
        ("api_key", _TEXT, True),
        ("access_token", _TEXT, False),
        ("refresh_token", _TEXT, False),
    ),
    "cancel_order": (("parent_order_id", _TEXT, False),),
    "quote": _INSTRUMENTS,
    "ohlc": _INSTRUMENTS,
    "ltp": _INSTRUMENTS,
    "trigger_range": _INSTRUMENTS,
    "historical_data": (
        ("from", _STAMP, True),
        ("to", _STAMP, True),
        ("continuous", _words("0", "1"), False),
        ("oi", _words("0", "1"), False),
    ),
    "get_alerts": (
        ("status", _words("enabled", "disabled", "deleted"), False),
        ("page", _WHOLE, False),
        ("page_size", _WHOLE, False),
    ),
    "delete_alerts": (("uuid", _MANY, True),),
    "order_margins": (("mode", _words("compact"), False),),
    "basket_order_margins": (
        ("consider_positions", _FLAG, False),
        ("mode", _words("compact"), False),
    ),
    "mf_orders": (("from", _STAMP, False), ("to", _STAMP, False)),
}
"""Name, schema and whether it is required, of what travels in a query."""


def _object(required: tuple[str, ...], **properties: Schema) -> Schema:
    return {"type": "object", "properties": properties, "required": list(required)}


def _json_text(example: str) -> Schema:
    return {"type": "string", "description": f"JSON text, for example {example}"}


_CHECKED = {"checksum": {"type": "string", "pattern": "^[0-9a-f]{64}$"}}
_GTT = _object(
    ("type", "condition", "orders"),
    type=_words(*GttType),
    condition=_json_text(
        '{"exchange":"NSE","tradingsymbol":"INFY","trigger_values":[1500],"last_price":1550}'
    ),
    orders=_json_text(
        '[{"exchange":"NSE","tradingsymbol":"INFY","transaction_type":"BUY","quantity":1,'
        '"order_type":"LIMIT","product":"CNC","price":1499}]'
    ),
    expires_at=_STAMP,
)
_FORMS: dict[str, Schema] = {
    "generate_session": _object(
        ("api_key", "request_token", "checksum"), api_key=_TEXT, request_token=_TEXT, **_CHECKED
    ),
    "renew_access_token": _object(
        ("api_key", "refresh_token", "checksum"), api_key=_TEXT, refresh_token=_TEXT, **_CHECKED
    ),
    "place_gtt": _GTT,
    "modify_gtt": _GTT,
    "holdings_authorise": _object(
        (),
        isin=_MANY,
        quantity={"type": "array", "items": _WHOLE},
        type=_words("mf", "equity"),
        transfer_type=_words("pre", "post", "off", "gift"),
        exec_date=_TEXT,
    ),
}
"""Bodies whose parameters are not the fields of the struct that the client builds them from."""

_NESTED_TEXT = {"basket": _json_text('{"name":"","type":"alert","tags":[],"items":[]}')}
"""Fields of forms that travel as JSON text."""


def openapi_document(server: str = "/") -> Schema:
    """The document, OpenAPI 3.1, of every route of the endpoint table.

    ``server`` is where the routes are served. Keys stand in the order of the table.
    """
    endpoints = list(ENDPOINTS.values())
    types = [one.response for one in endpoints if one.response not in (bytes, None)]
    requests = [one.request for one in endpoints if one.request is not None]
    _, components = msgspec.json.schema_components(
        [*types, *requests], ref_template=REFERENCE, schema_hook=_any
    )
    paths: dict[str, Schema] = {}
    for endpoint in endpoints:
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = _operation(endpoint)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Kite Connect v3, as the sandbox serves it",
            "version": patang.__version__,
            "description": "A pretend exchange: nothing here is real money.",
        },
        "servers": [{"url": server}],
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "schemas": {name: _on_the_wire(one) for name, one in components.items()} | _ENVELOPES,
            "securitySchemes": {
                "token": {
                    "type": "apiKey",
                    "in": "header",
                    "name": "Authorization",
                    "description": "token API_KEY:ACCESS_TOKEN",
                }
            },
        },
    }


_ENVELOPES: dict[str, Schema] = {
    "Error": _object(
        ("status", "message", "error_type"),
        status={"const": "error"},
        message={"type": "string"},
        error_type={"type": "string"},
        data={},
    )
}


def _operation(endpoint: Endpoint) -> Schema:
    operation: Schema = {
        "operationId": endpoint.name,
        "summary": f"{endpoint.method} {endpoint.path}",
        "description": _description(endpoint),
        "parameters": list(_parameters(endpoint)),
        "responses": {
            "200": {"description": "Success", "content": _content(endpoint)},
            "default": {
                "description": "Refused: HTTP 400 or more, and why",
                "content": {JSON: {"schema": {"$ref": REFERENCE.format(name="Error")}}},
            },
        },
    }
    body = _body(endpoint)
    if body is not None:
        operation["requestBody"] = body
    if not endpoint.needs_session:
        operation["security"] = []
    if endpoint.standing is Standing.LEGACY:
        operation["deprecated"] = True
    return operation


def _description(endpoint: Endpoint) -> str:
    second = {RateClass.QUOTE: 1, RateClass.HISTORICAL: 3}.get(endpoint.rate, 10)
    parts = [f"Standing: {endpoint.standing}.", f"Limit: {second} a calendar second."]
    if endpoint.instrument_cap is not None:
        parts.append(f"At most {endpoint.instrument_cap} instruments.")
    return " ".join(parts)


def _parameters(endpoint: Endpoint) -> Iterator[Schema]:
    for name in endpoint.parameters:
        yield {"name": name, "in": "path", "required": True, "schema": _PATH.get(name, _TEXT)}
    for name, schema, is_required in _QUERY.get(endpoint.name, ()):
        parameter = {"name": name, "in": "query", "required": is_required, "schema": schema}
        if schema["type"] == "array":
            parameter |= {"style": "form", "explode": True}
        yield parameter


def _body(endpoint: Endpoint) -> Schema | None:
    if endpoint.body is BodyKind.QUERY:
        return None
    if endpoint.body is BodyKind.JSON:
        (schema,), _ = msgspec.json.schema_components([endpoint.request], ref_template=REFERENCE)
        return {"required": True, "content": {JSON: {"schema": _on_the_wire(schema)}}}
    schema = _FORMS.get(endpoint.name) or _form(endpoint)
    encoding = {
        name: {"style": "form", "explode": True}
        for name, field in schema["properties"].items()
        if field.get("type") == "array"
    }
    content: Schema = {"schema": schema}
    if encoding:
        content["encoding"] = encoding
    return {"required": bool(schema["required"]), "content": {FORM: content}}


def _form(endpoint: Endpoint) -> Schema:
    """A form whose parameters are the fields of its struct; those of the path stay there."""
    fields = [
        field
        for field in msgspec.structs.fields(endpoint.request)
        if field.name not in endpoint.parameters
    ]
    kinds = [field.type for field in fields]
    schemas, components = msgspec.json.schema_components(kinds, ref_template=REFERENCE)
    properties = {}
    for field, schema in zip(fields, schemas, strict=True):
        told = _NESTED_TEXT.get(field.name) or _present(_inlined(schema, components))
        properties[field.name] = _on_the_wire(told)
    required = [field.name for field in fields if field.required]
    return {"type": "object", "properties": properties, "required": required}


def _inlined(schema: Schema, components: dict[str, Schema]) -> Schema:
    """A schema of words in place of the reference to it."""
    if "anyOf" in schema:
        return {"anyOf": [_inlined(one, components) for one in schema["anyOf"]]}
    name = schema.get("$ref", "").rpartition("/")[2]
    return components.get(name, schema)


def _present(schema: Schema) -> Schema:
    """What a parameter is when it is there: a form has no null."""
    kinds = [one for one in schema.get("anyOf", ()) if one.get("type") != "null"]
    return kinds[0] if len(kinds) == 1 else schema


def _content(endpoint: Endpoint) -> Schema:
    if endpoint.response is bytes:
        return {CSV: {"schema": {"type": "string"}}}
    if endpoint.response is None:
        schema: Schema = {"type": "null"}
    else:
        (schema,), _ = msgspec.json.schema_components(
            [endpoint.response], ref_template=REFERENCE, schema_hook=_any
        )
    whole = _object(("status", "data"), status={"const": "success"}, data=_on_the_wire(schema))
    return {JSON: {"schema": whole}}


def _on_the_wire(schema: Any) -> Any:
    """A schema as Kite writes its values: exact decimals travel as plain numbers."""
    if isinstance(schema, list):
        return [_on_the_wire(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    if schema.get("format") == "decimal":
        number: Schema = {"type": "number"}
        default = schema.get("default")
        return number | {"default": int(default)} if default in ("0", "-1") else number
    return {name: _on_the_wire(one) for name, one in schema.items()}


def _any(_kind: type) -> Schema:
    """A type that has no schema of its own may be anything."""
    return {}
