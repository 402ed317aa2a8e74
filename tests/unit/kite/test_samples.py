"""Official sample answers through the client; ``PATANG_KITE_SAMPLES`` names their folder.

The samples are not ours to copy, so without the variable these tests do not exist.
"""

import json
import os
from decimal import Decimal
from pathlib import Path

import pytest

from patang.kite import Kite, MemoryTransport, Response
from patang.wire.instruments import COLUMNS as INSTRUMENT_COLUMNS
from patang.wire.mf_instruments import COLUMNS as FUND_COLUMNS
from patang.wire.mf_instruments import encode_mf_instruments_csv
from patang.wire.rows import Row, encode_row

FOLDER = os.environ.get("PATANG_KITE_SAMPLES", "")
FILES = sorted(Path(FOLDER).iterdir()) if FOLDER else []

ORDER = {
    "variety": "regular",
    "exchange": "NSE",
    "tradingsymbol": "INFY",
    "transaction_type": "BUY",
    "quantity": 1,
    "product": "CNC",
    "order_type": "LIMIT",
    "price": 10,
}
MARGIN = {**ORDER, "price": 10}
CHARGE = {**ORDER, "order_id": "1", "average_price": 10}
GTT = {
    "trigger_type": "single",
    "tradingsymbol": "INFY",
    "exchange": "NSE",
    "trigger_values": [702],
    "last_price": 798,
    "orders": [ORDER],
}
ALERT = {
    "name": "n",
    "lhs_exchange": "INDICES",
    "lhs_tradingsymbol": "NIFTY 50",
    "operator": ">=",
    "rhs_constant": 27000,
}
CONVERSION = {
    "exchange": "NSE",
    "tradingsymbol": "INFY",
    "transaction_type": "BUY",
    "position_type": "day",
    "quantity": 1,
    "old_product": "MIS",
    "new_product": "CNC",
}
SIP = {"tradingsymbol": "INF1", "amount": 1000, "instalments": -1, "frequency": "monthly"}
FUND = {"tradingsymbol": "INF1", "transaction_type": "BUY", "amount": 1000}
CANDLES = (408065, "2017-12-15", "2017-12-16", "minute")

CALLS = {
    "generate_session": lambda k: k.generate_session("request", "secret"),
    "session_logout": lambda k: k.invalidate_access_token(),
    "profile": lambda k: k.profile(),
    "full_profile": lambda k: k.full_profile(),
    "margins": lambda k: k.margins(),
    "margins_equity": lambda k: k.margins("equity"),
    "margin_commodity": lambda k: k.margins("commodity"),
    "order_modify": lambda k: k.modify_order("regular", "1", price=10),
    "order_cancel": lambda k: k.cancel_order("regular", "1"),
    "order_response": lambda k: k.place_autoslice_order(**ORDER),
    "autoslice_response": lambda k: k.place_autoslice_order(**ORDER),
    "orders": lambda k: k.orders(),
    "order_info": lambda k: k.order_history("1"),
    "trades": lambda k: k.trades(),
    "order_trades": lambda k: k.order_trades("1"),
    "positions": lambda k: k.positions(),
    "convert_position": lambda k: k.convert_position(**CONVERSION),
    "holdings": lambda k: k.holdings(),
    "holdings_summary": lambda k: k.holdings_summary(),
    "holdings_compact": lambda k: k.holdings_compact(),
    "holdings_auth": lambda k: k.holdings_authorise(),
    "auctions_list": lambda k: k.get_auction_instruments(),
    "quote": lambda k: k.quote("NSE:INFY"),
    "ohlc": lambda k: k.ohlc("NSE:INFY"),
    "ltp": lambda k: k.ltp("NSE:INFY"),
    "historical_minute": lambda k: k.historical_data(*CANDLES),
    "historical_oi": lambda k: k.historical_data(*CANDLES, oi=True),
    "trigger_range": lambda k: k.trigger_range("BUY", "NSE:INFY"),
    "gtt_place_order": lambda k: k.place_gtt(**GTT),
    "gtt_modify_order": lambda k: k.modify_gtt(1, **GTT),
    "gtt_delete_order": lambda k: k.delete_gtt(1),
    "gtt_get_order": lambda k: k.get_gtt(1),
    "gtt_get_orders": lambda k: k.get_gtts(),
    "alerts_create": lambda k: k.create_alert(**ALERT),
    "alerts_create_ato": lambda k: k.create_alert(**ALERT),
    "alerts_get": lambda k: k.get_alerts(),
    "alerts_get_one": lambda k: k.get_alert("u"),
    "alerts_modify": lambda k: k.modify_alert("u", **ALERT),
    "alerts_delete": lambda k: k.delete_alerts("u"),
    "alerts_history": lambda k: k.get_alert_history("u"),
    "order_margins": lambda k: k.order_margins([MARGIN]),
    "basket_margins": lambda k: k.basket_order_margins([MARGIN]),
    "virtual_contract_note": lambda k: k.get_virtual_contract_note([CHARGE]),
    "mf_orders": lambda k: k.mf_orders(),
    "mf_orders_info": lambda k: k.mf_orders("1"),
    "mf_order_response": lambda k: k.place_mf_order(**FUND),
    "mf_order_cancel": lambda k: k.cancel_mf_order("1"),
    "mf_sips": lambda k: k.mf_sips(),
    "mf_sip_info": lambda k: k.mf_sips("1"),
    "mf_sip_place": lambda k: k.place_mf_sip(**SIP),
    "mf_sip_modify": lambda k: k.modify_mf_sip("1", amount=10),
    "mf_sip_cancel": lambda k: k.cancel_mf_sip("1"),
    "mf_holdings": lambda k: k.mf_holdings(),
}
ID_ALONE = {"order_modify", "order_cancel"}
ELSEWHERE = {"postback", "ticker_ltp", "ticker_quote", "ticker_full"}


