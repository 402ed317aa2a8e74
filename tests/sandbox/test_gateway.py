"""The gateway before a running sandbox: who is let in, once-ness, resumption, and what is told."""

import asyncio
from collections.abc import Iterator
from decimal import Decimal

import aiohttp
import msgspec
import pytest

from patang.brokers import protocol as p
from patang.brokers.gateway_link import GatewayAddress
from patang.brokers.protocol_words import iso_of
from patang.brokers.websocket import WebSocketBroker
from patang.domain.enums import Mode
from patang.domain.errors import InvalidValue
from patang.domain.secret import Secret
from patang.gateway.clients import Permission, Scope
from patang.gateway.server import GatewaySettings
from patang.sandbox.faults.menu import LoseReply
from patang.sandbox.seeds import SandboxUser
from patang.sandbox.testing import SandboxServer, sandbox_fixture
from patang.sandbox.tls import certificate_in
from tests.gateway_house import (
    SECRET,
    SPEED,
    TIMINGS,
    a_client,
    an_order,
    clock_of,
    gateway_before,
    raw_client,
)

USERS = tuple(SandboxUser(user_id=f"GW{number:04}") for number in range(60))
exchange = sandbox_fixture(scope="module", speed=SPEED, users=USERS)
READER = a_client("reader", permissions=frozenset({Permission.READ}))


@pytest.fixture(scope="module")
def free_users() -> Iterator[str]:
    return iter([user.user_id for user in USERS])


@pytest.fixture
def user(free_users) -> str:
    return next(free_users)


def resting(request_id: str = "r1", **changes) -> p.PlaceOrder:
    return an_order(request_id, price=Decimal("1400"), **changes)


def orders_of(sandbox: SandboxServer, user_id: str) -> list[dict]:
    return sandbox.truth()["users"][user_id]["orders"]


# Who is let in


@pytest.mark.parametrize(
    ("auth", "code"),
    [
        ({"secret": Secret("w" * 40)}, "AUTH_FAILED"),
        ({"client_id": "stranger"}, "AUTH_FAILED"),
        ({"expires_at": iso_of(1)}, "AUTH_EXPIRED"),
        ({"version": 9}, "VERSION"),
    ],
)
async def test_a_stranger_is_told_why_and_put_out(exchange, tmp_path, user, auth, code):
    async with (
        gateway_before(exchange, tmp_path, user_id=user) as (gateway, _),
        raw_client(gateway.url, proved=False) as client,
    ):
        await client.auth(**auth)
        error = await client.until(p.Error)
        assert error.code == code
        assert await client.next() == p.CloseCode.NOT_AUTHENTICATED


async def test_nothing_is_done_before_auth(exchange, tmp_path, user):
    async with (
        gateway_before(exchange, tmp_path, user_id=user) as (gateway, _),
        raw_client(gateway.url, proved=False) as client,
    ):
        await client.send(resting())
        assert (await client.until(p.Error)).code == "NOT_AUTHENTICATED"
        assert await client.next() == p.CloseCode.NOT_AUTHENTICATED
    assert orders_of(exchange, user) == []


async def test_a_signature_of_another_connection_is_worth_nothing(exchange, tmp_path, user):
    async with gateway_before(exchange, tmp_path, user_id=user) as (gateway, _):
        async with raw_client(gateway.url, proved=False) as first:
            challenge = first.hello.challenge
        async with raw_client(gateway.url, proved=False) as client:
            client.hello = msgspec.structs.replace(client.hello, challenge=challenge)
            await client.auth()
            assert (await client.until(p.Error)).code == "AUTH_FAILED"


def test_off_loopback_needs_tls():
    with pytest.raises(InvalidValue, match="nothing is encrypted"):
        GatewaySettings(host="0.0.0.0")


async def test_a_silent_client_is_put_out_and_a_beating_one_is_kept(exchange, tmp_path, user):
    settings = GatewaySettings(heartbeat_s=0.1)
    async with (
        gateway_before(exchange, tmp_path, user_id=user, settings=settings) as (gateway, _),
        raw_client(gateway.url) as client,
    ):
        for _ in range(6):
            await client.until(p.Heartbeat)
            await client.send(p.Heartbeat())
        while not isinstance(last := await client.next(), int):
            pass
        assert last == p.CloseCode.SILENT


