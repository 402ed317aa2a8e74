"""Postbacks: order updates that Kite POSTs to the app's registered address.

A postback's checksum covers the order's id and timestamp and nothing else, and whoever saw one can
send it again. So an update is a hint, as on the ticker: read ``/orders/{order_id}`` before money
moves on it. Source: Kite Connect v3, postbacks.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Self

import msgspec

from patang.domain.errors import InvalidValue, PatangError
from patang.kite.clock import Clock, SystemClock
from patang.kite.feed_events import OrderUpdate
from patang.kite.secret import Secret
from patang.wire.checksums import is_same_checksum, postback_checksum
from patang.wire.row import Document, decode_row, remember_source
from patang.wire.rows import Postback

_log = logging.getLogger("patang.kite.postback")

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

POSTBACK_BYTES = 64 * 1024
"""A postback is about one and a half kilobytes; what is longer than this is none."""

_decoder = msgspec.json.Decoder(Postback)


class BadPostback(PatangError):
    """A request that is no postback of this app; ``status`` is the HTTP status to answer."""

    def __init__(self, status: int, cause: str) -> None:
        self.status = status
        super().__init__(cause)


class PostbackCounters(msgspec.Struct):
    """What a ``PostbackApp`` has seen since it was made."""

    accepted: int = 0
    malformed: int = 0
    wrong_checksum: int = 0
    overflowed: int = 0


def verify_postback(body: bytes, api_secret: str | Secret) -> Postback:
    """The update in a postback's raw body, once its checksum is proved.

    The checksum is compared in constant time.

    Raises:
        BadPostback: too long, no JSON, a field is missing or mistyped, or a wrong checksum.
    """
    if len(body) > POSTBACK_BYTES:
        raise BadPostback(413, f"a postback of more than {POSTBACK_BYTES} bytes.")
    try:
        order = decode_row(_decoder, body)
        remember_source(order, Document(body), ())
        expected = postback_checksum(
            order.order_id, order.order_timestamp or "", Secret(api_secret).reveal()
        )
        is_genuine = is_same_checksum(order.checksum, expected)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise BadPostback(400, f"not a postback: {error}.") from error
    if not order.order_id or not order.order_timestamp:
        raise BadPostback(400, "not a postback: order_id or order_timestamp is empty.")
    if not is_genuine:
        raise BadPostback(403, "the checksum is not this app's.")
    return order


class PostbackApp:
    """An ASGI application that takes postbacks; iterate it for the typed updates.

        postbacks = PostbackApp(api_secret)
        # serve `postbacks` with any ASGI server, or mount it in an application
        async for update in postbacks:
            ...

    Answers 200 once an update is queued, 400 and 403 to what is not genuine, 413 and 408 to
    bodies that are too long or too slow, 503 while the queue of ``queue_max`` is full.
    """

    def __init__(
        self,
        api_secret: str | Secret,
        *,
        clock: Clock | None = None,
        queue_max: int = 1_000,
        body_timeout_s: float = 10.0,
    ) -> None:
        self._api_secret = Secret(api_secret)
        if not self._api_secret:
            raise InvalidValue("api_secret", "is empty, so anybody could sign.")
        if queue_max < 1:
            raise InvalidValue("queue_max", f"{queue_max} is below 1.")
        self._clock = clock or SystemClock()
        self._body_timeout_s = body_timeout_s
        self._updates: asyncio.Queue[OrderUpdate] = asyncio.Queue(queue_max)
        self.counters = PostbackCounters()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> OrderUpdate:
        return await self._updates.get()

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection."""
        match scope["type"]:
            case "http":
                await self._serve(scope, receive, send)
            case "lifespan":
                await _live(receive, send)
            case "websocket":
                await send({"type": "websocket.close", "code": 1008})

    async def _serve(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["method"] != "POST":
            await _answer(send, 405)
            return
        try:
            async with asyncio.timeout(self._body_timeout_s):
                body = await _body(scope, receive)
        except TimeoutError:
            self.counters.malformed += 1
            await _answer(send, 408)
        except BadPostback as error:
            await self._refuse(send, error)
        else:
            if body is not None:
                await self._take(body, send)

    async def _take(self, body: bytes, send: Send) -> None:
        try:
            order = verify_postback(body, self._api_secret)
        except BadPostback as error:
            await self._refuse(send, error)
            return
        try:
            self._updates.put_nowait(OrderUpdate(order=order, received_ns=self._clock.now_ns()))
        except asyncio.QueueFull:
            self.counters.overflowed += 1
            await _answer(send, 503)
            return
        self.counters.accepted += 1
        await _answer(send, 200)

    async def _refuse(self, send: Send, error: BadPostback) -> None:
        is_forged = error.status == 403
        self.counters.wrong_checksum += is_forged
        self.counters.malformed += not is_forged
        # Once: whoever finds the address can send thousands.
        if self.counters.wrong_checksum + self.counters.malformed == 1:
            _log.warning("postback refused: %s Further ones are only counted.", error)
        await _answer(send, error.status)


async def _body(scope: Message, receive: Receive) -> bytes | None:
    """The request's body, read no further than the bound; None when the sender has gone."""
    for name, value in scope.get("headers", ()):
        is_long = name.lower() == b"content-length" and len(value.strip()) > 6
        if is_long or (name.lower() == b"content-length" and _number(value) > POSTBACK_BYTES):
            raise BadPostback(413, f"a postback of more than {POSTBACK_BYTES} bytes.")
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body += message.get("body", b"")
        if len(body) > POSTBACK_BYTES:
            raise BadPostback(413, f"a postback of more than {POSTBACK_BYTES} bytes.")
        if not message.get("more_body", False):
            return bytes(body)


def _number(text: bytes) -> int:
    return int(text) if text.strip().isdigit() else 0


async def _answer(send: Send, status: int) -> None:
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [(b"content-length", b"0")],
        }
    )
    await send({"type": "http.response.body", "body": b""})


async def _live(receive: Receive, send: Send) -> None:
    """Answer the server's start and stop; there is nothing to prepare."""
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            await send({"type": "lifespan.startup.complete"})
        else:
            await send({"type": "lifespan.shutdown.complete"})
            return
