"""One request that faults befall, from its arrival to whatever becomes of its answer."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence

from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from patang.domain.market import NS_PER_SECOND
from patang.sandbox.faults.menu import (
    DelayReply,
    DelayRequest,
    DropRequest,
    DuplicateReply,
    DuplicateRequest,
    Ending,
    ErrorReply,
    FailSlices,
    Fault,
    FlushTokens,
    LoseReply,
    RefuseIp,
    RejectOrder,
    SlowReply,
    TimedOutReply,
    TruncateReply,
)
from patang.sandbox.faults.reasons import REASONS
from patang.sandbox.faults.replies import error_reply, ip_reply, timed_out_reply
from patang.sandbox.records import RequestRecord
from patang.sandbox.ticker import Peer
from patang.sandbox.world import World
from patang.simulator.errors import Refused, Rejection

HANG_S = 300.0
"""Real seconds until a connection that hangs is closed after all."""

_PIECES = 10


class Spoiled:
    """Carries a request through its faults, in the order in which they were ordered.

    ``carry_out`` has the request answered by the exchange; the faults decide whether it is called
    not at all, once or twice, and what of its answer reaches the client.
    """

    def __init__(
        self,
        world: World,
        faults: Sequence[Fault],
        record: RequestRecord,
        carry_out: Callable[[], Awaitable[Response]],
    ) -> None:
        self._world = world
        self._faults = faults
        self._record = record
        self._carry_out = carry_out

    async def run(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the request, or not."""
        line = _Line(self._world, scope, receive, send)
        with contextlib.suppress(Vanished):
            async with contextlib.AsyncExitStack() as delays:
                response = await self._before(line, delays)
                if response is None:
                    response = await self._after(await self._acted_on(), line, delays)
                self._record.status = response.status_code
                await self._send(response, line)

    # --- on the way in --------------------------------------------------------------------------

    async def _before(self, line: "_Line", delays: contextlib.AsyncExitStack) -> Response | None:
        """What happens before the request reaches the exchange; an answer if it never does."""
        for fault in self._faults:
            match fault:
                case DelayRequest():
                    await self._delay(fault, delays)
                case DropRequest():
                    await delays.aclose()  # whoever steps the clock need not wait for the end
                    await line.vanish(fault.ending)
                case ErrorReply(carried_out=False):
                    return error_reply(fault)
                case TimedOutReply(carried_out=False):
                    return timed_out_reply(fault)
                case RefuseIp():
                    return ip_reply(fault)
                case FlushTokens(when="before"):
                    self._world.sessions.flush((self._user,))
                case _:
                    pass
        return None

    async def _acted_on(self) -> Response:
        # Nothing waits from here until the request is carried out, so that no other meets these.
        exchange = self._world.exchange
        for fault in self._faults:
            match fault:
                case RejectOrder():
                    exchange.refuse_next(self._user, _refusal(fault))
                case FailSlices():
                    for count, number in enumerate(sorted(set(fault.slices))):
                        # A placement that fails does not count for the refusals behind it.
                        reason = REASONS[fault.reason]
                        exchange.refuse_next(self._user, reason, skip=number - 1 - count)
                case _:
                    pass
        response = await self._carry_out()
        if any(isinstance(fault, DuplicateRequest) for fault in self._faults):
            response = await self._carry_out()
        # A refusal is for this request; where it met no placement, it goes with the request.
        exchange.clear_refusals()
        return response

    # --- on the way out -------------------------------------------------------------------------

    async def _after(
        self, response: Response, line: "_Line", delays: contextlib.AsyncExitStack
    ) -> Response:
        """The answer that the client is to get."""
        for fault in self._faults:
            match fault:
                case DelayReply():
                    await self._delay(fault, delays)
                case LoseReply():
                    await delays.aclose()  # whoever steps the clock need not wait for the end
                    await line.vanish(fault.ending)
                case ErrorReply(carried_out=True):
                    response = error_reply(fault)
                case TimedOutReply(carried_out=True):
                    response = timed_out_reply(fault)
                case FlushTokens(when="after"):
                    self._world.sessions.flush((self._user,))
                case _:
                    pass
        return response

    async def _send(self, response: Response, line: "_Line") -> None:
        for fault in self._faults:
            match fault:
                case TruncateReply():
                    await line.send_part(response, fault.keep, is_whole=fault.framing == "short")
                    return
                case SlowReply():
                    await line.send_slowly(response, fault.seconds)
                    return
                case DuplicateReply():
                    await line.send_twice(response)
                    return
                case _:
                    pass
        await line.send(response)

    # --- helpers --------------------------------------------------------------------------------

    @property
    def _user(self) -> str:
        return self._record.user_id

    async def _delay(
        self, fault: DelayRequest | DelayReply, delays: contextlib.AsyncExitStack
    ) -> None:
        if fault.clock == "real":
            await asyncio.sleep(fault.seconds)
            return
        due_ns = self._world.advance() + round(fault.seconds * NS_PER_SECOND)
        # Left when the answer is sent: whoever steps the clock waits for that.
        await delays.enter_async_context(self._world.waits.until(due_ns))


