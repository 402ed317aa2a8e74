"""One connection to the order gateway that is kept: dialled, proved, watched, and dialled again."""

import asyncio
import ipaddress
import logging
import random
import secrets
import ssl
import time
from collections.abc import Callable, Coroutine
from enum import StrEnum
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

import aiohttp
import msgspec

from patang.brokers import protocol as p
from patang.brokers.protocol_words import iso_of, ns_of
from patang.domain.enums import Mode
from patang.domain.errors import InvalidValue, PatangError
from patang.domain.market import NS_PER_SECOND
from patang.domain.secret import Secret

_log = logging.getLogger("patang.brokers.websocket")

_MAX_FRAME_BYTES = 32 * 1024 * 1024
_AUTH_FOR_NS = 30 * NS_PER_SECOND
_ACK_EVERY = 200
_Expected = TypeVar("_Expected", p.Hello, p.Authenticated)


class GatewayRefused(PatangError):
    """The gateway does not let this client in, or is not what it says: dialling on is no use."""


class Disconnected(PatangError):
    """There is no connection to the gateway now, or it ended before an answer came."""


class LinkState(StrEnum):
    """Where the connection is. OPEN_CIRCUIT: it failed so often that it is left alone a while."""

    DOWN = "down"
    UP = "up"
    OPEN_CIRCUIT = "open circuit"
    REFUSED = "refused"
    CLOSED = "closed"


class GatewayAddress(msgspec.Struct, frozen=True, kw_only=True):
    """Where the gateway is and who we are there. ``ca_file`` is a PEM file to trust besides.

    Raises:
        InvalidValue: no WebSocket address, or an unencrypted one that leaves this machine.
    """

    url: str
    client_id: str
    secret: Secret
    ca_file: Path | None = None

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in ("ws", "wss") or not parts.hostname:
            raise InvalidValue("url", f"{self.url!r} is no address of a gateway.", _EXAMPLE)
        if parts.scheme == "ws" and not _is_loopback(parts.hostname):
            raise InvalidValue("url", "ws:// leaves this machine unencrypted.", _EXAMPLE)


_EXAMPLE = "Write wss://gateway.example:8443/v1."


class LinkTimings(msgspec.Struct, frozen=True, kw_only=True):
    """Real seconds. Waits double from ``first_wait_s`` to ``longest_wait_s``, with jitter.

    After ``failures`` in a row the circuit opens: for ``pause_s`` nothing is dialled, then one
    dial is the probe. A connection that stood for ``stable_s`` forgets earlier failures.
    """

    first_wait_s: float = 0.1
    longest_wait_s: float = 10.0
    failures: int = 8
    pause_s: float = 30.0
    stable_s: float = 10.0
    connect_s: float = 5.0
    missed_heartbeats: int = 3


