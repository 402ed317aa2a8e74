"""What a made-up market is built from: indices, currencies, commodities, and invented companies.

Levels, volatilities and tokens of real names are plausible for 2026 and no more than that.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from patang.domain.enums import Exchange
from patang.simulator.worlds.seeded import RandomSource


class Index(NamedTuple):
    """An index: its row in the dump and, when it has contracts, the name they carry.

    ``members`` are symbols of the exchange; ``invented`` says how many invented companies belong
    to it as well, after how many others.
    """

    exchange: Exchange
    symbol: str
    token: int
    level: str
    volatility: float
    contract_name: str = ""
    strike_step: int = 0
    members: tuple[str, ...] = ()
    invented: tuple[int, int] = (0, 0)


_BANKS = ("HDFCBANK", "ICICIBANK", "AXISBANK", "SBIN", "KOTAKBANK")
_SOFTWARE = ("INFY", "TCS", "HCLTECH", "WIPRO")
ALL_SHARES = ("*",)
"""Stands for all well known shares as members of an index."""

INDICES = (
    Index(Exchange.NSE, "NIFTY 50", 256_265, "25910.05", 0.125, "NIFTY", 50, ALL_SHARES),
    Index(Exchange.NSE, "NIFTY BANK", 260_105, "58512.30", 0.145, "BANKNIFTY", 100, _BANKS),
    Index(Exchange.BSE, "SENSEX", 265, "84673.00", 0.125, "SENSEX", 100, ALL_SHARES),
    Index(
        Exchange.NSE,
        "NIFTY FIN SERVICE",
        257_801,
        "27350.45",
        0.14,
        "FINNIFTY",
        50,
        (*_BANKS, "BAJFINANCE"),
    ),
    Index(
        Exchange.NSE,
        "NIFTY MID SELECT",
        288_009,
        "13820.70",
        0.17,
        "MIDCPNIFTY",
        25,
        ("TATASTEEL", "WIPRO"),
        (0, 25),
    ),
    Index(
        Exchange.NSE,
        "NIFTY NEXT 50",
        270_857,
        "68912.50",
        0.16,
        "NIFTYNXT50",
        100,
        ("ASIANPAINT",),
        (25, 50),
    ),
    Index(Exchange.BSE, "BANKEX", 274_441, "65244.15", 0.145, "BANKEX", 100, _BANKS),
    Index(Exchange.BSE, "SNSX50", 274_697, "26832.60", 0.125, "SENSEX50", 50, ALL_SHARES),
    Index(Exchange.NSE, "NIFTY IT", 259_849, "36880.20", 0.19, members=_SOFTWARE),
)
"""Indices in the order of their importance."""

VIX_TOKEN = 264_969

BSE_CODES = {
    "HDFCBANK": 500_180,
    "RELIANCE": 500_325,
    "ICICIBANK": 532_174,
    "INFY": 500_209,
    "BHARTIARTL": 532_454,
    "LT": 500_510,
    "ITC": 500_875,
    "TCS": 532_540,
    "AXISBANK": 532_215,
    "SBIN": 500_112,
    "KOTAKBANK": 500_247,
    "BAJFINANCE": 500_034,
    "HINDUNILVR": 500_696,
    "MARUTI": 532_500,
    "SUNPHARMA": 524_715,
    "TITAN": 500_114,
    "HCLTECH": 532_281,
    "TATASTEEL": 500_470,
    "ASIANPAINT": 500_820,
    "WIPRO": 507_685,
}
"""Exchange tokens of the well known shares on the BSE: its scrip codes."""


class Quoted(NamedTuple):
    """A currency or commodity: what it costs, its annual volatility and cost of carry."""

    name: str
    level: str
    volatility: float
    carry: float
    strike_step: str


CURRENCIES = (
    Quoted("USDINR", "88.6250", 0.045, 0.021, "0.25"),
    Quoted("EURINR", "102.4400", 0.085, 0.035, "0.25"),
    Quoted("GBPINR", "116.2150", 0.085, 0.020, "0.25"),
    Quoted("JPYINR", "57.1025", 0.100, 0.055, "0.25"),
)

COMMODITIES = (
    Quoted("CRUDEOIL", "5342", 0.34, 0.02, "50"),
    Quoted("NATURALGAS", "392.40", 0.58, 0.03, "5"),
    Quoted("GOLD", "122650", 0.17, 0.055, "500"),
    Quoted("SILVER", "155420", 0.30, 0.055, "1000"),
    Quoted("COPPER", "1011.35", 0.22, 0.04, "5"),
    Quoted("ZINC", "301.80", 0.23, 0.04, "2.5"),
    Quoted("LEAD", "181.25", 0.18, 0.04, "1"),
    Quoted("ALUMINIUM", "268.70", 0.20, 0.04, "2.5"),
    Quoted("COTTONCNDY", "25360", 0.16, 0.05, ""),
    Quoted("MENTHAOIL", "958.40", 0.24, 0.05, ""),
    Quoted("CARDAMOM", "2512", 0.35, 0.05, ""),
    Quoted("KAPAS", "1532.50", 0.20, 0.05, ""),
)
"""Spot quotations of the commodity exchanges; a small contract follows its large one's."""

