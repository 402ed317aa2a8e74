"""Official sample answers, where the caller has them: ``PATANG_KITE_SAMPLES`` names their folder.

The samples are not ours to copy, so without the variable these tests do not exist.
"""

import json
import os
from pathlib import Path

import pytest

from patang.wire.envelope import decode_success, encode_success
from patang.wire.instruments import decode_instruments_csv
from patang.wire.messages import OrderUpdate, decode_text
from patang.wire.rows import (
    HoldingRow,
    LtpRow,
    MarginsRow,
    OhlcRow,
    OrderAck,
    OrderRow,
    Positions,
    ProfileRow,
    QuoteRow,
    Row,
    SegmentRow,
    SessionRow,
)

FOLDER = os.environ.get("PATANG_KITE_SAMPLES", "")

SAMPLES = {
    "generate_session": SessionRow,
    "session_logout": bool,
    "profile": ProfileRow,
    "margins": MarginsRow,
    "margin_commodity": SegmentRow,
    "orders": list[OrderRow],
    "order_info": list[OrderRow],
    "order_response": OrderAck,
    "order_modify": OrderAck,
    "order_cancel": OrderAck,
    "positions": Positions,
    "holdings": list[HoldingRow],
    "quote": dict[str, QuoteRow],
    "ohlc": dict[str, OhlcRow],
    "ltp": dict[str, LtpRow],
}


def plain(value):
    if isinstance(value, Row):
        return value.to_dict()
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return value


if FOLDER:

    @pytest.mark.parametrize("name", SAMPLES)
    def test_a_sample_decodes_and_loses_nothing(name):
        body = (Path(FOLDER) / f"{name}.json").read_bytes()
        value = decode_success(200, "application/json", body, SAMPLES[name])
        sent = json.loads(body)["data"]
        assert plain(value) == sent
        encoded = json.loads(encode_success(value))["data"]
        assert holds(encoded, sent)

    def holds(encoded, sent):
        """Whether our own encoding has every field of the sample with its value."""
        if isinstance(sent, dict):
            return all(name in encoded and holds(encoded[name], sent[name]) for name in sent)
        if isinstance(sent, list):
            return len(encoded) == len(sent) and all(map(holds, encoded, sent))
        return encoded == sent

    def test_the_sample_postback_decodes_as_an_order_frame():
        sent = (Path(FOLDER) / "postback.json").read_text()
        update = decode_text('{"type":"order","data":' + sent + "}")
        assert isinstance(update, OrderUpdate)
        assert update.order.to_dict() == json.loads(sent)
        assert not update.order.extra

    def test_the_sample_dump_decodes():
        body = (Path(FOLDER) / "instruments_nse.csv").read_bytes()
        assert len(decode_instruments_csv(body)) == len(body.splitlines()) - 1