async def test_a_new_connection_of_a_client_replaces_the_old_one(exchange, tmp_path, user):
    async with (
        gateway_before(exchange, tmp_path, user_id=user) as (gateway, _),
        raw_client(gateway.url) as old,
        raw_client(gateway.url) as new,
    ):
        assert await old.next() == p.CloseCode.REPLACED
        assert (await new.ask(p.GetOrders(request_id="q"))).status == "OK"


async def test_a_client_that_never_proves_itself_is_put_out(exchange, tmp_path, user, monkeypatch):
    monkeypatch.setattr("patang.gateway.server._AUTH_WITHIN_S", 0.3)
    async with (
        gateway_before(exchange, tmp_path, user_id=user) as (gateway, _),
        raw_client(gateway.url, proved=False) as client,
    ):

        async def beat() -> None:
            while True:
                await client.send(p.Heartbeat())
                await asyncio.sleep(0.05)

        beating = asyncio.create_task(beat())
        assert await client.next() == p.CloseCode.NOT_AUTHENTICATED
        beating.cancel()
        await asyncio.wait([beating])


async def test_a_web_page_is_refused(exchange, tmp_path, user):
    async with (
        gateway_before(exchange, tmp_path, user_id=user) as (gateway, _),
        aiohttp.ClientSession() as session,
    ):
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await session.ws_connect(gateway.url, headers={"Origin": "https://example.com"})
        assert refused.value.status == 403


async def test_a_flood_is_answered_and_then_cut_off(exchange, tmp_path, user):
    slow = a_client(messages_per_second=5)
    async with (
        gateway_before(exchange, tmp_path, user_id=user, clients=(slow,)) as (gateway, _),
        raw_client(gateway.url) as client,
    ):
        for _ in range(12):
            await client.send(*[p.GetOrders(request_id="q")] * 100)
        codes = set()
        while not isinstance(message := await client.next(), int):
            codes.add(getattr(message, "code", ""))
        assert "RATE_LIMITED" in codes
        assert message == p.CloseCode.ABUSE


async def test_tls_is_spoken_where_there_is_a_certificate(exchange, tmp_path, user):
    made = certificate_in(tmp_path / "tls")
    settings = GatewaySettings(certificate=made.certificate, private_key=made.key)
    async with gateway_before(exchange, tmp_path, user_id=user, settings=settings) as (gateway, _):
        assert gateway.url.startswith("wss://")
        fields = {"url": gateway.url, "client_id": "desk", "secret": SECRET}
        for ca_file, is_trusted in ((made.certificate, True), (None, False)):
            async with WebSocketBroker(
                GatewayAddress(**fields, ca_file=ca_file),
                mode=Mode.SANDBOX,
                clock=clock_of(exchange),
                timings=TIMINGS,
            ) as broker:
                if is_trusted:
                    await asyncio.wait_for(broker.connected(), 5)
                    assert (await broker.snapshot()).available_cash == 1_000_000
                else:
                    await asyncio.sleep(0.3)
                    assert broker.connections == 0


# Reading messages


async def test_bad_and_unknown_messages_are_reported_and_not_fatal(exchange, tmp_path, user):
    async with (
        gateway_before(exchange, tmp_path, user_id=user) as (gateway, _),
        raw_client(gateway.url) as client,
    ):
        for text, code in [
            ("{", "BAD_MESSAGE"),
            ('{"type":"DANCE","request_id":"d"}', "UNKNOWN_TYPE"),
            ('{"type":"PLACE_ORDER","request_id":"d"}', "BAD_MESSAGE"),
            ('{"type":"GET_ORDERS","request_id":""}', "BAD_MESSAGE"),
            ("[[1]]", "BAD_MESSAGE"),
        ]:
            await client.socket.send_str(text)
            assert (await client.until(p.Error)).code == code
        assert (await client.ask(p.GetOrders(request_id="q"))).status == "OK"


async def test_a_message_that_is_too_large_ends_the_connection(exchange, tmp_path, user):
    async with (
        gateway_before(exchange, tmp_path, user_id=user) as (gateway, _),
        raw_client(gateway.url) as client,
    ):
        await client.socket.send_str(" " * (p.MAX_REQUEST_BYTES + 1))
        assert await client.next() == 1009


# Permissions and limits


