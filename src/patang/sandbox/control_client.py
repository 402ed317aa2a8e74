"""Clients of a sandbox's control port, one blocking and one for asyncio."""

import http.client
from collections.abc import Sequence
from typing import Any, TypeVar
from urllib.parse import urlsplit

import msgspec

from patang.domain.errors import PatangError
from patang.domain.market import NS_PER_SECOND
from patang.kite.aiohttp_transport import AiohttpTransport
from patang.kite.transport import Request, Timeouts
from patang.sandbox.faults.menu import Fault
from patang.sandbox.faults.plan import Planned
from patang.sandbox.ready import ClockReading

TIMEOUT_S = 300.0
"""Real seconds: a step over a whole day takes a while to compute."""

T = TypeVar("T")


class ControlRefused(PatangError):
    """The control port did not obey. ``field`` names what of the request was wrong, if it does."""

    def __init__(self, status: int, cause: str, field: str, remedy: str) -> None:
        self.status = status
        self.field = field
        super().__init__(cause, remedy)


class _Call(msgspec.Struct, frozen=True):
    method: str
    path: str
    body: Any = None

    @property
    def headers(self) -> dict[str, str]:
        is_text = isinstance(self.body, bytes)
        return {"content-type": "application/toml" if is_text else "application/json"}

    @property
    def encoded(self) -> bytes:
        if self.body is None:
            return b""
        return self.body if isinstance(self.body, bytes) else msgspec.json.encode(self.body)


class _Refusal(msgspec.Struct):
    error: str = ""
    field: str = ""
    remedy: str = ""


def _step(seconds: float, ns: int) -> _Call:
    return _Call("POST", "/clock", {"advance_ns": round(seconds * NS_PER_SECOND) + ns})


def _checked(status: int, body: bytes) -> bytes:
    if status < 400:
        return body
    try:
        refusal = msgspec.json.decode(body, type=_Refusal)
    except msgspec.DecodeError:
        refusal = _Refusal(f"The control port answered {status}.")
    raise ControlRefused(status, refusal.error, refusal.field, refusal.remedy)


class Control:
    """The blocking client; ``url`` is ``control`` of the ready file.

    Every method raises ``ControlRefused`` when the sandbox does not obey and ``OSError`` when it
    cannot be reached.
    """

    def __init__(self, url: str) -> None:
        self._host = urlsplit(url).netloc

    def truth(self) -> dict[str, Any]:
        """What everybody has, by the exchange's own books."""
        return msgspec.json.decode(self.truth_bytes())  # type: ignore[no-any-return]

    def truth_bytes(self) -> bytes:
        """The same as bytes: equal for equal seeds and commands."""
        return self._send(_Call("GET", "/truth"))

    def clock(self) -> ClockReading:
        """What the virtual clock shows."""
        return _reading(self._send(_Call("GET", "/clock")))

    def advance(self, seconds: float = 0, *, ns: int = 0) -> int:
        """Move the clock by a span; return what it shows then, nanoseconds UTC."""
        return _reading(self._send(_step(seconds, ns))).now_ns

    def go_to(self, to_ns: int) -> int:
        """Move the clock to a moment, nanoseconds UTC; return what it shows then."""
        return _reading(self._send(_Call("POST", "/clock", {"to_ns": to_ns}))).now_ns

    def set_speed(self, speed: float) -> None:
        """Virtual seconds per real second; 0 freezes the clock."""
        self._send(_Call("POST", "/clock", {"speed": speed}))

    def records(self, kind: str) -> list[dict[str, Any]]:
        """What happened: ``orders``, ``trades``, ``books``, ``frames`` or ``requests``."""
        return _lines(self._send(_Call("GET", f"/records/{kind}")))

    def flush_tokens(self, users: Sequence[str] = ()) -> int:
        """Kill the access tokens of these users, or of all; return how many."""
        return _flushed(self._send(_Call("POST", "/tokens/flush", {"users": list(users)})))

    def set_rate_limits(self, on: bool) -> None:
        """Switch Kite's rate limits on or off."""
        self._send(_Call("POST", "/limits", {"rate_limits": on}))

    def order_faults(self, *faults: Fault) -> list[Planned]:
        """Put faults in force; what they are numbered with takes them back."""
        return _planned(self._send(_Call("POST", "/faults", list(faults))))

    def faults(self) -> list[Planned]:
        """The faults in force, and how often each has befallen something."""
        return _planned(self._send(_Call("GET", "/faults")))

    def take_back_fault(self, fault_id: int) -> Planned:
        """End one fault, and what it did."""
        return msgspec.json.decode(self._send(_Call("DELETE", f"/faults/{fault_id}")), type=Planned)

    def clear_faults(self) -> None:
        """End every fault."""
        self._send(_Call("DELETE", "/faults"))

    def load_scenario(self, toml: str) -> list[Planned]:
        """Replace all faults by those of a scenario, the text of a TOML file."""
        return _planned(self._send(_Call("POST", "/scenario", toml.encode())))

    def _send(self, call: _Call) -> bytes:
        connection = http.client.HTTPConnection(self._host, timeout=TIMEOUT_S)
        try:
            connection.request(call.method, call.path, call.encoded, call.headers)
            response = connection.getresponse()
            return _checked(response.status, response.read())
        finally:
            connection.close()


