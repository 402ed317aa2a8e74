"""Triggers of the simulated broker as Kite's rows. Source: Kite Connect v3, GTT orders."""

import msgspec
from msgspec import UNSET

from patang.domain.money import ZERO
from patang.sandbox.rows.numbers import json_number
from patang.simulator.triggers.gtt import Gtt, GttResult
from patang.wire.gtt_forms import GttLeg
from patang.wire.rows import GttCondition, GttOrderResult, GttOrderRow, GttRow
from patang.wire.rows import GttResult as GttResultRow
from patang.wire.times import format_ist


def gtt_row(gtt: Gtt) -> GttRow:
    """The trigger as it stands."""
    form, instrument = gtt.form, gtt.instrument
    return GttRow(
        id=gtt.trigger_id,
        user_id=gtt.user_id,
        parent_trigger=None,
        type=form.type.value,
        created_at=format_ist(gtt.created_ns),
        updated_at=format_ist(gtt.updated_ns),
        expires_at=format_ist(gtt.expires_ns),
        status=gtt.status.value,
        condition=GttCondition(
            exchange=instrument.exchange.value,
            last_price=json_number(form.last_price),
            tradingsymbol=instrument.symbol,
            trigger_values=[json_number(value) for value in form.trigger_values],
            instrument_token=instrument.token,
        ),
        orders=[
            _order(gtt, leg, result) for leg, result in zip(form.orders, gtt.results, strict=True)
        ],
        meta={},
    )


def _order(gtt: Gtt, leg: GttLeg, result: GttResult | None) -> GttOrderRow:
    protection = leg.market_protection
    return GttOrderRow(
        exchange=gtt.instrument.exchange.value,
        tradingsymbol=gtt.instrument.symbol,
        product=leg.product.value,
        order_type=leg.order_type.value,
        transaction_type=leg.transaction_type.value,
        quantity=leg.quantity,
        price=json_number(leg.price or ZERO),
        market_protection=UNSET if protection is None else json_number(protection),
        result=None if result is None else _result(gtt, leg, result),
    )


def _result(gtt: Gtt, leg: GttLeg, result: GttResult) -> GttResultRow:
    meta = {"app_id": gtt.app_id, "gtt": gtt.trigger_id}
    return GttResultRow(
        account_id=gtt.user_id,
        exchange=gtt.instrument.exchange.value,
        tradingsymbol=gtt.instrument.symbol,
        validity="DAY",
        product=leg.product.value,
        order_type=leg.order_type.value,
        transaction_type=leg.transaction_type.value,
        quantity=leg.quantity,
        price=json_number(leg.price or ZERO),
        meta=msgspec.json.encode(meta).decode(),
        timestamp=format_ist(result.at_ns),
        triggered_at=json_number(result.triggered_at),
        order_result=GttOrderResult(
            status="failed" if result.reason else "success",
            order_id=result.order_id,
            rejection_reason=result.reason,
        ),
    )