SMALL_CONTRACTS = (
    ("CRUDEOILM", "CRUDEOIL", 1.0),
    ("NATGASMINI", "NATURALGAS", 1.0),
    ("GOLDM", "GOLD", 1.0),
    ("SILVERM", "SILVER", 1.0),
    ("SILVERMIC", "SILVER", 1.0),
    ("GOLDTEN", "GOLD", 1.0),
    ("GOLDGUINEA", "GOLD", 0.8),
    ("GOLDPETAL", "GOLD", 0.1),
    ("ZINCMINI", "ZINC", 1.0),
    ("LEADMINI", "LEAD", 1.0),
    ("ALUMINI", "ALUMINIUM", 1.0),
)
"""(name, what it follows, share of its price). Gold is quoted for ten grams, a guinea has eight."""

_HEADS = "ADI AMAR ANAND ARYA BHARAT CHIRAG DEV DHARA GANGA HARI INDRA JAL KAVERI KIRAN LAKSH MAHA "
_HEADS += "MEGH NAVA NIL OM PADMA PRA RAJ RISHI SAGAR SHAKTI SURYA TARA UDAY VAJRA VAYU YASH"
_BODIES = "BHA DHI GIRI JYO KAR LEKH MANI NATH PRIYA RATH SHRI TEJ VEDA VIR"
_TRADES = (
    ("BANK", "BANK"),
    ("CEM", "CEMENT"),
    ("CHEM", "CHEMICALS"),
    ("ENER", "ENERGY"),
    ("FIN", "FINANCE"),
    ("FOOD", "FOODS"),
    ("GEN", "GENERAL INSURANCE"),
    ("INFRA", "INFRASTRUCTURE"),
    ("LAB", "LABORATORIES"),
    ("MOT", "MOTORS"),
    ("PHAR", "PHARMACEUTICALS"),
    ("POW", "POWER"),
    ("STEEL", "STEEL"),
    ("TECH", "TECHNOLOGIES"),
    ("TEX", "TEXTILES"),
    ("TOYS", "TOYS AND GAMES"),
)


class Company(NamedTuple):
    """An invented company: price in rupees, volatility of a day as a share."""

    symbol: str
    name: str
    price: float
    daily_volatility: float


AMPERSAND = Company("M&M", "MAHINDRA & MAHINDRA", 3682.4, 0.0145)
"""A share that is there. Its symbol, and those of its contracts, must be encoded in addresses."""


def invented_companies(streams: Callable[[str], RandomSource]) -> Iterator[Company]:
    """Companies without end, each symbol once; the stream ``companies`` decides on all but one.

    The first is ``AMPERSAND``.
    """
    yield AMPERSAND
    rng = streams("companies")
    taken: set[str] = set()
    heads, bodies = _HEADS.split(), _BODIES.split()
    while True:
        head, body = rng.choice(heads), rng.choice(bodies)
        short, trade = rng.choice(_TRADES)
        symbol = f"{head}{body}{short}"
        number = 2
        while symbol in taken:
            symbol = f"{head}{body}{short}{number}"
            number += 1
        taken.add(symbol)
        suffix = symbol[len(head) + len(body) + len(short) :]
        name = f"{head} {body} {trade} {suffix}".strip()
        # Prices of listed shares spread over three decades, most between 100 and 2,000 rupees.
        price = 20.0 * 10.0 ** (2.6 * (0.25 * rng.random() + 0.75 * rng.random()))
        yield Company(symbol, name, price, 0.010 + 0.015 * rng.random())
