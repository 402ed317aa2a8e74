"""Positions and holdings of a simulated account as Kite's rows.

Source: Kite Connect v3, portfolio; the formulas are those of its sample answers.
"""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from patang.domain.instrument import Instrument
from patang.domain.money import ZERO
from patang.sandbox.rows.numbers import json_exact, json_number
from patang.simulator.accounts.account import Holding
from patang.simulator.accounts.holdings import isin_of
from patang.simulator.accounts.position import AccountPosition
from patang.wire.holding_rows import AuctionInstrumentRow, CompactHoldingRow, HoldingsSummaryRow
from patang.wire.rows import HoldingRow, MtfRow, PositionRow
from patang.wire.times import format_ist_date

_AUCTION_SEGMENT = 10


def net_row(
    position: AccountPosition, instrument: Instrument, last_price: Decimal, close: Decimal
) -> PositionRow:
    """The current book: what was carried in and what was traded today. ``close`` is yesterday's."""
    multiplier = position.multiplier
    carried = position.overnight_quantity
    # What was carried in counts at the previous close for the day's profit, at its cost otherwise.
    marked = abs(carried) * close * multiplier
    buy_m2m = position.day_buy_value + (marked if carried > 0 else ZERO)
    sell_m2m = position.day_sell_value + (marked if carried < 0 else ZERO)
    return _row(
        position,
        instrument,
        last_price,
        quantity=position.quantity,
        buy=(position.buy_quantity, position.buy_value, buy_m2m),
        sell=(position.sell_quantity, position.sell_value, sell_m2m),
        overnight_quantity=carried,
        close_price=json_number(close) if carried else ZERO,
    )


def day_row(
    position: AccountPosition, instrument: Instrument, last_price: Decimal, close: Decimal
) -> PositionRow:
    """Today's trades alone."""
    bought, sold = position.day_buy_quantity, position.day_sell_quantity
    buy_value, sell_value = position.day_buy_value, position.day_sell_value
    return _row(
        position,
        instrument,
        last_price,
        quantity=bought - sold,
        buy=(bought, buy_value, buy_value),
        sell=(sold, sell_value, sell_value),
        overnight_quantity=0,
        close_price=json_number(close) if position.overnight_quantity else ZERO,
    )


def _row(
    position: AccountPosition,
    instrument: Instrument,
    last_price: Decimal,
    *,
    quantity: int,
    buy: tuple[int, Decimal, Decimal],
    sell: tuple[int, Decimal, Decimal],
    overnight_quantity: int,
    close_price: Decimal,
) -> PositionRow:
    multiplier = position.multiplier
    buy_quantity, buy_value, buy_m2m = buy
    sell_quantity, sell_value, sell_m2m = sell
    buy_price = _average(buy_value, buy_quantity * multiplier)
    sell_price = _average(sell_value, sell_quantity * multiplier)
    open_value = last_price * quantity * multiplier
    pnl = json_number(sell_value - buy_value + open_value)
    day_buy_value, day_sell_value = position.day_buy_value, position.day_sell_value
    return PositionRow(
        tradingsymbol=instrument.symbol,
        exchange=instrument.exchange.value,
        instrument_token=instrument.token,
        product=position.product.value,
        quantity=quantity,
        overnight_quantity=overnight_quantity,
        multiplier=Decimal(multiplier),
        average_price=buy_price if quantity > 0 else sell_price if quantity < 0 else ZERO,
        close_price=close_price,
        last_price=json_number(last_price),
        value=json_number(sell_value - buy_value),
        pnl=pnl,
        m2m=json_number(sell_m2m - buy_m2m + open_value),
        unrealised=pnl,
        buy_quantity=buy_quantity,
        buy_price=buy_price,
        buy_value=json_number(buy_value),
        buy_m2m=json_number(buy_m2m),
        sell_quantity=sell_quantity,
        sell_price=sell_price,
        sell_value=json_number(sell_value),
        sell_m2m=json_number(sell_m2m),
        day_buy_quantity=position.day_buy_quantity,
        day_buy_price=_average(day_buy_value, position.day_buy_quantity * multiplier),
        day_buy_value=json_number(day_buy_value),
        day_sell_quantity=position.day_sell_quantity,
        day_sell_price=_average(day_sell_value, position.day_sell_quantity * multiplier),
        day_sell_value=json_number(day_sell_value),
    )


