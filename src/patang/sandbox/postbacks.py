"""Order updates on their way to an app's own server: raw JSON by POST, once.

Source: Kite Connect v3, postbacks. Nothing says that a failed one is repeated, so none is.
"""

import asyncio
import contextlib
import logging
from collections import deque
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    import aiohttp

TIMEOUT_S = 5.0
WAITING_MAX = 10_000
FILED_MAX = 1_000

POSTED = frozenset({"COMPLETE", "CANCELLED", "REJECTED", "UPDATE"})
"""The statuses that are posted; the socket carries others too."""

_log = logging.getLogger("patang.sandbox")


class Letter(msgspec.Struct, frozen=True):
    """One update and where it goes."""

    url: str
    body: bytes


class Postbacks:
    """Updates that wait for the coroutine that delivers them.

    Each address gets its own in the order of their posting, one after the other, and none waits
    for another's. The oldest are dropped when too many wait for an address.
    """

    def __init__(self) -> None:
        self._waiting: dict[str, deque[Letter]] = {}
        self._idle: dict[str, None] = {}
        self._is_posted = asyncio.Event()
        self._filed: dict[str, Letter] = {}
        self.delivered = 0
        """How many were answered with a status below 400."""
        self.failed = 0
        """How many were not."""

    def file(self, frame: str, url: str, body: bytes) -> None:
        """Keep the letter that goes with a socket's frame: it leaves when ``follow`` names it."""
        self._filed[frame] = Letter(url, body)
        if len(self._filed) > FILED_MAX:
            del self._filed[next(iter(self._filed))]

    def follow(self, frame: str) -> None:
        """Post what was filed with a frame, if anything was.

        So what is lost, late or doubled on the socket is so here.
        """
        letter = self._filed.get(frame)
        if letter is None:
            return
        if letter.url not in self._waiting:
            self._waiting[letter.url] = deque(maxlen=WAITING_MAX)
            self._idle[letter.url] = None
        self._waiting[letter.url].append(letter)
        self._is_posted.set()

    async def deliver(self) -> None:
        """Deliver what is posted, until cancelled."""
        await self._is_posted.wait()
        import aiohttp

        timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
        async with aiohttp.ClientSession(timeout=timeout) as client, asyncio.TaskGroup() as tasks:
            while True:
                await self._is_posted.wait()
                self._is_posted.clear()
                for url in [one for one in self._idle if self._waiting[one]]:
                    del self._idle[url]
                    tasks.create_task(self._empty(client, url), name=f"postbacks to {url}")

    async def _empty(self, client: "aiohttp.ClientSession", url: str) -> None:
        """Send what waits for one address, and what is added meanwhile."""
        waiting = self._waiting[url]
        while waiting:
            problem = await _send(client, waiting.popleft())
            if problem:
                self.failed += 1
                _log.warning("postback_failed url=%s %s", url, problem)
            else:
                self.delivered += 1
        self._idle[url] = None


async def _send(client: "aiohttp.ClientSession", letter: Letter) -> str:
    """Post a letter; what went wrong, empty where nothing did."""
    import aiohttp

    headers = {"content-type": "application/json"}
    try:
        async with client.post(letter.url, data=letter.body, headers=headers) as answer:
            with contextlib.suppress(aiohttp.ClientError):
                await answer.read()
            return f"HTTP {answer.status}" if answer.status >= 400 else ""
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        return f"{type(error).__name__}: {error}"
