"""A thousand broken links: no subscription lost or doubled, nothing leaked.

    python -m tests.soak.feed --rounds 1000

A sandbox process plays the ticker, a proxy breaks the links in every way it knows, and what the
proxy read is compared with what the feed promised.
"""

import argparse
import asyncio
import gc
import os
import random
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import msgspec

from patang.kite import (
    FeedConnected,
    FeedFrame,
    KiteFeed,
    LinkSettings,
    LinkState,
    TickMode,
)
from patang.runtime.sandbox_process import sandbox_process
from patang.simulator.worlds.universe import NIFTY_50_TOKEN, SHARES
from tests.soak.breaking_proxy import BREAKS, BreakingProxy

MS = 1_000_000
TOKENS_EACH = 10
MENDED_WITHIN_S = 20.0
WARM_UP = 2 * len(BREAKS)

# The sandbox beats once a second when nothing ticks.
LINK = LinkSettings(
    stall_ns=1_500 * MS,
    stale_ns=60_000 * MS,
    first_wait_ns=2 * MS,
    longest_wait_ns=20 * MS,
    max_tokens=TOKENS_EACH,
)
REAL = (NIFTY_50_TOKEN, *(share.token for share in SHARES))


class Holdings(msgspec.Struct, frozen=True):
    """What the process holds at one moment."""

    tasks: int
    files: int
    objects: int
    resident_bytes: int


class SoakReport(msgspec.Struct, frozen=True, kw_only=True):
    """What a soak saw. ``faults`` is empty when every promise was kept."""

    rounds: int
    seconds: float
    breaks: dict[str, int]
    disconnections: int
    frames: int
    gaps: int
    before: Holdings
    after: Holdings
    slowest_s: float
    faults: list[str]


class Soak:
    """One feed of three connections, its consumer, and what came."""

    def __init__(self, feed: KiteFeed, proxy: BreakingProxy, chance: random.Random) -> None:
        self.feed = feed
        self.proxy = proxy
        self.chance = chance
        self.faults: list[str] = []
        self.frames = self.gaps = 0
        self.ticked: set[int] = set()
        self.slowest_s = 0.0
        self._next_token = 1_000_001

    async def consume(self) -> None:
        async for event in self.feed:
            match event:
                case FeedFrame(packets=packets):
                    self.frames += 1
                    self.ticked.update(packet.token for packet in packets)
                case FeedConnected(is_reconnect=True, gap_from_ns=gap_from_ns, at_ns=at_ns):
                    self.gaps += 1
                    if gap_from_ns is None or gap_from_ns > at_ns:
                        self.faults.append(f"a reconnect named no gap: {event}")

    async def round(self, kind: str) -> None:
        """Break a link while subscriptions change, and wait until all is as it should be."""
        passage = self.chance.choice(self.proxy.open_passages)
        before = self.feed.counters.disconnections
        breaking = asyncio.create_task(self.proxy.break_one(kind, passage))
        await self.change_subscriptions()
        await breaking
        await self.change_subscriptions()
        started = time.monotonic()
        if not await comes_true(
            lambda: self.feed.counters.disconnections > before and self.is_mended()
        ):
            self.faults.append(f"{kind}: not mended within {MENDED_WITHIN_S:g} s; {self.said()}")
        self.slowest_s = max(self.slowest_s, time.monotonic() - started)
        self.faults += [f"{kind}: repeated {what}" for what in self.proxy.repeated]
        self.proxy.forget_dead()

    async def change_subscriptions(self) -> None:
        """Take a stranger out, put another in, and switch some real one's mode."""
        strangers = [token for token in self.feed.subscriptions if token not in REAL]
        if strangers and self.chance.random() < 0.7:
            await self.feed.unsubscribe([self.chance.choice(strangers)])
        if len(self.feed.subscriptions) < self.feed.capacity:
            self._next_token += 256
            await self.feed.subscribe([self._next_token], self.chance.choice(list(TickMode)))
        await self.feed.subscribe([self.chance.choice(REAL)], self.chance.choice(list(TickMode)))

    def is_mended(self) -> bool:
        if set(self.feed.states) != {LinkState.OPEN}:
            return False
        return self.said() == self.wanted()

    def wanted(self) -> list[dict[int, TickMode]]:
        modes = self.feed.subscriptions
        parts = (self.feed.instruments_on(n) for n in range(len(self.feed.states)))
        return sorted(({t: modes[t] for t in part} for part in parts), key=_order)

    def said(self) -> list[dict[int, TickMode]]:
        return sorted((passage.modes for passage in self.proxy.open_passages), key=_order)