async def test_each_client_does_what_it_may_and_no_more(exchange, tmp_path, user):
    limited = a_client(
        "limited",
        permissions=frozenset({Permission.TRADE}),
        strategies=frozenset({"alpha"}),
        instruments=frozenset({"NSE:INFY"}),
        max_order_quantity=10,
        max_order_value=Decimal(10_000),
    )
    clients = (READER, limited)
    async with gateway_before(exchange, tmp_path, user_id=user, clients=clients) as (gateway, _):
        async with raw_client(gateway.url, client_id="reader") as client:
            for ask in (
                resting(),
                p.CancelOrder(request_id="c", order_id="1"),
                p.Subscribe(request_id="s", instruments=("NSE:INFY",)),
                p.CancelGtt(request_id="g", trigger_id=1),
            ):
                assert (await client.ask(ask)).code == "FORBIDDEN"
        async with raw_client(gateway.url, client_id="limited") as client:
            cases = [
                (resting("a"), "FORBIDDEN", "strategy"),
                (resting("b", strategy="alpha", symbol="TCS"), "FORBIDDEN", "symbol"),
                (resting("c", strategy="alpha", quantity=11), "LIMIT_EXCEEDED", "quantity"),
                (resting("d", strategy="alpha", quantity=8), "LIMIT_EXCEEDED", "price"),
                (p.GetFunds(request_id="e"), "FORBIDDEN", None),
            ]
            for ask, code, field in cases:
                error = await client.ask(ask)
                assert (error.code, error.field) == (code, field)
            done = await client.ask(resting("f", strategy="alpha", quantity=7))
            assert done.status == "ACCEPTED"
    assert len(orders_of(exchange, user)) == 1


async def test_rates_hold_and_never_hold_up_a_cancel(exchange, tmp_path, user):
    slow = a_client(orders_per_second=2)
    async with (
        gateway_before(exchange, tmp_path, user_id=user, clients=(slow,)) as (gateway, _),
        raw_client(gateway.url) as client,
    ):
        answers = [await client.ask(resting("r1"))]
        await client.send(*(resting(f"r{n}") for n in range(2, 6)))
        while len(answers) < 5:
            got = await client.next()
            if isinstance(got, p.Response | p.Error):
                answers.append(got)
        codes = [each.code for each in answers if isinstance(each, p.Error)]
        assert codes == ["RATE_LIMITED"] * 3
        cancelled = await client.ask(p.CancelOrder(request_id="c", order_id=answers[0].order_id))
        assert cancelled.status == "CANCEL_PENDING"
        await client.until(p.OrderUpdate, status="CANCELLED", order_id=answers[0].order_id)


async def test_a_client_sees_and_cancels_its_own_orders_only(exchange, tmp_path, user):
    clients = [a_client(name, scope=Scope.OWN) for name in ("one", "two")]
    clients.append(a_client("boss", scope=Scope.ACCOUNT))
    async with (
        gateway_before(exchange, tmp_path, user_id=user, clients=clients) as (gateway, _),
        raw_client(gateway.url, client_id="one") as one,
        raw_client(gateway.url, client_id="two") as two,
        raw_client(gateway.url, client_id="boss") as boss,
    ):
        placed = await one.ask(resting())
        await boss.until(p.OrderUpdate, order_id=placed.order_id)
        listed = await two.ask(p.GetOrders(request_id="q"))
        assert msgspec.json.decode(listed.result) == []
        stolen = await two.ask(p.CancelOrder(request_id="c", order_id=placed.order_id))
        assert stolen.code == "NOT_FOUND"
        mine = await one.ask(p.GetOrders(request_id="q"))
        (order,) = p.read_result(mine.result, tuple[p.OrderUpdate, ...])
        assert (order.order_id, order.price) == (placed.order_id, Decimal(1400))
        ended = await boss.ask(p.CancelOrder(request_id="c", order_id=placed.order_id))
        assert ended.status == "CANCEL_PENDING"
        await one.until(p.OrderUpdate, status="CANCELLED")


# Once


