"""Many orders in one call against a running sandbox: one result for each, and what is left."""

import pytest

from patang.domain.errors import InvalidValue
from patang.kite import ConnectFailed, Kite, TokenException, sync
from patang.kite.account import KiteAnalytics
from patang.kite.aiohttp_transport import AiohttpTransport
from patang.kite.bulk import Outcome, cancel_all_orders, place_orders_bulk
from patang.kite.errors import ReplyLost

USERS = [{"user_id": f"BK{number:04}"} for number in range(24)]


class InstantClock:
    """Waits are over at once, so that looks at the order book follow each other."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    def now_ns(self) -> int:
        return 0

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


class Faulty:
    """A real transport that spoils some requests: how, says a function of method and path."""

    def __init__(self, spoil) -> None:
        self._transport = AiohttpTransport()
        self._spoil = spoil

    async def send(self, request):
        fault = self._spoil(request)
        if fault is ConnectFailed:
            raise ConnectFailed("no route")
        response = await self._transport.send(request)
        if fault is ReplyLost:
            raise ReplyLost("the line broke")
        return response

    async def close(self) -> None:
        await self._transport.close()


@pytest.fixture(scope="module")
def sandbox(start_sandbox):
    return start_sandbox(speed=0, rate_limits=False, users=USERS)


@pytest.fixture(scope="module")
def free_users():
    return iter(user["user_id"] for user in USERS)


@pytest.fixture
async def kite(sandbox, free_users):
    token = sandbox.access_token(next(free_users))
    async with Kite(sandbox.api_key, token, sandbox.root) as client:
        yield client


async def resting(kite: Kite, **changes) -> dict:
    """The keywords of a purchase that rests below the market."""
    last = (await kite.ltp("NSE:INFY"))["NSE:INFY"].last_price
    price = round(last * 97 / 100, 0)
    return {
        "variety": "regular",
        "exchange": "NSE",
        "tradingsymbol": "INFY",
        "transaction_type": "BUY",
        "quantity": 1,
        "product": "CNC",
        "order_type": "LIMIT",
        "price": price,
    } | changes


async def test_each_order_has_its_own_result(kite):
    good = await resting(kite)
    heard = []
    results = await place_orders_bulk(
        kite,
        [good, good | {"tradingsymbol": "NO SUCH SHARE"}, good | {"colour": "blue"},
         good | {"quantity": 0}, good | {"tag": "last"}],
        on_result=heard.append,
    )  # fmt: skip
    assert [result.outcome for result in results] == [
        Outcome.ACCEPTED,
        Outcome.REFUSED,
        Outcome.REFUSED,
        Outcome.REFUSED,
        Outcome.ACCEPTED,
    ]
    assert heard == results
    assert isinstance(results[2].error, InvalidValue)
    assert "orders[2]" in str(results[2].error)
    book = {row.order_id: row for row in await kite.orders()}
    assert book[results[0].order_id].status == "OPEN"
    assert book[results[4].order_id].tag == "last"


async def test_a_dead_session_stops_the_rest_unsent(sandbox):
    async with Kite(sandbox.api_key, "dead", sandbox.root) as kite:
        order = {
            "variety": "regular", "exchange": "NSE", "tradingsymbol": "INFY", "quantity": 1,
            "transaction_type": "BUY", "product": "CNC", "order_type": "LIMIT", "price": 1000,
        }  # fmt: skip
        results = await place_orders_bulk(kite, [order] * 3)
    assert [result.outcome for result in results] == [
        Outcome.REFUSED,
        Outcome.NOT_SENT,
        Outcome.NOT_SENT,
    ]
    assert all(isinstance(result.error, TokenException) for result in results)


async def test_a_lost_reply_is_unknown_and_the_others_go_on(sandbox, free_users):
    token = sandbox.access_token(next(free_users))
    transport = Faulty(lambda request: ReplyLost if b"tag=lost" in request.body else None)
    async with Kite(sandbox.api_key, token, sandbox.root, transport=transport) as kite:
        order = await resting(kite)
        lost, kept = await place_orders_bulk(kite, [order | {"tag": "lost"}, order])
        book = await kite.orders()
    assert (lost.outcome, kept.outcome) == (Outcome.UNKNOWN, Outcome.ACCEPTED)
    assert sorted(row.tag or "" for row in book) == ["", "lost"]


async def test_cancel_all_takes_stops_too_and_leaves_nothing(kite):
    limit = await resting(kite)
    trigger = round(limit["price"] * 103 / 97 * 102 / 100, 0)
    stop = limit | {"order_type": "SL", "trigger_price": trigger, "price": trigger + 1}
    other = limit | {"tradingsymbol": "SBIN"}
    last = (await kite.ltp("NSE:SBIN"))["NSE:SBIN"].last_price
    other["price"] = round(last * 97 / 100, 0)
    placed = await place_orders_bulk(kite, [limit, stop, limit, other])
    assert [result.outcome for result in placed] == [Outcome.ACCEPTED] * 4
    assert "TRIGGER PENDING" in {row.status for row in await kite.orders()}
    clock = InstantClock()
    report = await KiteAnalytics(kite, clock=clock).cancel_all_orders("NSE:INFY")
    assert report.is_clean
    assert len(report.results) == 3
    assert {result.outcome for result in report.results} == {Outcome.ACCEPTED}
    assert clock.slept == [0.3]
    assert [row.tradingsymbol for row in await kite.orders() if row.status == "OPEN"] == ["SBIN"]
    assert (await cancel_all_orders(kite, clock=clock)).is_clean
    nothing = await cancel_all_orders(kite, clock=clock)
    assert (nothing.results, nothing.leftovers) == ((), ())


async def test_what_cannot_be_cancelled_is_reported_as_left(sandbox, free_users):
    token = sandbox.access_token(next(free_users))
    stuck: list[str] = []

    def spoil(request):
        return ConnectFailed if request.method == "DELETE" and request.path[-19:] in stuck else None

    async with Kite(sandbox.api_key, token, sandbox.root, transport=Faulty(spoil)) as kite:
        order = await resting(kite)
        placed = await place_orders_bulk(kite, [order] * 3)
        stuck.append(placed[1].order_id)
        clock = InstantClock()
        report = await cancel_all_orders(kite, clock=clock)
    assert [result.outcome for result in report.results].count(Outcome.REFUSED) == 1
    assert [row.order_id for row in report.leftovers] == stuck
    assert not report.is_clean
    assert clock.slept == [0.3, 1.0, 3.0]


@pytest.mark.parametrize("symbol", ["infy", "INFYY", "nse:infy", "BSE:INFY", " INFY", "NSE:", ""])
async def test_cancel_all_of_a_misspelt_symbol_is_refused_and_not_called_clean(kite, symbol):
    order = await resting(kite)
    await place_orders_bulk(kite, [order])
    with pytest.raises(InvalidValue, match="NSE:INFY"):
        await cancel_all_orders(kite, symbol, clock=InstantClock())
    assert [row.status for row in await kite.orders()] == ["OPEN"]


async def test_a_blocking_client_is_refused_before_anything_is_sent(kite):
    order = await resting(kite)
    blocking = sync.Kite("key", "token", kite.root)
    try:
        with pytest.raises(InvalidValue, match="cannot be awaited"):
            await place_orders_bulk(blocking, [order])  # type: ignore[arg-type]
        with pytest.raises(InvalidValue, match="cannot be awaited"):
            await cancel_all_orders(blocking)  # type: ignore[arg-type]
    finally:
        blocking.close()
    assert await kite.orders() == []
