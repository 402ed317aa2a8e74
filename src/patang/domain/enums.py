"""Closed sets of words. Kite's spelling wherever Kite has the word."""

from enum import StrEnum


class Exchange(StrEnum):
    """An exchange segment as Kite names it in ``EXCHANGE:SYMBOL``."""

    NSE = "NSE"
    BSE = "BSE"
    NFO = "NFO"
    BFO = "BFO"
    CDS = "CDS"
    BCD = "BCD"
    MCX = "MCX"
    NCO = "NCO"


class Side(StrEnum):
    """Direction of an order or fill (Kite's ``transaction_type``)."""

    BUY = "BUY"
    SELL = "SELL"

    @property
    def sign(self) -> int:
        """+1 for BUY, -1 for SELL."""
        return 1 if self is Side.BUY else -1

    @property
    def opposite(self) -> "Side":
        """The other side."""
        return Side.SELL if self is Side.BUY else Side.BUY


class Product(StrEnum):
    """How a position is carried."""

    CNC = "CNC"
    MIS = "MIS"
    NRML = "NRML"
    MTF = "MTF"


class OrderType(StrEnum):
    """How an order is priced."""

    MARKET = "MARKET"
    LIMIT = "LIMIT"
    SL = "SL"
    SL_M = "SL-M"


class Validity(StrEnum):
    """How long an order stands."""

    DAY = "DAY"
    IOC = "IOC"
    TTL = "TTL"


class Variety(StrEnum):
    """Which of Kite's order books an order enters."""

    REGULAR = "regular"
    AMO = "amo"
    CO = "co"
    ICEBERG = "iceberg"
    AUCTION = "auction"


class InstrumentType(StrEnum):
    """Kind of contract, as in the instruments dump (indices and ETFs are EQ there)."""

    EQ = "EQ"
    FUT = "FUT"
    CE = "CE"
    PE = "PE"


class Interval(StrEnum):
    """A candle interval, in Kite's spelling."""

    MINUTE = "minute"
    MINUTE_3 = "3minute"
    MINUTE_5 = "5minute"
    MINUTE_10 = "10minute"
    MINUTE_15 = "15minute"
    MINUTE_30 = "30minute"
    MINUTE_60 = "60minute"
    DAY = "day"

    @property
    def seconds(self) -> int:
        """Length in seconds; ``DAY`` is a calendar day and its bars follow the session."""
        return _INTERVAL_SECONDS[self]


_INTERVAL_SECONDS = {
    Interval.MINUTE: 60,
    Interval.MINUTE_3: 180,
    Interval.MINUTE_5: 300,
    Interval.MINUTE_10: 600,
    Interval.MINUTE_15: 900,
    Interval.MINUTE_30: 1_800,
    Interval.MINUTE_60: 3_600,
    Interval.DAY: 86_400,
}


class Mode(StrEnum):
    """Which wiring of the engine a run is."""

    BACKTEST = "backtest"
    PAPER = "paper"
    SANDBOX = "sandbox"
    LIVE = "live"


class Trust(StrEnum):
    """How far the run's books may be relied on."""

    RECONCILING = "RECONCILING"
    """The broker's books are being read: nothing is planned."""
    TRUSTED = "TRUSTED"
    DEGRADED = "DEGRADED"
    """Our books and the broker's differ: only cancels and reducing orders leave."""
