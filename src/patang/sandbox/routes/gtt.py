"""Routes of good-till-triggered orders."""

from patang.sandbox.calls import Call
from patang.sandbox.rows.gtt import gtt_row
from patang.simulator.triggers.gtt import Gtt
from patang.wire.errors import GeneralException, InputException
from patang.wire.gtt_forms import parse_gtt
from patang.wire.rows import GttAck, GttRow

_DIGITS_MAX = 18


def place(call: Call) -> GttAck:
    """POST /gtt/triggers."""
    form = parse_gtt(call.form.as_dict())
    gtt = call.world.gtts.place(call.user_id, form, call.now_ns, call.session.app.app_id)
    return GttAck(trigger_id=gtt.trigger_id)


def modify(call: Call) -> GttAck:
    """PUT /gtt/triggers/{trigger_id}: all of it is sent again."""
    gtt = _gtt(call)
    call.world.gtts.modify(gtt, parse_gtt(call.form.as_dict()), call.now_ns)
    return GttAck(trigger_id=gtt.trigger_id)


def delete(call: Call) -> GttAck:
    """DELETE /gtt/triggers/{trigger_id}."""
    gtt = _gtt(call)
    call.world.gtts.delete(gtt, call.now_ns)
    return GttAck(trigger_id=gtt.trigger_id)


def listed(call: Call) -> list[GttRow]:
    """GET /gtt/triggers: active ones, and the others of the last seven days."""
    return [gtt_row(gtt) for gtt in call.world.gtts.listed(call.user_id, call.now_ns)]


def one(call: Call) -> GttRow:
    """GET /gtt/triggers/{trigger_id}: of any age."""
    return gtt_row(_gtt(call))


def _gtt(call: Call) -> Gtt:
    text = call.path["trigger_id"]
    if not (text.isascii() and text.isdecimal()) or len(text) > _DIGITS_MAX:
        raise InputException("Invalid `trigger_id`.")
    gtt = call.world.gtts.find(call.user_id, int(text))
    if gtt is None:
        raise GeneralException("Couldn't find that `trigger_id`.", status=404)
    return gtt