async def test_the_same_key_is_one_order_with_one_answer(exchange, tmp_path, user):
    async with (
        gateway_before(exchange, tmp_path, user_id=user) as (gateway, _),
        raw_client(gateway.url) as client,
    ):
        first = await client.ask(resting())
        again = await client.ask(resting())
        assert again == first
        assert first.status == "ACCEPTED"
        assert first.symbol == "INFY"
        assert (first.side, first.quantity, first.price) == ("BUY", 1, Decimal(1400))
        other = await client.ask(resting(quantity=2))
        assert other.code == "KEY_REUSED"
        same_tag = await client.ask(resting("r2", tag=first.tag))
        assert same_tag.code == "TAG_IN_USE"
    assert len(orders_of(exchange, user)) == 1


async def test_many_copies_at_once_are_one_order(exchange, tmp_path, user):
    async with (
        gateway_before(exchange, tmp_path, user_id=user) as (gateway, _),
        raw_client(gateway.url) as client,
    ):
        await client.send(*[resting()] * 20)
        await client.until(p.Response, request_id="r1")
        await client.ask(p.GetBooks(request_id="q"))
    assert len(orders_of(exchange, user)) == 1


async def test_a_key_outlives_the_gateway(exchange, tmp_path, user):
    async with (
        gateway_before(exchange, tmp_path, user_id=user) as (gateway, _),
        raw_client(gateway.url) as client,
    ):
        first = await client.ask(resting())
        voided = await client.ask(p.GetRequest(request_id="v", of="r9", void=True))
        assert msgspec.json.decode(voided.result)["fate"] == "VOIDED"
    async with (
        gateway_before(exchange, tmp_path, user_id=user) as (gateway, _),
        raw_client(gateway.url) as client,
    ):
        assert await client.ask(resting()) == first
        assert (await client.ask(resting("r9"))).code == "VOIDED"
        fate = await client.ask(p.GetRequest(request_id="v", of="r1"))
        known = p.read_result(fate.result, p.RequestFate)
        assert (known.fate, known.response) == ("ANSWERED", first)
        ended = await client.ask(p.CancelOrder(request_id="c", order_id=first.order_id))
        assert ended.status == "CANCEL_PENDING"
        await client.until(p.OrderUpdate, status="CANCELLED")
    assert len(orders_of(exchange, user)) == 1


async def test_a_request_that_comes_too_late_is_not_done(exchange, tmp_path, user):
    async with (
        gateway_before(exchange, tmp_path, user_id=user) as (gateway, _),
        raw_client(gateway.url) as client,
    ):
        late = await client.ask(resting(valid_until="2020-01-01T00:00:00Z"))
        assert (late.code, late.field) == ("EXPIRED", "valid_until")
    assert orders_of(exchange, user) == []


async def test_a_lost_reply_is_unresolved_then_found_and_never_sent_again(exchange, tmp_path, user):
    lost = LoseReply(routes=("place_order",), users=(user,), count=1, ending="reset")
    exchange.call(lambda world: world.faults.order([lost]))
    async with (
        gateway_before(exchange, tmp_path, user_id=user) as (gateway, _),
        raw_client(gateway.url) as client,
    ):
        answer = await client.ask(resting())
        assert answer.status == "UNRESOLVED"
        assert answer.order_id is None
        found = await client.until(p.OrderUpdate, request_id="r1")
        assert found.status == "ACCEPTED"
        assert (await client.ask(resting())).order_id == found.order_id
    (order,) = orders_of(exchange, user)
    assert order["order_id"] == found.order_id


async def test_what_a_killed_gateway_left_open_is_found_by_the_next(exchange, tmp_path, user):
    """The request is in the ledger and at the exchange, and its answer nowhere."""
    async with gateway_before(exchange, tmp_path, user_id=user) as (gateway, desk):
        async with raw_client(gateway.url) as client:
            first = await client.ask(resting())
            await client.ask(resting("r2", tag="never"))
        for entry in desk._ledger:
            entry.answer = None  # as if the process had died before it could note them
            desk._ledger._unwritten[entry.key] = entry
    async with (
        gateway_before(exchange, tmp_path, user_id=user) as (gateway, _),
        raw_client(gateway.url) as client,
    ):
        fates = {}
        while len(fates) < 2:
            for key in ("r1", "r2"):
                answer = await client.ask(p.GetRequest(request_id=f"v{key}", of=key))
                fate = p.read_result(answer.result, p.RequestFate)
                if fate.fate == "ANSWERED":
                    fates[key] = fate.response
            await asyncio.sleep(0.02)
        assert fates["r1"].order_id == first.order_id
        assert fates["r2"].status == "ACCEPTED"
    assert len(orders_of(exchange, user)) == 2


