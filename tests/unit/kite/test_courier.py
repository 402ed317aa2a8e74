"""Around every request: the breaker, the turn, the record."""

import asyncio
from decimal import Decimal
from email.utils import formatdate

import pytest

from patang.domain.enums import Exchange, OrderType, Product, Side
from patang.domain.errors import InvalidValue
from patang.kite import (
    BreakerSettings,
    CallRecord,
    CircuitBreaker,
    CircuitOpen,
    ConnectFailed,
    DataException,
    InputException,
    Kite,
    KiteError,
    Lane,
    LimitReached,
    Limits,
    MemoryTransport,
    NetworkSettings,
    OrderOutcomeUnknown,
    ReplyLost,
    Response,
    Secret,
)
from patang.kite.breaker import CircuitState
from patang.kite.client_config import KiteConfig
from patang.kite.governor import Governor
from patang.kite.retry import NO_RETRIES, QUICK
from patang.wire.endpoints import RateClass
from patang.wire.forms import PlaceForm
from tests.lossy_exchange import HTML, LossyExchange, refusal, success


@pytest.fixture
def exchange() -> LossyExchange:
    return LossyExchange()


@pytest.fixture
def a_kite(exchange, clock):
    def make(**more) -> Kite:
        return Kite(
            "key", "token", "http://127.0.0.1:1", transport=MemoryTransport(exchange.answer),
            clock=clock, **({"retry": NO_RETRIES} | more),
        )  # fmt: skip

    return make


def place(kite: Kite, **more):
    return kite.place_order(
        "regular", "NSE", "INFY", "BUY", 10, "MIS", "LIMIT", 1500, tag="tag1", **more
    )


async def fails(call, error: type[KiteError]) -> KiteError:
    with pytest.raises(error) as failure:
        await call
    return failure.value


# The record


async def test_each_attempt_is_counted_and_shown_to_the_observer(exchange, clock, a_kite):
    seen: list[CallRecord] = []
    kite = a_kite(retry=QUICK, observer=seen.append)
    exchange.faults["GET"] = [HTML, ReplyLost("reset")]
    task = asyncio.ensure_future(kite.orders())
    await clock.run_for(2)
    task.result()
    await place(kite)
    assert [(r.endpoint, r.attempt, r.status, r.error) for r in seen] == [
        ("orders", 1, 502, "DataException"),
        ("orders", 2, None, "ReplyLost"),
        ("orders", 3, 200, None),
        ("place_order", 1, 200, None),
    ]
    assert all(r.elapsed_s >= 0 and r.waited_s >= 0 for r in seen)
    assert seen[2].received_bytes == len(b'{"status":"success","data":[]}')
    assert kite.counters.requests == 4
    assert kite.counters.retries == 2
    assert kite.counters.by_endpoint == {"orders": 3, "place_order": 1}


async def test_the_raw_twin_shares_the_counters_and_the_gate(exchange, a_kite):
    kite = a_kite()
    await kite.raw.orders()
    assert kite.counters.requests == 1
    assert kite.governor.state().classes[RateClass.GENERAL].held == (1,)


async def test_an_observer_that_fails_loses_no_order(exchange, a_kite, caplog):
    def broken(record: CallRecord) -> None:
        raise RuntimeError("disk full")

    assert await place(a_kite(observer=broken)) == "1"
    assert "observer" in caplog.text


async def test_a_request_that_never_left_is_not_counted_as_sent(exchange, a_kite):
    kite = a_kite()
    exchange.faults["GET"] = [ConnectFailed("no route")]
    await fails(kite.orders(), ConnectFailed)
    assert (kite.counters.requests, kite.counters.unsent, kite.counters.failures) == (0, 1, 1)


# The gate


async def test_orders_are_refused_here_before_kite_would(exchange, a_kite):
    kite = a_kite(limits=Limits(orders_per_day=1, reserve_per_day=0))
    await place(kite)
    refusal = await fails(place(kite), LimitReached)
    assert refusal.limit == "orders_per_day"
    await kite.cancel_order("regular", "1")
    assert exchange.requests == ["POST /orders/regular", "DELETE /orders/regular/1"]


async def test_an_icebergs_legs_count_for_the_day(exchange, a_kite):
    kite = a_kite()
    await kite.place_order(
        "iceberg", "NSE", "INFY", "BUY", 100, "MIS", "LIMIT", 1500, tag="tag1",
        iceberg_legs=5, iceberg_quantity=20,
    )  # fmt: skip
    assert kite.governor.state().orders_today == 5


async def test_the_order_book_tells_of_orders_placed_by_hand(exchange, a_kite):
    kite = a_kite()
    await place(kite)
    row = exchange.orders["1"]
    exchange.orders |= {f"h{n}": row | {"order_id": f"h{n}", "tag": None} for n in range(3)}
    await kite.orders()
    assert kite.governor.state().orders_today == 4


