"""Types of the blocking twin. Written by tools/write_sync_stub.py; do not edit."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal, Self, overload

from patang.domain.enums import (
    Exchange,
    InstrumentType,
    Interval,
    OrderType,
    Product,
    Side,
    Validity,
    Variety,
)
from patang.domain.instrument import Instrument, InstrumentId
from patang.kite import analytics
from patang.kite.addresses import REST_ROOT
from patang.kite.breaker import CircuitBreaker
from patang.kite.bulk import BulkResult, CancelReport
from patang.kite.client_config import KiteConfig
from patang.kite.clock import Clock
from patang.kite.courier import CallCounters, Observer
from patang.kite.directory import Directory, OptionChain
from patang.kite.governor import Governor, Limits
from patang.kite.gtt_calls import Legs
from patang.kite.instruments import BUDGET_BYTES
from patang.kite.lru import CacheCounters
from patang.kite.market_status import MarketStatus
from patang.kite.parameters import InstrumentLookup, Keys, Rupees
from patang.kite.placement import Placement
from patang.kite.plan import MarketDataAccess
from patang.kite.retry import READS, RetryPolicy
from patang.kite.search import Match
from patang.kite.secret import Secret
from patang.kite.session_renewal import SessionExpiryHook
from patang.kite.sync_ticker import KiteTicker as KiteTicker
from patang.kite.transport import NetworkSettings, Timeouts, Transport
from patang.kite.windows import Lane
from patang.wire.alert_forms import LAST_PRICE, AlertOperator, AlertType, RhsType
from patang.wire.autoslice_rows import AutosliceAck
from patang.wire.candle_rows import Candles
from patang.wire.forms import ModifyForm, PlaceForm
from patang.wire.gtt_forms import GttType
from patang.wire.instrument_columns import InstrumentColumns
from patang.wire.listed_instrument import ListedInstrument
from patang.wire.margin_forms import ChargeOrder, MarginMode, MarginOrder
from patang.wire.mf_forms import SipFrequency, SipStatus
from patang.wire.mf_instruments import MfInstrument
from patang.wire.portfolio_forms import PositionType
from patang.wire.rows import (
    AlertHistoryRow,
    AlertRow,
    AuctionInstrumentRow,
    BasketMarginRow,
    CompactHoldingRow,
    FullProfileRow,
    GttAck,
    GttRow,
    HoldingRow,
    HoldingsAuthorisation,
    HoldingsSummaryRow,
    LtpRow,
    MarginsRow,
    MfHoldingRow,
    MfOrderAck,
    MfOrderRow,
    MfSipAck,
    MfSipRow,
    MfTradeRow,
    OhlcRow,
    OrderChargesRow,
    OrderMarginRow,
    OrderRow,
    Positions,
    ProfileRow,
    QuoteRow,
    RenewedSessionRow,
    SegmentRow,
    SessionRow,
    TradeRow,
    TriggerRangeRow,
)

class Kite:
    def __init__(
        self,
        api_key: str,
        access_token: str | Secret | None = None,
        root: str = REST_ROOT,
        *,
        transport: Transport | None = None,
        timeouts: Timeouts | None = None,
        login_root: str | None = None,
        clock: Clock | None = None,
        governor: Governor | None = None,
        limits: Limits | None = None,
        retry: RetryPolicy = READS,
        breaker: CircuitBreaker | None = None,
        observer: Observer | None = None,
        network: NetworkSettings | None = None,
    ) -> None: ...
    @overload
    def mf_orders(self, order_id: None = None) -> list[MfOrderRow]: ...
    @overload
    def mf_orders(self, order_id: str) -> MfOrderRow: ...
    def place_mf_order(
        self,
        tradingsymbol: str,
        transaction_type: Side | str,
        quantity: Rupees | None = None,
        amount: Rupees | None = None,
        tag: str | None = None,
    ) -> MfOrderAck: ...
    def cancel_mf_order(self, order_id: str) -> MfOrderAck: ...
    @overload
    def mf_sips(self, sip_id: None = None) -> list[MfSipRow]: ...
    @overload
    def mf_sips(self, sip_id: str) -> MfSipRow: ...
    def place_mf_sip(
        self,
        tradingsymbol: str,
        amount: Rupees,
        instalments: int,
        frequency: SipFrequency | str,
        initial_amount: Rupees | None = None,
        instalment_day: int | None = None,
        tag: str | None = None,
    ) -> MfSipAck: ...
    def modify_mf_sip(
        self,
        sip_id: str,
        amount: Rupees | None = None,
        status: SipStatus | str | None = None,
        instalments: int | None = None,
        frequency: SipFrequency | str | None = None,
        instalment_day: int | None = None,
    ) -> MfSipAck: ...
    def cancel_mf_sip(self, sip_id: str) -> MfSipAck: ...
    def mf_holdings(self) -> list[MfHoldingRow]: ...
    def mf_holding_trades(self, isin: str) -> list[MfTradeRow]: ...
    def mf_instruments(self) -> list[MfInstrument]: ...
    def mf_allotments(self) -> list[str]: ...
    def order_margins(
        self,
        params: Sequence[MarginOrder | Mapping[str, Any]],
        mode: MarginMode | str | None = None,
    ) -> list[OrderMarginRow]: ...
    def basket_order_margins(
        self,
        params: Sequence[MarginOrder | Mapping[str, Any]],
        consider_positions: bool = True,
        mode: MarginMode | str | None = None,
    ) -> BasketMarginRow: ...
    def get_virtual_contract_note(
        self, params: Sequence[ChargeOrder | Mapping[str, Any]]
    ) -> list[OrderChargesRow]: ...
    def create_alert(
        self,
        name: str,
        lhs_exchange: str,
        lhs_tradingsymbol: str,
        operator: AlertOperator | str,
        rhs_constant: Rupees | None = None,
        *,
        type: AlertType | str = AlertType.SIMPLE,
        lhs_attribute: str = LAST_PRICE,
        rhs_type: RhsType | str = RhsType.CONSTANT,
        rhs_exchange: str | None = None,
        rhs_tradingsymbol: str | None = None,
        rhs_attribute: str | None = None,
        basket: Mapping[str, Any] | None = None,
    ) -> AlertRow: ...
    def modify_alert(
        self,
        uuid: str,
        name: str,
        lhs_exchange: str,
        lhs_tradingsymbol: str,
        operator: AlertOperator | str,
        rhs_constant: Rupees | None = None,
        *,
        type: AlertType | str = AlertType.SIMPLE,
        lhs_attribute: str = LAST_PRICE,
        rhs_type: RhsType | str = RhsType.CONSTANT,
        rhs_exchange: str | None = None,
        rhs_tradingsymbol: str | None = None,
        rhs_attribute: str | None = None,
        basket: Mapping[str, Any] | None = None,
    ) -> AlertRow: ...
    def get_alerts(
        self, status: str | None = None, page: int | None = None, page_size: int | None = None
    ) -> list[AlertRow]: ...
    def get_alert(self, uuid: str) -> AlertRow: ...
    def get_alert_history(self, uuid: str) -> list[AlertHistoryRow]: ...
    def delete_alerts(self, *uuids: str) -> None: ...
    def place_gtt(
        self,
        trigger_type: GttType | str,
        tradingsymbol: str,
        exchange: Exchange | str,
        trigger_values: Sequence[Rupees],
        last_price: Rupees,
        orders: Legs,
        *,
        expires_at: str | None = None,
    ) -> GttAck: ...
    def modify_gtt(
        self,
        trigger_id: int,
        trigger_type: GttType | str,
        tradingsymbol: str,
        exchange: Exchange | str,
        trigger_values: Sequence[Rupees],
        last_price: Rupees,
        orders: Legs,
        *,
        expires_at: str | None = None,
    ) -> GttAck: ...
    def get_gtts(self) -> list[GttRow]: ...
    def get_gtt(self, trigger_id: int) -> GttRow: ...
    def delete_gtt(self, trigger_id: int) -> GttAck: ...
    def cancel_gtt(self, trigger_id: int) -> GttAck: ...
    def instruments(self, exchange: Exchange | str | None = None) -> list[ListedInstrument]: ...
    def instruments_csv(self, exchange: Exchange | str | None = None) -> bytes: ...
    def instrument_columns(self, exchange: Exchange | str | None = None) -> InstrumentColumns: ...
    def quote(self, *instruments: Keys) -> dict[str, QuoteRow]: ...
    def ohlc(self, *instruments: Keys) -> dict[str, OhlcRow]: ...
    def ltp(self, *instruments: Keys) -> dict[str, LtpRow]: ...
    def historical_data(
        self,
        instrument_token: int,
        from_date: str | date | datetime,
        to_date: str | date | datetime,
        interval: Interval | str,
        continuous: bool = False,
        oi: bool = False,
    ) -> Candles: ...
    def trigger_range(
        self, transaction_type: Side | str, *instruments: Keys
    ) -> dict[str, TriggerRangeRow]: ...
    def positions(self) -> Positions: ...
    def convert_position(
        self,
        exchange: Exchange | str,
        tradingsymbol: str,
        transaction_type: Side | str,
        position_type: PositionType | str,
        quantity: int,
        old_product: Product | str,
        new_product: Product | str,
    ) -> bool: ...
    def holdings(self) -> list[HoldingRow]: ...
    def holdings_summary(self) -> HoldingsSummaryRow: ...
    def holdings_compact(self) -> list[CompactHoldingRow]: ...
    def get_auction_instruments(self) -> list[AuctionInstrumentRow]: ...
    def holdings_authorise(
        self,
        holdings: Iterable[Mapping[str, Any] | tuple[str, int]] = (),
        *,
        type: str | None = None,
        transfer_type: str | None = None,
        exec_date: str | None = None,
    ) -> HoldingsAuthorisation: ...
    def holdings_authorisation_url(self, request_id: str) -> str: ...
    instrument_of: InstrumentLookup | None
    def orders(self) -> list[OrderRow]: ...
    def order_history(self, order_id: str) -> list[OrderRow]: ...
    def trades(self) -> list[TradeRow]: ...
    def order_trades(self, order_id: str) -> list[TradeRow]: ...
    def place_order(
        self,
        variety: Variety | str,
        exchange: Exchange | str,
        tradingsymbol: str,
        transaction_type: Side | str,
        quantity: int,
        product: Product | str,
        order_type: OrderType | str,
        price: Rupees | None = None,
        validity: Validity | str | None = None,
        validity_ttl: int | None = None,
        disclosed_quantity: int | None = None,
        trigger_price: Rupees | None = None,
        iceberg_legs: int | None = None,
        iceberg_quantity: int | None = None,
        auction_number: str | None = None,
        algo_id: str | None = None,
        tag: str | None = None,
        market_protection: Rupees | None = None,
        autoslice: bool | None = None,
    ) -> str: ...
    def place(
        self,
        form: PlaceForm,
        lane: Lane = Lane.ENTRY,
        *,
        is_wanted: Callable[[], bool] | None = None,
    ) -> str: ...
    def place_autoslice_order(
        self,
        variety: Variety | str,
        exchange: Exchange | str,
        tradingsymbol: str,
        transaction_type: Side | str,
        quantity: int,
        product: Product | str,
        order_type: OrderType | str,
        price: Rupees | None = None,
        validity: Validity | str | None = None,
        validity_ttl: int | None = None,
        disclosed_quantity: int | None = None,
        trigger_price: Rupees | None = None,
        iceberg_legs: int | None = None,
        iceberg_quantity: int | None = None,
        auction_number: str | None = None,
        algo_id: str | None = None,
        tag: str | None = None,
        market_protection: Rupees | None = None,
    ) -> AutosliceAck: ...
    def modify_order(
        self,
        variety: Variety | str,
        order_id: str,
        parent_order_id: str | None = None,
        quantity: int | None = None,
        price: Rupees | None = None,
        order_type: OrderType | str | None = None,
        trigger_price: Rupees | None = None,
        validity: Validity | str | None = None,
        disclosed_quantity: int | None = None,
        market_protection: Rupees | None = None,
        validity_ttl: int | None = None,
    ) -> str: ...
    def modify(self, form: ModifyForm, instrument: Instrument | None = None) -> str: ...
    def cancel_order(
        self, variety: Variety | str, order_id: str, parent_order_id: str | None = None
    ) -> str: ...
    def exit_order(
        self, variety: Variety | str, order_id: str, parent_order_id: str | None = None
    ) -> str: ...
    @property
    def clock(self) -> Clock: ...
    @property
    def governor(self) -> Governor: ...
    def place_order_safely(
        self,
        variety: Variety | str,
        exchange: Exchange | str,
        tradingsymbol: str,
        transaction_type: Side | str,
        quantity: int,
        product: Product | str,
        order_type: OrderType | str,
        price: Rupees | None = None,
        validity: Validity | str | None = None,
        validity_ttl: int | None = None,
        disclosed_quantity: int | None = None,
        trigger_price: Rupees | None = None,
        iceberg_legs: int | None = None,
        iceberg_quantity: int | None = None,
        auction_number: str | None = None,
        algo_id: str | None = None,
        tag: str | None = None,
        market_protection: Rupees | None = None,
        autoslice: bool | None = None,
        *,
        tag_prefix: str = "",
        lane: Lane = Lane.ENTRY,
    ) -> Placement: ...
    def place_safely(self, form: PlaceForm, lane: Lane = Lane.ENTRY) -> Placement: ...
    def order_seen(self, row: OrderRow) -> None: ...
    def set_access_token(self, access_token: str | Secret | None) -> None: ...
    def login_url(self) -> str: ...
    def generate_session(self, request_token: str, api_secret: str | Secret) -> SessionRow: ...
    def renew_access_token(
        self, refresh_token: str | Secret, api_secret: str | Secret
    ) -> RenewedSessionRow: ...
    def invalidate_access_token(self, access_token: str | Secret | None = None) -> bool: ...
    def invalidate_refresh_token(self, refresh_token: str | Secret) -> bool: ...
    def profile(self) -> ProfileRow: ...
    def full_profile(self) -> FullProfileRow: ...
    @overload
    def margins(self, segment: None = None) -> MarginsRow: ...
    @overload
    def margins(self, segment: Literal["equity", "commodity"]) -> SegmentRow: ...
    def market_margins(self, segment: str) -> Any: ...
    def parameters(self) -> Any: ...
    def set_session_expiry_hook(self, method: SessionExpiryHook | None) -> None: ...
    def refresh_session(self) -> None: ...
    def validate_session(self) -> bool: ...
    @property
    def access_token(self) -> Secret | None: ...
    @classmethod
    def from_config(
        cls, config: KiteConfig, *, transport: Transport | None = None, clock: Clock | None = None
    ) -> Self: ...
    @property
    def counters(self) -> CallCounters: ...
    def keep_time(self, clock: Clock) -> None: ...
    def keep_warm(self, every_s: float = 20.0) -> None: ...
    @property
    def root(self) -> str: ...
    def __enter__(self) -> Self: ...
    def __exit__(self, *_: object) -> None: ...
    def close(self) -> None: ...
    @property
    def raw(self) -> RawKite: ...

class KiteAnalytics:
    def __init__(self, kite: Kite, *, clock: Clock | None = None) -> None: ...
    def holdings_summary(self, *, live: bool = False) -> analytics.HoldingsSummary: ...
    def holdings_by_exchange(self, exchange: Exchange | str) -> list[HoldingRow]: ...
    def positions_with_pnl(self, *, live: bool = False) -> list[analytics.PositionPnl]: ...
    def trades_with_pnl(self) -> analytics.TradeHistory: ...
    def portfolio_performance(self, *, live: bool = False) -> analytics.PortfolioPerformance: ...
    def market_depth(self, *instruments: str | list[str]) -> dict[str, analytics.MarketDepth]: ...
    def orders_by_status(self, status: str) -> list[OrderRow]: ...
    def cancel_all_orders(self, symbol: str | None = None) -> CancelReport: ...
    def place_orders_bulk(
        self,
        orders: Sequence[PlaceForm | Mapping[str, Any]],
        *,
        on_result: Callable[[BulkResult], None] | None = None,
    ) -> list[BulkResult]: ...
    def market_data_access(self) -> MarketDataAccess: ...
    def market_status(self, exchange: Exchange | str) -> MarketStatus: ...
    def market_status_all(self) -> list[MarketStatus]: ...

class KiteInstruments:
    def __init__(
        self,
        kite: Kite,
        folder: Path | None = None,
        *,
        clock: Clock | None = None,
        budget_bytes: int = BUDGET_BYTES,
    ) -> None: ...
    @property
    def counters(self) -> CacheCounters: ...
    def load(self, exchange: Exchange | str | None = None) -> Directory: ...
    def instrument(self, instrument: str) -> Instrument: ...
    def token(self, instrument: str) -> int: ...
    def symbol(self, token: int, exchange: Exchange | str | None = None) -> InstrumentId: ...
    def check_orders(self, exchange: Exchange | str | None = None) -> None: ...
    def search_instruments(
        self,
        query: str,
        exchange: Exchange | str | None = None,
        *,
        kind: InstrumentType | str | None = None,
        limit: int = 20,
    ) -> list[Match]: ...
    def expiries(self, name: str, exchange: Exchange | str = Exchange.NFO) -> list[str]: ...
    def option_chain(
        self, name: str, expiry: str | date | None = None, exchange: Exchange | str = Exchange.NFO
    ) -> OptionChain: ...
    def nearest_strike(
        self, name: str, price: Decimal, exchange: Exchange | str = Exchange.NFO
    ) -> Decimal: ...

class RawKite:
    def __getattr__(self, name: str) -> Callable[..., Any]: ...
    def __dir__(self) -> list[str]: ...
