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
AT_ONCE_MAX = 8

POSTED = frozenset({"COMPLETE", "CANCELLED", "REJECTED", "UPDATE"})
"""The statuses that are posted; the socket carries others too."""

_log = logging.getLogger("patang.sandbox")


class Letter(msgspec.Struct, frozen=True):
    """One update and where it goes."""

    url: str
    body: bytes


class Postbacks:
    """A queue of updates, and the coroutine that delivers them in order of their posting.

    Up to eight are under way at a time, so a slow receiver delays the others little and may see
    its own out of order, as on the real wire. The oldest are dropped when too many wait.
    """

    def __init__(self) -> None:
        self._waiting: deque[Letter] = deque(maxlen=WAITING_MAX)
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
        if letter is not None:
            self._waiting.append(letter)
            self._is_posted.set()

    async def deliver(self) -> None:
        """Deliver what is posted, until cancelled."""
        await self._is_posted.wait()
        import aiohttp

        timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
        free = asyncio.Semaphore(AT_ONCE_MAX)
        async with aiohttp.ClientSession(timeout=timeout) as client, asyncio.TaskGroup() as tasks:
            while True:
                await self._is_posted.wait()
                while self._waiting:
                    await free.acquire()
                    tasks.create_task(self._send(client, self._waiting.popleft(), free))
                self._is_posted.clear()

    async def _send(
        self, client: "aiohttp.ClientSession", letter: Letter, free: asyncio.Semaphore
    ) -> None:
        import aiohttp

        problem = ""
        try:
            headers = {"content-type": "application/json"}
            async with client.post(letter.url, data=letter.body, headers=headers) as answer:
                with contextlib.suppress(aiohttp.ClientError):
                    await answer.read()
                if answer.status >= 400:
                    problem = f"HTTP {answer.status}"
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            problem = f"{type(error).__name__}: {error}"
        finally:
            free.release()
        if problem:
            self.failed += 1
            _log.warning("postback_failed url=%s %s", letter.url, problem)
        else:
            self.delivered += 1