async def test_changes_of_one_order_are_counted(exchange, a_kite):
    kite = a_kite(limits=Limits(modifications_per_order=1))
    exchange.faults["PUT"] = [success({"order_id": "1"})]
    await kite.modify_order("regular", "1", quantity=2)
    await fails(kite.modify_order("regular", "1", quantity=3), LimitReached)
    assert exchange.count("PUT /orders/regular/1") == 1


async def test_a_cancel_passes_waiting_entries_at_the_clients_own_gate(exchange, clock, a_kite):
    kite = a_kite(limits=Limits(orders_per_second=1))
    await place(kite)
    calls = [asyncio.ensure_future(place(kite)) for _ in range(2)]
    await clock.run_for(0.5)
    calls.append(asyncio.ensure_future(kite.cancel_order("regular", "1")))
    await clock.run_for(5)
    await asyncio.gather(*calls)
    assert [request.split()[0] for request in exchange.requests] == [
        "POST", "DELETE", "POST", "POST",
    ]  # fmt: skip


async def test_clients_may_share_one_governor(exchange, clock, a_kite):
    governor = Governor(clock, limits=Limits(others_per_second=1))
    first, second = a_kite(governor=governor), a_kite(governor=governor)
    start = clock.now_ns()
    calls = asyncio.gather(first.orders(), second.orders(), first.trades())
    await clock.run_for(1.5)
    assert len(exchange.requests) == 2
    await clock.run_for(1)
    await calls
    assert clock.now_ns() - start == 2_500_000_000
    first.keep_time(clock)
    assert first.governor is governor


async def test_a_date_header_tells_how_far_the_servers_clock_is(exchange, clock):
    ahead_s = 3

    async def answer(request) -> Response:
        stamp = formatdate(clock.now_ns() / 1e9 + ahead_s, usegmt=True)
        return Response(status=200, headers={"date": stamp}, body=success([]).body)

    kite = Kite("k", "t", "http://127.0.0.1:1", transport=MemoryTransport(answer), clock=clock)
    await kite.orders()
    now_ns = clock.now_ns()
    ours = kite.governor.server_clock
    assert ours.is_known
    assert ours.earliest_ns(now_ns) <= now_ns + 3_000_000_000 <= ours.latest_ns(now_ns)
    assert ours.latest_ns(now_ns) - ours.earliest_ns(now_ns) <= 1_000_000_000


async def test_a_connection_is_kept_warm_while_nothing_is_asked(exchange, clock, a_kite):
    kite = a_kite()
    exchange.faults["GET"] = [HTML]
    warming = asyncio.ensure_future(kite.keep_warm(every_s=20))
    await clock.run_for(30)
    assert exchange.requests == ["GET /user/profile"]
    await kite.orders()
    await clock.run_for(25)
    assert exchange.requests == ["GET /user/profile", "GET /orders"]
    await clock.run_for(10)
    assert exchange.requests[2:] == ["GET /user/profile"]
    warming.cancel()
    await asyncio.gather(warming, return_exceptions=True)


# The breaker


@pytest.fixture
def breaker(clock) -> CircuitBreaker:
    return CircuitBreaker(clock, BreakerSettings(failures=3, pause_s=10))


async def test_failures_in_a_row_open_it_and_entries_and_reads_stay_here(exchange, a_kite, breaker):
    kite = a_kite(breaker=breaker)
    exchange.faults["GET"] = [HTML, ReplyLost("reset"), ConnectFailed("no route")]
    for _ in range(3):
        await fails(kite.orders(), KiteError)
    assert breaker.state is CircuitState.OPEN
    before = (kite.counters.requests, kite.counters.unsent)
    await fails(kite.trades(), CircuitOpen)
    assert (kite.counters.requests, kite.counters.unsent) == (before[0], before[1] + 1)
    refused = await fails(place(kite), CircuitOpen)
    assert not isinstance(refused, OrderOutcomeUnknown)
    assert exchange.requests == ["GET /orders"] * 3


async def test_cancels_and_exits_always_pass(exchange, clock, a_kite, breaker):
    kite = a_kite(breaker=breaker)
    await place(kite)
    exchange.faults = {"GET": [HTML] * 3, "DELETE": [HTML] * 4}
    for _ in range(3):
        await fails(kite.orders(), DataException)
    for _ in range(4):
        await fails(kite.cancel_order("regular", "1"), OrderOutcomeUnknown)
    assert exchange.count("DELETE /orders/regular/1") == 4
    assert breaker.state is CircuitState.OPEN
    exit_form = PlaceForm(
        exchange=Exchange.NSE, tradingsymbol="INFY", transaction_type=Side.SELL, quantity=10,
        product=Product.MIS, order_type=OrderType.LIMIT, price=Decimal(1500), tag="exit1",
    )  # fmt: skip
    for lane in (Lane.ENTRY, Lane.MODIFY):
        await fails(kite.place(exit_form, lane), CircuitOpen)
    assert await kite.place(exit_form, Lane.EXIT) == "2"
    assert breaker.state is CircuitState.CLOSED


