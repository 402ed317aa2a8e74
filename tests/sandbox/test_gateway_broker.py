"""The WebSocket broker when its connection fails: what is refused, what waits, what is found."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from decimal import Decimal

import pytest

from patang.brokers import protocol as p
from patang.brokers.conformance import Trading
from patang.brokers.gateway_link import GatewayAddress, GatewayRefused, LinkState, LinkTimings
from patang.brokers.websocket import (
    DISCONNECTED,
    EXPIRED,
    NOT_RECEIVED,
    GatewayError,
    WaitPolicy,
    WebSocketBroker,
)
from patang.domain.enums import Mode
from patang.domain.errors import InvalidValue
from patang.domain.instrument import InstrumentId
from patang.domain.messages import (
    CancelOrder,
    CancelRefused,
    FillReceived,
    OrderAccepted,
    OrderRefused,
    OrderUnresolved,
)
from patang.domain.order import Order, OrderStatus
from patang.domain.secret import Secret
from patang.gateway.server import GatewaySettings
from patang.sandbox.seeds import SandboxUser
from patang.sandbox.testing import SandboxServer, sandbox_fixture
from tests.gateway_house import (
    SECRET,
    SPEED,
    TIMINGS,
    a_client,
    clock_of,
    eventually,
    gateway_before,
)

USERS = tuple(SandboxUser(user_id=f"GB{number:04}") for number in range(40))
exchange = sandbox_fixture(scope="module", speed=SPEED, users=USERS)
DESK = (a_client(),)
INFY = InstrumentId("NSE:INFY")


@pytest.fixture(scope="module")
def free_users() -> Iterator[str]:
    return iter([user.user_id for user in USERS])


@pytest.fixture
def user(free_users) -> str:
    return next(free_users)


class Wire:
    """A proxy between client and gateway that can be cut, and that can lose what is sent."""

    def __init__(self) -> None:
        self.target: int | None = None
        self.port = 0
        self.loses_from_client = False
        self.loses_from_gateway = False
        self.is_up = True
        self._writers: set[asyncio.StreamWriter] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self.is_up or self.target is None:
            writer.close()
            return
        try:
            theirs, ours = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            writer.close()
            return
        self._writers |= {writer, ours}
        await asyncio.gather(
            self._pump(reader, ours, "client"), self._pump(theirs, writer, "gateway")
        )
        self._writers -= {writer, ours}

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, end: str
    ) -> None:
        try:
            while chunk := await reader.read(65_536):
                if not getattr(self, f"loses_from_{end}"):
                    writer.write(chunk)
        except OSError:
            pass
        finally:
            writer.close()

    def cut(self, *, stays_down: bool = False) -> None:
        self.is_up = not stays_down
        self.loses_from_client = self.loses_from_gateway = False
        for writer in list(self._writers):
            writer.transport.abort()

    def mend(self) -> None:
        self.is_up = True


@asynccontextmanager
async def wired(sandbox, folder, user, *, wait=None, clients=DESK, **more):
    """A broker, a gateway, and a wire between them."""
    wire = Wire()
    server = await asyncio.start_server(wire.serve, "127.0.0.1", 0)
    wire.port = server.sockets[0].getsockname()[1]
    settings = GatewaySettings(heartbeat_s=0.2)
    try:
        async with gateway_before(
            sandbox, folder, user_id=user, clients=clients, settings=settings
        ) as (gateway, desk):
            wire.target = int(gateway.url.rpartition(":")[2].partition("/")[0])
            async with a_broker(sandbox, wire, wait=wait, **more) as trading:
                yield trading, wire, desk
    finally:
        server.close()
        wire.cut(stays_down=True)


@asynccontextmanager
async def a_broker(sandbox, wire, *, wait=None, run="gb", **more) -> AsyncIterator[Trading]:
    address = GatewayAddress(url=f"ws://127.0.0.1:{wire.port}/v1", client_id="desk", secret=SECRET)
    async with (
        WebSocketBroker(
            address,
            mode=Mode.SANDBOX,
            clock=clock_of(sandbox),
            wait=wait,
            timings=more.pop("timings", TIMINGS),
            **more,
        ) as broker,
        Trading(
            broker, instrument=INFY, buy_at=Decimal(1600), rest_at=Decimal(1400), run=run
        ) as trading,
    ):
        await asyncio.wait_for(broker.connected(), 10)
        yield trading


async def down(trading: Trading) -> None:
    await eventually(lambda: trading.broker.state is not LinkState.UP)


async def up(trading: Trading) -> None:
    await eventually(lambda: trading.broker.state is LinkState.UP)


def orders_of(sandbox: SandboxServer, user_id: str) -> list[dict]:
    return sandbox.truth()["users"][user_id]["orders"]


async def test_an_entry_fails_at_once_while_disconnected(exchange, tmp_path, user):
    async with wired(exchange, tmp_path, user) as (trading, wire, _):
        wire.cut(stays_down=True)
        await down(trading)
        intent = await trading.submit(trading.intent(is_resting=True))
        await trading.until(lambda: bool(trading.of(OrderRefused)))
        (refused,) = trading.of(OrderRefused)
        assert (refused.intent_id, refused.code) == (intent.intent_id, DISCONNECTED)
        wire.mend()
        await up(trading)
        await trading.broker.snapshot()
    assert orders_of(exchange, user) == []


async def test_cancels_and_exits_wait_and_go_when_the_connection_is_back(exchange, tmp_path, user):
    async with wired(exchange, tmp_path, user) as (trading, wire, _):
        intent = await trading.submit(trading.intent(is_resting=True))
        order_id = await trading.accepted(intent)
        wire.cut(stays_down=True)
        await down(trading)
        await trading.broker.submit(
            CancelOrder(intent_id=intent.intent_id, order_id=order_id, reason="test")
        )
        leaving = await trading.submit(trading.intent(is_resting=True, reduces=True))
        assert trading.broker.waiting == (intent.intent_id, leaving.intent_id)
        wire.mend()
        await trading.reached(order_id, OrderStatus.CANCELLED)
        await trading.accepted(leaving)
        assert trading.broker.waiting == ()
        assert trading.of(CancelRefused) == []
    assert len(orders_of(exchange, user)) == 2


async def test_an_entry_that_may_wait_is_checked_again_before_it_goes(exchange, tmp_path, user):
    asked = []

    def recheck(intent):
        asked.append(intent.intent_id)
        return "the price has moved" if len(asked) == 1 else None

    wait = WaitPolicy(entries_s=200, recheck=recheck)
    async with wired(exchange, tmp_path, user, wait=wait) as (trading, wire, _):
        wire.cut(stays_down=True)
        await down(trading)
        first = await trading.submit(trading.intent(is_resting=True))
        second = await trading.submit(trading.intent(is_resting=True))
        assert asked == []
        wire.mend()
        await trading.accepted(second)
        assert asked == [first.intent_id, second.intent_id]
        (refused,) = trading.of(OrderRefused)
        assert (refused.intent_id, refused.code) == (first.intent_id, EXPIRED)
        assert "price has moved" in refused.message
    assert len(orders_of(exchange, user)) == 1


async def test_what_waits_too_long_is_refused_and_never_sent(exchange, tmp_path, user):
    wait = WaitPolicy(exits_s=4.0, cancels_s=4.0)
    async with wired(exchange, tmp_path, user, wait=wait) as (trading, wire, _):
        wire.cut(stays_down=True)
        await down(trading)
        await trading.submit(trading.intent(is_resting=True, reduces=True))
        await trading.broker.submit(CancelOrder(intent_id="i", order_id="1", reason=""))
        await trading.until(lambda: bool(trading.of(OrderRefused) and trading.of(CancelRefused)))
        assert trading.of(OrderRefused)[0].code == EXPIRED
        wire.mend()
        await up(trading)
        await trading.broker.snapshot()
    assert orders_of(exchange, user) == []


def test_an_entry_that_waits_needs_a_second_look():
    with pytest.raises(InvalidValue, match="checked again"):
        WaitPolicy(entries_s=5)


async def test_an_answer_that_is_lost_is_unresolved_then_accepted_once(exchange, tmp_path, user):
    async with wired(exchange, tmp_path, user) as (trading, wire, desk):
        wire.loses_from_gateway = True
        intent = await trading.submit(trading.intent(is_resting=True))
        await eventually(lambda: any(x.answer for x in desk._ledger))
        wire.cut()
        order_id = await trading.accepted(intent)
        (unresolved,) = trading.of(OrderUnresolved)
        assert unresolved.intent_id == intent.intent_id
        assert trading.told.index(unresolved) < trading.told.index(trading.of(OrderAccepted)[0])
        assert len(trading.of(OrderAccepted)) == 1
    (order,) = orders_of(exchange, user)
    assert order["order_id"] == order_id


async def test_a_request_that_is_lost_is_voided_and_known_not_to_be_placed(
    exchange, tmp_path, user
):
    async with wired(exchange, tmp_path, user) as (trading, wire, _):
        wire.loses_from_client = True
        intent = await trading.submit(trading.intent(is_resting=True))
        await asyncio.sleep(0.02)
        wire.cut()
        await trading.until(lambda: bool(trading.of(OrderRefused)))
        (refused,) = trading.of(OrderRefused)
        assert (refused.intent_id, refused.code) == (intent.intent_id, NOT_RECEIVED)
        assert len(trading.of(OrderUnresolved)) == 1
        # Should the lost frame arrive after all, it is not done.
        late = p.PlaceOrder(
            request_id=intent.tag,
            exchange="NSE",
            symbol="INFY",
            side=intent.side,
            quantity=intent.quantity,
            product=intent.product,
            price=intent.price,
            tag=intent.tag,
        )
        with pytest.raises(GatewayError, match="VOIDED"):
            await trading.broker._ask(
                p.PlaceOrder,
                **{
                    name: getattr(late, name)
                    for name in ("request_id", "exchange", "symbol", "side", "quantity")
                },
                product=late.product,
            )
    assert orders_of(exchange, user) == []


async def test_an_exit_that_is_lost_on_the_wire_is_sent_again_under_its_key(
    exchange, tmp_path, user
):
    wait = WaitPolicy(exits_s=600)
    async with wired(exchange, tmp_path, user, wait=wait) as (trading, wire, _):
        wire.loses_from_client = True
        intent = await trading.submit(trading.intent(is_resting=True, reduces=True))
        await asyncio.sleep(0.02)
        wire.cut()
        await trading.accepted(intent)
    assert len(orders_of(exchange, user)) == 1


async def test_fills_that_were_missed_are_told_once_when_it_is_back(exchange, tmp_path, user):
    async with wired(exchange, tmp_path, user) as (trading, wire, desk):
        intent = trading.intent()
        wire.loses_from_gateway = True
        await trading.submit(intent)
        await eventually(
            lambda: any(x.status is OrderStatus.FILLED for x in desk._books.orders.values())
        )
        assert trading.of(FillReceived) == []
        wire.cut()
        order_id = await trading.accepted(intent)
        await trading.reached(order_id, OrderStatus.FILLED)
        trades = [x.fill.trade_id for x in trading.of(FillReceived)]
        assert len(trades) == len(set(trades))
        assert trading.filled(order_id) == intent.quantity


async def test_another_gateway_process_is_caught_up_with_from_its_books(exchange, tmp_path, user):
    wire = Wire()
    server = await asyncio.start_server(wire.serve, "127.0.0.1", 0)
    wire.port = server.sockets[0].getsockname()[1]
    settings = GatewaySettings(heartbeat_s=0.2)

    def house():
        return gateway_before(exchange, tmp_path, user_id=user, settings=settings)

    async with asyncio.timeout(30):
        async with house() as (gateway, _):
            wire.target = int(gateway.url.rpartition(":")[2].partition("/")[0])
            broker_house = a_broker(exchange, wire)
            trading = await broker_house.__aenter__()
            first = await trading.accepted(await trading.submit(trading.intent(is_resting=True)))
        await down(trading)
        # By hand meanwhile, while nothing of ours runs.
        async with exchange.kite(user) as kite:
            await kite.cancel_order("regular", first)
            await kite.place_order(
                "regular", "NSE", "INFY", "BUY", 5, "MIS", "LIMIT", Decimal(1600)
            )
        async with house() as (gateway, _):
            wire.target = int(gateway.url.rpartition(":")[2].partition("/")[0])
            await up(trading)
            await trading.reached(first, OrderStatus.CANCELLED)
            await trading.until(lambda: bool(trading.of(FillReceived)))
            assert sum(x.fill.quantity for x in trading.of(FillReceived)) == 5
            await broker_house.__aexit__(None, None, None)
    server.close()


async def test_a_new_client_process_learns_what_the_one_before_did(exchange, tmp_path, user):
    async with wired(exchange, tmp_path, user) as (trading, wire, desk):
        wire.loses_from_gateway = True
        known = await trading.submit(trading.intent(is_resting=True))
        await eventually(lambda: any(x.answer for x in desk._ledger))
        never = trading.intent(is_resting=True)
        wire.cut(stays_down=True)
        await down(trading)
        await trading.broker.__aexit__(None, None, None)  # as if it had died
        wire.mend()
        async with a_broker(exchange, wire, run="gc") as later:
            left = [Order(intent=each, status=OrderStatus.UNRESOLVED) for each in (known, never)]
            assert await later.broker.reconcile(left)
            await later.accepted(known)
            await later.until(lambda: bool(later.of(OrderRefused)))
            assert later.of(OrderRefused)[0].code == NOT_RECEIVED
    assert len(orders_of(exchange, user)) == 1


async def test_a_gateway_that_falls_silent_is_left_and_dialled_again(exchange, tmp_path, user):
    async with wired(exchange, tmp_path, user) as (trading, wire, _):
        began = asyncio.get_running_loop().time()
        wire.loses_from_gateway = True
        await down(trading)
        assert asyncio.get_running_loop().time() - began < 2
        wire.loses_from_gateway = False
        await up(trading)
        assert trading.broker.connections >= 2
        assert (await trading.broker.snapshot()).available_cash == 1_000_000


async def test_the_circuit_opens_after_failures_and_closes_after_a_probe(exchange, tmp_path, user):
    timings = LinkTimings(first_wait_s=0.01, longest_wait_s=0.02, failures=3, pause_s=0.3)
    async with wired(exchange, tmp_path, user, timings=timings) as (trading, wire, _):
        wire.cut(stays_down=True)
        await eventually(lambda: trading.broker.state is LinkState.OPEN_CIRCUIT)
        wire.mend()
        await up(trading)
        assert (await trading.broker.snapshot()).orders == ()


async def test_quotes_are_heard_again_after_a_reconnect(exchange, tmp_path, user):
    ticks = []
    async with wired(exchange, tmp_path, user, on_ticks=ticks.extend) as (trading, wire, _):
        assert await trading.broker.subscribe([INFY, InstrumentId("NSE:NOSUCH")]) == ("NSE:NOSUCH",)
        await eventually(lambda: ticks)
        wire.cut()
        await down(trading)
        await up(trading)
        ticks.clear()
        await eventually(lambda: ticks)
        assert ticks[-1].instrument == INFY
        assert ticks[-1].has_price


@pytest.mark.parametrize(
    ("changes", "mode", "cause"),
    [
        ({"secret": Secret("w" * 40)}, Mode.SANDBOX, "AUTH_FAILED"),
        ({"client_id": "nobody"}, Mode.SANDBOX, "AUTH_FAILED"),
        ({}, Mode.LIVE, "trades sandbox, this broker live"),
    ],
)
async def test_who_is_refused_does_not_dial_on(exchange, tmp_path, user, changes, mode, cause):
    problems = []
    async with gateway_before(exchange, tmp_path, user_id=user) as (gateway, _):
        fields = {"url": gateway.url, "client_id": "desk", "secret": SECRET} | changes
        async with WebSocketBroker(
            GatewayAddress(**fields),
            mode=mode,
            clock=clock_of(exchange),
            timings=TIMINGS,
            on_problem=problems.append,
        ) as broker:
            with pytest.raises(GatewayRefused, match=cause):
                await asyncio.wait_for(broker.connected(), 5)
            assert broker.state is LinkState.REFUSED
    assert len(problems) == 1


async def test_a_second_process_with_our_name_is_noticed(exchange, tmp_path, user):
    async with (
        wired(exchange, tmp_path, user) as (trading, wire, _),
        a_broker(exchange, wire, run="gd"),
    ):
        await eventually(lambda: trading.broker.state is LinkState.REFUSED)
        assert trading.broker.state is LinkState.REFUSED


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/v1", "ws://10.0.0.1:1/v1", "ws:///v1"])
def test_an_address_that_is_not_safe_is_refused(url):
    with pytest.raises(InvalidValue, match="url"):
        GatewayAddress(url=url, client_id="desk", secret=SECRET)


async def test_in_a_storm_of_cuts_every_intent_is_one_order_and_ends_known(
    exchange, tmp_path, user
):
    async with wired(exchange, tmp_path, user) as (trading, wire, _):
        intents = []
        for number in range(40):
            if number % 4 == 1:
                wire.loses_from_gateway = number % 8 == 1
                wire.loses_from_client = number % 8 == 5
            intents.append(await trading.submit(trading.intent(is_resting=True)))
            await asyncio.sleep(0.01)
            if number % 4 == 3:
                wire.cut()
                await down(trading)
                await up(trading)

        def known() -> set[str]:
            ended = [*trading.of(OrderAccepted), *trading.of(OrderRefused)]
            return {event.intent_id for event in ended}

        await trading.until(lambda: len(known()) == len(intents))
        accepted = {x.intent_id: x.order_id for x in trading.of(OrderAccepted)}
        assert len(trading.of(OrderAccepted)) == len(accepted)
        refused = {x.intent_id for x in trading.of(OrderRefused)}
        assert not refused & set(accepted)
        assert len(trading.of(OrderUnresolved)) > 5
    at_exchange = {order["order_id"] for order in orders_of(exchange, user)}
    assert at_exchange == set(accepted.values())
