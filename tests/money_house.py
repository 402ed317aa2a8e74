"""A small market of shares, an index and their derivatives, and two users who trade it."""

from datetime import date
from decimal import Decimal as D

from patang.domain.enums import Exchange as ExchangeName
from patang.domain.enums import InstrumentType, OrderType, Product, Side
from patang.domain.instrument import Instrument, InstrumentId
from patang.rules.ist import at_ist
from patang.simulator import Exchange, OrderRequest, SimOrder

INFY = InstrumentId("NSE:INFY")
SBIN = InstrumentId("NSE:SBIN")
NIFTY = InstrumentId("NSE:NIFTY 50")
FUTURE = InstrumentId("NFO:NIFTY26NOVFUT")
NEXT_FUTURE = InstrumentId("NFO:NIFTY26DECFUT")
CALL = InstrumentId("NFO:NIFTY26NOV26000CE")
HIGH_CALL = InstrumentId("NFO:NIFTY26NOV26500CE")
PUT = InstrumentId("NFO:NIFTY26NOV26000PE")
SHARE_FUTURE = InstrumentId("NFO:INFY26NOVFUT")
SHARE_CALL = InstrumentId("NFO:INFY26NOV1500CE")
SHARE_PUT = InstrumentId("NFO:INFY26NOV1600PE")
GOLD = InstrumentId("MCX:GOLDM26DECFUT")

# NSE monthly contracts of November 2026 expire on Monday the 23rd: the 24th is a holiday.
THURSDAY, FRIDAY, MONDAY = date(2026, 11, 19), date(2026, 11, 20), date(2026, 11, 23)
WEDNESDAY = date(2026, 11, 25)
CLOSES = {
    INFY: "1500",
    SBIN: "900",
    NIFTY: "26000",
    FUTURE: "26050",
    NEXT_FUTURE: "26200",
    CALL: "150",
    HIGH_CALL: "40",
    PUT: "140",
    SHARE_FUTURE: "1505",
    SHARE_CALL: "30",
    SHARE_PUT: "105",
    GOLD: "120000",
}


def contract(name: InstrumentId, number: int) -> Instrument:
    exchange, _, symbol = name.partition(":")
    listed = {"exchange": ExchangeName(exchange), "symbol": symbol, "token": number * 256 + 1}
    if name == NIFTY:
        return Instrument(tick_size=D("0.05"), segment="INDICES", is_tradable=False, **listed)
    if exchange == "NSE":
        return Instrument(tick_size=D("0.05"), **listed)
    if name == GOLD:
        return Instrument(
            tick_size=D(1), instrument_type=InstrumentType.FUT, name="GOLDM", multiplier=10,
            expiry="2026-12-04", **listed,
        )  # fmt: skip
    underlying = "NIFTY" if symbol.startswith("NIFTY") else "INFY"
    kind = InstrumentType(symbol[-2:]) if symbol[-2:] in ("CE", "PE") else InstrumentType.FUT
    head = f"{underlying}26NOV"
    return Instrument(
        tick_size=D("0.05"),
        instrument_type=kind,
        name=underlying,
        lot_size=65 if underlying == "NIFTY" else 400,
        expiry="2026-12-29" if name == NEXT_FUTURE else MONDAY.isoformat(),
        strike=None if kind is InstrumentType.FUT else D(symbol[len(head) : -2]),
        **listed,
    )


class House:
    """An exchange whose accounts are looked at over several days."""

    def __init__(self) -> None:
        instruments = [contract(name, number) for number, name in enumerate(CLOSES, 1)]
        closes = {name: D(close) for name, close in CLOSES.items()}
        self.exchange = Exchange(instruments, closes)
        self.exchange.pass_time(at_ist(THURSDAY, 10, 0))
        for user in ("buyer", "seller"):
            self.exchange.open_account(user, D(10_000_000))

    @property
    def now_ns(self) -> int:
        return self.exchange.now_ns + 1_000_000

    def order(
        self, user: str, side: Side, name: InstrumentId, quantity: int, price: str, product: Product
    ) -> SimOrder:
        request = OrderRequest(
            instrument=name,
            side=side,
            quantity=quantity,
            order_type=OrderType.LIMIT,
            product=product,
            price=D(price),
        )
        return self.exchange.place(user, request, self.now_ns)

    def trade(
        self,
        name: InstrumentId,
        quantity: int,
        price: str,
        product: Product = Product.NRML,
        *,
        buyer: str = "buyer",
        seller: str = "seller",
        sold_as: Product | None = None,
    ) -> None:
        """``buyer`` buys from ``seller`` at ``price``."""
        sale = self.order(seller, Side.SELL, name, quantity, price, sold_as or product)
        purchase = self.order(buyer, Side.BUY, name, quantity, price, product)
        assert sale.pending_quantity == purchase.pending_quantity == 0

    def mark(self, name: InstrumentId, price: str) -> None:
        """The last price becomes ``price``; nobody's books move."""
        venue = self.exchange.venue(name)
        venue.set_last(venue.instrument.to_ticks(D(price)), self.now_ns)

    def end_day(self, on: date) -> None:
        """The night after ``on``: the accounts' part of the roll."""
        following = date.fromordinal(on.toordinal() + 1)
        at_ns = self.exchange.pass_time(at_ist(following, 6, 0))
        self.exchange.settle_accounts(at_ns)

    def begin_day(self, on: date) -> None:
        self.exchange.pass_time(at_ist(on, 10, 0))

    def funds(self, user: str = "buyer"):
        return self.exchange.funds(user)

    def ledger(self, user: str, kind: str | None = None) -> list[D]:
        entries = self.exchange.back_office.ledger(user)
        return [one.amount for one in entries if kind is None or one.kind == kind]

    def charged(self, user: str) -> D:
        kinds = ("contract_note", "depository", "square_off", "pledge", "interest", "delivery_tax")
        return -sum((sum(self.ledger(user, kind)) for kind in kinds), D(0))
