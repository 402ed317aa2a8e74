"""A second of a crowded ticker: 36,000 full ticks to one client over a WebSocket.

Three thousand instruments change twelve times a second (as three connections with four changes a
second each would). Measured is the processor time of the serving process, network and all; the
client lives in this one. Ours sends by the column; the peer sends the same ticks through the same
server one packet at a time, as every book does. The budget is 60 % of a core: 0.6 s.
"""

import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any

from benchmarks.harness import Measurement
from patang.wire.ticks import Packet, TickMode, decode_frame

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from websockets.sync.client import ClientConnection

NAME = "ticker-feed"
PEER = "the same feed, one packet at a time"

TOKENS = 3_000
CHANGES_PER_SECOND = 12
TICKS = TOKENS * CHANGES_PER_SECOND


class Feed:
    """Instruments that all change at every step; a step is a twelfth of a second of real time."""

    def __init__(self, *, by_columns: bool) -> None:
        import numpy as np

        from patang.wire.tick_columns import COLUMNS

        self.tokens = [number << 8 | 2 for number in range(1, TOKENS + 1)]
        self._by_columns = by_columns
        self._rows = np.zeros(TOKENS, COLUMNS)
        self._rows["token"] = self.tokens
        for name in COLUMNS.names or ():
            if name != "token":
                self._rows[name] = 10_000
        self.books = np.zeros(TOKENS, np.bool_)
        self.step = 0

    @property
    def columns(self) -> "Source | None":
        """What the ticker asks for instruments without a book."""
        return Source(self) if self._by_columns else None

    def packet(self, token: int, _mode: TickMode) -> Packet | None:
        """What the ticker asks for instruments with a book."""
        return self._packets[self.step % 2][token]

    def advance(self) -> bool:
        """Whether a new step has begun."""
        step = int(time.monotonic() * CHANGES_PER_SECOND)
        if step == self.step:
            return False
        self.step = step
        return True

    def rows_at(self, rows: "NDArray[np.int64]") -> "NDArray[Any]":
        """The newest state of the rows."""
        fresh = self._rows[rows]
        fresh["last_price"] += self.step % 2
        fresh["volume"] += self.step % 1_000_000
        fresh["bid_quantity"] += self.step % 100
        return fresh

    @cached_property
    def _packets(self) -> tuple[dict[int, Packet], dict[int, Packet]]:
        # Made once: only sending is measured, not making them up.
        from patang.wire.tick_columns import encode_columns
        from patang.wire.ticks import frame_of

        body = encode_columns(self._rows, TickMode.FULL)
        even = {one.token: one for one in decode_frame(frame_of(TOKENS, body)).packets}
        self._rows["last_price"] += 1
        body = encode_columns(self._rows, TickMode.FULL)
        return even, {one.token: one for one in decode_frame(frame_of(TOKENS, body)).packets}


class Source:
    """The feed as rows."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed
        self.books = feed.books

    def row_of(self, token: int) -> int | None:
        """The row of a token."""
        return (token >> 8) - 1

    def columns(self, rows: "NDArray[np.int64]", at_ns: int) -> "NDArray[Any]":
        """The newest state of the rows."""
        return self._feed.rows_at(rows)


def measure(rounds: int) -> Measurement:
    """Receive ``TICKS`` ticks from each server in turn; count the servers' processor time."""
    with _serving("columns") as ours, _serving("packets") as theirs:
        seconds: tuple[list[float], list[float]] = ([], [])
        turns = [(ours, seconds[0]), (theirs, seconds[1])]
        for _ in range(rounds):
            for server, spent in turns:
                spent.append(server.second())
            turns.reverse()
    share = f"{sorted(seconds[0])[rounds // 2]:.0%}"
    work = (
        f"{TICKS} full ticks to one client in a second; ours takes {share} of a core (at most 60%)"
    )
    return Measurement(NAME, PEER, *seconds, work)


class _Server:
    def __init__(self, process: "subprocess.Popen[str]", socket: "ClientConnection") -> None:
        self._process = process
        self._socket = socket

    def second(self) -> float:
        """Processor seconds the server spends on a second's ticks."""
        from patang.wire.messages import SetMode, Unsubscribe, encode_request

        tokens = tuple(number << 8 | 2 for number in range(1, TOKENS + 1))
        self._socket.send(encode_request(SetMode(TickMode.FULL, tokens)))
        self._ticks()  # the first packets on subscribing: not what is measured
        began = self._spent()
        received = sum(self._ticks() for _ in range(CHANGES_PER_SECOND))
        spent = self._spent() - began
        # Equal work: each frame held every token.
        assert received == TICKS, f"{received} of {TICKS} ticks came in {CHANGES_PER_SECOND} frames"
        self._socket.send(encode_request(Unsubscribe(tokens)))
        return spent

    def _ticks(self) -> int:
        while True:
            frame = self._socket.recv(timeout=5)
            if isinstance(frame, bytes) and len(frame) > 1:
                return frame[0] << 8 | frame[1]

    def _spent(self) -> float:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return float(self._process.stdout.readline())


@contextmanager
def _serving(kind: str) -> Iterator[_Server]:
    from websockets.sync.client import connect

    command = [sys.executable, "-m", "benchmarks.ticker_feed", kind]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        try:
            port = int(process.stdout.readline())
            address = f"ws://127.0.0.1:{port}/"
            with connect(address, compression=None, max_size=None, ping_interval=None) as socket:
                yield _Server(process, socket)
        finally:
            process.terminate()


async def _serve(kind: str) -> None:
    """Serve a feed with the sandbox's own ticker; each line of input is answered with the time."""
    import uvicorn
    from starlette.applications import Starlette
    from starlette.routing import WebSocketRoute
    from starlette.websockets import WebSocket

    from patang.sandbox.server import PUMP_INTERVAL_S, listening_socket
    from patang.sandbox.subscriber import TickerLimits
    from patang.sandbox.ticker import Ticker

    feed = Feed(by_columns=kind == "columns")
    ticker = Ticker(TickerLimits(token_interval_ns=0))

    async def tick(websocket: WebSocket) -> None:
        await websocket.accept()
        await ticker.serve(websocket, ticker.connect("AB1234", "key", feed), time.time_ns)

    async def pump() -> None:
        while True:
            await asyncio.sleep(PUMP_INTERVAL_S)
            if feed.advance():
                ticker.publish(feed.tokens)

    def answer() -> None:
        if sys.stdin.readline():
            print(time.process_time(), flush=True)
        else:
            asyncio.get_running_loop().remove_reader(sys.stdin)

    app = Starlette(routes=[WebSocketRoute("/", tick)])
    config = uvicorn.Config(
        app, ws="websockets-sansio", lifespan="off", log_level="warning",
        ws_ping_interval=None, ws_per_message_deflate=False,
    )  # fmt: skip
    asyncio.get_running_loop().add_reader(sys.stdin, answer)
    with listening_socket(0) as listener:
        async with asyncio.TaskGroup() as tasks:
            pumping = tasks.create_task(pump())
            print(listener.getsockname()[1], flush=True)
            await uvicorn.Server(config).serve(sockets=[listener])
            pumping.cancel()


if __name__ == "__main__":
    asyncio.run(_serve(sys.argv[1]))
