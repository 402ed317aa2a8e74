"""The gateway's door: WebSocket connections, who they are, and what goes in and out of them."""

import asyncio
import ipaddress
import logging
import secrets
import ssl
import time
from collections import deque
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
from aiohttp import WSMsgType, web

from patang.brokers import protocol as p
from patang.brokers.protocol import CloseCode, Codes
from patang.brokers.protocol_words import iso_of
from patang.domain.enums import Mode
from patang.domain.errors import InvalidValue, PatangError
from patang.domain.secret import Secret
from patang.gateway.clients import Client, Doorkeeper, Rate, Refused
from patang.gateway.desk import Desk
from patang.gateway.seat import Seat

_log = logging.getLogger("patang.gateway")

PATH = "/v1"
_AUTH_WITHIN_S = 5.0
_MISSED_HEARTBEATS = 3
_OUTGOING_MAX = 50_000
_SENDING_WITHIN_S = 10.0
_STRIKES_MAX = 20
_FLOOD_MAX = 1_000
_CONNECTIONS_MAX = 256


class GatewaySettings(msgspec.Struct, frozen=True, kw_only=True):
    """Where the gateway listens. ``port`` 0 takes a free one; ``heartbeat_s`` is real seconds.

    Raises:
        InvalidValue: off loopback without TLS, or half of a certificate.
    """

    host: str = "127.0.0.1"
    port: int = 0
    certificate: Path | None = None
    private_key: Path | None = None
    heartbeat_s: float = 5.0

    def __post_init__(self) -> None:
        if (self.certificate is None) is not (self.private_key is None):
            raise InvalidValue("certificate", "a certificate and its private key go together.")
        if self.certificate is None and not is_loopback(self.host):
            raise InvalidValue(
                "host",
                f"{self.host} can be reached from other machines, and nothing is encrypted.",
                "Give a certificate and its private key, or listen on 127.0.0.1.",
            )
        if not 0.05 <= self.heartbeat_s <= 60:
            raise InvalidValue("heartbeat_s", f"{self.heartbeat_s} is not within 0.05 and 60.")


def is_loopback(host: str) -> bool:
    """Whether an address can only be reached from this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


class Gateway:
    """Serves a desk. ``mode`` is told to clients, who refuse one that is not theirs."""

    def __init__(
        self,
        desk: Desk,
        clients: Mapping[str, tuple[Client, Secret]],
        settings: GatewaySettings,
        *,
        mode: Mode,
    ) -> None:
        self._desk = desk
        self._settings = settings
        self._mode = mode
        self._doorkeeper = Doorkeeper(clients, time.time_ns)
        self._connections: set[_Connection] = set()
        self.url = ""
        """Where clients connect, once it is open."""

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Listen while the block runs.

        Raises:
            PatangError: the port is taken, or the certificate cannot be used.
        """
        app = web.Application()
        app.router.add_get(PATH, self._serve)
        runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=1.0)
        await runner.setup()
        try:
            tls = self._tls()
            site = web.TCPSite(runner, self._settings.host, self._settings.port, ssl_context=tls)
            await site.start()
            host, port = runner.addresses[0][:2]
            shown = f"[{host}]" if ":" in host else host
            self.url = f"{'ws' if tls is None else 'wss'}://{shown}:{port}{PATH}"
            yield
        except OSError as error:
            raise PatangError(
                f"The gateway cannot listen on {self._settings.host}:{self._settings.port}:"
                f" {error.strerror or error}.",
                "Choose another port.",
            ) from error
        finally:
            for connection in list(self._connections):
                connection.close(1001, "the gateway stops")
            await runner.cleanup()

    def _tls(self) -> ssl.SSLContext | None:
        if self._settings.certificate is None or self._settings.private_key is None:
            return None
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        try:
            context.load_cert_chain(self._settings.certificate, self._settings.private_key)
        except OSError as error:  # ssl.SSLError is one
            raise InvalidValue(
                "certificate", f"{self._settings.certificate} cannot be used: {error}."
            ) from error
        return context

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        if len(self._connections) >= _CONNECTIONS_MAX:
            return web.Response(status=503, text="too many connections")
        if request.headers.get("Origin") is not None:
            return web.Response(status=403, text="this is no service for web pages")
        socket = web.WebSocketResponse(
            max_msg_size=p.MAX_REQUEST_BYTES, autoping=True, compress=False, timeout=1.0
        )
        await socket.prepare(request)
        connection = _Connection(
            socket, self._desk, self._doorkeeper, self._mode, self._settings.heartbeat_s
        )
        self._connections.add(connection)
        try:
            await connection.run()
        finally:
            self._connections.discard(connection)
        return socket


