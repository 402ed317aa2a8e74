"""The analytics as calls: each reads what it needs from the broker and adds it up."""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from patang.domain.enums import Exchange
from patang.kite import analytics, bulk
from patang.kite.bulk import BulkResult, CancelReport
from patang.kite.client import Kite
from patang.kite.clock import Clock
from patang.kite.market_status import MarketStatus, market_status, market_status_all
from patang.kite.plan import MarketDataAccess, market_data_access
from patang.wire.forms import PlaceForm
from patang.wire.rows import HoldingRow, OrderRow, PositionRow


class KiteAnalytics:
    """Sums over an account, and orders by the dozen.

    ``live`` asks for newest prices too (one more request; it needs a plan with market data);
    otherwise the broker's own copies serve, which may be old. Time is the client's ``clock``.
    """

    def __init__(self, kite: Kite, *, clock: Clock | None = None) -> None:
        self._kite = kite
        self._clock = clock or kite.clock

    async def holdings_summary(self, *, live: bool = False) -> analytics.HoldingsSummary:
        """All holdings in one line."""
        holdings = await self._kite.holdings()
        return analytics.holdings_summary(holdings, await self._prices(holdings, live))

    async def holdings_by_exchange(self, exchange: Exchange | str) -> list[HoldingRow]:
        """The holdings listed on one exchange."""
        return analytics.holdings_by_exchange(await self._kite.holdings(), exchange)

    async def positions_with_pnl(self, *, live: bool = False) -> list[analytics.PositionPnl]:
        """The net positions with their P&L."""
        positions = await self._kite.positions()
        prices = await self._prices(positions.net, live)
        return analytics.positions_with_pnl(positions, prices)

    async def trades_with_pnl(self) -> analytics.TradeHistory:
        """The day's trades and what each realised, carried positions included."""
        trades = await self._kite.trades()
        return analytics.trades_with_pnl(trades, (await self._kite.positions()).net)

    async def portfolio_performance(self, *, live: bool = False) -> analytics.PortfolioPerformance:
        """Holdings and positions together."""
        holdings = await self._kite.holdings()
        positions = await self._kite.positions()
        prices = await self._prices([*holdings, *positions.net], live)
        return analytics.portfolio_performance(holdings, positions, prices)

    async def market_depth(self, *instruments: str | list[str]) -> dict[str, analytics.MarketDepth]:
        """Five levels a side of these instruments (``EXCHANGE:SYMBOL``)."""
        return analytics.market_depth(await self._kite.quote(*instruments))

    async def orders_by_status(self, status: str) -> list[OrderRow]:
        """The day's orders in one state."""
        return analytics.orders_by_status(await self._kite.orders(), status)

    async def cancel_all_orders(self, symbol: str | None = None) -> CancelReport:
        """Cancel every order that is not at its end; see ``bulk.cancel_all_orders``."""
        return await bulk.cancel_all_orders(self._kite, symbol, clock=self._clock)

    async def place_orders_bulk(
        self,
        orders: Sequence[PlaceForm | Mapping[str, Any]],
        *,
        on_result: Callable[[BulkResult], None] | None = None,
    ) -> list[BulkResult]:
        """Place orders in their order; see ``bulk.place_orders_bulk``."""
        return await bulk.place_orders_bulk(self._kite, orders, on_result=on_result)

    async def market_data_access(self) -> MarketDataAccess:
        """Whether the api_key's plan has quotes and the ticker; see ``plan``."""
        return await market_data_access(self._kite)

    def market_status(self, exchange: Exchange | str) -> MarketStatus:
        """Whether an exchange trades now, from the calendar: Kite has no such call."""
        return market_status(exchange, self._clock.now_ns())

    def market_status_all(self) -> list[MarketStatus]:
        """Whether each exchange trades now."""
        return market_status_all(self._clock.now_ns())

    async def _prices(
        self, rows: Sequence[HoldingRow | PositionRow], live: bool
    ) -> dict[str, Decimal] | None:
        keys = list(dict.fromkeys(f"{row.exchange}:{row.tradingsymbol}" for row in rows))
        if not live or not keys:
            return None
        quotes = await self._kite.ltp(keys)
        return {key: row.last_price for key, row in quotes.items() if row.last_price}
