"""Triggers and alerts over the wire: our own client against a sandbox whose clock stands still."""

import json
import os
from collections.abc import AsyncIterator, Iterator
from decimal import Decimal
from pathlib import Path

import aiohttp
import pytest
from msgspec import UNSET

from patang.domain.instrument import InstrumentId
from patang.kite import GeneralException, InputException, Kite
from patang.sandbox.settings import SandboxUser
from patang.sandbox.testing import SandboxServer, sandbox_fixture

RICH = Decimal(1_000_000_000)
USERS = tuple(SandboxUser(user_id=f"TG{number:04}", cash=RICH) for number in range(90))
LONG_AGO = "2020-01-01 00:00:00"

SAMPLES = os.environ.get("PATANG_KITE_SAMPLES", "")

exchange = sandbox_fixture(scope="module", users=USERS)


@pytest.fixture(scope="module")
def free_users() -> Iterator[str]:
    return iter([user.user_id for user in USERS])


def open_client(exchange: SandboxServer, user_id: str) -> Kite:
    return Kite(exchange.api_key, exchange.access_token(user_id), exchange.root)


@pytest.fixture
async def kite(exchange, free_users) -> AsyncIterator[Kite]:
    async with open_client(exchange, next(free_users)) as client:
        yield client


class Movers:
    """Two users who bring the last price of a share wherever it is wanted."""

    def __init__(self, exchange: SandboxServer, symbol: str, up: Kite, down: Kite) -> None:
        self.symbol = symbol
        self._exchange, self._up, self._down = exchange, up, down

    def last_price(self) -> Decimal:
        instrument = InstrumentId(f"NSE:{self.symbol}")
        return self._exchange.call(lambda world: world.exchange.last_price(instrument))

    def around(self, percent: str) -> Decimal:
        """A price on the tick, so many percent from the last one."""
        last = self.last_price()
        tick = Decimal("0.5")
        return ((last * (1 + Decimal(percent) / 100)) / tick).quantize(Decimal(1)) * tick

    async def move_to(self, price: Decimal) -> None:
        rises = price > self.last_price()
        first, second = (self._up, self._down) if rises else (self._down, self._up)
        side, other = ("BUY", "SELL") if rises else ("SELL", "BUY")
        await self._order(first, side, 20_000, price)
        await self._order(second, other, 1, price)
        assert self.last_price() == price

    async def _order(self, kite: Kite, side: str, quantity: int, price: Decimal) -> None:
        await kite.place_order(
            "regular", "NSE", self.symbol, side, quantity, "MIS", "LIMIT", price=price
        )


SYMBOLS = iter("INFY TCS RELIANCE HDFCBANK SBIN ICICIBANK LT AXISBANK TITAN MARUTI HCLTECH".split())


@pytest.fixture
async def movers(exchange, free_users) -> AsyncIterator[Movers]:
    """A share that no other test moves."""
    async with (
        open_client(exchange, next(free_users)) as up,
        open_client(exchange, next(free_users)) as down,
    ):
        yield Movers(exchange, next(SYMBOLS), up, down)


def buy_leg(price: Decimal, /, **more) -> dict:
    leg = {"transaction_type": "BUY", "quantity": 2, "product": "CNC", "order_type": "LIMIT"}
    return leg | {"price": price} | more


async def place_buy(kite: Kite, movers: Movers, trigger: Decimal, **more) -> int:
    last = movers.last_price()
    ack = await kite.place_gtt(
        "single", movers.symbol, "NSE", [trigger], last, [buy_leg(trigger, **more)]
    )
    return ack.trigger_id


# --- good-till-triggered orders -----------------------------------------------------------------


async def test_a_trigger_waits_fires_and_tells_of_its_order(kite, movers):
    trigger = movers.around("0.5")
    trigger_id = await place_buy(kite, movers, trigger)
    [waiting] = await kite.get_gtts()
    assert (waiting.id, waiting.status, waiting.type) == (trigger_id, "active", "single")
    assert waiting.orders[0].result is None
    assert waiting.created_at == "2026-11-19 09:20:00"
    assert waiting.expires_at == "2027-11-19 09:20:00"

    await movers.move_to(trigger)

    fired = await kite.get_gtt(trigger_id)
    result = fired.orders[0].result
    assert fired.status == "triggered"
    assert (result.order_result.status, result.order_result.rejection_reason) == ("success", "")
    assert result.triggered_at == trigger
    assert json.loads(result.meta) == {"app_id": 1, "gtt": trigger_id}
    [order] = await kite.orders()
    assert order.order_id == result.order_result.order_id
    assert (order.variety, order.order_type, order.quantity) == ("regular", "LIMIT", 2)
    assert order.meta == {"gtt": trigger_id}


