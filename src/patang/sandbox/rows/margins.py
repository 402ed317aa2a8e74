"""Funds, margins and charges of a simulated account as Kite's rows. Source: Kite, user, margins."""

from typing import Any

from patang.domain.enums import Exchange
from patang.domain.instrument import Instrument
from patang.domain.money import ZERO
from patang.rules.charges import Charges
from patang.rules.margins import is_commodity
from patang.sandbox.rows.numbers import json_exact, json_number
from patang.simulator.accounts.account import Funds
from patang.simulator.accounts.estimates import Needed
from patang.wire.margin_forms import ChargeOrder
from patang.wire.margin_rows import (
    ChargesRow,
    GstRow,
    MarginPnl,
    OrderChargesRow,
    OrderMarginRow,
)
from patang.wire.rows import AvailableRow, MarginsRow, SegmentRow, UtilisedRow

_UNTAXED = (Exchange.CDS, Exchange.BCD)


def margins_row(funds: Funds) -> MarginsRow:
    """Funds of both segments: one ledger, all of it under ``equity``."""
    return MarginsRow(equity=_equity(funds), commodity=_nothing())


def order_margin_row(
    needed: Needed, instrument: Instrument | None = None, charges: Charges | None = None
) -> OrderMarginRow:
    """What one order needs; without an instrument the totals of a basket."""
    return OrderMarginRow(
        **_names(instrument),
        span=json_number(needed.span),
        exposure=json_number(needed.exposure),
        option_premium=json_number(needed.option_premium),
        var=json_number(needed.shares),
        pnl=MarginPnl(),
        leverage=json_number(needed.leverage),
        charges=charges_row(charges or Charges(), instrument),
        total=json_number(needed.total),
    )


def compact_margin_row(needed: Needed, instrument: Instrument | None = None) -> dict[str, Any]:
    """Totals only. The documentation does not show the shape: an object with names and total."""
    return {**_names(instrument), "total": json_number(needed.total)}


def charges_row(charges: Charges, instrument: Instrument | None = None) -> ChargesRow:
    """A trade's charges, unrounded as Kite states them; its GST is all inter-state."""
    tax = json_exact(charges.gst)
    return ChargesRow(
        transaction_tax=json_exact(charges.transaction_tax),
        transaction_tax_type=_tax_name(instrument),
        exchange_turnover_charge=json_exact(charges.exchange_fee),
        sebi_turnover_charge=json_exact(charges.sebi_fee),
        brokerage=json_exact(charges.brokerage),
        stamp_duty=json_exact(charges.stamp_duty),
        gst=GstRow(igst=tax, total=tax),
        total=json_exact(charges.total),
    )


def order_charges_row(
    order: ChargeOrder, charges: Charges, instrument: Instrument
) -> OrderChargesRow:
    """One line of the virtual contract note; the answer names no order id."""
    return OrderChargesRow(
        transaction_type=order.transaction_type.value,
        tradingsymbol=instrument.symbol,
        exchange=instrument.exchange.value,
        variety=order.variety.value,
        product=order.product.value,
        order_type=order.order_type.value,
        quantity=order.quantity,
        price=json_exact(order.average_price),
        charges=charges_row(charges, instrument),
    )


def _names(instrument: Instrument | None) -> dict[str, Any]:
    if instrument is None:
        return {"type": "", "tradingsymbol": "", "exchange": ""}
    return {
        "type": "commodity" if is_commodity(instrument) else "equity",
        "tradingsymbol": instrument.symbol,
        "exchange": instrument.exchange.value,
    }


def _tax_name(instrument: Instrument | None) -> str:
    if instrument is None or instrument.exchange in _UNTAXED:
        return ""
    return "ctt" if is_commodity(instrument) else "stt"


def _equity(funds: Funds) -> SegmentRow:
    """``debits`` is what ``net`` lacks of what there is; losses are positive there."""
    net = json_number(funds.available)
    cash = funds.opening + funds.payin
    return SegmentRow(
        net=net,
        available=AvailableRow(
            cash=json_number(cash),
            opening_balance=json_number(funds.opening),
            adhoc_margin=json_number(funds.adhoc_margin),
            live_balance=json_number(funds.available - funds.collateral),
            collateral=json_number(funds.collateral),
            intraday_payin=json_number(funds.payin),
        ),
        utilised=UtilisedRow(
            debits=json_number(cash + funds.collateral + funds.adhoc_margin - funds.available),
            exposure=json_number(funds.exposure),
            m2m_realised=json_number(-funds.realised),
            m2m_unrealised=json_number(-funds.unrealised),
            option_premium=json_number(funds.option_premium),
            payout=json_number(funds.payout),
            span=json_number(funds.span),
            holding_sales=json_number(funds.holding_sales),
            liquid_collateral=json_number(funds.liquid_collateral),
            stock_collateral=json_number(funds.collateral - funds.liquid_collateral),
            delivery=json_number(funds.delivery),
        ),
    )


def _nothing() -> SegmentRow:
    return SegmentRow(net=ZERO, available=AvailableRow(), utilised=UtilisedRow())
