"""The gate before each of Kite's routes: every request is written down before it is answered."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send
from starlette.websockets import WebSocket

from patang.sandbox.calls import Query
from patang.sandbox.faults.menu import DelayRequest, DropRequest, ErrorReply, kind_of
from patang.sandbox.faults.replies import error_reply
from patang.sandbox.faults.routes import TICKER
from patang.sandbox.faults.spoiled import Spoiled
from patang.sandbox.records import FrameRecord, RequestRecord, parameters_of
from patang.sandbox.world import World
from patang.wire.endpoints import Endpoint, RateClass

BODY_MAX = 1 << 20

Respond = Callable[[Request], Awaitable[Response]]
"""What answers a route."""


class Gate:
    """One route as an ASGI application: reads the request whole, records it, has it answered."""

    def __init__(self, world: World, endpoint: Endpoint, respond: Respond) -> None:
        self._world = world
        self._endpoint = endpoint
        self._respond = respond

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        try:
            body = await read_body(receive)
        except ClientDisconnect:
            return
        # From here to the answer nothing waits, unless a fault makes it.
        request = Request(scope, replay(body))
        record = self._record(request, body)
        plan = self._world.faults.plan
        if len(plan):
            faults = plan.for_request(self._endpoint.name, record.user_id, record.time_ns)
            if faults:
                record.faults = [kind_of(fault) for fault in faults]
                again = partial(self._again, scope, body, record)
                await Spoiled(self._world, faults, record, again).run(scope, receive, send)
                return
        response = await self._carry_out(request, record)
        record.status = response.status_code
        await response(scope, receive, send)

    async def _again(self, scope: Scope, body: bytes, record: RequestRecord) -> Response:
        return await self._carry_out(Request(scope, replay(body)), record)

    def _record(self, request: Request, body: bytes) -> RequestRecord:
        world, endpoint = self._world, self._endpoint
        record = world.records.request(
            endpoint,
            time_ns=world.advance(),
            user_id=caller_of(world, request),
            path=request.scope["path"],
        )
        if endpoint.rate is RateClass.ORDER:
            pairs = Query(request.scope["query_string"]).as_dict() | Query(body).as_dict()
            record.parameters = parameters_of(pairs)
            record.tag = pairs.get("tag")
        return record

    async def _carry_out(self, request: Request, record: RequestRecord) -> Response:
        response = await self._respond(request)
        record.carried_out += 1
        if self._endpoint.rate is RateClass.ORDER:
            _note_answer(record, bytes(response.body))
        return response


class TickerGate:
    """The WebSocket route as an ASGI application: faults of the handshake, a record of frames."""

    def __init__(self, world: World, serve: Callable[[WebSocket], Awaitable[None]]) -> None:
        self._world = world
        self._serve = serve
        self._count = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection from its handshake to its end."""
        world = self._world
        token = Query(scope["query_string"]).first("access_token")
        user_id = world.sessions.owner(token) or ""
        if len(world.faults.plan):
            for fault in world.faults.plan.for_request(TICKER, user_id, world.advance()):
                match fault:
                    case DelayRequest():
                        await asyncio.sleep(fault.seconds)
                    case DropRequest():
                        await _until_gone(world, receive)
                        # Nobody is there to hear it, but the server likes handshakes to end.
                        await send({"type": "websocket.close"})
                        return
                    case ErrorReply():
                        websocket = WebSocket(scope, receive, send)
                        await websocket.send_denial_response(error_reply(fault))
                        return
                    case _:
                        pass
        await self._serve(WebSocket(scope, receive, self._recording(user_id, send)))

    def _recording(self, user_id: str, send: Send) -> Send:
        number = 0

        async def record(message: Message) -> None:
            nonlocal number
            if message["type"] == "websocket.accept":
                self._count += 1
                number = self._count
            elif message["type"] == "websocket.send":
                text = message.get("text")
                frame = FrameRecord(
                    time_ns=self._world.now_ns,
                    user_id=user_id,
                    connection=number,
                    kind="binary" if text is None else "text",
                    payload=message["bytes"] if text is None else text,
                )
                self._world.records.note_frame(frame)
            await send(message)

        return record


async def _until_gone(world: World, receive: Receive) -> None:
    """Return once the client has left, or the server ends."""

    async def left() -> None:
        while (await receive())["type"] != "websocket.disconnect":
            pass

    async with asyncio.TaskGroup() as group:
        waits = [group.create_task(left()), group.create_task(world.closing.wait())]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()


async def read_body(receive: Receive) -> bytes:
    """The whole body, cut off just beyond ``BODY_MAX``: longer ones are refused by the route.

    Raises:
        ClientDisconnect: the client left before it had sent everything.
    """
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        if len(body) <= BODY_MAX:
            body += message.get("body", b"")
        if not message.get("more_body", False):
            return bytes(body)


def replay(body: bytes) -> Receive:
    """A body that was read already, for whoever reads it next."""

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


def caller_of(world: World, request: Request) -> str:
    """The user whose access token a request carries, even one that has died; else empty."""
    _, _, credentials = request.headers.get("authorization", "").partition(" ")
    _, _, access_token = credentials.partition(":")
    return world.sessions.owner(access_token) or ""


class _Answer(msgspec.Struct):
    data: Any = None
    message: str | None = None
    error_type: str | None = None


def _note_answer(record: RequestRecord, body: bytes) -> None:
    answer = msgspec.json.decode(body, type=_Answer)
    record.message, record.error_type = answer.message, answer.error_type
    if isinstance(answer.data, dict) and isinstance(answer.data.get("order_id"), str):
        record.order_id = answer.data["order_id"]
