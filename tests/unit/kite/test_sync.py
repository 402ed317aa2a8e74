"""The blocking twin: the client's methods, on a loop of its own, in scripts and in notebooks."""

import ast
import asyncio
import gc
import inspect
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from patang.domain.errors import InvalidValue, InvariantBroken
from patang.kite import Kite as AsyncKite
from patang.kite import MemoryTransport, OrderOutcomeUnknown, Response, TokenException
from patang.kite.account import KiteAnalytics as AsyncKiteAnalytics
from patang.kite.blocking import LoopThread, mirror, public_names
from patang.kite.client_config import KiteConfig
from patang.kite.errors import ReplyLost
from patang.kite.governor import Limits
from patang.kite.instruments import KiteInstruments as AsyncKiteInstruments
from patang.kite.secret import Secret
from patang.kite.sync import Kite, KiteAnalytics, KiteInstruments
from tools.write_sync_stub import STUB, write_stub

LTP = b'{"status":"success","data":{"NSE:INFY":{"instrument_token":408065,"last_price":1500.5}}}'
HEAD = (
    "instrument_token,exchange_token,tradingsymbol,name,last_price,expiry,strike,tick_size,"
    "lot_size,instrument_type,segment,exchange\n"
)
ROOT = "http://127.0.0.1:9"


class Desk:
    """A transport that answers prices, and knows on which threads it was asked."""

    def __init__(self) -> None:
        self.threads: set[str] = set()
        self.closed = 0
        self.hold = threading.Event()
        self.hold.set()

    async def send(self, request) -> Response:
        self.threads.add(threading.current_thread().name)
        while not self.hold.is_set():  # noqa: ASYNC110 - set by another thread
            await asyncio.sleep(0.001)
        if request.method == "POST":
            raise ReplyLost("the line broke")
        if request.path.endswith("profile"):
            body = b'{"status":"error","message":"no","error_type":"TokenException"}'
            return Response(status=403, headers={"content-type": "application/json"}, body=body)
        return Response(status=200, headers={"content-type": "application/json"}, body=LTP)

    async def close(self) -> None:
        self.closed += 1


def a_kite(desk: Desk) -> Kite:
    fast = Limits(others_per_second=1_000, quotes_per_second=1_000)
    return Kite("key", "hushhush", ROOT, transport=desk, limits=fast)


def loop_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "patang-kite"]


def test_a_call_blocks_and_answers_with_the_same_types():
    desk = Desk()
    with a_kite(desk) as kite:
        assert str(kite.ltp("NSE:INFY")["NSE:INFY"].last_price) == "1500.5"
        assert kite.raw.ltp("NSE:INFY")["NSE:INFY"]["last_price"] == 1500.5
        with pytest.raises(TokenException) as refused:
            kite.profile()
        assert kite.root == ROOT
    assert desk.threads == {"patang-kite"}
    assert desk.closed == 1
    assert "hushhush" not in f"{kite!r} {refused.value!r} {kite.raw!r}"


def test_errors_come_out_as_they_are():
    order = {
        "variety": "regular",
        "exchange": "NSE",
        "tradingsymbol": "INFY",
        "transaction_type": "BUY",
        "quantity": 1,
        "product": "CNC",
        "order_type": "LIMIT",
        "price": 1500,
    }
    with a_kite(Desk()) as kite:
        with pytest.raises(OrderOutcomeUnknown) as unknown:
            kite.place_order(**order, tag="mine")
        assert unknown.value.tag == "mine"
        with pytest.raises(InvalidValue, match="quantity"):
            kite.place_order(**order | {"quantity": 0})
        with pytest.raises(TypeError, match="colour"):
            kite.orders(colour="blue")
        with pytest.raises(AttributeError, match="has no 'nothing'"):
            kite.raw.nothing()


async def test_it_works_while_a_loop_runs_in_the_same_thread():
    with a_kite(Desk()) as kite:
        assert kite.ltp("NSE:INFY")


def test_threads_may_share_one_client():
    desk = Desk()
    with a_kite(desk) as kite, ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: kite.ltp("NSE:INFY"), range(64)))
    assert len(answers) == 64
    assert len(desk.threads) == 1


def test_closing_ends_the_thread_and_a_later_call_opens_again():
    before = len(loop_threads())
    desk = Desk()
    kite = a_kite(desk)
    for _ in range(3):
        kite.ltp("NSE:INFY")
        assert len(loop_threads()) == before + 1
        kite.close()
        kite.close()
        assert len(loop_threads()) == before
    assert desk.closed == 3


def test_a_forgotten_client_closes_itself():
    before = len(loop_threads())
    desk = Desk()
    kite = a_kite(desk)
    kite.ltp("NSE:INFY")
    del kite
    gc.collect()
    assert desk.closed == 1
    assert len(loop_threads()) == before


def test_a_client_that_never_called_costs_no_thread():
    before = len(loop_threads())
    with a_kite(Desk()):
        assert len(loop_threads()) == before


