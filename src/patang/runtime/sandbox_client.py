"""What a program asks a sandbox that it would not ask the broker: the clock, and a login."""

import asyncio
from types import TracebackType
from typing import Self
from urllib.parse import parse_qs, urlsplit

import msgspec

from patang.domain.errors import PatangError
from patang.kite import NetworkException
from patang.kite.aiohttp_transport import AiohttpTransport
from patang.kite.transport import Request, Response, Timeouts
from patang.runtime.clocks import VenueClock
from patang.sandbox.ready import ClockReading, Ready

_CLOCK_POLL_S = 1.0


class SandboxClient:
    """Talks to one sandbox; use it as an async context manager."""

    def __init__(self, ready: Ready) -> None:
        self._ready = ready
        self._transport = AiohttpTransport()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._transport.close()

    async def request_token(self) -> str:
        """Open the login page as a browser would, and read the request token off the redirect.

        Raises:
            PatangError: the page did not redirect with a token.
        """
        response = await self._get(self._ready.login_url)
        query = parse_qs(urlsplit(response.headers.get("location", "")).query)
        token = query.get("request_token")
        if response.status != 302 or not token:
            raise PatangError(
                f"The login page answered {response.status} without a request token.",
                "Is the address a Patang sandbox of this version?",
            )
        return token[0]

    async def clock(self) -> VenueClock:
        """A clock that shows the world's time."""
        reading = await self._reading()
        return VenueClock(reading.now_ns, reading.speed)

    async def follow(self, clock: VenueClock) -> None:
        """Keep ``clock`` true until cancelled: a world that cannot keep its speed falls behind."""
        while True:
            await asyncio.sleep(_CLOCK_POLL_S)
            try:
                reading = await self._reading()
            except NetworkException:
                continue  # the clock runs on; whether the world is gone is for others to say
            clock.synchronise(reading.now_ns, reading.speed)

    async def _reading(self) -> ClockReading:
        response = await self._get(f"{self._ready.root}/clock")
        return msgspec.json.decode(response.body, type=ClockReading)

    async def _get(self, url: str) -> Response:
        return await self._transport.send(
            Request(method="GET", url=url, headers={}, body=b"", timeouts=Timeouts())
        )