class _Connection:
    """One WebSocket: a reader, a writer and a heart."""

    def __init__(
        self,
        socket: web.WebSocketResponse,
        desk: Desk,
        doorkeeper: Doorkeeper,
        mode: Mode,
        heartbeat_s: float,
    ) -> None:
        self._socket = socket
        self._desk = desk
        self._doorkeeper = doorkeeper
        self._mode = mode
        self._heartbeat_s = heartbeat_s
        self._challenge = secrets.token_hex(16)
        self._seat: Seat | None = None
        self._rate: Rate | None = None
        self._strikes = 0
        self._flood = 0
        self._outgoing: deque[bytes] = deque()
        self._quotes: dict[str, bytes] = {}
        self._wanted = asyncio.Event()
        self._began_s = self._heard_s = self._beaten_s = time.monotonic()
        self._farewell: tuple[int, str] | None = None

    # The link that the desk sees

    def send(self, payload: bytes) -> None:
        """Queue a message."""
        if len(self._outgoing) >= _OUTGOING_MAX:
            self.close(CloseCode.TOO_SLOW, "messages are not being read")
            return
        self._outgoing.append(payload)
        self._wanted.set()

    def quote(self, instrument: str, payload: bytes) -> None:
        """Queue a quote in place of an older one."""
        self._quotes[instrument] = payload
        self._wanted.set()

    def close(self, code: int, reason: str) -> None:
        """End the connection once the loop comes round."""
        if self._farewell is None:
            self._farewell = (code, reason)
        self._wanted.set()

    # Its life

    async def run(self) -> None:
        """Serve until either side closes."""
        self.send(
            p.encode(
                p.Hello(
                    version=p.VERSION,
                    challenge=self._challenge,
                    timestamp=iso_of(time.time_ns()),
                    heartbeat_s=self._heartbeat_s,
                )
            )
        )
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(self._write(), name="gateway-writer"),
                group.create_task(self._read(), name="gateway-reader"),
                group.create_task(self._beat(), name="gateway-heart"),
            ]
            try:
                await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                # What was queued before the end is still sent, if the peer takes it.
                await asyncio.wait(tasks[:1], timeout=1.0 if self._farewell else 0)
            finally:
                for task in tasks:
                    task.cancel()
        await self._leave()

    async def _leave(self) -> None:
        seat = self._seat
        if seat is not None and seat.stream.link is self:
            seat.stream.link = None
            await self._desk.quotes.unwatch(seat)
        code, reason = self._farewell or (1000, "")
        await self._socket.close(code=code, message=reason.encode()[:120])

    async def _write(self) -> None:
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            while self._outgoing or self._quotes:
                await self._send_some()
            if self._farewell is not None:
                return

    async def _send_some(self) -> None:
        batch: list[bytes] = []
        while self._outgoing and len(batch) < p.MAX_BATCH:
            batch.append(self._outgoing.popleft())
        if not batch:
            for instrument in list(self._quotes)[: p.MAX_BATCH]:
                batch.append(self._quotes.pop(instrument))
        try:
            async with asyncio.timeout(_SENDING_WITHIN_S):
                await self._socket.send_frame(p.join(batch), WSMsgType.TEXT)
        except TimeoutError:
            self._outgoing.clear()
            self._quotes.clear()
            self.close(CloseCode.TOO_SLOW, "messages are not being read")
        except (ConnectionError, RuntimeError):  # gone: the reader says so as well
            self._outgoing.clear()
            self._quotes.clear()
            self.close(1006, "the connection is gone")

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(min(self._heartbeat_s, _AUTH_WITHIN_S / 5))
            silence_s = time.monotonic() - self._heard_s
            if self._seat is None and time.monotonic() - self._began_s > _AUTH_WITHIN_S:
                self.close(CloseCode.NOT_AUTHENTICATED, "no AUTH came in time")
                return
            if silence_s > self._heartbeat_s * _MISSED_HEARTBEATS:
                self.close(CloseCode.SILENT, "nothing was heard of the client")
                return
            is_due = time.monotonic() - self._beaten_s >= self._heartbeat_s
            if self._seat is not None and is_due and not self._outgoing:
                self._beaten_s = time.monotonic()
                seq = self._seat.stream.seq
                self.send(p.encode(p.Heartbeat(timestamp=iso_of(time.time_ns()), seq=seq)))

    async def _read(self) -> None:
        while self._farewell is None:
            message = await self._socket.receive()
            if message.type is not WSMsgType.TEXT:
                if message.type is WSMsgType.BINARY:
                    self.close(1003, "frames are text")
                return
            self._heard_s = time.monotonic()
            try:
                parts = p.decode_client_frame(message.data)
            except p.BadMessage as error:
                self._refuse(Codes.BAD_MESSAGE, str(error))
                continue
            for part in parts:
                self._take(part)

    def _take(self, message: p.ClientMessage | p.BadMessage) -> None:
        if self._farewell is not None:
            return
        if self._rate is not None and not self._rate.take():
            request_id = getattr(message, "request_id", None)
            self._refuse(Codes.RATE_LIMITED, "too many messages in a second.", request_id)
            self._flood += 1
            if self._flood >= _FLOOD_MAX:
                self.close(CloseCode.ABUSE, "too many messages in a second")
            return
        self._flood = 0
        match message:
            case p.UnknownType():
                self._refuse(Codes.UNKNOWN_TYPE, str(message), message.request_id)
            case p.BadMessage():
                self._refuse(Codes.BAD_MESSAGE, str(message), message.request_id)
            case p.Heartbeat():
                pass
            case p.Auth():
                self._authenticate(message)
            case _ if self._seat is None:
                self._refuse(Codes.NOT_AUTHENTICATED, "send AUTH first.")
                self.close(CloseCode.NOT_AUTHENTICATED, "send AUTH first")
            case p.Ack(seq=seq):
                self._seat.stream.acknowledge(seq)
            case _:
                self._desk.handle(self._seat, message)

    def _authenticate(self, auth: p.Auth) -> None:
        try:
            if self._seat is not None:
                raise Refused(Codes.AUTH_FAILED, "this connection is authenticated already.")
            if auth.version != p.VERSION:
                cause = f"version {auth.version} is not spoken here, {p.VERSION} is."
                raise Refused(Codes.VERSION, cause, "version")
            client, proof = self._doorkeeper.admit(auth, self._challenge)
        except Refused as error:
            _log.warning("a client was not let in: %s", error.code)
            self._refuse(error.code, str(error), field=error.field)
            self.close(CloseCode.NOT_AUTHENTICATED, error.code)
            return
        self._seat = seat = self._desk.seat(client.client_id)
        self._rate = Rate(client.messages_per_second, time.monotonic_ns)
        stream = seat.stream
        if stream.link is not None:
            stream.link.close(CloseCode.REPLACED, "the client has connected anew")
        resumed = stream.can_resume(auth.stream, auth.after)
        self.send(
            p.encode(
                p.Authenticated(
                    client_id=client.client_id,
                    proof=proof,
                    stream=stream.stream_id,
                    seq=stream.seq,
                    resumed=resumed,
                    mode=self._mode,
                    user_id=self._desk.session.user_id,
                    permissions=tuple(sorted(client.permissions)),
                    timestamp=iso_of(time.time_ns()),
                )
            )
        )
        if resumed and auth.after is not None:
            self._outgoing.extend(stream.since(auth.after))
        stream.link = self

    def _refuse(
        self, code: str, text: str, request_id: str | None = None, field: str | None = None
    ) -> None:
        now = iso_of(time.time_ns())
        error = p.Error(code=code, message=text, timestamp=now, request_id=request_id, field=field)
        self.send(p.encode(error))
        self._strikes += 1
        if self._strikes >= _STRIKES_MAX and self._rate is None:
            self.close(CloseCode.ABUSE, "too many messages that cannot be acted on")
