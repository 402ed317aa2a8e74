"""A TCP proxy in front of a ticker that breaks connections in every way, and reads along."""

import asyncio
import contextlib
import socket
import struct
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

from patang.wire.messages import SetMode, Subscribe, Unsubscribe, decode_request
from patang.wire.ticks import TickMode

_CHUNK = 64 * 1024
_FAREWELL_S = 5.0

BREAKS = {
    "reset": "the connection is reset",
    "end": "the stream ends without a goodbye",
    "away": "the server says 1001 and closes",
    "normal": "the server says 1000 and closes",
    "abrupt": "the server says goodbye and resets",
    "silence": "nothing comes any more, and the socket stays open",
    "cut": "a frame is cut in the middle and the stream ends",
    "nonsense": "bytes come that are no WebSocket frame",
    "half": "the server's side is closed, ours stays open and is not read",
    "refused": "reset, and nobody listens for the next dials",
    "unavailable": "reset, and the next handshakes are answered 503",
    "mute": "reset, and the next handshake is never answered",
    "torn": "reset, and the next connection is reset after its first request",
}
"""Every way to lose a link, by name."""


class Passage:
    """One connection that went through: what its client asked for, and the means to break it."""

    def __init__(self, writer: asyncio.StreamWriter, upstream: asyncio.StreamWriter) -> None:
        self._client = writer
        self._upstream = upstream
        self._unread = b""
        self._in_handshake = True
        self.is_open = True
        self.is_silent = False
        self.modes: dict[int, TickMode] = {}
        self.repeated: list[str] = []
        self._told: set[tuple[int, TickMode]] = set()
        self.is_torn_after_request = False

    def hear(self, chunk: bytes) -> None:
        """Follow what the client sends; requests change ``modes``."""
        self._unread += chunk
        if self._in_handshake:
            _, end, rest = self._unread.partition(b"\r\n\r\n")
            if not end:
                return
            self._in_handshake, self._unread = False, rest
        while (frame := self._next_frame()) is not None:
            kind, payload = frame
            if kind == 1:
                self._obey(payload.decode())

    def _next_frame(self) -> tuple[int, bytes] | None:
        data = self._unread
        if len(data) < 2:
            return None
        size, at = data[1] & 0x7F, 2
        if size >= 126:
            width = 2 if size == 126 else 8
            if len(data) < at + width:
                return None
            size, at = int.from_bytes(data[at : at + width], "big"), at + width
        mask, at = data[at : at + 4], at + 4
        if len(data) < at + size:
            return None
        payload = bytes(byte ^ mask[place % 4] for place, byte in enumerate(data[at : at + size]))
        self._unread = data[at + size :]
        return data[0] & 0x0F, payload

    def _obey(self, text: str) -> None:
        match decode_request(text):
            case Subscribe(tokens):
                self.repeated += [f"subscribe {t}" for t in tokens if t in self.modes]
                self.repeated += [f"subscribe {t}" for t, n in Counter(tokens).items() if n > 1]
                self.modes |= {t: self.modes.get(t, TickMode.QUOTE) for t in tokens}
                self._told -= {(t, mode) for t in tokens for mode in TickMode}
            case SetMode(mode, tokens):
                told = {(t, mode) for t in tokens}
                self.repeated += [f"mode {t} {mode}" for t, _ in told & self._told]
                self._told = {each for each in self._told if each[0] not in tokens} | told
                self.modes |= dict.fromkeys(tokens, mode)
            case Unsubscribe(tokens):
                self.repeated += [f"unsubscribe {t}" for t in tokens if t not in self.modes]
                for token in tokens:
                    self.modes.pop(token, None)
        if self.is_torn_after_request:
            self.reset()

    def reset(self) -> None:
        """Break both sides off with RST."""
        self.is_open = False
        for writer in (self._client, self._upstream):
            raw = writer.get_extra_info("socket")
            if raw is not None:
                with contextlib.suppress(OSError):
                    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()

    def end(self, last_words: bytes = b"") -> None:
        """Send some last bytes to the client and close its side."""
        self.is_open = False
        with contextlib.suppress(OSError, RuntimeError):
            self._client.write(last_words)
            self._client.close()
        self._upstream.transport.abort()

    def fall_silent(self) -> None:
        """Pass nothing on any more, in either direction, and keep the sockets."""
        self.is_open = False
        self.is_silent = True

    def half_close(self) -> None:
        """End the stream towards the client and never look at what it sends."""
        self.is_open = False
        self.is_silent = True
        with contextlib.suppress(OSError, RuntimeError):
            self._client.write_eof()


