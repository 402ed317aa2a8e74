"""Records are bounded where they could grow without end, and never where money is concerned."""

from patang.sandbox import records
from patang.sandbox.records import FrameRecord, Records, parameters_of
from patang.wire.endpoints import ENDPOINTS


def frame(number: int, size: int) -> FrameRecord:
    return FrameRecord(
        time_ns=number, user_id="AB1234", connection=1, kind="binary", payload=b"x" * size
    )


def test_the_oldest_frames_give_way(monkeypatch):
    monkeypatch.setattr(records, "FRAME_BYTES_MAX", 100)
    kept = Records()
    for number in range(5):
        kept.note_frame(frame(number, 40))
    assert [one.time_ns for one in kept.frames()] == [3, 4]
    assert kept.frames_dropped == 3


def test_reads_are_bounded_and_order_requests_are_not(monkeypatch):
    monkeypatch.setattr(records, "READS_MAX", 2)
    kept = Records()
    for number in range(4):
        for route in ("orders", "place_order"):
            kept.request(ENDPOINTS[route], time_ns=number, user_id="AB1234", path="/")
    assert [(one.number, one.route) for one in kept.requests()] == [
        (1 + 1, "place_order"),
        (3 + 1, "place_order"),
        (5, "orders"),
        (6, "place_order"),
        (7, "orders"),
        (8, "place_order"),
    ]
    assert len(kept.requests_of("AB1234")) == 4
    assert kept.requests_of("CD5678") == []


def test_secrets_are_left_out_of_parameters():
    pairs = {"tradingsymbol": "INFY", "access_token": "secret", "checksum": "secret"}
    assert parameters_of(pairs) == {"tradingsymbol": "INFY"}
