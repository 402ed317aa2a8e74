"""The sandbox as a process: one loopback port, a virtual clock, and a clean end on a signal."""

import asyncio
import contextlib
import errno
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from types import FrameType

import msgspec
import uvicorn
from starlette.types import ASGIApp

from patang.domain.errors import PatangError
from patang.sandbox.app import build_app
from patang.sandbox.control.app import build_control
from patang.sandbox.errors import PortUnavailable
from patang.sandbox.gate import BODY_MAX
from patang.sandbox.ready import ClockReading, Ready, ReadyApp, ReadyFile, ReadyUser
from patang.sandbox.settings import HOST, SandboxSettings
from patang.sandbox.ticker import Peer
from patang.sandbox.tls import CertificateFiles, certificate_in
from patang.sandbox.wires import Wires
from patang.sandbox.world import World

PUMP_INTERVAL_S = 0.015
FAREWELL_S = 0.2
KEEP_ALIVE_S = 75


async def serve(
    settings: SandboxSettings,
    *,
    on_ready: Callable[[Ready], None] | None = None,
    on_running: "Callable[[Running], None] | None" = None,
    until_eof: bool = False,
) -> None:
    """Serve a world until SIGTERM or SIGINT, then end cleanly.

    Writes the ready file and calls ``on_ready`` once requests are answered; ``on_running`` gets a
    handle on the server then, for a program that serves in a thread of its own. With ``until_eof``
    the end of standard input is a signal to stop, too: it comes when a parent process is gone.

    Raises:
        PortUnavailable: the port is taken or not allowed.
        ReadyFileUnwritable: the ready file cannot be written.
    """
    ready_file = ReadyFile(settings.ready_file) if settings.ready_file else None
    with contextlib.ExitStack() as cleanup:
        listener = cleanup.enter_context(listening_socket(settings.port))
        control_listener = cleanup.enter_context(
            listening_socket(settings.control_port, "--control-port")
        )
        if ready_file:
            ready_file.prepare()
            cleanup.callback(ready_file.withdraw)
        certificate = None
        if settings.tls_folder:
            certificate = certificate_in(settings.tls_folder, settings.tls_names)
        scheme = "https" if certificate else "http"
        root = f"{scheme}://{HOST}:{listener.getsockname()[1]}"
        control = f"http://{HOST}:{control_listener.getsockname()[1]}"
        world = World(settings, root)

        def announce() -> None:
            world.start_clock()
            ready = describe(world, root, control)
            if certificate:
                path = str(certificate.certificate.absolute())
                ready = msgspec.structs.replace(ready, certificate=path)
            if ready_file:
                ready_file.publish(ready)
            if on_ready:
                on_ready(ready)
            if on_running:
                on_running(Running(world, ready, asyncio.get_running_loop(), server))

        server = _Server(world, announce, certificate)
        control_server = _ControlServer(build_control(world))
        if until_eof:
            threading.Thread(target=_stop_at_eof, args=(server,), daemon=True).start()
        try:
            async with asyncio.TaskGroup() as tasks:
                pump = tasks.create_task(_pump(world), name="sandbox pump")
                posting = tasks.create_task(world.postbacks.deliver(), name="sandbox postbacks")
                # Listening already, so that whoever connects from now on is only kept waiting.
                tasks.create_task(
                    control_server.serve(sockets=[control_listener]), name="sandbox control"
                )
                await server.serve(sockets=[listener])
                control_server.should_exit = True
                pump.cancel()
                posting.cancel()
        except* PatangError as errors:
            # One clear error for the reader, not a group around it.
            raise errors.exceptions[0] from None


class Running:
    """A server that answers, for use from other threads: its world, and how to end it."""

    def __init__(
        self, world: World, ready: Ready, loop: asyncio.AbstractEventLoop, server: "_Server"
    ) -> None:
        self.world = world
        self.ready = ready
        self.loop = loop
        self._server = server

    def stop(self) -> None:
        """Ask the server to end as a signal would; any thread may."""
        self._server.should_exit = True


def _stop_at_eof(server: "_Server") -> None:
    while os.read(0, 4096):
        pass
    server.should_exit = True


def describe(world: World, root: str, control: str = "") -> Ready:
    """What a client needs to know of a running world."""
    return Ready(
        root=root,
        control=control,
        ws=root.replace("http", "ws", 1),
        api_key=world.app.api_key,
        api_secret=world.app.api_secret,
        login_url=f"{root}/connect/login?v=3&api_key={world.app.api_key}",
        users=tuple(
            ReadyUser(session.user_id, session.access_token) for session in world.first_sessions
        ),
        clock=ClockReading(world.advance(), world.clock.speed),
        apps=tuple(ReadyApp(app.api_key, app.api_secret, app.kind) for app in world.apps),
    )


