"""A user's login and profile as Kite's rows, and rows of older versions of the API."""

from datetime import date
from decimal import Decimal
from typing import Any
from zlib import crc32

import msgspec

from patang.domain.enums import InstrumentType, Product, Side
from patang.domain.instrument import Instrument
from patang.rules.ist import NS_PER_DAY
from patang.rules.margins import Leg, cash_rate, derivative_margin
from patang.sandbox.rows.accounts import profile_row
from patang.sandbox.rows.numbers import json_number
from patang.sandbox.sessions import Session
from patang.simulator.quote import Quote
from patang.wire.rows import BankAccount, FullProfileRow, RenewedSessionRow, TriggerRangeRow
from patang.wire.times import format_ist


def renewed_session_row(session: Session) -> RenewedSessionRow:
    """The answer to a renewal."""
    return RenewedSessionRow(
        user_id=session.user_id,
        access_token=session.access_token,
        refresh_token=session.refresh_token,
        login_time=format_ist(session.opened_ns),
    )


def full_profile_row(
    session: Session, exchanges: tuple[str, ...], *, has_poa: bool
) -> FullProfileRow:
    """The fuller profile, masked as Kite masks it: nobody's, made from the user's id.

    ``has_poa`` says that the depository lets shares go without asking the user each day.
    """
    plain = msgspec.structs.asdict(profile_row(session.user_id, exchanges))
    plain["meta"] = {"poa": "ddpi" if has_poa else "", "silo": "", "account_blocks": []}
    digits = f"{crc32(session.user_id.encode()) % 10**8:08}"
    return FullProfileRow(
        **plain,
        twofa_type="totp",
        phone=f"*{digits[:4]}",
        bank_accounts=[BankAccount(name="SANDBOX BANK", branch="", account=f"*{digits[4:]}")],
        dp_ids=[f"12081600{digits}"],
        pan=f"*{digits[2:5]}F",
        tags=[] if has_poa else ["request_cdsl_2fa"],
        password_timestamp=format_ist(session.opened_ns - 30 * NS_PER_DAY),
        twofa_timestamp=format_ist(session.opened_ns),
    )


def trigger_range_row(quote: Quote, instrument: Instrument, side: Side) -> TriggerRangeRow:
    """Where the stop of a cover order may lie: on the losing side of the last price, in the band.

    ``side`` is the cover order's own.
    """
    is_buy = side is Side.BUY
    return TriggerRangeRow(
        instrument_token=instrument.token,
        lower=json_number(quote.lower_circuit if is_buy else quote.last_price),
        upper=json_number(quote.last_price if is_buy else quote.upper_circuit),
    )


def market_margin_row(instrument: Instrument, last_price: Decimal, on: date) -> dict[str, Any]:
    """What a position needs: percent of its value for shares, rupees a lot for futures."""
    row: dict[str, Any] = {
        "tradingsymbol": instrument.symbol,
        "margin": 0,
        "co_lower": 0,
        "co_upper": 0,
        "mis_multiplier": 0,
        "mis_margin": 0,
        "nrml_margin": 0,
    }
    if instrument.instrument_type is InstrumentType.EQ:
        rate = cash_rate(Product.MIS, on)
        row |= {"margin": json_number(rate * 100), "mis_multiplier": json_number(1 / rate)}
    else:
        leg = Leg(
            instrument=instrument,
            quantity=instrument.lot_size,
            price=last_price,
            underlying_price=last_price,
        )
        needed = derivative_margin([leg], on)
        row |= {"nrml_margin": json_number(needed.total), "mis_margin": json_number(needed.total)}
    return row
