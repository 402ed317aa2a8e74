"""The control port's routes. None of them exists on Kite's own port, nor do these answer there."""

import logging
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from patang.domain.errors import InvalidValue, PatangError
from patang.sandbox.control.commands import ClockCommand, FlushCommand, LimitsCommand
from patang.sandbox.control.exports import KINDS, lines
from patang.sandbox.control.steps import Stepper
from patang.sandbox.control.truth import truth
from patang.sandbox.documents import DocumentInvalid, parse_document
from patang.sandbox.faults.menu import Fault
from patang.sandbox.faults.scenario import HINTS, parse_scenario
from patang.sandbox.openapi import openapi_document
from patang.sandbox.ready import ClockReading
from patang.sandbox.world import World
from patang.wire.row import encode_row

JSON = "application/json"
JSON_LINES = "application/x-ndjson"

T = TypeVar("T")

_BODY_HINTS = HINTS | {"": "docs/sandbox.md lists the routes, docs/faults.md the fields of faults."}

_log = logging.getLogger("patang.sandbox")


def build_control(world: World) -> ASGIApp:
    """The control port of a world, as an ASGI application.

    Every answer is JSON; a request that cannot be obeyed is answered 400 with ``{"error", "field",
    "remedy"}``.
    """
    routes = [
        _route("GET", "/truth", world, _truth),
        _route("GET", "/clock", world, _clock),
        Route("/clock", _guarded(_clock_mover(world)), methods=["POST"]),
        _route("GET", "/faults", world, _faults),
        _route("POST", "/faults", world, _order_faults),
        _route("DELETE", "/faults", world, _clear_faults),
        _route("DELETE", "/faults/{id:int}", world, _take_back_fault),
        _route("POST", "/scenario", world, _load_scenario),
        _route("POST", "/tokens/flush", world, _flush_tokens),
        _route("POST", "/limits", world, _set_limits),
        _route("GET", "/records/{kind}", world, _records),
        _route("GET", "/openapi.json", world, _openapi),
    ]
    return Starlette(routes=routes, exception_handlers={HTTPException: _no_route})


Answer = Callable[[World, Request, bytes], Response]
Respond = Callable[[Request], Awaitable[Response]]


def _route(method: str, path: str, world: World, answer: Answer) -> Route:
    async def respond(request: Request) -> Response:
        return answer(world, request, await request.body())

    return Route(path, _guarded(respond), methods=[method])


def _guarded(respond: Respond) -> Respond:
    async def guarded(request: Request) -> Response:
        try:
            return await respond(request)
        except (DocumentInvalid, InvalidValue) as error:
            return _failure(400, error.cause, error.field, error.remedy)
        except PatangError as error:
            return _failure(400, error.cause, "", error.remedy)
        except Exception:  # noqa: BLE001 - the outermost frame of a request: record, answer 500
            _log.exception("control_failed path=%s", request.url.path)
            return _failure(500, "Something unexpected happened in the sandbox.", "", "")

    return guarded


# --- the routes ---------------------------------------------------------------------------------


def _truth(world: World, _request: Request, _body: bytes) -> Response:
    return _answer(truth(world))


def _clock(world: World, _request: Request, _body: bytes) -> Response:
    return _answer(encode_row(ClockReading(world.advance(), world.clock.speed)))


def _clock_mover(world: World) -> Respond:
    stepper = Stepper(world)

    async def move(request: Request) -> Response:
        command = decode_command(await request.body(), ClockCommand)
        if command.speed is not None:
            world.clock.set_speed(command.speed)
        if command.advance_ns is not None:
            await stepper.advance(command.advance_ns)
        if command.to_ns is not None:
            await stepper.go_to(command.to_ns)
        return _clock(world, request, b"")

    return move


def _faults(world: World, _request: Request, _body: bytes) -> Response:
    return _answer(encode_row(list(world.faults.plan)))


def _order_faults(world: World, _request: Request, body: bytes) -> Response:
    faults = decode_command(body, Fault | tuple[Fault, ...])  # type: ignore[arg-type]
    ordered = world.faults.order(faults if isinstance(faults, tuple) else (faults,))
    return _answer(encode_row(ordered))


def _take_back_fault(world: World, request: Request, _body: bytes) -> Response:
    return _answer(encode_row(world.faults.take_back(request.path_params["id"])))


def _clear_faults(world: World, request: Request, body: bytes) -> Response:
    world.faults.clear()
    return _faults(world, request, body)


def _load_scenario(world: World, request: Request, body: bytes) -> Response:
    """Take back what is in force and put a scenario in force, in JSON or TOML."""
    is_json = request.headers.get("content-type", "").startswith(JSON)
    scenario = parse_scenario(body.decode("utf-8", "replace"), is_json=is_json)
    world.faults.clear()
    world.faults.order(scenario.faults)
    return _faults(world, request, body)


def _flush_tokens(world: World, _request: Request, body: bytes) -> Response:
    command = decode_command(body or b"{}", FlushCommand)
    return _answer(encode_row({"flushed": world.sessions.flush(command.users)}))


def _set_limits(world: World, _request: Request, body: bytes) -> Response:
    world.rate_limits = decode_command(body, LimitsCommand).rate_limits
    return _answer(encode_row({"rate_limits": world.rate_limits}))


def _records(world: World, request: Request, _body: bytes) -> Response:
    kind = request.path_params["kind"]
    if kind not in KINDS:
        return _failure(404, f"There are no records of {kind!r}.", "", f"Ask for {_list(KINDS)}.")
    return _answer(b"".join(lines(world, kind)), JSON_LINES)


def _openapi(world: World, _request: Request, _body: bytes) -> Response:
    return _answer(encode_row(openapi_document(world.root)))


# --- reading and writing ------------------------------------------------------------------------


def decode_command(body: bytes, shape: type[T]) -> T:
    """A command out of a request's body.

    Raises:
        DocumentInvalid: no JSON, or not of the shape; it names the field.
    """
    text = body.decode("utf-8", "replace")
    return parse_document(text, shape, is_json=True, name="body", hints=_BODY_HINTS)


async def _no_route(_request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    text = "Method not allowed." if status == 405 else "The control port has no such address."
    return _failure(status, text, "", "")


def _failure(status: int, cause: str, field: str, remedy: str) -> Response:
    body = encode_row({"error": cause, "field": field, "remedy": remedy})
    return Response(body, status, headers={"content-type": JSON})


def _answer(body: bytes, content_type: str = JSON) -> Response:
    return Response(body, 200, headers={"content-type": content_type})


def _list(names: Iterable[str]) -> str:
    return ", ".join(names)
