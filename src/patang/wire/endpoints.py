"""Kite's REST routes in one table: what client, sandbox and documentation read.

Source: Kite Connect v3; the rate classes are from its page on rate limits.
"""

from typing import Any

from patang.wire.alert_forms import AlertForm
from patang.wire.autoslice_rows import PlaceAnswer
from patang.wire.candle_rows import CandleTable
from patang.wire.endpoint import BodyKind, Endpoint, RateClass, RetryClass, Standing
from patang.wire.forms import CancelForm, ModifyForm, PlaceForm
from patang.wire.gtt_forms import GttForm
from patang.wire.margin_forms import ChargeOrder, MarginOrder
from patang.wire.mf_forms import MfOrderForm, MfSipChange, MfSipForm
from patang.wire.portfolio_forms import AuthorisationForm, ConversionForm
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
    OrderAck,
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

__all__ = ["ENDPOINTS", "BodyKind", "Endpoint", "RateClass", "RetryClass", "Standing"]

_ORDER = "/orders/{variety}/{order_id}"
_GTT = "/gtt/triggers/{trigger_id}"
_ALERT = "/alerts/{uuid}"
_MF_ORDER = "/mf/orders/{order_id}"
_SIP = "/mf/sips/{sip_id}"
_CANDLES = "/instruments/historical/{instrument_token}/{interval}"
_TRIGGER_RANGE = "/instruments/trigger_range/{transaction_type}"

_O, _Q, _H = RateClass.ORDER, RateClass.QUOTE, RateClass.HISTORICAL
_CLIENT, _LEGACY, _CLOSED = Standing.CLIENT, Standing.LEGACY, Standing.CLOSED


def _read(name: str, path: str, response: Any, **more: Any) -> Endpoint:
    return _endpoint(name, "GET", path, response, RetryClass.REPEATABLE, BodyKind.QUERY, more)


def _form(name: str, method: str, path: str, response: Any, **more: Any) -> Endpoint:
    return _endpoint(name, method, path, response, RetryClass.ONCE, BodyKind.FORM, more)


def _delete(name: str, path: str, response: Any, **more: Any) -> Endpoint:
    return _endpoint(name, "DELETE", path, response, RetryClass.ONCE, BodyKind.QUERY, more)


def _calculate(name: str, path: str, response: Any, request: Any) -> Endpoint:
    """Asks for a number and changes nothing, although it is a POST."""
    more = {"request": list[request]}
    return _endpoint(name, "POST", path, response, RetryClass.REPEATABLE, BodyKind.JSON, more)


def _endpoint(
    name: str,
    method: str,
    path: str,
    response: Any,
    retry: RetryClass,
    body: BodyKind,
    more: dict[str, Any],
) -> Endpoint:
    fields = {"call": name} | more
    return Endpoint(
        name=name, method=method, path=path, response=response, retry=retry, body=body, **fields
    )


