"""The truth of a world: what every user has, by the exchange's own books."""

from decimal import Decimal
from typing import Any

from patang.rules.charge_table import RateUnknown
from patang.sandbox.app import HANDLERS
from patang.sandbox.calls import Call, Query
from patang.sandbox.rows.numbers import json_number
from patang.sandbox.sessions import Session
from patang.sandbox.world import World
from patang.wire.endpoints import ENDPOINTS
from patang.wire.row import encode_row


def truth(world: World) -> bytes:
    """The whole truth as JSON: ``{now, users: {USER_ID: {orders, requests, ...}}}``.

    ``now`` is nanoseconds UTC of the virtual clock. ``orders``, ``trades``, ``positions`` and
    ``holdings`` are the very rows that Kite's routes answer; ``requests`` every order request that
    arrived, with time and tag, even those that a fault kept from the exchange. ``cash`` is rupees
    in the ledger as if each of today's trades had been paid, without charges; ``charges`` are the
    day's so far, by part, or null on a recorded day that is older than the tables of charges. The
    same seed and commands give the same bytes.
    """
    world.advance()
    return encode_row(
        {
            "now": world.now_ns,
            "users": {user: _of(world, user) for user in sorted(world.exchange.user_ids())},
        }
    )


def _of(world: World, user_id: str) -> dict[str, Any]:
    return {
        "orders": _rows(world, user_id, "orders"),
        "requests": world.records.requests_of(user_id),
        "trades": _rows(world, user_id, "trades"),
        "positions": _rows(world, user_id, "positions"),
        "holdings": _rows(world, user_id, "holdings"),
        "cash": json_number(world.exchange.funds(user_id).cash),
        "charges": _charges(world, user_id),
    }


def _charges(world: World, user_id: str) -> dict[str, Decimal] | None:
    try:
        charges = world.exchange.charges(user_id)
    except RateUnknown:
        return None
    parts = {part: json_number(getattr(charges, part)) for part in charges.__struct_fields__}
    return parts | {"total": json_number(charges.total)}


def _rows(world: World, user_id: str, route: str) -> object:
    """What a route of Kite's would answer the user."""
    session = Session(
        user_id=user_id,
        app=world.app,
        access_token="",
        public_token="",
        opened_ns=world.now_ns,
        expires_ns=world.now_ns,
    )
    call = Call(
        endpoint=ENDPOINTS[route],
        world=world,
        now_ns=world.now_ns,
        path={},
        query=Query(b""),
        form=Query(b""),
        caller=session,
    )
    return HANDLERS[route](call)