async def test_what_is_not_on_disk_is_not_sent(exchange, tmp_path, user):
    async with (
        gateway_before(exchange, tmp_path, user_id=user) as (gateway, desk),
        raw_client(gateway.url) as client,
    ):
        resting_order = await client.ask(resting())
        desk._ledger._database.execute("PRAGMA query_only = ON")  # as a full disk
        refused = await client.ask(resting("r2"))
        assert refused.code == "LEDGER_FAILED"
        # An order's end needs no disk.
        cancel = p.CancelOrder(request_id="c", order_id=resting_order.order_id)
        assert (await client.ask(cancel)).status == "CANCEL_PENDING"
        await client.until(p.OrderUpdate, status="CANCELLED")
        desk._ledger._database.execute("PRAGMA query_only = OFF")
        assert (await client.ask(resting("r2"))).status == "ACCEPTED"
    assert len(orders_of(exchange, user)) == 2


# The stream


async def test_a_stream_resumes_with_nothing_lost_or_doubled(exchange, tmp_path, user):
    clients = (a_client(), a_client("other"))
    async with gateway_before(exchange, tmp_path, user_id=user, clients=clients) as (gateway, _):
        seen: list[int] = []
        async with raw_client(gateway.url, proved=False) as client:
            await client.auth()
            known = await client.until(p.Authenticated)
            assert not known.resumed
            placed = await client.ask(resting())
            update = await client.until(p.OrderUpdate, order_id=placed.order_id)
            seen.append(update.seq)
        async with raw_client(gateway.url, client_id="other") as other:
            for number in range(5):
                await other.ask(resting(f"o{number}"))
            await other.ask(p.GetBooks(request_id="q"))
        async with raw_client(gateway.url, proved=False) as client:
            await client.auth(stream=known.stream, after=seen[-1])
            back = await client.until(p.Authenticated)
            assert back.resumed
            assert back.stream == known.stream
            while seen[-1] < back.seq:
                message = await client.until(p.Sequenced)
                seen.append(message.seq)
            assert seen == list(range(seen[0], back.seq + 1))
            assert len(seen) > 5


async def test_another_gateway_process_has_another_stream(exchange, tmp_path, user):
    async with (
        gateway_before(exchange, tmp_path, user_id=user) as (gateway, _),
        raw_client(gateway.url, proved=False) as client,
    ):
        await client.auth()
        known = await client.until(p.Authenticated)
    async with (
        gateway_before(exchange, tmp_path, user_id=user) as (gateway, _),
        raw_client(gateway.url, proved=False) as client,
    ):
        await client.auth(stream=known.stream, after=known.seq)
        assert not (await client.until(p.Authenticated)).resumed


async def test_trades_are_told_before_the_update_that_counts_them(exchange, tmp_path, user):
    async with (
        gateway_before(exchange, tmp_path, user_id=user) as (gateway, _),
        raw_client(gateway.url) as client,
    ):
        quotes = await client.ask(p.GetQuotes(request_id="q", instruments=("NSE:INFY",)))
        last = Decimal(str(msgspec.json.decode(quotes.result)["NSE:INFY"]["last_price"]))
        price = (last * Decimal("1.02")).quantize(Decimal(1))
        await client.send(an_order(quantity=5, price=price))
        traded = 0
        while True:
            message = await client.until(p.Sequenced)
            if isinstance(message, p.Trade):
                traded += message.quantity
            elif isinstance(message, p.OrderUpdate):
                assert message.filled_quantity <= traded
                if message.status == "FILLED":
                    break
        assert traded == 5


# The other verbs


async def test_a_resting_order_is_modified_once(exchange, tmp_path, user):
    async with (
        gateway_before(exchange, tmp_path, user_id=user) as (gateway, _),
        raw_client(gateway.url) as client,
    ):
        placed = await client.ask(resting())
        await client.until(p.OrderUpdate, order_id=placed.order_id)
        change = p.ModifyOrder(
            request_id="m1",
            order_id=placed.order_id,
            order_type="LIMIT",
            quantity=3,
            price=Decimal("1405"),
        )
        done = await client.ask(change)
        assert (done.status, done.answers) == ("OK", "MODIFY_ORDER")
        assert await client.ask(change) == done
        moved = await client.until(p.OrderUpdate, order_id=placed.order_id, quantity=3)
        assert moved.price == Decimal(1405)
        bad = msgspec.structs.replace(change, request_id="m2", price=Decimal("1405.003"))
        assert (await client.ask(bad)).status == "REJECTED"
    (order,) = orders_of(exchange, user)
    assert (order["quantity"], order["modified"]) == (3, True)


