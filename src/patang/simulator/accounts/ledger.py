"""The rows of an account's ledger: why its balance moved from one day to the next."""

from datetime import date
from decimal import Decimal
from enum import StrEnum

import msgspec


class EntryKind(StrEnum):
    """Why money moved."""

    TRADES = "trades"
    """Delivery, premiums, and the profit of what was closed."""
    MARK_TO_MARKET = "mark_to_market"
    EXPIRY = "expiry"
    CLOSE_OUT = "close_out"
    """Shares sold and not delivered, settled in cash."""
    CONTRACT_NOTE = "contract_note"
    """Brokerage, taxes and fees of a day's trades of one segment."""
    DELIVERY_TAX = "delivery_tax"
    """Transaction tax on exercised options and on contracts settled in shares."""
    DEPOSITORY = "depository"
    SQUARE_OFF = "square_off"
    PLEDGE = "pledge"
    INTEREST = "interest"
    PAYIN = "payin"
    PAYOUT = "payout"


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One row; ``amount`` is rupees, negative when they leave. ``on`` is the day in India."""

    on: date
    kind: EntryKind
    amount: Decimal
    text: str
