"""The default market's twenty well known shares and the index they make.

Prices are plausible for 2026 and no more than that; tokens are Kite's (exchange token x 256 + 1).
"""

from datetime import date
from decimal import Decimal
from typing import NamedTuple

from patang.domain.enums import Exchange as ExchangeName
from patang.domain.enums import InstrumentType
from patang.domain.instrument import Instrument, instrument_id
from patang.rules.order_rules import tick_size_for

NIFTY_50 = instrument_id(ExchangeName.NSE, "NIFTY 50")
NIFTY_50_TOKEN = 256_265
NIFTY_50_CLOSE = Decimal("25910.05")


class Share(NamedTuple):
    """One line of the universe. ``weight`` is percent of the index among these shares."""

    symbol: str
    name: str
    token: int
    close: str
    weight: float
    daily_volatility: float


SHARES = (
    Share("HDFCBANK", "HDFC BANK", 341_249, "985.40", 13.0, 0.011),
    Share("RELIANCE", "RELIANCE INDUSTRIES", 738_561, "1424.60", 8.6, 0.013),
    Share("ICICIBANK", "ICICI BANK", 1_270_529, "1372.30", 8.4, 0.012),
    Share("INFY", "INFOSYS", 408_065, "1541.20", 5.2, 0.015),
    Share("BHARTIARTL", "BHARTI AIRTEL", 2_714_625, "2052.00", 4.7, 0.013),
    Share("LT", "LARSEN & TOUBRO", 2_939_649, "3851.50", 3.9, 0.013),
    Share("ITC", "ITC", 424_961, "404.85", 3.3, 0.010),
    Share("TCS", "TATA CONSULTANCY SERV LT", 2_953_217, "3081.40", 2.9, 0.013),
    Share("AXISBANK", "AXIS BANK", 1_510_401, "1231.10", 2.9, 0.014),
    Share("SBIN", "STATE BANK OF INDIA", 779_521, "946.25", 3.2, 0.013),
    Share("KOTAKBANK", "KOTAK MAHINDRA BANK", 492_033, "424.30", 2.6, 0.013),
    Share("BAJFINANCE", "BAJAJ FINANCE", 81_153, "1011.80", 2.2, 0.016),
    Share("HINDUNILVR", "HINDUSTAN UNILEVER", 356_865, "2381.60", 1.8, 0.011),
    Share("MARUTI", "MARUTI SUZUKI INDIA", 2_815_745, "15872.00", 1.8, 0.014),
    Share("SUNPHARMA", "SUN PHARMACEUTICAL IND L", 857_857, "1742.30", 1.6, 0.013),
    Share("TITAN", "TITAN COMPANY", 897_537, "3856.90", 1.3, 0.013),
    Share("HCLTECH", "HCL TECHNOLOGIES", 1_850_625, "1602.70", 1.3, 0.015),
    Share("TATASTEEL", "TATA STEEL", 895_745, "172.46", 1.2, 0.018),
    Share("ASIANPAINT", "ASIAN PAINTS", 60_417, "2783.10", 0.9, 0.013),
    Share("WIPRO", "WIPRO", 969_473, "246.38", 0.6, 0.015),
)

# The ticks of these shares are those in force since this day. Source: NSE circulars.
_TICKS_FROM = date(2025, 4, 15)


def tick_size(price: Decimal) -> Decimal:
    """Tick of an NSE share whose month ended at ``price`` rupees."""
    return tick_size_for(ExchangeName.NSE, InstrumentType.EQ, "", price, _TICKS_FROM)


def default_instruments() -> tuple[Instrument, ...]:
    """The twenty shares, then the index."""
    shares = tuple(
        Instrument(
            exchange=ExchangeName.NSE,
            symbol=share.symbol,
            token=share.token,
            tick_size=tick_size(Decimal(share.close)),
            segment="NSE",
            name=share.name,
        )
        for share in SHARES
    )
    index = Instrument(
        exchange=ExchangeName.NSE,
        symbol="NIFTY 50",
        token=NIFTY_50_TOKEN,
        tick_size=Decimal("0.05"),
        segment="INDICES",
        name="NIFTY 50",
        is_tradable=False,
    )
    return (*shares, index)