def test_keeping_warm_goes_on_in_the_background_until_the_client_is_closed():
    desk = Desk()
    with a_kite(desk) as kite:
        kite.keep_warm(0.001)
        while len(desk.threads) == 0:
            threading.Event().wait(0.001)
        assert kite.ltp("NSE:INFY")
    assert loop_threads() == []


def test_closing_from_elsewhere_ends_a_call_that_waits():
    desk = Desk()
    desk.hold.clear()
    kite = a_kite(desk)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(kite.ltp, "NSE:INFY")
        while not desk.threads:
            threading.Event().wait(0.001)
        kite.close()
        with pytest.raises(ReplyLost, match="closed during ltp"):
            waiting.result(5)


def test_blocking_inside_its_own_loop_is_refused():
    loop = LoopThread()

    async def nested() -> None:
        async def inner() -> None:
            raise AssertionError("it ran")

        loop.run(inner(), "inner")

    with pytest.raises(InvariantBroken, match="inner blocks"):
        loop.run(nested(), "outer")
    loop.close()


CTRL_C = """
import sys
from patang.kite.sync import Kite
kite = Kite("key", "token", sys.argv[1])
print("calling", flush=True)
try:
    kite.place_order("regular", "NSE", "INFY", "BUY", 1, "CNC", "LIMIT", price=1500, tag="t")
except KeyboardInterrupt as interruption:
    print(*interruption.__notes__)
"""


async def test_ctrl_c_leaves_a_waiting_call_at_once_and_says_what_may_have_happened(
    scripted, replies
):
    scripted.script = [replies.stay_silent]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", CTRL_C, scripted.root,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    while not scripted.seen:  # noqa: ASYNC110 - the server tells nobody
        await asyncio.sleep(0.005)
    process.send_signal(signal.SIGINT)
    output, errors = await asyncio.wait_for(process.communicate(), 20)
    assert process.returncode == 0, errors
    assert b"place_order was interrupted" in output
    assert errors == b""
    assert len(scripted.seen) == 1


@pytest.mark.parametrize(
    ("twin", "kind", "own"),
    [
        (Kite, AsyncKite, {"close", "from_config", "keep_warm", "raw"}),
        (KiteAnalytics, AsyncKiteAnalytics, set()),
        (KiteInstruments, AsyncKiteInstruments, set()),
    ],
)
def test_the_twin_has_every_member_and_none_of_its_own(twin, kind, own):
    assert set(public_names(kind)) == {name for name in dir(twin) if not name.startswith("_")}
    for name in set(public_names(kind)) - own:
        ours, theirs = getattr(twin, name), getattr(kind, name)
        assert not inspect.iscoroutinefunction(ours), name
        if inspect.isfunction(theirs):
            assert inspect.signature(ours) == inspect.signature(theirs), name
            assert ours.__doc__ == theirs.__doc__, name


def test_what_has_no_blocking_form_is_noticed_when_the_twin_is_made():
    class Streams:
        async def ticks(self):
            yield 1

    with pytest.raises(InvariantBroken, match="ticks"):
        mirror(Streams)


def test_the_stub_tells_type_checkers_of_every_method():
    assert STUB.read_text() == write_stub(), "run: python tools/write_sync_stub.py"
    classes = {
        node.name: node for node in ast.parse(STUB.read_text()).body if hasattr(node, "name")
    }
    listed = {getattr(node, "name", None) for node in classes["Kite"].body}
    assert set(public_names(AsyncKite)) <= listed | {
        ast.unparse(node.target) for node in classes["Kite"].body if isinstance(node, ast.AnnAssign)
    }
    assert not any(isinstance(node, ast.AsyncFunctionDef) for node in ast.walk(classes["Kite"]))


def test_a_client_can_be_made_from_a_configuration():
    config = KiteConfig(api_key="key", access_token=Secret("token"), base_url=ROOT)
    with Kite.from_config(config, transport=Desk()) as kite:
        assert kite.root == ROOT
        assert kite.ltp("NSE:INFY")


def test_what_stands_on_a_client_shares_its_thread(tmp_path):
    async def answer(request) -> Response:
        body = HEAD + "408065,1594,INFY,INFOSYS,0,,0,0.05,1,EQ,NSE,NSE\n"
        if "orders" in request.path:
            body = '{"status":"success","data":[]}'
        kind = "application/json" if "orders" in request.path else "text/csv"
        return Response(status=200, headers={"content-type": kind}, body=body.encode())

    before = len(loop_threads())
    with Kite("key", "token", ROOT, transport=MemoryTransport(answer)) as kite:
        assert KiteInstruments(kite, tmp_path).token("NSE:INFY") == 408065
        assert KiteAnalytics(kite).cancel_all_orders().is_clean
        assert len(KiteAnalytics(kite).market_status_all()) == 8
        assert len(loop_threads()) == before + 1