class Vanished(Exception):
    """The request or its answer was lost, and the connection is at its end."""


class _Line:
    """The way back to one client; in memory there is no connection below it to end."""

    def __init__(self, world: World, scope: Scope, receive: Receive, send: Send) -> None:
        self._world = world
        self._receive = receive
        self._send = send
        self._scope = scope
        client = scope.get("client")
        self._peer: Peer = (client[0], client[1]) if client else ("", 0)

    async def send(self, response: Response) -> None:
        """Answer as usual."""
        await response(self._scope, self._receive, self._send)

    async def vanish(self, ending: Ending) -> None:
        """Answer nothing; raises ``Vanished`` when the connection is at its end."""
        wires = self._world.wires
        if ending == "hang":
            await self._hold()
        is_wired = wires.reset(self._peer) if ending == "reset" else wires.close(self._peer)
        if is_wired:
            await self._gone()
        raise Vanished

    async def send_part(self, response: Response, keep: float, *, is_whole: bool) -> None:
        """Answer with the first share of the body, as if that were all or breaking off."""
        body = bytes(response.body)
        part = body[: int(len(body) * keep)]
        if is_whole:
            content_type = response.headers["content-type"]
            short = Response(part, response.status_code, headers={"content-type": content_type})
            await self.send(short)
            return
        await self._send(_start(response))
        await self._send({"type": "http.response.body", "body": part, "more_body": True})
        if self._world.wires.close(self._peer):
            await self._gone()

    async def send_slowly(self, response: Response, seconds: float) -> None:
        """Answer in pieces over so many real seconds."""
        body = bytes(response.body)
        size = max(1, -(-len(body) // _PIECES))
        await self._send(_start(response))
        for at in range(0, len(body), size):
            await asyncio.sleep(seconds / _PIECES)
            piece = body[at : at + size]
            await self._send({"type": "http.response.body", "body": piece, "more_body": True})
        await self._send({"type": "http.response.body", "body": b""})

    async def send_twice(self, response: Response) -> None:
        """Answer, and send the same bytes once more on the connection."""
        await self.send(response)
        head = [f"HTTP/1.1 {response.status_code} Again".encode()]
        head += [name + b": " + value for name, value in response.raw_headers]
        self._world.wires.write(self._peer, b"\r\n".join(head) + b"\r\n\r\n" + bytes(response.body))

    async def _hold(self) -> None:
        """Wait until the client has gone, the server ends, or it has been long enough."""
        async with asyncio.TaskGroup() as group:
            gone = group.create_task(self._gone())
            closing = group.create_task(self._world.closing.wait())
            await asyncio.wait({gone, closing}, timeout=HANG_S, return_when=asyncio.FIRST_COMPLETED)
            gone.cancel()
            closing.cancel()

    async def _gone(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass


def _start(response: Response) -> Message:
    return {
        "type": "http.response.start",
        "status": response.status_code,
        "headers": response.raw_headers,
    }


def _refusal(fault: RejectOrder) -> Refused | Rejection:
    if fault.reason is not None:
        known = REASONS[fault.reason]
        if fault.stage is None or isinstance(known, Rejection) == (fault.stage != "request"):
            return known
        if isinstance(known, Refused):
            return Rejection(known.message, known.raw, "broker")
        return Refused(fault.error_type, known.message, status=fault.status)
    message = fault.message or ""
    if fault.stage in (None, "request"):
        return Refused(fault.error_type, message, status=fault.status)
    return Rejection(message, fault.raw, "broker" if fault.stage == "broker" else "exchange")
