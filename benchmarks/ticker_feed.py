"""A second of a crowded ticker: 36,000 full ticks to one client over WebSockets.

A sandbox of ten thousand instruments serves nine thousand of them, four changes a second each, over
the three connections that Kite allows. Measured is the processor time of the whole sandbox process,
its market and the network included; the client lives in this one. Ours sends by the column; the
peer is the same sandbox sending the same ticks one packet at a time, as every book does. The budget
is 60 % of a core: 0.6 s for a second's ticks.
"""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from benchmarks.harness import Measurement
from patang.wire.connection import MAX_TOKENS
from patang.wire.messages import SetMode, Unsubscribe, encode_request
from patang.wire.ticks import Packet, TickMode, decode_frame, frame_of, is_index

if TYPE_CHECKING:
    from websockets.sync.client import ClientConnection

    from patang.sandbox.server import Running
    from patang.sandbox.world import World

NAME = "ticker-feed"
PEER = "the same sandbox, one packet at a time"

UNIVERSE = 10_000
CONNECTIONS = 3
TICKS = 36_000


def measure(rounds: int) -> Measurement:
    """Receive ``TICKS`` ticks from each server in turn; count the servers' processor time."""
    with _serving("columns") as ours, _serving("packets") as theirs:
        seconds: tuple[list[float], list[float]] = ([], [])
        shares: list[float] = []
        turns = [(ours, seconds[0]), (theirs, seconds[1])]
        for _ in range(rounds):
            for server, spent in turns:
                used, elapsed = server.take(TICKS)
                spent.append(used)
                if server is ours:
                    shares.append(used / elapsed)
            turns.reverse()
    share = f"{sorted(shares)[rounds // 2]:.0%}"
    work = f"{TICKS} full ticks to one client, as many as come in a second: {share} of a core"
    return Measurement(NAME, PEER, *seconds, work)


class _Server:
    def __init__(
        self,
        process: "subprocess.Popen[str]",
        sockets: "list[ClientConnection]",
        tokens: list[tuple[int, ...]],
    ) -> None:
        self._process = process
        self._sockets = sockets
        self._tokens = tokens

    def take(self, wanted: int) -> tuple[float, float]:
        """Processor seconds the server spends on ``wanted`` ticks, and how long that took."""
        for socket, tokens in zip(self._sockets, self._tokens, strict=True):
            socket.send(encode_request(SetMode(TickMode.FULL, tokens)))
            _ticks(socket)  # the first packets on subscribing: not what is measured
        began, began_s = self._spent(), time.perf_counter()
        received = 0
        while received < wanted:
            received += sum(_ticks(socket) for socket in self._sockets)
        # A frame more or less is nobody's merit.
        part = wanted / received
        spent, elapsed_s = self._spent() - began, time.perf_counter() - began_s
        for socket, tokens in zip(self._sockets, self._tokens, strict=True):
            socket.send(encode_request(Unsubscribe(tokens)))
        return spent * part, elapsed_s * part

    def _spent(self) -> float:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return float(self._process.stdout.readline())


def _ticks(socket: "ClientConnection") -> int:
    """How many ticks the next frame that has any holds."""
    while True:
        frame = socket.recv(timeout=10)
        if isinstance(frame, bytes) and len(frame) > 1:
            return frame[0] << 8 | frame[1]


@contextmanager
def _serving(kind: str) -> Iterator[_Server]:
    from websockets.sync.client import connect

    command = [sys.executable, "-m", "benchmarks.ticker_feed", kind]
    with (
        subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as process,
        ExitStack() as stack,
    ):
        stack.callback(process.terminate)
        assert process.stdout
        ready = json.loads(process.stdout.readline())
        sockets = [
            stack.enter_context(
                connect(ready["address"], compression=None, max_size=None, ping_interval=None)
            )
            for _ in range(CONNECTIONS)
        ]
        tokens = [
            tuple(ready["tokens"][number * MAX_TOKENS : (number + 1) * MAX_TOKENS])
            for number in range(CONNECTIONS)
        ]
        yield _Server(process, sockets, tokens)


class _OneByOne:
    """A world whose ticker gets each packet by itself, and hears of every change."""

    def __init__(self, world: "World") -> None:
        import numpy as np

        backdrop = world.exchange.backdrop
        assert backdrop is not None
        self._backdrop = backdrop
        self._rows = np.arange(len(backdrop.instruments))
        self._tokens = [one.token for one in backdrop.instruments]
        self._world = world
        self._step = -1
        self._packets: dict[int, Packet] = {}

    columns = None

    def packet(self, token: int, _mode: TickMode) -> Packet | None:
        """The newest packet."""
        return self._packets.get(token)

    def publish(self) -> None:
        """Tell the ticker, once in each step, that everything has changed."""
        now_ns = self._world.now_ns
        step = self._backdrop.step(now_ns)
        if step == self._step:
            return
        from patang.wire.tick_columns import encode_columns

        self._step = step
        body = encode_columns(self._backdrop.columns(self._rows, now_ns), TickMode.FULL)
        some = decode_frame(frame_of(len(self._rows), body)).packets
        self._packets = {one.token: one for one in some}
        self._world.ticker.publish(self._tokens)


async def _serve(kind: str) -> None:
    """Serve a sandbox; each line of input is answered with the processor time so far."""
    from patang.sandbox.server import serve
    from patang.sandbox.settings import SandboxSettings
    from patang.sandbox.subscriber import Quotes, Subscriber

    loop = asyncio.get_running_loop()

    def answer() -> None:
        if sys.stdin.readline():
            print(time.process_time(), flush=True)
        else:
            loop.remove_reader(sys.stdin)

    def start(running: "Running") -> None:
        world = running.world
        if kind == "packets":
            one_by_one = _OneByOne(world)
            connect = world.ticker.connect

            def connect_one_by_one(user_id: str, api_key: str, quotes: Quotes) -> Subscriber:
                return connect(user_id, api_key, one_by_one)

            world.ticker.connect = connect_one_by_one  # type: ignore[method-assign]
            world.publish = one_by_one.publish  # type: ignore[method-assign]
        ready = running.ready
        address = f"{ready.ws}?api_key={ready.api_key}&access_token={ready.users[0].access_token}"
        open_now = world.exchange.floor.venues
        tokens = [one.token for one in world.instruments if open_now.peek(one.id) is None]
        tradable = [token for token in tokens if not is_index(token)]
        chosen = tradable[: MAX_TOKENS * CONNECTIONS]
        assert len(chosen) == MAX_TOKENS * CONNECTIONS
        print(json.dumps({"address": address, "tokens": chosen}), flush=True)
        loop.add_reader(sys.stdin, answer)

    await serve(SandboxSettings(universe=UNIVERSE, book_limit=0), on_running=start)


if __name__ == "__main__":
    asyncio.run(_serve(sys.argv[1]))
