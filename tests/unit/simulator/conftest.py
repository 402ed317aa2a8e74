from decimal import Decimal

import pytest

from patang.domain.enums import Exchange as ExchangeName
from patang.domain.enums import OrderType, Product, Side
from patang.domain.instrument import Instrument, InstrumentId
from patang.simulator import Exchange, OrderRequest, Refused, SimOrder

INFY = InstrumentId("NSE:INFY")
NOON = 1_795_156_200_000_000_000


class Desk:
    """An exchange without agents, two users with money, and short ways to trade."""

    instrument = INFY
    now_ns = NOON

    def __init__(self):
        instruments = [
            Instrument(
                exchange=ExchangeName.NSE, symbol="INFY", token=408065, tick_size=Decimal("0.10")
            ),
            Instrument(
                exchange=ExchangeName.NSE,
                symbol="LOTTED",
                token=257,
                tick_size=Decimal("0.05"),
                lot_size=5,
                freeze_quantity=100,
            ),
            Instrument(
                exchange=ExchangeName.NSE,
                symbol="NIFTY 50",
                token=256265,
                tick_size=Decimal("0.05"),
                segment="INDICES",
                is_tradable=False,
            ),
            Instrument(
                exchange=ExchangeName.NFO, symbol="X26NOVFUT", token=514, tick_size=Decimal("0.1")
            ),
        ]
        closes = {one.id: Decimal(1500) for one in instruments}
        self.exchange = Exchange(instruments, closes)
        self.orders: list[tuple[str, str, int]] = []
        self.trades = []
        self.exchange.on_order = lambda order: self.orders.append(
            (order.order_id, order.status.value, order.filled_quantity)
        )
        self.exchange.on_trade = self.trades.append
        for user in ("buyer", "seller"):
            self.exchange.open_account(user, Decimal(1_000_000))

    def request(self, side=Side.BUY, quantity=10, price="1500", **more) -> OrderRequest:
        fields = {
            "instrument": INFY,
            "order_type": OrderType.LIMIT,
            "product": Product.MIS,
            "price": None if price is None else Decimal(price),
        }
        for name in ("trigger_price", "market_protection"):
            if more.get(name) is not None:
                more[name] = Decimal(more[name])
        return OrderRequest(side=side, quantity=quantity, **(fields | more))

    def place(self, user, side, quantity=10, price="1500", **more) -> SimOrder:
        self.now_ns += 1_000_000
        return self.exchange.place(user, self.request(side, quantity, price, **more), self.now_ns)

    def buy(self, quantity=10, price="1500", user="buyer", **more) -> SimOrder:
        return self.place(user, Side.BUY, quantity, price, **more)

    def sell(self, quantity=10, price="1500", user="seller", **more) -> SimOrder:
        return self.place(user, Side.SELL, quantity, price, **more)

    def trade_at(self, price) -> None:
        """Let one share change hands between two outsiders at ``price``."""
        for user in ("outsider-a", "outsider-b"):
            if user not in self.exchange.user_ids():
                self.exchange.open_account(user, Decimal(10_000_000))
        self.buy(1, price, user="outsider-a")
        self.sell(1, price, user="outsider-b")

    def refusal(self, **more) -> tuple[str, str]:
        """Error type and text of a request that must be refused."""
        with pytest.raises(Refused) as caught:
            self.exchange.place("buyer", self.request(**more), self.now_ns)
        return caught.value.error_type, caught.value.message


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
def make_desk():
    return Desk