def holding_row(
    holding: Holding, instrument: Instrument, last_price: Decimal, close: Decimal, now_ns: int
) -> HoldingRow:
    """One holding. ``close`` is yesterday's."""
    funded = holding.funded
    return HoldingRow(
        **_holding(holding, instrument, last_price, close, now_ns),
        used_quantity=holding.used_quantity,
        mtf=MtfRow(
            quantity=funded.quantity,
            used_quantity=funded.used_quantity,
            average_price=json_number(funded.average_price),
            value=json_number(funded.value),
            initial_margin=json_number(funded.margin),
        ),
    )


def auction_row(
    holding: Holding,
    instrument: Instrument,
    last_price: Decimal,
    close: Decimal,
    now_ns: int,
    number: str,
) -> AuctionInstrumentRow:
    """A holding that today's auction buys; its token is the auction market's."""
    fields = _holding(holding, instrument, last_price, close, now_ns)
    fields["instrument_token"] = (instrument.token >> 8 << 8) + _AUCTION_SEGMENT
    return AuctionInstrumentRow(**fields, auction_number=number)


def compact_row(holding: Holding, instrument: Instrument) -> CompactHoldingRow:
    """What and how many, nothing else."""
    return CompactHoldingRow(
        exchange=instrument.exchange.value,
        tradingsymbol=instrument.symbol,
        instrument_token=instrument.token,
        t1_quantity=_coming(holding),
        quantity=_settled(holding),
    )


def summary_row(rows: Iterable[tuple[Holding, Decimal, Decimal]]) -> HoldingsSummaryRow:
    """Totals over holdings with their last prices and yesterday's closes.

    Percentages are of what was paid, and of yesterday's value.
    """
    invested = value = today = ZERO
    for holding, last_price, close in rows:
        quantity = _settled(holding) + _coming(holding)
        invested += holding.average_price * quantity
        value += last_price * quantity
        today += (last_price - close) * quantity
    total = value - invested
    return HoldingsSummaryRow(
        total_pnl=json_number(total),
        total_pnl_percent=_percent(total, invested),
        today_pnl=json_number(today),
        today_pnl_percent=_percent(today, value - today),
        invested_amount=json_number(invested),
        current_value=json_number(value),
    )


def _holding(
    holding: Holding, instrument: Instrument, last_price: Decimal, close: Decimal, now_ns: int
) -> dict[str, Any]:
    change = last_price - close
    quantity, coming = _settled(holding), _coming(holding)
    average = holding.average_price
    return {
        "tradingsymbol": instrument.symbol,
        "exchange": instrument.exchange.value,
        "instrument_token": instrument.token,
        "isin": isin_of(instrument),
        "quantity": quantity,
        "t1_quantity": coming,
        "realised_quantity": holding.quantity,
        "authorised_quantity": holding.authorised_quantity,
        "authorised_date": f"{format_ist_date(holding.authorised_ns or now_ns)} 00:00:00",
        "authorisation": {},
        "opening_quantity": holding.quantity,
        "collateral_quantity": holding.collateral_quantity,
        "average_price": json_number(average),
        "last_price": json_number(last_price),
        "close_price": json_number(close),
        "pnl": json_number((last_price - average) * (quantity + coming)),
        "day_change": json_number(change),
        "day_change_percentage": _percent(change, close),
    }


def _settled(holding: Holding) -> int:
    """Settled shares that are left after today's sales."""
    return holding.quantity - holding.used_quantity


def _coming(holding: Holding) -> int:
    return holding.t1_quantity - holding.used_t1


def _average(value: Decimal, units: int) -> Decimal:
    return json_number(value / units) if units else ZERO


def _percent(part: Decimal, whole: Decimal) -> Decimal:
    return json_exact(part / whole * 100) if whole else ZERO
