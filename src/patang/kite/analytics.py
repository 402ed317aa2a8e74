"""Sums over what Kite lists: holdings, positions, trades, orders and depth. Pure functions on rows.

Amounts are exact rupees before charges; percentages are of what stands in the docstring. What the
broker leaves out is computed with its own formulas. Source: Kite Connect v3, portfolio.
"""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import cast

import msgspec

from patang.domain.enums import Exchange, Product, Side
from patang.domain.errors import InvalidValue
from patang.domain.instrument import InstrumentId
from patang.domain.order import OrderStatus
from patang.domain.position import Position
from patang.kite.parameters import word
from patang.wire.errors import DataException
from patang.wire.rows import (
    DepthEntry,
    HoldingRow,
    OrderRow,
    PositionRow,
    Positions,
    QuoteRow,
    TradeRow,
)
from patang.wire.translate import status_of

_ZERO = Decimal(0)
_HUNDRED = Decimal(100)

Prices = Mapping[str, Decimal]
"""Newest prices in rupees by ``EXCHANGE:SYMBOL``; the rows' own serve where one is missing."""


class HoldingsSummary(msgspec.Struct, frozen=True, kw_only=True):
    """All holdings in one line.

    ``total_pnl_percent`` is of what was invested, ``today_pnl_percent`` of yesterday's value.
    ``uncertain`` counts holdings whose buy price the broker does not know: the invested amount
    and the total P&L are no better than those. ``funded_value`` is what margin-funded (MTF) shares
    are worth; as in the broker's own figures, they are in none of the other amounts.
    """

    holdings_count: int
    invested_amount: Decimal
    current_value: Decimal
    total_pnl: Decimal
    total_pnl_percent: Decimal
    today_pnl: Decimal
    today_pnl_percent: Decimal
    funded_value: Decimal
    uncertain: int


class PositionPnl(msgspec.Struct, frozen=True, kw_only=True):
    """A position at its newest price.

    ``pnl`` is since the position was opened and is ``realised`` plus ``unrealised``; ``m2m`` is
    since yesterday's close.
    """

    row: PositionRow
    last_price: Decimal
    pnl: Decimal
    realised: Decimal
    unrealised: Decimal
    m2m: Decimal

    @property
    def is_open(self) -> bool:
        """Whether a quantity is still held."""
        return self.row.quantity != 0


class PositionsSummary(msgspec.Struct, frozen=True, kw_only=True):
    """Sums over positions; one without profit or loss counts as neither."""

    positions_count: int
    open_positions: int
    profitable_positions: int
    loss_positions: int
    total_pnl: Decimal
    total_realised: Decimal
    total_unrealised: Decimal
    total_m2m: Decimal


class TradePnl(msgspec.Struct, frozen=True, kw_only=True):
    """A trade, what it realised, and the position it left at average cost."""

    row: TradeRow
    realised: Decimal
    quantity_after: int
    average_after: Decimal


class TradeHistory(msgspec.Struct, frozen=True, kw_only=True):
    """The day's trades in the order of their fills, with sums in rupees."""

    trades: tuple[TradePnl, ...]
    realised: Decimal
    buy_value: Decimal
    sell_value: Decimal

    @property
    def turnover(self) -> Decimal:
        """Bought plus sold."""
        return self.buy_value + self.sell_value


class PortfolioPerformance(msgspec.Struct, frozen=True, kw_only=True):
    """Holdings and positions together.

    Shares bought today are positions until tomorrow, so nothing is counted twice.
    """

    holdings: HoldingsSummary
    positions: PositionsSummary

    @property
    def total_pnl(self) -> Decimal:
        """Since each was bought or opened."""
        return self.holdings.total_pnl + self.positions.total_pnl

    @property
    def today_pnl(self) -> Decimal:
        """Since yesterday's close."""
        return self.holdings.today_pnl + self.positions.total_m2m