async def test_a_trigger_of_two_legs_sells_what_is_held(exchange, kite, movers):
    user_id = (await kite.profile()).user_id
    symbol = movers.symbol
    held = InstrumentId(f"NSE:{symbol}")
    exchange.call(lambda world: world.exchange.seed_holding(user_id, held, 2, Decimal(100)))
    lower, upper = movers.around("-0.5"), movers.around("0.5")
    sell = [buy_leg(price, transaction_type="SELL") for price in (lower, upper)]
    ack = await kite.place_gtt("two-leg", symbol, "NSE", [lower, upper], movers.last_price(), sell)

    await movers.move_to(lower)

    fired = await kite.get_gtt(ack.trigger_id)
    assert fired.orders[0].result.order_result.status == "success"
    assert fired.orders[1].result is None
    [order] = await kite.orders()
    assert (order.transaction_type, order.price) == ("SELL", lower)


async def test_an_order_that_cannot_be_is_told_in_the_result(kite, movers):
    trigger = movers.around("0.5")
    trigger_id = await place_buy(kite, movers, trigger, transaction_type="SELL")
    await movers.move_to(trigger)
    fired = await kite.get_gtt(trigger_id)
    result = fired.orders[0].result.order_result
    assert (fired.status, result.status, result.order_id) == ("triggered", "failed", "")
    assert "olding" in result.rejection_reason


async def test_a_market_leg_needs_protection_and_keeps_it(kite, movers):
    trigger = movers.around("-0.5")
    market = {"order_type": "MARKET", "market_protection": -1, "price": None}
    trigger_id = await place_buy(kite, movers, trigger, **market)
    assert (await kite.get_gtt(trigger_id)).orders[0].market_protection == -1
    await movers.move_to(trigger)
    [order] = await kite.orders()
    assert order.status == "COMPLETE"
    assert order.average_price == trigger


async def test_a_trigger_can_be_changed_and_deleted(kite, movers):
    trigger = movers.around("1")
    trigger_id = await place_buy(kite, movers, trigger)
    later = movers.around("2")
    last = movers.last_price()
    changed = await kite.modify_gtt(
        trigger_id, "single", movers.symbol, "NSE", [later], last, [buy_leg(later, quantity=5)]
    )
    assert changed.trigger_id == trigger_id
    row = await kite.get_gtt(trigger_id)
    assert (row.condition.trigger_values, row.orders[0].quantity) == ([later], 5)

    assert (await kite.delete_gtt(trigger_id)).trigger_id == trigger_id
    assert (await kite.get_gtt(trigger_id)).status == "deleted"
    with pytest.raises(InputException, match="deleted"):
        await kite.delete_gtt(trigger_id)


async def post(exchange: SandboxServer, kite: Kite, path: str, form: dict, method="POST") -> tuple:
    """Status and body of a raw request: what our own client would not send."""
    token = exchange.access_token((await kite.profile()).user_id)
    headers = {"Authorization": f"token {exchange.api_key}:{token}"}
    async with (
        aiohttp.ClientSession() as session,
        session.request(method, exchange.root + path, data=form, headers=headers) as reply,
    ):
        return reply.status, await reply.json()


CONDITION = {
    "exchange": "NSE",
    "tradingsymbol": "WIPRO",
    "trigger_values": [230],
    "last_price": 246.38,
}
ORDER = {
    "exchange": "NSE",
    "tradingsymbol": "WIPRO",
    "transaction_type": "BUY",
    "quantity": 1,
    "order_type": "LIMIT",
    "product": "CNC",
    "price": 230,
}


NOSUCH = {"tradingsymbol": "NOSUCH"}