async def test_a_trigger_is_placed_once_and_its_firing_is_told(exchange, tmp_path, user):
    async with (
        gateway_before(exchange, tmp_path, user_id=user) as (gateway, _),
        raw_client(gateway.url) as client,
    ):
        quotes = await client.ask(p.GetQuotes(request_id="q", instruments=("NSE:INFY",)))
        last = Decimal(str(msgspec.json.decode(quotes.result)["NSE:INFY"]["last_price"]))

        def trigger(request_id: str, at: Decimal) -> p.PlaceGtt:
            leg = p.GttLegFields(
                side="BUY", quantity=1, product="CNC", price=at.quantize(Decimal(1))
            )
            return msgspec.convert(
                {
                    "request_id": request_id,
                    "trigger_type": "single",
                    "exchange": "NSE",
                    "symbol": "INFY",
                    "trigger_prices": [at.quantize(Decimal(1))],
                    "last_price": last,
                    "orders": [msgspec.to_builtins(leg, builtin_types=(Decimal,))],
                },
                type=p.PlaceGtt,
            )

        far = await client.ask(trigger("g1", last * Decimal("0.9")))
        assert far.status == "OK"
        assert await client.ask(trigger("g1", last * Decimal("0.9"))) == far
        rows = msgspec.json.decode((await client.ask(p.GetGtts(request_id="l"))).result)
        assert [row["id"] for row in rows] == [far.trigger_id]
        gone = await client.ask(p.CancelGtt(request_id="g2", trigger_id=far.trigger_id))
        assert gone.status == "OK"
        near = await client.ask(trigger("g3", last * Decimal("1.0003") + 1))
        assert near.status in ("OK", "REJECTED"), near
        if near.status == "OK":
            fired = await client.until(p.GttTriggered)
            assert (fired.trigger_id, fired.symbol) == (near.trigger_id, "INFY")
            assert fired.status == "triggered"


async def test_quotes_are_fanned_out_to_those_who_asked(exchange, tmp_path, user):
    clients = (a_client("one"), a_client("two"), a_client("three"))
    async with (
        gateway_before(exchange, tmp_path, user_id=user, clients=clients) as (gateway, _),
        raw_client(gateway.url, client_id="one") as one,
        raw_client(gateway.url, client_id="two") as two,
    ):
        answer = await one.ask(p.Subscribe(request_id="s", instruments=("NSE:INFY", "NSE:NOSUCH")))
        assert msgspec.json.decode(answer.result) == {"unknown": ["NSE:NOSUCH"]}
        await two.ask(p.Subscribe(request_id="s", instruments=("NSE:TCS",)))
        for _ in range(3):
            assert (await one.until(p.Quote)).symbol == "INFY"
            assert (await two.until(p.Quote)).symbol == "TCS"
        quote = await one.until(p.Quote)
        assert quote.price > 0
        assert len(quote.bids) == 5
        await one.ask(p.Unsubscribe(request_id="u", instruments=("NSE:INFY",)))
        await one.ask(p.GetOrders(request_id="q"))
        while True:
            message = await one.next()
            assert not isinstance(message, p.Quote)
            if isinstance(message, p.Heartbeat):
                break


async def test_the_account_is_read_through_the_gateway(exchange, tmp_path, user):
    async with (
        gateway_before(exchange, tmp_path, user_id=user) as (gateway, _),
        raw_client(gateway.url) as client,
    ):
        funds = await client.ask(p.GetFunds(request_id="f"))
        assert Decimal(str(msgspec.json.decode(funds.result)["available_cash"])) == 1_000_000
        for kind in (p.GetPositions, p.GetHoldings, p.GetTrades, p.GetOrders, p.GetGtts):
            answer = await client.ask(kind(request_id=kind.__name__))
            assert msgspec.json.decode(answer.result) == []
        books = p.read_result((await client.ask(p.GetBooks(request_id="b"))).result, p.Books)
        assert books == p.Books(seq=books.seq, orders=(), trades=(), added_today=())