class MarketDepth(msgspec.Struct, frozen=True, kw_only=True):
    """The five best levels a side, empty levels left out; an index has none."""

    instrument: str
    last_price: Decimal
    bids: tuple[DepthEntry, ...]
    asks: tuple[DepthEntry, ...]

    @property
    def best_bid(self) -> Decimal | None:
        """The highest price somebody offers to pay."""
        return self.bids[0].price if self.bids else None

    @property
    def best_ask(self) -> Decimal | None:
        """The lowest price somebody asks."""
        return self.asks[0].price if self.asks else None

    @property
    def spread(self) -> Decimal | None:
        """Best ask less best bid; None on a one-sided book."""
        if self.best_ask is None or self.best_bid is None:
            return None
        return self.best_ask - self.best_bid

    @property
    def mid_price(self) -> Decimal | None:
        """Half way between the best prices; None on a one-sided book."""
        if self.best_ask is None or self.best_bid is None:
            return None
        return (self.best_ask + self.best_bid) / 2

    @property
    def bid_quantity(self) -> int:
        """Wanted on the levels shown."""
        return sum(level.quantity for level in self.bids)

    @property
    def ask_quantity(self) -> int:
        """Offered on the levels shown."""
        return sum(level.quantity for level in self.asks)


def holdings_summary(
    holdings: Iterable[HoldingRow], prices: Prices | None = None
) -> HoldingsSummary:
    """Add up holdings, settled and in transit (T1)."""
    invested = value = today = previous = funded = _ZERO
    count = uncertain = 0
    for row in holdings:
        last = _newest(prices, row.exchange, row.tradingsymbol, row.last_price)
        held = row.quantity + row.t1_quantity
        invested += row.average_price * held
        value += last * held
        previous += row.close_price * held
        today += (last - row.close_price) * held
        funded += last * row.mtf.quantity if row.mtf is not None else _ZERO
        count += 1
        uncertain += row.discrepancy
    return HoldingsSummary(
        holdings_count=count,
        invested_amount=invested,
        current_value=value,
        total_pnl=value - invested,
        total_pnl_percent=_percent(value - invested, invested),
        today_pnl=today,
        today_pnl_percent=_percent(today, previous),
        funded_value=funded,
        uncertain=uncertain,
    )


def holdings_by_exchange(
    holdings: Iterable[HoldingRow], exchange: Exchange | str
) -> list[HoldingRow]:
    """The holdings listed on one exchange; raises ``InvalidValue`` for an unknown one."""
    wanted = word(Exchange, "exchange", exchange)
    return [row for row in holdings if row.exchange == wanted]


def positions_with_pnl(
    positions: Positions | Iterable[PositionRow], prices: Prices | None = None
) -> list[PositionPnl]:
    """Positions (the net book, when both are given) at their newest prices.

    The broker's own last price is a copy that may be old: give ``prices`` from the ticker.
    """
    rows = positions.net if isinstance(positions, Positions) else positions
    return [_position_pnl(row, prices) for row in rows]


def positions_summary(positions: Iterable[PositionPnl]) -> PositionsSummary:
    """Add up positions."""
    listed = list(positions)
    return PositionsSummary(
        positions_count=len(listed),
        open_positions=sum(each.is_open for each in listed),
        profitable_positions=sum(each.pnl > 0 for each in listed),
        loss_positions=sum(each.pnl < 0 for each in listed),
        total_pnl=sum((each.pnl for each in listed), _ZERO),
        total_realised=sum((each.realised for each in listed), _ZERO),
        total_unrealised=sum((each.unrealised for each in listed), _ZERO),
        total_m2m=sum((each.m2m for each in listed), _ZERO),
    )


def portfolio_performance(
    holdings: Iterable[HoldingRow],
    positions: Positions | Iterable[PositionRow],
    prices: Prices | None = None,
) -> PortfolioPerformance:
    """Holdings and positions together, at the newest prices."""
    return PortfolioPerformance(
        holdings=holdings_summary(holdings, prices),
        positions=positions_summary(positions_with_pnl(positions, prices)),
    )


