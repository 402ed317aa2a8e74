"""A sandbox inside a test, for the users of Patang as for Patang itself.

In a ``conftest.py``::

    from patang.sandbox.testing import sandbox

and a test that asks for ``sandbox`` has an exchange of its own: a server in a thread of the test's
process whose clock stands still until ``sandbox.advance`` moves it. ``sandbox_fixture`` makes one
of other settings or of another scope. Without a port and a thread there is ``sandbox_app``.
"""

import asyncio
import http.client
import ssl
import threading
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Future
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self, TypeVar
from urllib.parse import parse_qs, urlsplit

import msgspec

from patang.domain.errors import MissingExtra, PatangError
from patang.domain.market import NS_PER_SECOND
from patang.sandbox.control.steps import Stepper
from patang.sandbox.control.truth import truth
from patang.sandbox.in_process import (
    MemoryCourier,
    MemoryDialler,
    SandboxApp,
    access_token,
    limits_of,
    sandbox_app,
    stepped,
)
from patang.sandbox.ready import Ready
from patang.sandbox.server import Running, serve
from patang.sandbox.settings import SandboxSettings
from patang.sandbox.world import World

try:
    import pytest
except ModuleNotFoundError as error:
    raise MissingExtra("patang.sandbox.testing", "testing") from error

if TYPE_CHECKING:
    from patang.kite.client import Kite
    from patang.kite.feed import KiteFeed

__all__ = [
    "MemoryCourier",
    "MemoryDialler",
    "SandboxApp",
    "SandboxServer",
    "sandbox",
    "sandbox_app",
    "sandbox_fixture",
    "stepped",
]

START_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 15.0

Scope = Literal["function", "class", "module", "package", "session"]
_Answer = TypeVar("_Answer")


class SandboxServer:
    """A sandbox served on free loopback ports by a thread of this process.

    Any client in any language can be pointed at ``root`` and ``ws``. Use it as a context manager,
    or call ``start`` and ``stop``. ``settings`` are by default ``stepped()``.
    """

    def __init__(self, settings: SandboxSettings | None = None) -> None:
        self.settings = settings or stepped()
        self._running: Future[Running] = Future()
        self._thread = threading.Thread(target=self._serve, name="sandbox", daemon=True)

    def start(self) -> Self:
        """Serve; returns once requests are answered.

        Raises:
            PatangError: the server could not start; the text says why.
        """
        self._thread.start()
        self._running.result(timeout=START_TIMEOUT_S)
        return self

    def stop(self) -> None:
        """End the server and wait for its thread."""
        if self._thread.is_alive():
            self._running.result(timeout=START_TIMEOUT_S).stop()
            self._thread.join(STOP_TIMEOUT_S)
        if self._thread.is_alive():
            raise PatangError(f"The sandbox did not end within {STOP_TIMEOUT_S:g} s.")

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def ready(self) -> Ready:
        """Addresses and credentials, as the ready file has them."""
        return self._server.ready

    @property
    def root(self) -> str:
        """Where REST is served: ``http://127.0.0.1:port``."""
        return self.ready.root

    @property
    def ws(self) -> str:
        """Where the ticker is served: ``ws://127.0.0.1:port``."""
        return self.ready.ws

    @property
    def api_key(self) -> str:
        """The key of the first app."""
        return self.ready.api_key

    @property
    def api_secret(self) -> str:
        """The secret of the first app."""
        return self.ready.api_secret

    @property
    def now_ns(self) -> int:
        """Virtual now, nanoseconds UTC."""
        return self.call(lambda world: world.now_ns)

    def access_token(self, user_id: str | None = None) -> str:
        """The token of a user who is logged in from the start, by default the first."""
        return access_token(self.ready, user_id or self.ready.users[0].user_id)

    def request_token(self, user_id: str | None = None) -> str:
        """What the browser of a user brings back from the login page: for one exchange."""
        query = f"&user_id={user_id or self.ready.users[0].user_id}"
        login = urlsplit(self.ready.login_url + query)
        browser = (
            http.client.HTTPSConnection(login.netloc, timeout=10, context=self._trust())
            if self.ready.certificate
            else http.client.HTTPConnection(login.netloc, timeout=10)
        )
        try:
            browser.request("GET", f"{login.path}?{login.query}")
            location = browser.getresponse().getheader("location") or ""
        finally:
            browser.close()
        return parse_qs(urlsplit(location).query)["request_token"][0]

    def kite(self, user_id: str | None = None) -> "Kite":
        """Patang's own client, pointed here."""
        from patang.kite.client import Kite

        limits = limits_of(self.settings)
        return Kite(self.api_key, self.access_token(user_id), self.root, limits=limits)

    def feed(self, user_id: str | None = None) -> "KiteFeed":
        """Patang's own ticker feed, pointed here."""
        from patang.kite.feed import KiteFeed

        return KiteFeed(self.api_key, self.access_token(user_id), self.ws)

    @property
    def control(self) -> str:
        """Where the control port is: ``http://127.0.0.1:port``."""
        return self.ready.control

    def advance(self, seconds: float) -> int:
        """Let that much market time pass and return the new now, nanoseconds UTC.

        Requests are answered meanwhile, and those that a fault delays are let go in time.
        """
        return self._await(Stepper(self._server.world).advance(round(seconds * NS_PER_SECOND)))

    def advance_to(self, to_ns: int) -> int:
        """Let the market live until a moment, nanoseconds UTC; return the new now.

        Raises:
            InvalidValue: that moment has passed.
        """
        return self._await(Stepper(self._server.world).go_to(to_ns))

    def truth(self) -> dict[str, Any]:
        """What every user has by the exchange's own books, as the control port tells it."""
        told: dict[str, Any] = msgspec.json.decode(self.call(truth))
        return told

    def call(self, action: Callable[[World], _Answer]) -> _Answer:
        """Do something with the world in the server's own thread, between two requests."""
        done: Future[_Answer] = Future()

        def act() -> None:
            try:
                done.set_result(action(self._server.world))
            except BaseException as error:  # noqa: BLE001 - it is raised in the caller's thread
                done.set_exception(error)

        self._server.loop.call_soon_threadsafe(act)
        return done.result()

    def _trust(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self.ready.certificate)

    def _await(self, answer: Coroutine[Any, Any, _Answer]) -> _Answer:
        return asyncio.run_coroutine_threadsafe(answer, self._server.loop).result()

    @property
    def _server(self) -> Running:
        if not self._running.done():
            raise PatangError("The sandbox is not running.", "Call start() or use `with`.")
        return self._running.result()

    def _serve(self) -> None:
        try:
            asyncio.run(serve(self.settings, on_running=self._running.set_result))
        except BaseException as error:
            if self._running.done():
                raise
            self._running.set_exception(error)


def sandbox_fixture(
    *,
    scope: Literal["function", "class", "module", "package", "session"] = "function",
    **changes: Any,
) -> Any:
    """A pytest fixture that gives a running ``SandboxServer``.

    ``changes`` are fields of ``SandboxSettings``; speed 0 and no rate limits unless they say
    otherwise. Give it a name in a ``conftest.py`` or a test module::

        exchange = sandbox_fixture(scope="module", seed=7)

    Raises:
        InvalidValue: there is no such field, or it cannot hold that.
    """
    settings = stepped(**changes)

    @pytest.fixture(scope=scope)
    def running_sandbox() -> Iterator[SandboxServer]:
        with SandboxServer(settings) as server:
            yield server

    return running_sandbox


sandbox = sandbox_fixture()
"""The fixture of the default world, afresh for each test that asks for it."""
