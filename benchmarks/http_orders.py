"""Order requests over HTTP from one client, against a server that only answers.

Ours is the sandbox: credentials, form, checks, margins, the book, the states of the order, the
record. The peer is a tiny server that sends the same answer without reading what it was asked, so
that the ratio tells what is left of the speed of HTTP itself. Where the system allows it, client
and server share one core.
"""

import http.client
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from benchmarks.harness import Measurement, interleave
from benchmarks.loopback import response_of, serving
from benchmarks.sandbox_process import running

NAME = "http-orders"
PEER = "a server that answers without reading"

ORDERS = 250
TARGET_PER_SECOND = 500

_FORM = (
    "exchange=NSE&tradingsymbol=INFY&transaction_type=BUY&order_type=LIMIT&quantity=1"
    "&product=CNC&validity=DAY&tag=bench&price="
)


def measure(rounds: int) -> Measurement:
    """Place and cancel ``ORDERS`` orders a round, one request after the other."""
    answer = response_of(b'{"status":"success","data":{"order_id":"2123262487557050374"}}')
    with one_core(), running("--speed", "0") as ready, serving(answer) as peer:
        token = f"token {ready['api_key']}:{ready['users'][0]['access_token']}"
        ours = trader(ready["root"], token)
        mine, peers = interleave(ours, trader(peer, token, sends_body=False), rounds)
    work = f"{2 * ORDERS} order requests over one connection (target {TARGET_PER_SECOND}/s)"
    return Measurement(NAME, PEER, mine, peers, work)


def trader(root: str, token: str, *, sends_body: bool = True) -> Callable[[], None]:
    """Something that places orders and cancels each."""
    connection = http.client.HTTPConnection(root.removeprefix("http://"), timeout=30)
    headers = {
        "Authorization": token,
        "X-Kite-Version": "3",
        "Content-Type": "application/x-www-form-urlencoded",
    }

    def ask(method: str, path: str, body: str | None = None) -> str:
        connection.request(method, path, body if sends_body else None, headers)
        response = connection.getresponse()
        told = response.read()
        if response.status != 200:
            raise RuntimeError(f"{method} {path}: {told!r}")
        return told.split(b'"order_id":"')[1].split(b'"')[0].decode()

    def trade() -> None:
        for number in range(ORDERS):
            price = f"{14_000 + number % 100}"
            order_id = ask("POST", "/orders/regular", f"{_FORM}{price[:-1]}.{price[-1]}")
            ask("DELETE", f"/orders/regular/{order_id}")

    return trade


@contextmanager
def one_core() -> Iterator[None]:
    """This process and those it starts run on one core, where the system can be told so."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
