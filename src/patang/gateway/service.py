"""The whole gateway in one place: session, ledger, desk and door, opened and closed in order."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from patang.brokers.kite import KiteBroker
from patang.domain.enums import Mode
from patang.domain.errors import PatangError
from patang.domain.instrument import Instrument
from patang.domain.secret import Secret
from patang.gateway.clients import Client
from patang.gateway.desk import Desk
from patang.gateway.kite_session import KiteSession
from patang.gateway.ledger import Ledger
from patang.gateway.server import Gateway, GatewaySettings
from patang.kite.client import Kite
from patang.kite.clock import Clock
from patang.kite.feed import KiteFeed

Clients = Mapping[str, tuple[Client, Secret]]


@asynccontextmanager
async def serving(
    kite: Kite,
    feed: KiteFeed,
    clock: Clock,
    *,
    mode: Mode,
    user_id: str,
    instruments: Iterable[Instrument],
    ledger_path: Path,
    clients: Clients,
    settings: GatewaySettings | None = None,
) -> AsyncIterator[tuple[Gateway, Desk]]:
    """Serve the account while the block runs. Clients are let in at once, orders once recovered.

    Raises:
        LedgerFailed: another gateway holds the ledger, or it cannot be used.
        PatangError: the port is taken, or the session ended meanwhile.
    """
    ledger = Ledger(ledger_path, clock.now_ns())
    try:
        async with KiteBroker(kite, mode=mode, clock=clock) as broker:
            session = KiteSession(
                kite, broker, feed, clock, user_id=user_id, instruments=instruments
            )
            desk = Desk(session, ledger, (client for client, _ in clients.values()))
            gateway = Gateway(desk, clients, settings or GatewaySettings(), mode=mode)
            async with gateway.open(), _running(desk):
                yield gateway, desk
    finally:
        ledger.close()


@asynccontextmanager
async def _running(desk: Desk) -> AsyncIterator[None]:
    try:
        async with asyncio.TaskGroup() as group:
            work = group.create_task(desk.run(), name="gateway-desk")
            try:
                yield
            finally:
                work.cancel()
    except* PatangError as failures:
        raise _first_leaf(failures) from failures


def _first_leaf(group: BaseExceptionGroup[PatangError]) -> PatangError:
    first = group.exceptions[0]
    return _first_leaf(first) if isinstance(first, BaseExceptionGroup) else first