async def test_one_read_probes_after_the_pause_and_closes_it(exchange, clock, a_kite, breaker):
    kite = a_kite(breaker=breaker)
    exchange.faults["GET"] = [HTML] * 4
    for _ in range(3):
        await fails(kite.orders(), DataException)
    await clock.run_for(9.9)
    await fails(kite.orders(), CircuitOpen)
    await clock.run_for(0.2)
    await fails(place(kite), CircuitOpen)
    await fails(kite.orders(), DataException)
    await fails(kite.orders(), CircuitOpen)
    await clock.run_for(10)
    await kite.orders()
    assert breaker.state is CircuitState.CLOSED
    assert await place(kite) == "1"


async def test_only_one_probe_is_out_at_a_time(exchange, clock, a_kite, breaker):
    kite = a_kite(breaker=breaker)
    exchange.faults["GET"] = [HTML] * 3
    for _ in range(3):
        await fails(kite.orders(), DataException)
    await clock.run_for(10)
    exchange.before_a_read = lambda: clock.sleep(1)
    probe = asyncio.ensure_future(kite.orders())
    await clock.run_for(0.1)
    assert breaker.state is CircuitState.PROBING
    await fails(kite.trades(), CircuitOpen)
    exchange.faults["DELETE"] = [HTML]
    await fails(kite.cancel_order("regular", "1"), OrderOutcomeUnknown)
    assert breaker.state is CircuitState.PROBING
    probe.cancel()
    await asyncio.gather(probe, return_exceptions=True)
    assert breaker.state is CircuitState.OPEN
    second = asyncio.ensure_future(kite.orders())
    await clock.run_for(1)
    second.result()
    assert breaker.state is CircuitState.CLOSED


async def test_refusals_show_health_and_limits_of_our_own_show_nothing(exchange, a_kite, breaker):
    kite = a_kite(breaker=breaker, limits=Limits(orders_per_day=1, reserve_per_day=0))
    exchange.faults["GET"] = [HTML, HTML, refusal(400, "InputException", "no"), HTML, HTML]
    for error in (DataException, DataException, InputException, DataException, DataException):
        await fails(kite.orders(), error)
    assert breaker.state is CircuitState.CLOSED
    await place(kite)
    for _ in range(5):
        await fails(place(kite), LimitReached)
    assert breaker.state is CircuitState.CLOSED


@pytest.mark.parametrize("more", [{"failures": 0}, {"pause_s": 0.0}])
def test_settings_that_make_no_breaker_are_refused(more):
    with pytest.raises(InvalidValue, match=next(iter(more))):
        BreakerSettings(**more)


# Configuration


async def test_a_configuration_brings_its_policies(exchange, clock):
    config = KiteConfig(
        api_key="key", access_token=Secret("token"), base_url="http://127.0.0.1:1", retry=QUICK,
        limits=Limits(orders_per_second=2), breaker=BreakerSettings(failures=1),
        network=NetworkSettings(max_connections=10, proxy=Secret("http://user:pass@proxy:3128")),
    )  # fmt: skip
    assert "pass" not in repr(config)
    kite = Kite.from_config(config, transport=MemoryTransport(exchange.answer), clock=clock)
    exchange.faults["GET"] = [HTML]
    task = asyncio.ensure_future(kite.orders())
    await clock.run_for(1)
    assert isinstance(task.exception(), CircuitOpen)
    assert kite.governor.limits.orders_per_second == 2


@pytest.mark.parametrize(
    ("field", "more"),
    [("max_connections", {"max_connections": 0}), ("keep_alive_s", {"keep_alive_s": -1.0}),
     ("proxy", {"proxy": Secret("not an address")}), ("proxy", {"proxy": Secret("ftp://x:1")})],
)  # fmt: skip
def test_network_settings_are_checked_and_name_no_secret(field, more):
    with pytest.raises(InvalidValue, match=f"network.{field}") as failure:
        NetworkSettings(**more)
    assert "ftp" not in str(failure.value)


def test_only_a_client_that_speaks_to_the_broker_shares_its_limits():
    assert Kite("key").governor.is_shared
    assert not Kite("key", root="http://127.0.0.1:1").governor.is_shared
    transport = MemoryTransport(LossyExchange().answer)
    assert not Kite("key", transport=transport).governor.is_shared
