"""Zerodha's ticker as an async iterator of events, on links that are kept alive."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Self

from patang.domain.errors import InvalidValue, InvariantBroken
from patang.domain.instrument import Instrument
from patang.domain.market import Tick
from patang.kite.addresses import TICKER_ROOT, checked_root
from patang.kite.clock import Clock, SystemClock
from patang.kite.feed_connection import FeedConnection, FeedCounters, FeedLine
from patang.kite.feed_events import FeedEvent, FeedFrame
from patang.kite.feed_queue import FeedQueue
from patang.kite.order_echoes import OrderEchoes
from patang.kite.secret import Secret
from patang.kite.socket import Dialler
from patang.wire.connection import LinkSettings, LinkState, checked_tokens
from patang.wire.errors import KiteError
from patang.wire.ticks import TickMode, to_tick

MAX_CONNECTIONS = 3
"""Ticker connections that one api_key may hold. Source: Kite Connect v3, WebSocket streaming."""


class KiteFeed:
    """A ticker that reconnects, resubscribes and says what was missed.

    Use it as an async context manager and iterate it:

        async with KiteFeed(api_key, access_token) as feed:
            await feed.subscribe([408065], TickMode.FULL)
            async for event in feed:
                ...

    One connection carries 3,000 instruments; a second and a third are opened when they are needed,
    so a feed carries 9,000. Events of all connections come in one stream.

    Iteration raises ``TokenException`` or ``PermissionException`` when the server refuses the
    credentials (``refusal`` keeps it); everything else is repaired and reported as an event.
    Subscriptions outlive disconnections and restarts: after ``async with`` ended, the same feed may
    be entered again, on another event loop too.
    """

    def __init__(
        self,
        api_key: str,
        access_token: str | Secret,
        root: str = TICKER_ROOT,
        *,
        clock: Clock | None = None,
        dialler: Dialler | None = None,
        link: LinkSettings | None = None,
        max_connections: int = MAX_CONNECTIONS,
        connect_timeout_s: float = 7.0,
        queue_frames: int = 1_024,
        jitter: random.Random | None = None,
    ) -> None:
        """Prepare; nothing is connected before ``async with``.

        ``clock`` stamps frames; time-outs and the watchdogs use machine time. ``link`` sets the
        watchdogs and the waits between dials, ``queue_frames`` how far the consumer may fall
        behind before ticks conflate. ``max_connections`` leaves room for other programs of the
        same api_key.
        """
        if queue_frames < 1:
            raise InvalidValue("queue_frames", f"{queue_frames} is below 1.")
        if not 1 <= max_connections <= MAX_CONNECTIONS:
            raise InvalidValue(
                "max_connections", f"{max_connections} is not between 1 and {MAX_CONNECTIONS}."
            )
        self._access_token = Secret(access_token)
        self._dialler = dialler
        self._settings = link or LinkSettings()
        self._max_connections = max_connections
        self._queue_frames = queue_frames
        self._queue = FeedQueue(queue_frames)
        self._group: asyncio.TaskGroup | None = None
        self._runs: list[asyncio.Task[None]] = []
        self._earlier_conflated = 0
        self._modes: dict[int, TickMode] = {}
        self._home: dict[int, FeedConnection] = {}
        self.refusal: KiteError | None = None
        """Why the server refused the credentials, until the feed is entered again."""
        self.counters = FeedCounters()
        self._line = FeedLine(
            api_key=api_key,
            access_token=lambda: self._access_token,
            root=checked_root(root, "ws"),
            clock=clock or SystemClock(),
            dialler=self._opened_dialler,
            settings=self._settings,
            connect_timeout_s=connect_timeout_s,
            tell=lambda event: self._queue.put(event),
            echoes=OrderEchoes(),
            counters=self.counters,
            # Jitter keeps many clients from dialling at once; nothing secret depends on it.
            jitter=jitter or random.Random(),  # noqa: S311
        )
        self._connections = [FeedConnection(0, self._line)]
        self._carried = [0]

    def __repr__(self) -> str:
        return f"KiteFeed({self._line.root}, {self.state}, {len(self._modes)} instruments)"

    @property
    def state(self) -> LinkState:
        """Where the feed is: ``OPEN`` when every connection is, else what the worst one is."""
        return max(self.states, key=_BADNESS.index)

    @property
    def states(self) -> tuple[LinkState, ...]:
        """Where each connection is."""
        return tuple(connection.state for connection in self._connections)

    @property
    def capacity(self) -> int:
        """How many instruments may be subscribed."""
        return self._max_connections * self._settings.max_tokens

    @property
    def subscriptions(self) -> Mapping[int, TickMode]:
        """Every wanted token and its mode, in order of subscription."""
        return MappingProxyType(self._modes)

    @property
    def conflated(self) -> int:
        """Packets replaced by newer ones because the consumer was too slow."""
        return self._earlier_conflated + self._queue.conflated

    @property
    def repeated_orders(self) -> int:
        """Order updates that were heard again, on another connection or from a stutter."""
        return self._line.echoes.repeated

    @property
    def last_tick_ns(self) -> int | None:
        """When the newest tick of this run arrived (the clock's UTC time)."""
        times = (connection.last_tick_ns for connection in self._connections)
        return max((at_ns for at_ns in times if at_ns is not None), default=None)

    def instruments_on(self, connection: int) -> tuple[int, ...]:
        """The tokens that a connection carries: what a gap of it concerns."""
        return tuple(self._connections[connection].link.desired)

    def set_access_token(self, access_token: str | Secret) -> None:
        """Use this token from the next connection on."""
        self._access_token = Secret(access_token)

    async def __aenter__(self) -> Self:
        if self._group is not None:
            raise InvariantBroken("this KiteFeed is already running; enter it once at a time.")
        self._earlier_conflated += self._queue.conflated
        self._queue = FeedQueue(self._queue_frames)
        self.refusal = None
        while len(self._connections) > 1 and not self._carried[-1]:
            self._connections.pop()
            self._carried.pop()
        self._group = await asyncio.TaskGroup().__aenter__()
        for connection in self._connections:
            self._start(connection)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the links cleanly and end the iteration; safe to call twice."""
        group, runs = self._group, self._runs
        self._group, self._runs = None, []
        if group is None:
            return
        for run in runs:
            run.cancel()
        try:
            await group.__aexit__(None, None, None)
        finally:
            for connection in self._connections:
                connection.end()
            self._queue.close()
            if self._dialler is not None:
                await self._dialler.close()

    def stop_soon(self) -> None:
        """End the iteration once what waits is read; leaving ``async with`` closes the links."""
        self._queue.close()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> FeedEvent:
        return await self._queue.get()

    async def take(self) -> list[FeedEvent]:
        """Every event that waits, at least one; ``StopAsyncIteration`` when the feed has ended."""
        return await self._queue.get_all()

    async def ticks(
        self,
        instruments: Mapping[int, Instrument],
        others: Callable[[FeedEvent], None] | None = None,
    ) -> AsyncIterator[Tick]:
        """Typed ticks, one by one; events that are no frames go to ``others``.

        ``instruments`` maps tokens to instruments (``Directory.by_token``); packets of tokens that
        are not in it are passed over. Raises as iterating the feed does.
        """
        async for event in self:
            if isinstance(event, FeedFrame):
                for packet in event.packets:
                    instrument = instruments.get(packet.token)
                    if instrument is not None:
                        yield to_tick(packet, instrument, event.received_ns)
            elif others is not None:
                others(event)

    async def subscribe(self, tokens: Iterable[int], mode: TickMode | str = TickMode.QUOTE) -> None:
        """Want these tokens in this mode, now and after every reconnect; repeating is free.

        Raises:
            InvalidValue: an unknown mode, a wrong token, or more instruments than ``capacity``;
                nothing has changed then.
        """
        await self._flush(self._assign(tokens, mode))

    async def unsubscribe(self, tokens: Iterable[int]) -> None:
        """Stop wanting these tokens; unknown ones are ignored."""
        await self._flush(self._release(tokens))

    def subscribe_soon(self, tokens: Iterable[int], mode: TickMode | str = TickMode.QUOTE) -> None:
        """Like ``subscribe``, from code that cannot wait: the request leaves in the background."""
        self._flush_soon(self._assign(tokens, mode))

    def unsubscribe_soon(self, tokens: Iterable[int]) -> None:
        """Like ``unsubscribe``, from code that cannot wait."""
        self._flush_soon(self._release(tokens))

    def _assign(self, tokens: Iterable[int], mode: TickMode | str) -> list[FeedConnection]:
        """Give every token a connection; return those that have something to send."""
        if mode not in TickMode.__members__.values():
            raise InvalidValue("mode", f"unknown mode {mode!r}.", f"Known: {', '.join(TickMode)}.")
        wanted = list(dict.fromkeys(checked_tokens(tokens)))
        new = [token for token in wanted if token not in self._home]
        if len(self._home) + len(new) > self.capacity:
            raise InvalidValue(
                "tokens",
                f"{len(self._home) + len(new)} instruments; {self._max_connections} connections"
                f" carry {self.capacity}.",
                "Unsubscribe some first.",
            )
        for token in new:
            self._home[token] = self._roomy()
        by_connection: dict[FeedConnection, list[int]] = {}
        for token in wanted:
            by_connection.setdefault(self._home[token], []).append(token)
            self._modes[token] = TickMode(mode)
        for connection, its_tokens in by_connection.items():
            connection.subscribe(its_tokens, TickMode(mode))
        return list(by_connection)

    def _release(self, tokens: Iterable[int]) -> list[FeedConnection]:
        by_connection: dict[FeedConnection, list[int]] = {}
        for token in dict.fromkeys(checked_tokens(tokens)):
            home = self._home.pop(token, None)
            if home is not None:
                del self._modes[token]
                self._carried[home.number] -= 1
                by_connection.setdefault(home, []).append(token)
        for connection, its_tokens in by_connection.items():
            connection.unsubscribe(its_tokens)
        return list(by_connection)

    def _roomy(self) -> FeedConnection:
        """The first connection with room for one more instrument, which is taken."""
        for connection in self._connections:
            if self._carried[connection.number] < self._settings.max_tokens:
                break
        else:
            connection = FeedConnection(len(self._connections), self._line)
            self._connections.append(connection)
            self._carried.append(0)
            self._start(connection)
        self._carried[connection.number] += 1
        return connection

    async def _flush(self, connections: list[FeedConnection]) -> None:
        # A caller that gives up takes nothing back: what was decided is sent all the same.
        if sending := self._flush_soon(connections):
            await asyncio.wait(sending)

    def _flush_soon(self, connections: list[FeedConnection]) -> list[asyncio.Task[None]]:
        group = self._group
        if group is None:
            return []  # sent when the feed is entered
        return [
            group.create_task(connection.flush(), name="kite-feed-flush")
            for connection in connections
        ]

    def _start(self, connection: FeedConnection) -> None:
        if self._group is not None and self.refusal is None:
            connection.begin()
            name = f"kite-feed-{connection.number}"
            self._runs.append(self._group.create_task(self._supervise(connection), name=name))

    async def _supervise(self, connection: FeedConnection) -> None:
        try:
            await connection.run()
        except Exception as error:  # noqa: BLE001 - outermost frame: the iteration raises it
            if isinstance(error, KiteError):
                self.refusal = error
            self._queue.close(error)
            # What the server refuses one connection, it refuses the others.
            for run in self._runs:
                if run is not asyncio.current_task():
                    run.cancel()

    def _opened_dialler(self) -> Dialler:
        if self._dialler is None:
            from patang.kite.aiohttp_transport import AiohttpDialler

            self._dialler = AiohttpDialler()
        return self._dialler


_BADNESS = (
    LinkState.OPEN,
    LinkState.CONNECTING,
    LinkState.WAITING,
    LinkState.IDLE,
    LinkState.REFUSED,
)
