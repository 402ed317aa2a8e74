"""Broken links, a few of the thousand that `python -m tests.soak.feed` breaks."""

import pytest

from patang.wire.messages import SetMode, Subscribe, Unsubscribe, encode_request
from tests.soak.breaking_proxy import BREAKS, Passage
from tests.soak.feed import soak


@pytest.mark.timeout(110)
async def test_twenty_broken_links_of_every_kind_lose_and_double_nothing():
    report = await soak(rounds=20, seed=7)
    assert report.faults == []
    assert set(report.breaks) == set(BREAKS)
    assert report.disconnections >= 20
    assert report.gaps >= 20


def framed(text: str) -> bytes:
    """A client's text frame, masked."""
    payload, mask = text.encode(), b"\x01\x02\x03\x04"
    size = (
        bytes([0x80 | len(payload)])
        if len(payload) < 126
        else b"\xfe" + len(payload).to_bytes(2, "big")
    )
    return b"\x81" + size + mask + bytes(b ^ mask[n % 4] for n, b in enumerate(payload))


def test_the_soak_notices_requests_that_are_repeated():
    passage = Passage(None, None)
    requests = [
        Subscribe(tokens=tuple(range(100, 160))),
        SetMode(mode="full", tokens=(100,)),
        Unsubscribe(tokens=(101,)),
        Subscribe(tokens=(101,)),
        SetMode(mode="full", tokens=(101,)),
    ]
    stream = b"GET / HTTP/1.1\r\n\r\n" + b"".join(framed(encode_request(r)) for r in requests)
    for byte in stream:
        passage.hear(bytes([byte]))
    assert passage.repeated == []
    assert passage.modes[101] == "full"
    assert passage.modes[102] == "quote"
    for request in (Subscribe(tokens=(102,)), SetMode(mode="full", tokens=(100,))):
        passage.hear(framed(encode_request(request)))
    assert passage.repeated == ["subscribe 102", "mode 100 full"]
