"""Routes of mutual funds: they are read; the broker takes no orders for them any more.

Source: Kite Connect v3, mutual funds ("read only"). A world with ``fund_orders`` takes them, as
the broker once did: orders then stay open, and plans wait for their day.
"""

from typing import Any, NoReturn, TypeVar

from patang.domain.enums import Side
from patang.domain.errors import InvalidValue
from patang.sandbox.calls import Call, Csv
from patang.wire.errors import GeneralException, InputException, PermissionException
from patang.wire.form_fields import Fields, finite, whole
from patang.wire.mf_forms import (
    MfOrderForm,
    MfSipChange,
    MfSipForm,
    SipFrequency,
    SipStatus,
)
from patang.wire.mf_instruments import encode_mf_instruments_csv
from patang.wire.rows import (
    MfHoldingRow,
    MfOrderAck,
    MfOrderRow,
    MfSipAck,
    MfSipRow,
    MfTradeRow,
)

Form = TypeVar("Form", MfOrderForm, MfSipForm, MfSipChange)

CLOSED = "Mutual fund orders cannot be placed, changed or cancelled over the API."


def orders(call: Call) -> list[MfOrderRow]:
    """GET /mf/orders: those of the last seven days."""
    return call.world.funds.orders(call.user_id, call.now_ns)


def order(call: Call) -> MfOrderRow:
    """GET /mf/orders/{order_id}: of any age."""
    found = call.world.funds.order(call.user_id, call.path["order_id"])
    return found if found is not None else _unknown("order_id")


def sips(call: Call) -> list[MfSipRow]:
    """GET /mf/sips."""
    return call.world.funds.sips(call.user_id)


def sip(call: Call) -> MfSipRow:
    """GET /mf/sips/{sip_id}."""
    found = call.world.funds.sip(call.user_id, call.path["sip_id"])
    return found if found is not None else _unknown("sip_id")


def holdings(call: Call) -> list[MfHoldingRow]:
    """GET /mf/holdings."""
    return call.world.funds.holdings(call.user_id, call.now_ns)


def holding_trades(call: Call) -> list[MfTradeRow]:
    """GET /mf/holdings/{isin}."""
    found = call.world.funds.trades(call.user_id, call.path["isin"])
    return found if found is not None else _unknown("isin")


def allotments(call: Call) -> list[str]:
    """GET /mf/allotments."""
    return call.world.funds.allotments(call.user_id)


def instruments(call: Call) -> Csv:
    """GET /mf/instruments."""
    return Csv(encode_mf_instruments_csv(call.world.funds.instruments(call.now_ns)))


def place_order(call: Call) -> MfOrderAck:
    """POST /mf/orders."""
    fields = Fields(call.form.as_dict())
    form = _form(
        MfOrderForm,
        tradingsymbol=fields.required("tradingsymbol"),
        transaction_type=fields.required_word(Side, "transaction_type"),
        quantity=fields.money("quantity"),
        amount=fields.money("amount"),
        tag=fields.text("tag"),
    )
    _check_fund(call, form.tradingsymbol)
    _check_open(call)
    return MfOrderAck(order_id=call.world.funds.place(call.user_id, form, call.now_ns))


def cancel_order(call: Call) -> MfOrderAck:
    """DELETE /mf/orders/{order_id}."""
    found = order(call)
    _check_open(call)
    if found.status != "OPEN":
        raise InputException(f"An order that is {found.status} cannot be cancelled.")
    call.world.funds.cancel(call.user_id, found)
    return MfOrderAck(order_id=found.order_id)


def place_sip(call: Call) -> MfSipAck:
    """POST /mf/sips; an initial amount is bought at once."""
    fields = Fields(call.form.as_dict())
    form = _form(
        MfSipForm,
        tradingsymbol=fields.required("tradingsymbol"),
        amount=Fields.read("amount", fields.required("amount"), finite),
        instalments=_instalments(fields, fields.required("instalments")),
        frequency=fields.required_word(SipFrequency, "frequency"),
        initial_amount=fields.money("initial_amount"),
        instalment_day=fields.count("instalment_day"),
        tag=fields.text("tag"),
    )
    _check_fund(call, form.tradingsymbol)
    _check_open(call)
    funds = call.world.funds
    sip_id = funds.start_sip(call.user_id, form, call.now_ns)
    if form.initial_amount is None:
        return MfSipAck(sip_id=sip_id)
    first = MfOrderForm(
        tradingsymbol=form.tradingsymbol,
        transaction_type=Side.BUY,
        amount=form.initial_amount,
        tag=form.tag,
    )
    return MfSipAck(sip_id=sip_id, order_id=funds.place(call.user_id, first, call.now_ns))


def modify_sip(call: Call) -> MfSipAck:
    """PUT /mf/sips/{sip_id}."""
    found = sip(call)
    fields = Fields(call.form.as_dict())
    instalments = fields.text("instalments")
    change = _form(
        MfSipChange,
        amount=fields.money("amount"),
        status=fields.word(SipStatus, "status"),
        instalments=None if instalments is None else _instalments(fields, instalments),
        frequency=fields.word(SipFrequency, "frequency"),
        # The official Java client calls it ``day``.
        instalment_day=fields.count("instalment_day") or fields.count("day"),
    )
    _check_open(call)
    _check_running(found)
    call.world.funds.change_sip(call.user_id, found, change)
    return MfSipAck(sip_id=found.sip_id)


def cancel_sip(call: Call) -> MfSipAck:
    """DELETE /mf/sips/{sip_id}."""
    found = sip(call)
    _check_open(call)
    _check_running(found)
    call.world.funds.end_sip(call.user_id, found)
    return MfSipAck(sip_id=found.sip_id)


def _form(kind: type[Form], **fields: Any) -> Form:
    """The form, with Kite's words for what is wrong in it."""
    try:
        return kind(**fields)
    except InvalidValue as error:
        raise InputException(f"Invalid `{error.field}`.") from error


def _instalments(fields: Fields, text: str) -> int:
    return fields.read("instalments", text, whole)


def _check_open(call: Call) -> None:
    if not call.world.settings.fund_orders:
        raise PermissionException(CLOSED)


def _check_fund(call: Call, isin: str) -> None:
    if not call.world.funds.knows(isin):
        raise InputException("Invalid `tradingsymbol`.")


def _check_running(plan: MfSipRow) -> None:
    if plan.status == "CANCELLED":
        raise InputException("A SIP that is CANCELLED cannot be changed.")


def _unknown(name: str) -> NoReturn:
    raise GeneralException(f"Couldn't find that `{name}`.", status=404)