async def _pump(world: World) -> None:
    """Move the market along with the clock, and the ticker with the market."""
    while True:
        await asyncio.sleep(PUMP_INTERVAL_S)
        world.advance()
        world.publish()


@contextlib.contextmanager
def listening_socket(port: int, option: str = "--port") -> Iterator[socket.socket]:
    """A socket of the sandbox's host, already listening; raises ``PortUnavailable``.

    ``option`` is where another port can be chosen.
    """
    # Naming the protocol matters: asyncio turns Nagle's delay off only on sockets that say TCP, and
    # with it every answer would wait some 40 ms for an acknowledgement.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        if os.name == "posix":
            # Lets a sandbox start again on the port it just left; a port in use stays refused.
            # Windows allows the first by itself, and with this option would allow the second too.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((HOST, port))
            listener.listen(1024)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise PortUnavailable(
                    f"Port {port} of {HOST} is already in use.",
                    f"Choose another with {option}, or {option} 0 for any free one.",
                ) from error
            raise PortUnavailable(
                f"Cannot listen on port {port} of {HOST}: {error.strerror}.",
                f"Choose another with {option}, or {option} 0 for any free one.",
            ) from error
        listener.setblocking(False)
        yield listener


class _ControlServer(uvicorn.Server):
    """uvicorn for the control port: it ends when it is told to, and leaves signals to the other."""

    def __init__(self, app: ASGIApp) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http="h11",
                ws="none",
                lifespan="off",
                interface="asgi3",
                log_config=None,
                log_level="warning",
                access_log=False,
                proxy_headers=False,
                server_header=False,
                timeout_keep_alive=KEEP_ALIVE_S,
                timeout_graceful_shutdown=1,
            )
        )

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield


class _Server(uvicorn.Server):
    """uvicorn, ending without a second signal and with a proper close of every WebSocket."""

    def __init__(
        self,
        world: World,
        announce: Callable[[], None],
        certificate: CertificateFiles | None = None,
    ) -> None:
        self._world = world
        self._announce = announce
        world.ticker.stop_reading = self._stop_reading
        world.wires = Wires(self._transports)
        super().__init__(
            uvicorn.Config(
                build_app(world),
                http="h11",
                ws="websockets-sansio",
                lifespan="off",
                interface="asgi3",
                log_config=None,
                log_level="warning",
                access_log=False,
                proxy_headers=False,
                server_header=False,
                date_header=False,
                # The official clients must never see a ping, nor a pong they did not ask for.
                ws_ping_interval=None,
                ws_ping_timeout=None,
                ws_per_message_deflate=False,
                ws_max_size=BODY_MAX,
                timeout_keep_alive=KEEP_ALIVE_S,
                timeout_graceful_shutdown=1,
                ssl_certfile=None if certificate is None else certificate.certificate,
                ssl_keyfile=None if certificate is None else certificate.key,
            )
        )

    def _transports(self) -> list[asyncio.Transport]:
        return [connection.transport for connection in self.server_state.connections]

    def _stop_reading(self, peer: Peer, is_stopped: bool) -> None:
        """Let a peer's bytes, its pings and its farewell too, wait in the machine's buffers."""
        for connection in self.server_state.connections:
            transport = connection.transport
            if transport.get_extra_info("peername")[:2] != peer:
                continue
            if is_stopped:
                transport.pause_reading()
            else:
                transport.resume_reading()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start listening, then say so."""
        await super().startup(sockets)
        self._announce()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take leave of the WebSockets (1001), then stop; a peer that is stuck is cut off."""
        self._world.ticker.close_all()
        self._world.closing.set()
        await asyncio.sleep(FAREWELL_S)
        for connection in list(self.server_state.connections):
            if connection.transport.get_write_buffer_size():
                connection.transport.abort()
        await super().shutdown(sockets)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop on SIGTERM and SIGINT; unlike the parent, do not raise the signal anew."""
        if threading.current_thread() is not threading.main_thread():
            yield  # Python lets only the main thread have signal handlers.
            return

        def stop(_signal: int, _frame: FrameType | None) -> None:
            self.should_exit = True

        kept = {name: signal.signal(name, stop) for name in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield
        finally:
            for name, handler in kept.items():
                signal.signal(name, handler)
