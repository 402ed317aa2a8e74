"""What a call costs beyond the network: the profile, asked for over kept-alive loopback.

Both clients speak to the same small server in another process. What the exchange itself takes,
measured with a bare socket between the rounds, is subtracted from both sides, so that what is
compared is the clients' own time. Ours goes through everything that a call goes through: governor,
counters, transport, typed decoding.
"""

import asyncio
import socket
import time
from typing import Any
from urllib.parse import urlsplit

from benchmarks.harness import Measurement, interleave
from benchmarks.loopback import response_of, serving
from patang.kite import Kite
from patang.wire.envelope import encode_success

NAME = "calls"
PEER = "kiteconnect 5.2.2 KiteConnect.profile"

CALLS = 200

PROFILE: dict[str, Any] = {
    "user_id": "AB1234",
    "user_type": "individual",
    "email": "kite@example.com",
    "user_name": "A Trader",
    "user_shortname": "Trader",
    "broker": "ZERODHA",
    "exchanges": ["NSE", "BSE", "NFO", "BFO", "CDS", "MCX"],
    "products": ["CNC", "NRML", "MIS", "MTF"],
    "order_types": ["MARKET", "LIMIT", "SL", "SL-M"],
    "avatar_url": None,
    "meta": {"demat_consent": "consent"},
}


class LeapingClock:
    """A second later at every look, so that the governor works and never has to wait."""

    def __init__(self) -> None:
        self._now_ns = 0

    def now_ns(self) -> int:
        """The next second."""
        self._now_ns += 1_000_000_000
        return self._now_ns

    async def sleep(self, seconds: float) -> None:
        """Leap."""
        self._now_ns += round(seconds * 1e9)


def measure(rounds: int) -> Measurement:
    """Ask ``CALLS`` times a round, one after the other, both ways."""
    from kiteconnect import KiteConnect

    with serving(encode_success(PROFILE)) as root, asyncio.Runner() as runner:
        kite = Kite("key", "token", root, clock=LeapingClock())
        theirs_kite = KiteConnect("key", "token", root)

        async def ask_ours() -> None:
            for _ in range(CALLS):
                await kite.profile()

        def ours() -> None:
            runner.run(ask_ours())

        def theirs() -> None:
            for _ in range(CALLS):
                theirs_kite.profile()

        assert runner.run(kite.profile()).to_dict() == theirs_kite.profile() == PROFILE
        before_s = bare_exchanges_s(root)
        mine, peers = interleave(ours, theirs, rounds)
        exchange_s = min(before_s, bare_exchanges_s(root))
        runner.run(kite.close())
    work = (
        f"{CALLS} profiles, one call after the other;"
        f" {exchange_s * 1e3:.2f} ms of bare exchange subtracted from both"
    )
    return Measurement(
        NAME, PEER, [s - exchange_s for s in mine], [s - exchange_s for s in peers], work
    )


def bare_exchanges_s(root: str) -> float:
    """The least that ``CALLS`` exchanges took: one socket, no client."""
    address = urlsplit(root)
    request = (
        f"GET /user/profile HTTP/1.1\r\nHost: {address.netloc}\r\nX-Kite-Version: 3\r\n"
        "Authorization: token key:token\r\nAccept: */*\r\nConnection: keep-alive\r\n\r\n"
    ).encode()
    whole = len(response_of(encode_success(PROFILE)))
    best = float("inf")
    with socket.create_connection((address.hostname, address.port or 80)) as link:
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for _ in range(3):
            start = time.perf_counter()
            for _ in range(CALLS):
                link.sendall(request)
                received = 0
                while received < whole:
                    received += len(link.recv(65_536))
            best = min(best, time.perf_counter() - start)
    return best