_TABLE = (
    # Session and account
    _form("generate_session", "POST", "/session/token", SessionRow, needs_session=False),
    _form("renew_access_token", "POST", "/session/refresh_token", RenewedSessionRow,
          needs_session=False, standing=_CLIENT),
    _delete("invalidate_session", "/session/token", bool, call="invalidate_access_token"),
    _read("profile", "/user/profile", ProfileRow),
    _read("full_profile", "/user/profile/full", FullProfileRow, standing=_CLIENT),
    _read("margins", "/user/margins", MarginsRow),
    _read("margins_segment", "/user/margins/{segment}", SegmentRow, call="margins"),
    # Orders
    _form("place_order", "POST", "/orders/{variety}", PlaceAnswer, request=PlaceForm, rate=_O),
    _form("modify_order", "PUT", _ORDER, OrderAck, request=ModifyForm, rate=_O),
    _delete("cancel_order", _ORDER, OrderAck, request=CancelForm, rate=_O),
    _read("orders", "/orders", list[OrderRow]),
    _read("order_history", "/orders/{order_id}", list[OrderRow]),
    _read("order_trades", "/orders/{order_id}/trades", list[TradeRow]),
    _read("trades", "/trades", list[TradeRow]),
    # Portfolio
    _read("positions", "/portfolio/positions", Positions),
    _form("convert_position", "PUT", "/portfolio/positions", bool, request=ConversionForm),
    _read("holdings", "/portfolio/holdings", list[HoldingRow]),
    _read("holdings_summary", "/portfolio/holdings/summary", HoldingsSummaryRow,
          standing=_CLIENT),
    _read("holdings_compact", "/portfolio/holdings/compact", list[CompactHoldingRow],
          standing=_CLIENT),
    _read("get_auction_instruments", "/portfolio/holdings/auctions", list[AuctionInstrumentRow]),
    _form("holdings_authorise", "POST", "/portfolio/holdings/authorise", HoldingsAuthorisation,
          request=AuthorisationForm),
    # Market data
    _read("quote", "/quote", dict[str, QuoteRow], rate=_Q, instrument_cap=500),
    _read("ohlc", "/quote/ohlc", dict[str, OhlcRow], rate=_Q, instrument_cap=1000),
    _read("ltp", "/quote/ltp", dict[str, LtpRow], rate=_Q, instrument_cap=1000),
    _read("instruments", "/instruments", bytes),
    _read("instruments_exchange", "/instruments/{exchange}", bytes, call="instruments"),
    _read("historical_data", _CANDLES, CandleTable, rate=_H),
    _read("trigger_range", _TRIGGER_RANGE, dict[str, TriggerRangeRow], standing=_LEGACY),
    # Good-till-triggered orders
    _form("place_gtt", "POST", "/gtt/triggers", GttAck, request=GttForm),
    _read("get_gtts", "/gtt/triggers", list[GttRow]),
    _read("get_gtt", _GTT, GttRow),
    _form("modify_gtt", "PUT", _GTT, GttAck, request=GttForm),
    _delete("delete_gtt", _GTT, GttAck),
    # Alerts
    _form("create_alert", "POST", "/alerts", AlertRow, request=AlertForm),
    _read("get_alerts", "/alerts", list[AlertRow]),
    _read("get_alert", _ALERT, AlertRow),
    _form("modify_alert", "PUT", _ALERT, AlertRow, request=AlertForm),
    _delete("delete_alerts", "/alerts", None),
    _read("get_alert_history", "/alerts/{uuid}/history", list[AlertHistoryRow]),
    # Margins and charges
    _calculate("order_margins", "/margins/orders", list[OrderMarginRow], MarginOrder),
    _calculate("basket_order_margins", "/margins/basket", BasketMarginRow, MarginOrder),
    _calculate("get_virtual_contract_note", "/charges/orders", list[OrderChargesRow], ChargeOrder),
    _read("market_margins", "/margins/{segment}", Any, standing=_LEGACY),
    _read("parameters", "/parameters", Any, standing=_LEGACY),
    # Mutual funds
    _read("mf_orders", "/mf/orders", list[MfOrderRow]),
    _read("mf_order", _MF_ORDER, MfOrderRow, call="mf_orders"),
    _form("place_mf_order", "POST", "/mf/orders", MfOrderAck, request=MfOrderForm,
          standing=_CLOSED),
    _delete("cancel_mf_order", _MF_ORDER, MfOrderAck, standing=_CLOSED),
    _read("mf_sips", "/mf/sips", list[MfSipRow]),
    _read("mf_sip", _SIP, MfSipRow, call="mf_sips", standing=_CLIENT),
    _form("place_mf_sip", "POST", "/mf/sips", MfSipAck, request=MfSipForm, standing=_CLOSED),
    _form("modify_mf_sip", "PUT", _SIP, MfSipAck, request=MfSipChange, standing=_CLOSED),
    _delete("cancel_mf_sip", _SIP, MfSipAck, standing=_CLOSED),
    _read("mf_holdings", "/mf/holdings", list[MfHoldingRow]),
    _read("mf_holding_trades", "/mf/holdings/{isin}", list[MfTradeRow], standing=_CLIENT),
    _read("mf_instruments", "/mf/instruments", bytes),
    _read("mf_allotments", "/mf/allotments", list[str], standing=_CLIENT),
)  # fmt: skip

ENDPOINTS: dict[str, Endpoint] = {endpoint.name: endpoint for endpoint in _TABLE}
"""Every route by its name, which is the client's method where there is one."""