def gtt_body(condition: dict | None = None, order: dict | None = None, **more) -> dict:
    return {
        "type": "single",
        "condition": json.dumps(CONDITION | (condition or {})),
        "orders": json.dumps([ORDER | (order or {})]),
    } | more


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({}, "Missing or empty field `type`"),
        (gtt_body(type="triple"), "Invalid `type`."),
        (gtt_body() | {"condition": "{"}, "Invalid `condition`."),
        (gtt_body() | {"orders": "[]"}, "Invalid `orders`."),
        (gtt_body({"tradingsymbol": "NOSUCH"}), "Invalid `orders[0].tradingsymbol`."),
        (gtt_body(NOSUCH, NOSUCH), "expired or does not exist"),
        (gtt_body({"exchange": "NOWHERE"}), "Invalid `condition`."),
        (gtt_body({"trigger_values": [-1]}), "Invalid `trigger_values[0]`."),
        (gtt_body({"trigger_values": [230.001]}), "Tick size for this script is 0.01"),
        (gtt_body({"last_price": 200}), "already met"),
        (gtt_body(order={"quantity": 0}), "Invalid `orders[0].quantity`."),
        (gtt_body(order={"product": "MIS"}), "Invalid `orders[0].product`."),
        (gtt_body(order={"order_type": "MARKET"}), "Invalid `orders[0].market_protection`."),
        (gtt_body(expires_at=LONG_AGO), "expires_at"),
        (gtt_body(expires_at="soon"), "Invalid `expires_at`."),
    ],
)
async def test_a_trigger_that_cannot_be_is_refused_by_its_field(exchange, kite, body, text):
    status, answer = await post(exchange, kite, "/gtt/triggers", body)
    assert (status, answer["error_type"]) == (400, "InputException")
    assert text in answer["message"]
    assert await kite.get_gtts() == []


async def test_unknown_keys_of_other_clients_are_ignored(exchange, kite):
    body = gtt_body({"instrument_token": 0}, {"validity": "", "tag": "", "disclosed_quantity": 0})
    status, answer = await post(exchange, kite, "/gtt/triggers", body)
    assert status == 200
    assert isinstance(answer["data"]["trigger_id"], int)


@pytest.mark.parametrize(("trigger_id", "status"), [("1", 404), ("x", 400), ("9" * 30, 400)])
async def test_a_trigger_nobody_placed_is_not_found(exchange, kite, trigger_id, status):
    for method in ("GET", "PUT", "DELETE"):
        code, answer = await post(exchange, kite, f"/gtt/triggers/{trigger_id}", {}, method)
        assert code == status
        assert "trigger_id" in answer["message"]


async def test_nobody_sees_or_deletes_the_trigger_of_another(exchange, kite, movers, free_users):
    trigger_id = await place_buy(kite, movers, movers.around("-3"))
    async with open_client(exchange, next(free_users)) as stranger:
        assert await stranger.get_gtts() == []
        with pytest.raises(GeneralException, match="trigger_id") as failure:
            await stranger.delete_gtt(trigger_id)
    assert failure.value.status == 404
    assert (await kite.get_gtt(trigger_id)).status == "active"


async def test_a_trigger_expires_on_the_clock_of_the_world(exchange, kite):
    await kite.place_gtt(
        "single",
        "WIPRO",
        "NSE",
        [200],
        246,
        [buy_leg(Decimal(200))],
        expires_at="2026-11-19 09:20:05",
    )
    exchange.advance(4)
    assert (await kite.get_gtts())[0].status == "active"
    exchange.advance(1)
    row = (await kite.get_gtts())[0]
    assert (row.status, row.updated_at) == ("expired", "2026-11-19 09:20:05")


# --- alerts -------------------------------------------------------------------------------------


async def test_an_alert_fires_once_and_keeps_what_it_saw(kite, movers):
    level = movers.around("0.5")
    alert = await kite.create_alert("up", "NSE", movers.symbol, ">=", level)
    assert (alert.status, alert.alert_count, alert.type) == ("enabled", 0, "simple")
    assert await kite.get_alert_history(alert.uuid) == []

    await movers.move_to(level)

    fired = await kite.get_alert(alert.uuid)
    assert (fired.status, fired.alert_count) == ("disabled", 1)
    [firing] = await kite.get_alert_history(alert.uuid)
    assert firing.condition == f'LastTradedPrice("NSE:{movers.symbol}") >= {level:f}'
    assert firing.order_meta is None
    [seen] = firing.meta
    assert Decimal(str(seen["last_price"])) == level
    assert {"ohlc", "volume", "volume_tick", "oi", "upper_circuit_limit"} <= set(seen)
    assert await kite.orders() == []


async def test_an_alert_with_a_basket_places_its_orders(kite, movers):
    level = movers.around("0.5")
    params = {
        "transaction_type": "BUY",
        "product": "MIS",
        "order_type": "MARKET",
        "quantity": 3,
        "market_protection": 2,
    }
    item = {"type": "insert", "tradingsymbol": movers.symbol, "exchange": "NSE", "params": params}
    basket = {"name": "b", "type": "alert", "tags": [], "items": [item]}
    alert = await kite.create_alert(
        "buy", "NSE", movers.symbol, ">", level, type="ato", basket=basket
    )
    assert alert.basket is UNSET
    [kept] = (await kite.get_alert(alert.uuid)).basket.items
    assert kept.instrument_token > 0
    assert kept.id > 0

    await movers.move_to(level + 5)

    [firing] = await kite.get_alert_history(alert.uuid)
    [order] = await kite.orders()
    [placed] = firing.order_meta
    assert (placed["status"], placed["order_id"]) == ("success", order.order_id)
    assert order.quantity == 3
    assert order.meta == {"alert": alert.uuid}