async def comes_true(claim: Callable[[], bool]) -> bool:
    """Whether the claim holds before patience ends."""
    deadline = time.monotonic() + MENDED_WITHIN_S
    while not claim():
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(0.002)
    return True


def _order(part: dict[int, TickMode]) -> list[int]:
    return sorted(part)


async def soak(rounds: int, seed: int = 1) -> SoakReport:
    """Break links ``rounds`` times in turn in every way."""
    chance = random.Random(seed)
    kinds = [list(BREAKS)[n % len(BREAKS)] for n in range(rounds)]
    chance.shuffle(kinds)
    async with (
        sandbox_process(["--speed", "1", "--seed", str(seed)]) as sandbox,
        BreakingProxy(sandbox.ready.ws).running() as proxy,
    ):
        ready = sandbox.ready
        feed = KiteFeed(
            ready.api_key,
            ready.users[0].access_token,
            proxy.root,
            link=LINK,
            connect_timeout_s=0.5,
            jitter=random.Random(seed),
        )
        run = Soak(feed, proxy, chance)
        await feed.subscribe(REAL, TickMode.FULL)
        started = time.monotonic()
        async with feed, asyncio.TaskGroup() as group:
            consuming = group.create_task(run.consume())
            if not await comes_true(run.is_mended):
                run.faults.append("the feed did not come up")
            before = await _holdings()
            for number, kind in enumerate(kinds):
                await run.round(kind)
                if number == min(WARM_UP, rounds // 2):
                    before = await _holdings()
            after = await _holdings()
            await _everything_ticks(run)
            consuming.cancel()
        left = [task for task in asyncio.all_tasks() if task.get_name().startswith("kite-feed")]
        run.faults += [f"left running: {task.get_name()}" for task in left]
    run.faults += _leaks(before, after, rounds)
    return SoakReport(
        rounds=rounds,
        seconds=round(time.monotonic() - started, 1),
        breaks=dict(Counter(kinds)),
        disconnections=feed.counters.disconnections,
        frames=run.frames,
        gaps=run.gaps,
        before=before,
        after=after,
        slowest_s=round(run.slowest_s, 2),
        faults=run.faults,
    )


async def _everything_ticks(run: Soak) -> None:
    """Every instrument of the market is heard of after the last break."""
    run.ticked.clear()
    await run.feed.subscribe(REAL, TickMode.LTP)
    await run.feed.subscribe(REAL, TickMode.FULL)
    if not await comes_true(lambda: run.ticked.issuperset(REAL)):
        run.faults.append(f"silent in the end: {sorted(set(REAL) - run.ticked)}")


async def _holdings() -> Holdings:
    """What the process holds once things are quiet."""
    await asyncio.sleep(0.3)
    gc.collect()
    return Holdings(
        tasks=len(asyncio.all_tasks()),
        files=_open_files(),
        objects=len(gc.get_objects()),
        resident_bytes=_resident_bytes(),
    )


def _open_files() -> int:
    folder = Path("/proc/self/fd")
    return len(list(folder.iterdir())) if folder.exists() else 0


def _resident_bytes() -> int:
    status = Path("/proc/self/statm")
    if not status.exists():
        return 0
    return int(status.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _leaks(before: Holdings, after: Holdings, rounds: int) -> list[str]:
    """Growth beyond what a thousand rounds may leave in caches and in the allocator."""
    found = []
    if after.tasks > before.tasks:
        found.append(f"tasks grew from {before.tasks} to {after.tasks}")
    if after.files > before.files:
        found.append(f"open files grew from {before.files} to {after.files}")
    if after.objects - before.objects > 2_000 + rounds:
        found.append(f"objects grew from {before.objects} to {after.objects}")
    if after.resident_bytes - before.resident_bytes > 32 * 1024 * 1024:
        found.append(f"memory grew by {after.resident_bytes - before.resident_bytes} bytes")
    return found


def main() -> int:
    """Run a soak and print its report; 1 when a promise was broken."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    report = asyncio.run(soak(options.rounds, options.seed))
    print(msgspec.json.format(msgspec.json.encode(report)).decode())
    return 1 if report.faults else 0


if __name__ == "__main__":
    sys.exit(main())
