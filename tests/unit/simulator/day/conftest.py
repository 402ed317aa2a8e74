from datetime import date
from decimal import Decimal

import pytest

from patang.domain.enums import Exchange as ExchangeName
from patang.domain.enums import InstrumentType, OrderType, Product, Side
from patang.domain.instrument import Instrument, InstrumentId
from patang.rules.ist import at_ist
from patang.simulator import Exchange, OrderRequest, SeededSource, SimOrder
from patang.simulator.day.trading_day import TradingDay

INFY = InstrumentId("NSE:INFY")
"""A share with derivatives: it goes to the closing auction."""
SMALL = InstrumentId("NSE:SMALL")
"""A share without."""
FUTURE = InstrumentId("NFO:INFY26NOVFUT")
OPTION = InstrumentId("NFO:INFY26NOV1500CE")
GOLD = InstrumentId("MCX:GOLD26DECFUT")
INDEX = InstrumentId("NSE:NIFTY 50")

FRIDAY = date(2026, 11, 20)


def listing():
    def one(listed, token, kind="EQ", **more):
        exchange, symbol = listed.split(":")
        return Instrument(
            exchange=ExchangeName(exchange),
            symbol=symbol,
            token=token,
            tick_size=Decimal(more.pop("tick", "0.10")),
            instrument_type=InstrumentType(kind),
            **more,
        )

    return [
        one(INFY, 1, name="INFOSYS"),
        one(SMALL, 2, name="SMALL"),
        one(FUTURE, 3, "FUT", name="INFY", expiry="2026-11-23", lot_size=10),
        one(
            OPTION,
            4,
            "CE",
            name="INFY",
            expiry="2026-11-23",
            strike=Decimal(1500),
            lot_size=10,
            tick="0.05",
        ),
        one(GOLD, 5, "FUT", name="GOLD", expiry="2026-12-04", tick="1"),
        one(INDEX, 6, name="NIFTY 50", segment="INDICES", is_tradable=False, tick="0.05"),
    ]


class Day:
    """An exchange with its trading day, two users with much money, and short ways to trade."""

    def __init__(self, hour=8, minute=50, on=FRIDAY, seed=1):
        self.on = on
        instruments = listing()
        closes = {one.id: Decimal(1500) for one in instruments} | {OPTION: Decimal(60)}
        self.exchange = Exchange(instruments, closes)
        for user in ("buyer", "seller", "third"):
            self.exchange.open_account(user, Decimal(100_000_000))
            for name in (INFY, SMALL):
                self.exchange.seed_holding(user, name, 100_000, Decimal(1000))
        self.day = TradingDay(self.exchange, SeededSource(seed).split)
        self.now_ns = at_ist(on, hour, minute)
        self.exchange.pass_time(self.now_ns)
        self.day.begin(self.now_ns)

    def at(self, hour, minute, second=0, on=None):
        """Let everything happen up to that time."""
        self.now_ns = at_ist(on or self.on, hour, minute, second)
        self.exchange.pass_time(self.now_ns)
        return self

    def venue(self, name=INFY):
        return self.exchange.venue(name)

    def place(self, user, side, quantity, price, name=INFY, **more) -> SimOrder:
        fields = {
            "order_type": OrderType.MARKET if price is None else OrderType.LIMIT,
            "product": Product.CNC if name.startswith("NSE") else Product.NRML,
            "price": None if price is None else Decimal(price),
            "market_protection": Decimal(-1) if price is None else None,
        } | more
        request = OrderRequest(instrument=name, side=side, quantity=quantity, **fields)
        self.now_ns += 1_000_000
        return self.exchange.place(user, request, self.now_ns)

    def buy(self, quantity, price=None, user="buyer", **more) -> SimOrder:
        return self.place(user, Side.BUY, quantity, price, **more)

    def sell(self, quantity, price=None, user="seller", **more) -> SimOrder:
        return self.place(user, Side.SELL, quantity, price, **more)

    def trade(self, quantity, price, name=INFY) -> None:
        """Let shares change hands between buyer and seller."""
        self.buy(quantity, price, name=name)
        self.sell(quantity, price, name=name)


@pytest.fixture
def make_day():
    return Day