async def test_alerts_are_listed_by_status_and_page_and_deleted_softly(kite):
    made = [
        (await kite.create_alert(f"a{number}", "NSE", "WIPRO", "<=", 1)).uuid for number in range(3)
    ]
    assert [one.uuid for one in await kite.get_alerts()] == made[::-1]
    assert [one.uuid for one in await kite.get_alerts(page=2, page_size=2)] == made[:1]
    await kite.delete_alerts(*made[:2])
    assert [one.uuid for one in await kite.get_alerts("deleted")] == made[1::-1]
    assert [one.uuid for one in await kite.get_alerts("enabled")] == made[2:]
    changed = await kite.modify_alert(made[2], "new", "INDICES", "NIFTY 50", "<", 5)
    assert (changed.name, changed.lhs_exchange, changed.rhs_constant) == ("new", "INDICES", 5)


ALERT = {
    "name": "n",
    "type": "simple",
    "lhs_exchange": "NSE",
    "lhs_tradingsymbol": "WIPRO",
    "lhs_attribute": "LastTradedPrice",
    "operator": ">=",
    "rhs_type": "constant",
    "rhs_constant": "27000",
}


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({}, "Missing or empty field `rhs_type`"),
        (ALERT | {"name": ""}, "Missing or empty field `name`"),
        (ALERT | {"operator": "=>"}, "Invalid `operator`."),
        (ALERT | {"rhs_constant": "much"}, "Invalid `rhs_constant`."),
        (ALERT | {"lhs_attribute": "Volume"}, "Invalid `lhs_attribute`"),
        (ALERT | {"lhs_tradingsymbol": "NOSUCH"}, "expired or does not exist"),
        (ALERT | {"type": "ato"}, "Invalid `basket`."),
        (ALERT | {"type": "ato", "basket": '{"items":[]}'}, "Invalid `basket.items`."),
        (ALERT | {"type": "ato", "basket": "["}, "Invalid `basket`."),
    ],
)
async def test_an_alert_that_cannot_be_is_refused_by_its_field(exchange, kite, body, text):
    status, answer = await post(exchange, kite, "/alerts", body)
    assert (status, answer["error_type"]) == (400, "InputException")
    assert text in answer["message"]
    assert await kite.get_alerts() == []


@pytest.mark.parametrize("query", ["status=gone", "page=-1", "page=x", "page_size=-5"])
async def test_a_list_asked_for_wrongly_is_refused(exchange, kite, query):
    status, answer = await post(exchange, kite, f"/alerts?{query}", {}, "GET")
    assert (status, answer["error_type"]) == (400, "InputException")


async def test_an_alert_nobody_made_is_not_found_and_none_is_deleted(exchange, kite):
    mine = (await kite.create_alert("mine", "NSE", "WIPRO", "<=", 1)).uuid
    with pytest.raises(GeneralException, match="alert") as failure:
        await kite.delete_alerts(mine, "nobody-made-this")
    assert failure.value.status == 404
    assert (await kite.get_alert(mine)).status == "enabled"
    status, answer = await post(exchange, kite, "/alerts", {}, "DELETE")
    assert (status, answer["message"]) == (400, "Missing or empty field `uuid`")


# --- the official samples, where the caller has them --------------------------------------------

if SAMPLES:

    async def test_rows_have_the_fields_of_the_official_samples(kite, movers):
        folder = Path(SAMPLES)
        trigger = movers.around("0.5")
        trigger_id = await place_buy(kite, movers, trigger)
        alert = await kite.create_alert("n", "NSE", movers.symbol, "<", 1)
        await movers.move_to(trigger)

        sample = json.loads((folder / "gtt_get_orders.json").read_bytes())["data"][1]
        ours = await kite.raw.get_gtt(trigger_id)
        assert set(ours) == set(sample)
        assert set(ours["condition"]) == set(sample["condition"])
        assert set(ours["orders"][0]) == set(sample["orders"][1])
        assert set(ours["orders"][0]["result"]) == set(sample["orders"][1]["result"])
        simple = json.loads((folder / "alerts_get_one.json").read_bytes())["data"]
        assert set(await kite.raw.get_alert(alert.uuid)) == set(simple)
