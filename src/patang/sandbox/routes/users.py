"""Routes of the session and the user, and what is left of older versions of the API."""

from typing import Any

from patang.domain.enums import Exchange, InstrumentType, OrderType, Side, Validity, Variety
from patang.domain.instrument import Instrument
from patang.rules.ist import ist_date
from patang.sandbox.calls import Call
from patang.sandbox.rows.accounts import session_row
from patang.sandbox.rows.users import (
    full_profile_row,
    market_margin_row,
    renewed_session_row,
    trigger_range_row,
)
from patang.wire.errors import InputException
from patang.wire.form_fields import read_word
from patang.wire.rows import FullProfileRow, RenewedSessionRow, SessionRow, TriggerRangeRow

_PRODUCTS = ["NRML", "MIS", "CNC", "CO", "BO"]
_SEGMENTS = {
    "equity": ((Exchange.NSE, Exchange.BSE), InstrumentType.EQ),
    "commodity": ((Exchange.MCX,), InstrumentType.FUT),
}


def open_session(call: Call) -> SessionRow:
    """POST /session/token; any Authorization header is ignored."""
    session = call.world.sessions.exchange(
        call.form.required("api_key"),
        call.form.required("request_token"),
        call.form.required("checksum"),
        call.now_ns,
    )
    return session_row(session, call.world.exchange_names)


def renew_session(call: Call) -> RenewedSessionRow:
    """POST /session/refresh_token; only apps of approved platforms have such tokens."""
    session = call.world.sessions.renew(
        call.form.required("api_key"),
        call.form.required("refresh_token"),
        call.form.required("checksum"),
        call.now_ns,
    )
    return renewed_session_row(session)


def close_session(call: Call) -> bool:
    """DELETE /session/token: an access token's session, or what a refresh token could renew."""
    api_key, sessions = call.query.required("api_key"), call.world.sessions
    refresh_token = call.query.first("refresh_token")
    if refresh_token:
        sessions.close_renewal(api_key, refresh_token)
    else:
        sessions.close(sessions.verify(api_key, call.query.required("access_token"), call.now_ns))
    return True


def full_profile(call: Call) -> FullProfileRow:
    """GET /user/profile/full."""
    return full_profile_row(
        call.session,
        call.world.exchange_names,
        has_poa=call.world.exchange.back_office.account(call.user_id).sells_freely,
    )


def parameters(_call: Call) -> dict[str, list[str]]:
    """GET /parameters: the words that orders may use."""
    return {
        "exchange": [one.value for one in Exchange],
        "order_type": [one.value for one in OrderType],
        "order_variety": [one.value for one in Variety],
        "position_type": ["day", "overnight"],
        "product": _PRODUCTS,
        "segment": list(_SEGMENTS),
        "transaction_type": [one.value for one in Side],
        "validity": [one.value for one in Validity],
    }


def market_margins(call: Call) -> list[dict[str, Any]]:
    """GET /margins/{segment}: what a position of each instrument needs, by symbol."""
    wanted = _SEGMENTS.get(call.path["segment"])
    if wanted is None:
        raise InputException("Invalid `segment`.")
    exchanges, kind = wanted
    # A share that is listed twice has one row, the first exchange's.
    by_symbol: dict[str, Instrument] = {}
    for one in call.world.instruments:
        if one.exchange in exchanges and one.instrument_type is kind and one.is_tradable:
            by_symbol.setdefault(one.symbol, one)
    on, last_price = ist_date(call.now_ns), call.world.exchange.last_price
    return [market_margin_row(one, last_price(one.id), on) for one in by_symbol.values()]


def trigger_range(call: Call) -> dict[str, TriggerRangeRow]:
    """GET /instruments/trigger_range/{transaction_type}: for the stop leg of cover orders."""
    side = read_word(Side, "transaction_type", call.path["transaction_type"].upper())
    wanted = call.query.all("i")
    if not wanted:
        raise InputException("Missing or empty field `i`")
    rows: dict[str, TriggerRangeRow] = {}
    for text in wanted:
        instrument = call.world.find(text)
        if instrument is not None and instrument.is_tradable:
            quote = call.world.exchange.quote(instrument.id)
            rows[text] = trigger_range_row(quote, instrument, side)
    return rows