class GatewayLink:
    """Keeps one connection; ``run`` must run meanwhile.

    ``on_message`` is given everything but heartbeats, in order, streamed messages once each;
    ``on_up`` the gateway's AUTHENTICATED; ``on_down`` the reason.
    """

    def __init__(
        self,
        address: GatewayAddress,
        *,
        mode: Mode,
        on_message: Callable[[p.GatewayMessage], None],
        on_up: Callable[[p.Authenticated], None],
        on_down: Callable[[str], None],
        on_problem: Callable[[str], None],
        timings: LinkTimings | None = None,
        jitter: random.Random | None = None,
    ) -> None:
        self.state = LinkState.DOWN
        self.connections = 0
        """How often a connection was made."""
        self._address = address
        self._mode = mode
        self._on_message = on_message
        self._on_up = on_up
        self._on_down = on_down
        self._on_problem = on_problem
        self._timings = timings or LinkTimings()
        # Jitter keeps many clients from dialling at once; nothing secret depends on it.
        self._jitter = jitter or random.Random()  # noqa: S311
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._outgoing: asyncio.Queue[bytes] = asyncio.Queue()
        self._stream: str | None = None
        self._seq = 0
        self._acknowledged = 0
        self._heard_s = 0.0
        self._early: list[p.GatewayMessage | p.BadMessage] = []

    async def run(self) -> None:
        """Dial until cancelled.

        Raises:
            GatewayRefused: wrong secret, another mode, another process with our name.
        """
        failures = 0
        timings = self._timings
        try:
            async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
                while True:
                    began_s = time.monotonic()
                    try:
                        await self._one_connection(session)
                    except Disconnected as error:
                        self._go_down(str(error))
                    stood_s = time.monotonic() - began_s
                    was_proved = self.state is LinkState.UP
                    self.state = LinkState.DOWN
                    failures = 0 if was_proved and stood_s >= timings.stable_s else failures + 1
                    if was_proved:
                        # It works, if not for long: waits grow, the circuit stays closed.
                        failures = min(failures, timings.failures - 1)
                    await self._wait(failures)
        except GatewayRefused:
            self.state = LinkState.REFUSED
            raise
        finally:
            if self.state is not LinkState.REFUSED:
                self.state = LinkState.CLOSED

    async def _wait(self, failures: int) -> None:
        timings = self._timings
        if failures >= timings.failures:
            self.state = LinkState.OPEN_CIRCUIT
            await asyncio.sleep(timings.pause_s)
            self.state = LinkState.DOWN
            return
        wait_s = min(timings.first_wait_s * 2 ** max(failures - 1, 0), timings.longest_wait_s)
        await asyncio.sleep(wait_s * (0.5 + self._jitter.random() / 2))

    def send(self, message: p.ClientMessage) -> None:
        """Put a message on the wire at once; raises ``Disconnected`` when there is none."""
        if self.state is not LinkState.UP:
            raise Disconnected(f"the link to the gateway is {self.state}.")
        self._outgoing.put_nowait(p.encode(message))

    async def _one_connection(self, session: aiohttp.ClientSession) -> None:
        try:
            async with asyncio.timeout(self._timings.connect_s):
                socket = await session.ws_connect(
                    self._address.url,
                    max_msg_size=_MAX_FRAME_BYTES,
                    timeout=aiohttp.ClientWSTimeout(ws_close=1.0),
                    ssl=self._trust(),
                )
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise Disconnected(f"no connection to the gateway ({type(error).__name__}).") from error
        try:
            heartbeat_s = await self._authenticate(socket)
            await self._converse(socket, heartbeat_s)
        finally:
            self._socket = None
            await socket.close()

    def _trust(self) -> ssl.SSLContext | bool:
        if self._address.ca_file is None:
            return True
        try:
            return ssl.create_default_context(cafile=str(self._address.ca_file))
        except OSError as error:
            raise GatewayRefused(f"{self._address.ca_file} cannot be read: {error}.") from error

    async def _authenticate(self, socket: aiohttp.ClientWebSocketResponse) -> float:
        try:
            async with asyncio.timeout(self._timings.connect_s):
                hello = await self._expect(socket, p.Hello)
                if hello.version != p.VERSION:
                    raise GatewayRefused(f"the gateway speaks version {hello.version}.")
                nonce = secrets.token_hex(16)
                await self._introduce(socket, hello, nonce)
                known = await self._expect(socket, p.Authenticated)
        except TimeoutError:
            raise Disconnected("the gateway does not say hello.") from None
        proof = p.proof_text(
            challenge=hello.challenge, client_id=self._address.client_id, nonce=nonce
        )
        if not secrets.compare_digest(p.sign(self._address.secret, proof), known.proof):
            raise GatewayRefused("the gateway cannot prove that it knows our secret.")
        if known.mode is not self._mode:
            raise GatewayRefused(f"the gateway trades {known.mode}, this broker {self._mode}.")
        if not known.resumed:
            self._stream, self._seq = known.stream, known.seq
        self._acknowledged = self._seq
        self._socket = socket
        self._outgoing = asyncio.Queue()
        self._heard_s = time.monotonic()
        self.connections += 1
        self.state = LinkState.UP
        self._on_up(known)
        return hello.heartbeat_s

    async def _introduce(
        self, socket: aiohttp.ClientWebSocketResponse, hello: p.Hello, nonce: str
    ) -> None:
        # By the gateway's clock, so that ours need not agree with it.
        expires_at = iso_of(_ns(hello.timestamp) + _AUTH_FOR_NS)
        text = p.auth_text(
            challenge=hello.challenge,
            client_id=self._address.client_id,
            nonce=nonce,
            expires_at=expires_at,
        )
        auth = p.Auth(
            version=p.VERSION,
            client_id=self._address.client_id,
            nonce=nonce,
            expires_at=expires_at,
            signature=p.sign(self._address.secret, text),
            stream=self._stream,
            after=None if self._stream is None else self._seq,
        )
        try:
            await socket.send_str(p.encode(auth).decode())
        except (aiohttp.ClientError, ConnectionError) as error:
            raise Disconnected(f"the connection broke ({type(error).__name__}).") from error

    async def _expect(
        self, socket: aiohttp.ClientWebSocketResponse, kind: type[_Expected]
    ) -> _Expected:
        frame = await self._receive(socket)
        try:
            message, *self._early = p.decode_gateway_frame(frame)
        except (p.BadMessage, ValueError) as error:
            raise Disconnected("what answers there is no gateway.") from error
        if isinstance(message, p.Error):
            raise GatewayRefused(f"the gateway refuses us: {message.code}: {message.message}")
        if not isinstance(message, kind):
            raise Disconnected("what answers there is no gateway of this version.")
        return message

    async def _receive(self, socket: aiohttp.ClientWebSocketResponse) -> str:
        message = await socket.receive()
        if message.type is aiohttp.WSMsgType.TEXT:
            text: str = message.data
            return text
        code = socket.close_code
        if code == p.CloseCode.REPLACED:
            raise GatewayRefused(
                "another process has connected as this client.", "Give each its own client id."
            )
        raise Disconnected(f"the gateway closed the connection with code {code}.")

    async def _converse(self, socket: aiohttp.ClientWebSocketResponse, heartbeat_s: float) -> None:
        """Send, listen and watch until one of the three has reason to stop."""
        works = (self._write(socket), self._beat(heartbeat_s), self._read(socket))
        tasks = [asyncio.ensure_future(_reason_of(work)) for work in works]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        raise next(iter(done)).result()

    async def _write(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        while True:
            payloads = [await self._outgoing.get()]
            while not self._outgoing.empty() and len(payloads) < p.MAX_BATCH:
                payloads.append(self._outgoing.get_nowait())
            try:
                # What waits together goes together; nothing waits to be joined.
                await socket.send_str(p.join(payloads).decode())
            except (aiohttp.ClientError, ConnectionError) as error:
                raise Disconnected(f"the connection broke ({type(error).__name__}).") from error

    async def _beat(self, heartbeat_s: float) -> None:
        while True:
            await asyncio.sleep(heartbeat_s)
            silence_s = time.monotonic() - self._heard_s
            if silence_s > heartbeat_s * self._timings.missed_heartbeats:
                raise Disconnected(f"the gateway has been silent for {silence_s:.1f} s.")
            self._outgoing.put_nowait(p.encode(p.Heartbeat()))

    async def _read(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        early, self._early = self._early, []
        for message in early:
            self._take(message)
        while True:
            frame = await self._receive(socket)
            self._heard_s = time.monotonic()
            try:
                messages = p.decode_gateway_frame(frame)
            except p.BadMessage as error:
                self._on_problem(str(error))
                raise Disconnected("the gateway sent what is no message.") from error
            for message in messages:
                self._take(message)

    def _take(self, message: p.GatewayMessage | p.BadMessage) -> None:
        match message:
            case p.UnknownType():
                self._on_problem(str(message))  # a later gateway may say more than we know
            case p.BadMessage():
                self._on_problem(str(message))
                # It may have been one of the stream: what cannot be read must not be lost.
                raise Disconnected("the gateway sent a message that cannot be read.")
            case p.Heartbeat(seq=seq):
                if seq is not None and seq > self._seq:
                    raise Disconnected(f"messages {self._seq + 1} to {seq} have not arrived.")
            case p.Sequenced(seq=seq):
                if seq <= self._seq:
                    return  # told before
                if seq != self._seq + 1:
                    raise Disconnected(f"message {self._seq + 1} has not arrived.")
                self._seq = seq
                self._on_message(message)
                if seq - self._acknowledged >= _ACK_EVERY:
                    self._acknowledged = seq
                    self._outgoing.put_nowait(p.encode(p.Ack(seq=seq)))
            case _:
                self._on_message(message)

    def _go_down(self, reason: str) -> None:
        if self.state is LinkState.UP:
            _log.warning("the gateway is lost: %s", reason)
        self._on_down(reason)


async def _reason_of(work: Coroutine[None, None, None]) -> Disconnected | GatewayRefused:
    try:
        await work
    except (Disconnected, GatewayRefused) as reason:
        return reason
    return Disconnected("the conversation ended.")


def _ns(text: str) -> int:
    try:
        return ns_of(text)
    except InvalidValue as error:
        raise Disconnected("the gateway does not know the time.") from error


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
