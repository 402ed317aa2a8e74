"""A pretend exchange: seeded, deterministic, pure. Time and randomness are passed in.

``Exchange`` holds the books, the accounts and the life of every order; ``Market`` moves it through
time with agents that trade; ``default_market`` builds a whole one from a seed.
"""

from patang.simulator.accounts.account import Funds, Holding
from patang.simulator.errors import Refused
from patang.simulator.exchange import Exchange
from patang.simulator.orders import KiteStatus, OrderRequest, OrderState, SimOrder, SimTrade
from patang.simulator.quote import Quote, QuoteLevel
from patang.simulator.worlds.market import Market
from patang.simulator.worlds.seeded import RandomSource, SeededSource
from patang.simulator.worlds.universe import default_market

__all__ = [
    "Exchange",
    "Funds",
    "Holding",
    "KiteStatus",
    "Market",
    "OrderRequest",
    "OrderState",
    "Quote",
    "QuoteLevel",
    "RandomSource",
    "Refused",
    "SeededSource",
    "SimOrder",
    "SimTrade",
    "default_market",
]