def trades_with_pnl(
    trades: Iterable[TradeRow], opening: Iterable[PositionRow] = ()
) -> TradeHistory:
    """What each trade of the day realised, at average cost for each instrument and product.

    ``opening`` (the net positions) says what was carried into the day, at yesterday's close, and
    the contract multipliers; without it every book begins flat and every multiplier is one.

    Raises:
        DataException: a trade is neither a purchase nor a sale.
    """
    books = {_book_key(row): _carried(row) for row in opening}
    told: list[TradePnl] = []
    bought = sold = _ZERO
    for row in sorted(trades, key=lambda trade: trade.fill_timestamp or ""):
        if row.transaction_type not in Side.__members__:
            raise DataException(
                f"trade {row.trade_id}: transaction_type {row.transaction_type!r} is unknown."
            )
        side = Side(row.transaction_type)
        book = books.setdefault(_book_key(row), _flat(row))
        realised = book.apply(side, row.quantity, row.average_price)
        value = row.average_price * row.quantity * book.multiplier
        bought, sold = (bought + value, sold) if side is Side.BUY else (bought, sold + value)
        told.append(
            TradePnl(
                row=row,
                realised=realised,
                quantity_after=book.quantity,
                average_after=book.average_price,
            )
        )
    return TradeHistory(
        trades=tuple(told),
        realised=sum((trade.realised for trade in told), _ZERO),
        buy_value=bought,
        sell_value=sold,
    )


def market_depth(quotes: Mapping[str, QuoteRow]) -> dict[str, MarketDepth]:
    """The depth of quoted instruments, by ``EXCHANGE:SYMBOL``."""
    return {
        instrument: MarketDepth(
            instrument=instrument,
            last_price=quote.last_price,
            bids=_levels(quote.depth.buy if quote.depth else ()),
            asks=_levels(quote.depth.sell if quote.depth else ()),
        )
        for instrument, quote in quotes.items()
    }


def orders_by_status(orders: Iterable[OrderRow], status: str) -> list[OrderRow]:
    """Orders in one of Kite's states (``OPEN``, ``TRIGGER PENDING``), or in one of the domain's.

    Raises:
        InvalidValue: the status is empty.
    """
    wanted = status.strip().upper()
    if not wanted:
        raise InvalidValue("status", "is empty.", "Write for example 'OPEN' or 'COMPLETE'.")
    if isinstance(status, OrderStatus):
        return [row for row in orders if status_of(row.status) is status]
    return [row for row in orders if row.status.strip().upper() == wanted]


def working_orders(orders: Iterable[OrderRow], symbol: str | None = None) -> list[OrderRow]:
    """Orders that are not at their end, whatever Kite calls their state; an unknown one is not.

    ``symbol`` is a trading symbol, or ``EXCHANGE:SYMBOL``.
    """
    return [
        row
        for row in orders
        if not status_of(row.status).is_done
        and symbol in (None, row.tradingsymbol, f"{row.exchange}:{row.tradingsymbol}")
    ]


def _position_pnl(row: PositionRow, prices: Prices | None) -> PositionPnl:
    last = _newest(prices, row.exchange, row.tradingsymbol, row.last_price)
    open_value = row.quantity * last * row.multiplier
    pnl = row.sell_value - row.buy_value + open_value
    unrealised = (last - row.average_price) * row.quantity * row.multiplier
    return PositionPnl(
        row=row,
        last_price=last,
        pnl=pnl,
        realised=pnl - unrealised,
        unrealised=unrealised,
        m2m=row.sell_m2m - row.buy_m2m + open_value,
    )


def _newest(prices: Prices | None, exchange: str, symbol: str, otherwise: Decimal) -> Decimal:
    return otherwise if prices is None else prices.get(f"{exchange}:{symbol}", otherwise)


def _percent(part: Decimal, whole: Decimal) -> Decimal:
    return part / whole * _HUNDRED if whole else _ZERO


def _levels(levels: Sequence[DepthEntry]) -> tuple[DepthEntry, ...]:
    return tuple(level for level in levels if level.quantity)


def _book_key(row: TradeRow | PositionRow) -> tuple[str, str, str]:
    return row.exchange, row.tradingsymbol, row.product


def _flat(row: TradeRow | PositionRow, multiplier: int = 1) -> Position:
    return Position(
        instrument=InstrumentId(f"{row.exchange}:{row.tradingsymbol}"),
        # Old books still name products such as CO, which no order of ours can have.
        product=cast(Product, row.product),
        multiplier=multiplier,
    )


def _carried(row: PositionRow) -> Position:
    book = _flat(row, int(row.multiplier))
    if row.overnight_quantity:
        side = Side.BUY if row.overnight_quantity > 0 else Side.SELL
        book.apply(side, abs(row.overnight_quantity), row.close_price)
    return book