def answering(body: bytes, content_type: str) -> Kite:
    async def answer(_request):
        return Response(status=200, headers={"content-type": content_type}, body=body)

    return Kite("key", "token", "http://127.0.0.1:1", transport=MemoryTransport(answer))


def plain(value):
    """What the server sent, from what the client gave."""
    if hasattr(value, "to_dict"):
        return value.to_dict()
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return value


def holds(encoded, sent):
    """Whether our own encoding has every field of the sample with its value."""
    if isinstance(sent, dict):
        return all(name in encoded and holds(encoded[name], sent[name]) for name in sent)
    if isinstance(sent, list):
        return len(encoded) == len(sent) and all(map(holds, encoded, sent))
    return encoded == sent


def unknown_fields(value):
    """Fields of the sample that our structs have no name for."""
    if isinstance(value, Row):
        parts = [getattr(value, name) for name in value.parts]
        return set(value.extra).union(*map(unknown_fields, parts))
    if isinstance(value, list):
        return set().union(*map(unknown_fields, value))
    if isinstance(value, dict):
        return set().union(*map(unknown_fields, value.values()))
    return set()


if FOLDER:
    JSON_FILES = [path for path in FILES if path.suffix == ".json" and path.stem not in ELSEWHERE]

    @pytest.mark.parametrize("path", JSON_FILES, ids=lambda path: path.stem)
    async def test_a_sample_passes_the_matching_call_and_loses_nothing(path):
        body = path.read_bytes()
        sent = json.loads(body)["data"]
        value = await CALLS[path.stem](answering(body, "application/json"))
        assert plain(value) == (sent["order_id"] if path.stem in ID_ALONE else sent)
        assert unknown_fields(value) == set()
        ours = {"candles": [one.to_list() for one in value]} if "historical" in path.stem else value
        assert holds(json.loads(encode_row(ours)), plain(value))
        raw = await CALLS[path.stem](answering(body, "application/json").raw)
        assert raw == sent

    @pytest.mark.parametrize(
        "path", [p for p in FILES if p.name.startswith("instruments")], ids=lambda path: path.stem
    )
    async def test_a_sample_dump_of_instruments_loses_nothing(path):
        kite = answering(path.read_bytes(), "text/csv")
        rows = await kite.instruments()
        columns = await kite.instrument_columns()
        assert len(rows) == len(columns) == len(path.read_bytes().splitlines()) - 1
        for row, at, line in zip(
            rows, range(len(columns)), path.read_text().splitlines()[1:], strict=True
        ):
            sent = dict(zip(INSTRUMENT_COLUMNS, line.split(","), strict=True))
            for got in (row.to_dict(), columns.row(at)):
                assert {name: same(got[name], text) for name, text in sent.items()} == sent

    def same(value, text):
        """The sample's text, when the value says the same."""
        if isinstance(value, int | float | Decimal):
            return text if Decimal(str(value)) == Decimal(text or 0) else value
        return str(value or "")

    @pytest.mark.parametrize(
        "path", [p for p in FILES if p.name == "mf_instruments.csv"], ids=lambda path: path.stem
    )
    async def test_the_sample_dump_of_funds_loses_nothing(path):
        funds = await answering(path.read_bytes(), "text/csv").mf_instruments()
        assert encode_mf_instruments_csv(funds).splitlines() == path.read_bytes().splitlines()
        assert set(funds[0].to_dict()) == set(FUND_COLUMNS)
