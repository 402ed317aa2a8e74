"""Routes of price alerts."""

import msgspec

from patang.sandbox.calls import Call
from patang.sandbox.rows.alerts import alert_row, history_row
from patang.simulator.triggers.alerts import Alert, AlertStatus
from patang.wire.alert_forms import parse_alert
from patang.wire.errors import GeneralException, InputException
from patang.wire.form_fields import Fields
from patang.wire.rows import AlertHistoryRow, AlertRow

PAGE_SIZE = 50
"""Alerts of a page where the caller names a page and no size."""


def create(call: Call) -> AlertRow:
    """POST /alerts; the answer leaves the basket out. Source: Kite's sample of such an answer."""
    form = parse_alert(call.form.as_dict())
    alerts = call.world.alerts
    made = alerts.create(call.user_id, form, call.now_ns, call.session.app.app_id)
    return msgspec.structs.replace(alert_row(made), basket=msgspec.UNSET)


def modify(call: Call) -> AlertRow:
    """PUT /alerts/{uuid}: all of it is sent again."""
    alert = _alert(call, call.path["uuid"])
    call.world.alerts.modify(alert, parse_alert(call.form.as_dict()), call.now_ns)
    return alert_row(alert)


def delete(call: Call) -> None:
    """DELETE /alerts?uuid=..&uuid=..: all of them or, where one is unknown, none."""
    uuids = call.query.all("uuid")
    if not uuids:
        raise InputException("Missing or empty field `uuid`")
    for alert in [_alert(call, uuid) for uuid in uuids]:
        call.world.alerts.delete(alert, call.now_ns)


def listed(call: Call) -> list[AlertRow]:
    """GET /alerts, of one ``status`` or of all, whole or by pages from 1 on."""
    fields = Fields(call.query.as_dict())
    alerts = call.world.alerts.listed(call.user_id, fields.word(AlertStatus, "status"))
    page, size = fields.count("page"), fields.count("page_size")
    for name, count in (("page", page), ("page_size", size)):
        if count is not None and count < 1:
            raise InputException(f"Invalid `{name}`.")
    if page is not None or size is not None:
        size = size or PAGE_SIZE
        start = ((page or 1) - 1) * size
        alerts = alerts[start : start + size]
    return [alert_row(alert) for alert in alerts]


def one(call: Call) -> AlertRow:
    """GET /alerts/{uuid}."""
    return alert_row(_alert(call, call.path["uuid"]))


def history(call: Call) -> list[AlertHistoryRow]:
    """GET /alerts/{uuid}/history: every firing, the oldest first."""
    alert = _alert(call, call.path["uuid"])
    return [
        history_row(
            alert, firing, [call.world.instrument(quote.instrument) for quote in firing.quotes]
        )
        for firing in alert.history
    ]


def _alert(call: Call, uuid: str) -> Alert:
    alert = call.world.alerts.find(call.user_id, uuid)
    if alert is None:
        raise GeneralException("Couldn't find that alert.", status=404)
    return alert
