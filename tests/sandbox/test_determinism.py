"""The same seed and the same commands: the same truth, to the byte, in two processes."""

import json
import subprocess
import sys

PROGRAM = """
import sys
from decimal import Decimal
from kiteconnect import KiteConnect
from patang.domain.instrument import InstrumentId
from patang.sandbox.control.truth import truth
from patang.sandbox.testing import SandboxServer, stepped

SYMBOLS = ("INFY", "RELIANCE", "SBIN", "TCS", "ITC")

with SandboxServer(stepped(seed=int(sys.argv[1]))) as server:
    server.call(lambda world: world.exchange.seed_holding(
        "CD5678", InstrumentId("NSE:INFY"), 50, Decimal("1400.00")
    ))
    one = KiteConnect(server.api_key, server.access_token("AB1234"), root=server.root)
    other = KiteConnect(server.api_key, server.access_token("CD5678"), root=server.root)
    order = {"variety": "regular", "exchange": "NSE"}
    market = {"order_type": "MARKET", "market_protection": -1}
    for number in range(60):
        symbol = SYMBOLS[number % len(SYMBOLS)]
        price = one.ltp(f"NSE:{symbol}")[f"NSE:{symbol}"]["last_price"]
        limit = {"order_type": "LIMIT", "price": price, "tag": f"script{number}"}
        order_id = one.place_order(
            **order, **limit, tradingsymbol=symbol, quantity=5 + number, product="MIS",
            transaction_type="BUY" if number % 3 else "SELL",
        )
        if number % 4 == 0:
            other.place_order(
                **order, **market, tradingsymbol=symbol, quantity=3, product="CNC",
                transaction_type="BUY",
            )
        server.advance(7)
        if number % 5 == 0 and one.order_history(order_id)[-1]["status"] == "OPEN":
            one.cancel_order("regular", order_id)
    other.place_order(
        **order, **market, tradingsymbol="INFY", quantity=10, product="CNC",
        transaction_type="SELL",
    )
    last_price = other.ltp("NSE:INFY")["NSE:INFY"]["last_price"]
    leg = {"transaction_type": "BUY", "quantity": 1, "order_type": "LIMIT", "product": "CNC"}
    other.place_gtt("single", "INFY", "NSE", [1300], last_price, [{**leg, "price": 1300}])
    server.advance(60)
    sys.stdout.buffer.write(server.call(truth))
"""


def told_by_processes(*seeds: tuple[int, str]) -> list[bytes]:
    """What processes tell, side by side: each has a seed, and its own order of sets."""
    running = [
        subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", PROGRAM, str(seed)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={"PYTHONHASHSEED": hash_seed},
        )
        for seed, hash_seed in seeds
    ]
    told = [process.communicate(timeout=100) for process in running]
    assert [process.returncode for process in running] == [0] * len(running), told
    return [output for output, _ in told]


def test_two_processes_tell_the_same_truth_to_the_byte_and_another_seed_another():
    first, second, other = told_by_processes((5, "1"), (5, "2"), (6, "1"))
    assert first == second
    assert first != other
    truth = json.loads(first)
    orders = truth["users"]["AB1234"]["orders"]
    assert {"COMPLETE", "CANCELLED"} <= {order["status"] for order in orders}
    assert truth["users"]["CD5678"]["trades"]
    assert len(truth["users"]["AB1234"]["requests"]) > len(orders)