class AsyncControl:
    """The same for asyncio; close it when done, or use it as an async context manager."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._transport = AiohttpTransport()

    async def __aenter__(self) -> "AsyncControl":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._transport.close()

    async def truth(self) -> dict[str, Any]:
        """What everybody has, by the exchange's own books."""
        return msgspec.json.decode(await self.truth_bytes())  # type: ignore[no-any-return]

    async def truth_bytes(self) -> bytes:
        """The same as bytes: equal for equal seeds and commands."""
        return await self._send(_Call("GET", "/truth"))

    async def clock(self) -> ClockReading:
        """What the virtual clock shows."""
        return _reading(await self._send(_Call("GET", "/clock")))

    async def advance(self, seconds: float = 0, *, ns: int = 0) -> int:
        """Move the clock by a span; return what it shows then, nanoseconds UTC."""
        return _reading(await self._send(_step(seconds, ns))).now_ns

    async def go_to(self, to_ns: int) -> int:
        """Move the clock to a moment, nanoseconds UTC; return what it shows then."""
        return _reading(await self._send(_Call("POST", "/clock", {"to_ns": to_ns}))).now_ns

    async def set_speed(self, speed: float) -> None:
        """Virtual seconds per real second; 0 freezes the clock."""
        await self._send(_Call("POST", "/clock", {"speed": speed}))

    async def records(self, kind: str) -> list[dict[str, Any]]:
        """What happened: ``orders``, ``trades``, ``books``, ``frames`` or ``requests``."""
        return _lines(await self._send(_Call("GET", f"/records/{kind}")))

    async def flush_tokens(self, users: Sequence[str] = ()) -> int:
        """Kill the access tokens of these users, or of all; return how many."""
        return _flushed(await self._send(_Call("POST", "/tokens/flush", {"users": list(users)})))

    async def set_rate_limits(self, on: bool) -> None:
        """Switch Kite's rate limits on or off."""
        await self._send(_Call("POST", "/limits", {"rate_limits": on}))

    async def order_faults(self, *faults: Fault) -> list[Planned]:
        """Put faults in force; what they are numbered with takes them back."""
        return _planned(await self._send(_Call("POST", "/faults", list(faults))))

    async def faults(self) -> list[Planned]:
        """The faults in force, and how often each has befallen something."""
        return _planned(await self._send(_Call("GET", "/faults")))

    async def take_back_fault(self, fault_id: int) -> Planned:
        """End one fault, and what it did."""
        return msgspec.json.decode(
            await self._send(_Call("DELETE", f"/faults/{fault_id}")), type=Planned
        )

    async def clear_faults(self) -> None:
        """End every fault."""
        await self._send(_Call("DELETE", "/faults"))

    async def load_scenario(self, toml: str) -> list[Planned]:
        """Replace all faults by those of a scenario, the text of a TOML file."""
        return _planned(await self._send(_Call("POST", "/scenario", toml.encode())))

    async def _send(self, call: _Call) -> bytes:
        response = await self._transport.send(
            Request(
                method=call.method,
                url=f"{self._url}{call.path}",
                headers=call.headers,
                body=call.encoded,
                timeouts=Timeouts(read=TIMEOUT_S, total=TIMEOUT_S),
            )
        )
        return _checked(response.status, response.body)


def _reading(body: bytes) -> ClockReading:
    return msgspec.json.decode(body, type=ClockReading)


def _planned(body: bytes) -> list[Planned]:
    return msgspec.json.decode(body, type=list[Planned])


def _lines(body: bytes) -> list[dict[str, Any]]:
    return [msgspec.json.decode(line) for line in body.splitlines()]


def _flushed(body: bytes) -> int:
    return int(msgspec.json.decode(body)["flushed"])
