"""An exchange of a few lines behind Kite's REST paths that can lose, delay and repeat."""

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal
from urllib.parse import parse_qsl, urlsplit

import msgspec

from patang.domain.enums import OrderType, Product, Side
from patang.domain.instrument import InstrumentId
from patang.domain.order import OrderIntent
from patang.kite import ConnectFailed, OrderUpdate, Response
from patang.wire.rows import Postback

STAMP = "2026-01-05 10:30:15"
HTML = Response(status=502, headers={"content-type": "text/html"}, body=b"<html>bad</html>")


def success(value: object) -> Response:
    body = msgspec.json.encode({"status": "success", "data": value})
    return Response(status=200, headers={"content-type": "application/json"}, body=body)


def refusal(status: int, error_type: str, message: str) -> Response:
    value = {"status": "error", "error_type": error_type, "message": message}
    headers = {"content-type": "application/json"}
    return Response(status=status, headers=headers, body=msgspec.json.encode(value))


class LossyExchange:
    """Keeps orders and trades; ``faults`` holds what happens to the next requests of a method."""

    def __init__(self) -> None:
        self.orders: dict[str, dict] = {}
        self.trades: list[dict] = []
        self.requests: list[str] = []
        self.faults: dict[str, list] = {}
        self.hidden: set[str] = set()
        self.reply_gate: asyncio.Event | None = None
        self.before_a_read: Callable[[], Awaitable[None]] | None = None

    async def answer(self, request) -> Response:
        path = urlsplit(request.url).path
        self.requests.append(f"{request.method} {path}")
        if request.method == "GET" and self.before_a_read is not None:
            await self.before_a_read()
        fault = self.faults.get(request.method, [])
        planned = fault.pop(0) if fault else None
        if isinstance(planned, ConnectFailed) or planned is HTML or planned == "refuse":
            if isinstance(planned, ConnectFailed):
                raise planned
            return planned if planned is HTML else refusal(400, "InputException", "no")
        reply = self.carry_out(request.method, path, dict(parse_qsl(request.body.decode())))
        if request.method == "POST" and self.reply_gate is not None:
            await self.reply_gate.wait()
        if isinstance(planned, Exception):
            raise planned
        return planned or reply

    def carry_out(self, method: str, path: str, form: dict) -> Response:
        if method == "POST":
            order_id = str(len(self.orders) + 1)
            self.orders[order_id] = {
                "order_id": order_id,
                "status": "OPEN",
                "exchange": form["exchange"],
                "tradingsymbol": form["tradingsymbol"],
                "transaction_type": form["transaction_type"],
                "quantity": int(form["quantity"]),
                "filled_quantity": 0,
                "tag": form["tag"],
                "exchange_update_timestamp": STAMP,
            }
            return success({"order_id": order_id})
        if method == "DELETE":
            order_id = path.rpartition("/")[2]
            self.orders[order_id]["status"] = "CANCELLED"
            return success({"order_id": order_id})
        if path == "/portfolio/positions":
            return success({"net": self.positions(), "day": self.positions()})
        if path == "/trades":
            return success([t for t in self.trades if t["trade_id"] not in self.hidden])
        return success([o for o in self.orders.values() if o["order_id"] not in self.hidden])

    def positions(self) -> list[dict]:
        held: dict[tuple[str, str], int] = {}
        for trade in self.trades:
            key = (trade["exchange"], trade["tradingsymbol"])
            sign = 1 if trade["transaction_type"] == "BUY" else -1
            held[key] = held.get(key, 0) + sign * trade["quantity"]
        return [
            {"exchange": key[0], "tradingsymbol": key[1], "product": "MIS", "quantity": quantity}
            for key, quantity in held.items()
        ]

    def fill(self, order_id: str, quantity: int) -> None:
        order = self.orders[order_id]
        order["filled_quantity"] += quantity
        done = order["filled_quantity"] == order["quantity"]
        order["status"] = "COMPLETE" if done else "OPEN"
        if not quantity:
            return
        self.trades.append(
            {
                "trade_id": f"T{len(self.trades) + 1}",
                "order_id": order_id,
                "exchange": order["exchange"],
                "tradingsymbol": order["tradingsymbol"],
                "product": "MIS",
                "transaction_type": order["transaction_type"],
                "average_price": 1500.05,
                "quantity": quantity,
                "fill_timestamp": STAMP,
            }
        )

    def update(self, order_id: str) -> OrderUpdate:
        row = msgspec.convert(self.orders[order_id], Postback, strict=False)
        return OrderUpdate(order=row, received_ns=0)

    def count(self, request: str) -> int:
        return self.requests.count(request)


def an_intent(tag: str = "tag1", quantity: int = 10, **more) -> OrderIntent:
    return OrderIntent(
        intent_id=f"intent-{tag}",
        tag=tag,
        strategy="s",
        instrument=InstrumentId("NSE:INFY"),
        side=Side.BUY,
        quantity=quantity,
        order_type=OrderType.LIMIT,
        product=Product.MIS,
        created_ns=0,
        price=Decimal("1500.05"),
        **more,
    )


def kinds(events: list) -> list[str]:
    return [type(event).__name__ for event in events]


def order_form(tag: str) -> dict[str, str]:
    return {
        "exchange": "NSE",
        "tradingsymbol": "INFY",
        "transaction_type": "BUY",
        "quantity": "10",
        "tag": tag,
    }
