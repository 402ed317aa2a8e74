"""A gateway in front of a sandbox, for tests: one process, real sockets."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp
import msgspec

from patang.brokers import protocol as p
from patang.brokers.gateway_link import GatewayAddress, LinkTimings
from patang.brokers.protocol_words import iso_of, ns_of
from patang.domain.enums import Mode
from patang.domain.secret import Secret
from patang.gateway.clients import Client, Permission, Scope
from patang.gateway.server import GatewaySettings
from patang.gateway.service import serving
from patang.runtime.clocks import VenueClock
from patang.sandbox.testing import SandboxServer

SECRET = Secret("s" * 40)
TIMINGS = LinkTimings(first_wait_s=0.02, longest_wait_s=0.2)
SPEED = 20.0


def a_client(name: str = "desk", **changes: Any) -> Client:
    fields = {
        "client_id": name,
        "permissions": frozenset(Permission),
        "scope": Scope.ACCOUNT,
        "orders_per_second": 1_000,
        "messages_per_second": 10_000,
    }
    return Client(**(fields | changes))


def clock_of(sandbox: SandboxServer) -> VenueClock:
    return VenueClock(sandbox.now_ns, sandbox.settings.speed)


@asynccontextmanager
async def gateway_before(
    sandbox: SandboxServer,
    folder: Path,
    *,
    user_id: str,
    clients: Iterable[Client] = (),
    settings: GatewaySettings | None = None,
) -> AsyncIterator[Any]:
    """A gateway that takes orders; gives the ``Gateway`` and the ``Desk``."""
    clock = clock_of(sandbox)
    feed = sandbox.feed(user_id)
    async with sandbox.kite(user_id) as kite:
        instruments = await kite.instruments("NSE")
        async with serving(
            kite,
            feed,
            clock,
            mode=Mode.SANDBOX,
            user_id=user_id,
            instruments=[item for item in instruments if item.is_tradable],
            ledger_path=folder / "gateway.ledger",
            clients={each.client_id: (each, SECRET) for each in clients or (a_client(),)},
            settings=settings or GatewaySettings(heartbeat_s=0.5),
        ) as (gateway, desk):
            await asyncio.wait_for(desk.ready(), 15)
            yield gateway, desk


def address(url: str, client_id: str = "desk", secret: Secret = SECRET) -> GatewayAddress:
    return GatewayAddress(url=url, client_id=client_id, secret=secret)


async def eventually(claim: Callable[[], object], within_s: float = 10.0) -> None:
    """Return once the claim holds; what it is about tells nobody when it changes."""
    async with asyncio.timeout(within_s):
        while not claim():  # noqa: ASYNC110
            await asyncio.sleep(0.005)


class RawClient:
    """Speaks the protocol by hand."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket
        self._waiting: list[Any] = []
        self.hello: p.Hello

    async def next(self) -> Any:
        if not self._waiting:
            async with asyncio.timeout(10):
                frame = await self.socket.receive()
            if frame.type is not aiohttp.WSMsgType.TEXT:
                return self.socket.close_code
            self._waiting = p.decode_gateway_frame(frame.data)
        return self._waiting.pop(0)

    async def until(self, kind: type, **fields: Any) -> Any:
        while True:
            message = await self.next()
            assert not isinstance(message, int), f"closed with {message}"
            if isinstance(message, kind) and all(
                getattr(message, name) == value for name, value in fields.items()
            ):
                return message

    async def send(self, *messages: Any) -> None:
        await self.socket.send_str(p.join([p.encode(each) for each in messages]).decode())

    async def auth(self, client_id: str = "desk", secret: Secret = SECRET, **changes: Any) -> None:
        fields: dict[str, Any] = {
            "version": p.VERSION,
            "client_id": client_id,
            "nonce": "n" * 16 + self.hello.challenge[:8],
            "expires_at": iso_of(ns_of(self.hello.timestamp) + 30_000_000_000),
        } | changes
        text = p.auth_text(
            challenge=self.hello.challenge,
            client_id=fields["client_id"],
            nonce=fields["nonce"],
            expires_at=fields["expires_at"],
        )
        await self.send(p.Auth(signature=changes.pop("signature", p.sign(secret, text)), **fields))

    async def ask(self, message: Any) -> Any:
        """The RESPONSE or ERROR to one request."""
        await self.send(message)
        while True:
            got = await self.next()
            assert not isinstance(got, int), f"closed with {got}"
            if isinstance(got, p.Response | p.Error) and got.request_id == message.request_id:
                return got


@asynccontextmanager
async def raw_client(url: str, *, proved: bool = True, **auth: Any) -> AsyncIterator[RawClient]:
    async with aiohttp.ClientSession() as session, session.ws_connect(url) as socket:
        client = RawClient(socket)
        client.hello = await client.until(p.Hello)
        if proved:
            await client.auth(**auth)
            await client.until(p.Authenticated)
        yield client


def an_order(request_id: str = "r1", **changes: Any) -> p.PlaceOrder:
    fields: dict[str, Any] = {
        "request_id": request_id,
        "exchange": "NSE",
        "symbol": "INFY",
        "side": "BUY",
        "quantity": 1,
        "product": "MIS",
        "order_type": "LIMIT",
        "price": Decimal("1500"),
    }
    return msgspec.convert(fields | changes, type=p.PlaceOrder)
