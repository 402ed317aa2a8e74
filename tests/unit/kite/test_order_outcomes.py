"""Lost replies: the server sees one request, and the caller is told the truth."""

import pytest

from patang.kite import (
    ConnectFailed,
    InputException,
    Kite,
    NetworkException,
    OrderOutcomeUnknown,
    Timeouts,
)
from patang.kite.retry import NO_RETRIES

QUICK = Timeouts(connect=0.5, read=0.3, total=0.5)
TIMED_OUT = (
    '{"status":"error","error_type":"InputException","message":"Order request timed out.'
    ' Please check the order book and confirm before placing again."}'
)


@pytest.fixture
async def kite(scripted):
    async with Kite("key", "token", scripted.root, timeouts=QUICK, retry=NO_RETRIES) as opened:
        yield opened


async def place(kite: Kite) -> str:
    return await kite.place_order(
        "regular", "NSE", "INFY", "BUY", 1, "MIS", "LIMIT", 1500, tag="intent1"
    )


VERBS = {
    "POST": place,
    "PUT": lambda kite: kite.modify_order("regular", "77", quantity=2),
    "DELETE": lambda kite: kite.cancel_order("regular", "77"),
}


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("warm", [False, True])
@pytest.mark.parametrize(
    "fault", ["reset", "hang_up", "stay_silent", "trickle", "cut_short", "html", "timed_out", "503"]
)
async def test_a_lost_reply_is_an_unknown_outcome_and_one_request(
    scripted, replies, kite, verb, warm, fault
):
    answers = {
        "html": replies.http("<html>Bad gateway</html>", 502, "text/html"),
        "timed_out": replies.http(TIMED_OUT, 400),
        "503": replies.http(
            '{"status":"error","error_type":"NetworkException","message":"OMS is down"}', 503
        ),
    }
    if warm:
        scripted.script = [replies.http('{"status":"success","data":[]}')]
        await kite.orders()
        scripted.seen.clear()
    scripted.script = [answers.get(fault) or getattr(replies, fault)]
    with pytest.raises(OrderOutcomeUnknown) as failure:
        await VERBS[verb](kite)
    assert [seen[0] for seen in scripted.seen] == [verb]
    named = failure.value.tag if verb == "POST" else failure.value.order_id
    assert named == ("intent1" if verb == "POST" else "77")
    assert failure.value.__cause__ is not None


@pytest.mark.parametrize(
    "body",
    [
        "",
        "not json",
        "[]",
        '{"status":"success"}',
        '{"status":"success","data":{}}',
        '{"status":"success","data":{"order_id":7}}',
        "<html>ok</html>",
    ],
)
async def test_a_success_that_cannot_be_read_is_an_unknown_outcome(scripted, replies, kite, body):
    scripted.script = [replies.http(body)]
    with pytest.raises(OrderOutcomeUnknown, match="intent1"):
        await place(kite)
    assert len(scripted.seen) == 1


async def test_a_redirect_is_an_unknown_outcome_and_is_not_followed(scripted, kite):
    scripted.script = [b"HTTP/1.1 307 X\r\nLocation: /orders/amo\r\nContent-Length: 0\r\n\r\n"]
    with pytest.raises(OrderOutcomeUnknown):
        await place(kite)
    assert len(scripted.seen) == 1


async def test_a_refusal_in_kites_own_words_is_definite(scripted, replies, kite):
    refusal = '{"status":"error","error_type":"InputException","message":"Tick size is 0.05."}'
    scripted.script = [replies.http(refusal, 400)]
    with pytest.raises(InputException, match="Tick size"):
        await place(kite)


async def test_a_rate_limit_is_a_definite_refusal(scripted, replies, kite):
    refusal = '{"status":"error","error_type":"NetworkException","message":"Too many requests"}'
    scripted.script = [replies.http(refusal, 429)]
    with pytest.raises(NetworkException) as failure:
        await place(kite)
    assert not isinstance(failure.value, OrderOutcomeUnknown)


async def test_no_connection_is_a_definite_failure():
    async with Kite("key", "token", "http://unknown.invalid", timeouts=QUICK) as kite:
        with pytest.raises(ConnectFailed):
            await place(kite)


async def test_a_lost_reply_to_a_read_is_no_order_matter(scripted, replies, kite):
    scripted.script = [replies.reset]
    with pytest.raises(NetworkException) as failure:
        await kite.orders()
    assert not isinstance(failure.value, OrderOutcomeUnknown)
    assert len(scripted.seen) == 1