class BreakingProxy:
    """Listens on loopback in front of a ticker."""

    def __init__(self, upstream_root: str) -> None:
        parts = urlsplit(upstream_root)
        self._upstream = (parts.hostname, parts.port)
        self._port = 0
        self._server: asyncio.Server | None = None
        self._handlers: set[asyncio.Task[None]] = set()
        self._next: list[str] = []
        self.passages: list[Passage] = []

    @property
    def root(self) -> str:
        return f"ws://127.0.0.1:{self._port}"

    @property
    def open_passages(self) -> list[Passage]:
        return [passage for passage in self.passages if passage.is_open]

    @property
    def repeated(self) -> list[str]:
        """Requests that asked for what had been asked for on the same connection."""
        return [what for passage in self.passages for what in passage.repeated]

    @asynccontextmanager
    async def running(self) -> AsyncIterator["BreakingProxy"]:
        await self._listen()
        try:
            yield self
        finally:
            await self._deafen()
            for passage in self.passages:
                passage.reset()
            if self._handlers:
                await asyncio.wait(self._handlers, timeout=_FAREWELL_S)

    async def break_one(self, kind: str, passage: Passage) -> None:
        """Break a connection in one of the ways of ``BREAKS``."""
        match kind:
            case "reset":
                passage.reset()
            case "end":
                passage.end()
            case "away":
                passage.end(b"\x88\x02\x03\xe9")
            case "normal":
                passage.end(b"\x88\x02\x03\xe8")
            case "abrupt":
                passage.end(b"\x88\x02\x03\xf3")
                passage.reset()
            case "silence":
                passage.fall_silent()
            case "cut":
                passage.end(b"\x82\x7e\x01\x00\x00\x01")
            case "nonsense":
                passage.end(b"\xff\xff\xff\xff\xff\xff")
            case "half":
                passage.half_close()
            case "refused":
                await self._deafen()
                passage.reset()
                await asyncio.sleep(0.05)
                await self._listen()
            case "unavailable":
                self._next = ["503", "503"]
                passage.reset()
            case "mute":
                self._next = ["mute"]
                passage.reset()
            case "torn":
                self._next = ["torn"]
                passage.reset()
            case _:
                raise ValueError(kind)

    def forget_dead(self) -> None:
        """Drop what is known of connections that are over; their repetitions must be none."""
        self.passages = self.open_passages

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self._port)
        self._port = self._server.sockets[0].getsockname()[1]

    async def _deafen(self) -> None:
        if self._server is not None:
            # Not waited for: it would wait for connections that are still passing.
            self._server.close()
            self._server = None
            await asyncio.sleep(0)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._handlers.add(task)
            task.add_done_callback(self._handlers.discard)
        fault = self._next.pop(0) if self._next else ""
        try:
            await self._serve(fault, reader, writer)
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.transport.abort()

    async def _serve(
        self, fault: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        if fault == "503":
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n")
            await writer.drain()
            return
        if fault == "mute":
            await reader.read()
            return
        from_server, to_server = await asyncio.open_connection(*self._upstream)
        passage = Passage(writer, to_server)
        passage.is_torn_after_request = fault == "torn"
        self.passages.append(passage)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._carry(reader, to_server, passage, is_client=True))
                group.create_task(self._carry(from_server, writer, passage, is_client=False))
        except* OSError:
            pass
        finally:
            passage.is_open = False
            to_server.transport.abort()

    async def _carry(
        self,
        source: asyncio.StreamReader,
        target: asyncio.StreamWriter,
        passage: Passage,
        *,
        is_client: bool,
    ) -> None:
        while chunk := await source.read(_CHUNK):
            if passage.is_silent:
                continue
            if is_client:
                passage.hear(chunk)
            target.write(chunk)
            await target.drain()
        if passage.is_open:
            passage.is_open = False
            target.close()
        elif is_client:
            # The client gave the connection up; so does what is left of it.
            passage.reset()
