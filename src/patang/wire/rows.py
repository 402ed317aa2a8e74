"""What the server sends inside ``data``, one struct for each kind of row, in Kite's own spelling.

Money is ``Decimal`` straight from the JSON digits and goes back as a JSON number, so 72 stays 72
and 109.4 stays 109.4. Fields that the server leaves out on some rows are ``UNSET`` (false in a
condition) and stay out when encoded; fields that it always sends have neutral defaults, so older
and thinner rows decode too. Closed sets of words are plain text here, because the server may
add to them: ``translate`` turns them into the domain's.
"""

from patang.wire.account_rows import (
    AvailableRow,
    MarginsRow,
    ProfileRow,
    SegmentRow,
    SessionRow,
    UtilisedRow,
)
from patang.wire.alert_rows import (
    AlertBasket,
    AlertGtt,
    AlertHistoryRow,
    AlertItem,
    AlertOrder,
    AlertRow,
)
from patang.wire.autoslice_rows import (
    AutosliceAck,
    SliceError,
    SliceRow,
)
from patang.wire.candle_rows import (
    Candle,
    Candles,
)
from patang.wire.gtt_rows import (
    GttAck,
    GttCondition,
    GttOrderResult,
    GttOrderRow,
    GttResult,
    GttRow,
)
from patang.wire.holding_rows import (
    AuctionInstrumentRow,
    CompactHoldingRow,
    HoldingsAuthorisation,
    HoldingsSummaryRow,
    TriggerRangeRow,
)
from patang.wire.margin_rows import (
    BasketMarginRow,
    ChargesRow,
    GstRow,
    MarginPnl,
    OrderChargesRow,
    OrderMarginRow,
)
from patang.wire.mf_rows import (
    MfHoldingRow,
    MfOrderAck,
    MfOrderRow,
    MfSipAck,
    MfSipRow,
    MfTradeRow,
)
from patang.wire.order_rows import OrderAck, OrderRow, Postback, TradeRow
from patang.wire.portfolio_rows import HoldingRow, MtfRow, PositionRow, Positions
from patang.wire.profile_rows import (
    BankAccount,
    FullProfileRow,
    RenewedSessionRow,
)
from patang.wire.quote_rows import DepthEntry, DepthRow, LtpRow, OhlcFields, OhlcRow, QuoteRow
from patang.wire.row import Document, Row, encode_row, remember_source

__all__ = [
    "Document",
    "Row",
    "encode_row",
    "remember_source",
    "OrderAck",
    "OrderRow",
    "Postback",
    "TradeRow",
    "HoldingRow",
    "MtfRow",
    "PositionRow",
    "Positions",
    "AvailableRow",
    "MarginsRow",
    "ProfileRow",
    "SegmentRow",
    "SessionRow",
    "UtilisedRow",
    "DepthEntry",
    "DepthRow",
    "LtpRow",
    "OhlcFields",
    "OhlcRow",
    "QuoteRow",
    "AlertBasket",
    "AlertGtt",
    "AlertHistoryRow",
    "AlertItem",
    "AlertOrder",
    "AlertRow",
    "AutosliceAck",
    "SliceError",
    "SliceRow",
    "Candle",
    "Candles",
    "GttAck",
    "GttCondition",
    "GttOrderResult",
    "GttOrderRow",
    "GttResult",
    "GttRow",
    "AuctionInstrumentRow",
    "CompactHoldingRow",
    "HoldingsAuthorisation",
    "HoldingsSummaryRow",
    "TriggerRangeRow",
    "BasketMarginRow",
    "ChargesRow",
    "GstRow",
    "MarginPnl",
    "OrderChargesRow",
    "OrderMarginRow",
    "MfHoldingRow",
    "MfOrderAck",
    "MfOrderRow",
    "MfSipAck",
    "MfSipRow",
    "MfTradeRow",
    "BankAccount",
    "FullProfileRow",
    "RenewedSessionRow",
]
