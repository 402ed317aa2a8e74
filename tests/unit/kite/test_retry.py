"""Retries: how many and how long before each, exactly; reads only; charged to the limits."""

import asyncio
import random

import pytest

from patang.domain.errors import InvalidValue
from patang.kite import (
    ConnectFailed,
    DataException,
    InputException,
    Kite,
    Limits,
    MemoryTransport,
    NetworkException,
    OrderOutcomeUnknown,
    ReplyLost,
    Response,
    RetryPolicy,
)
from patang.kite.retry import BRIEF, NO_RETRIES, PATIENT, PRESETS, QUICK, READS, retry_after_s
from patang.wire.endpoints import ENDPOINTS
from tests.lossy_exchange import HTML, refusal, success

SECOND = 1_000_000_000


def waits(policy: RetryPolicy, chance=None) -> list[float]:
    failures = range(1, policy.retries + 1)
    return [policy.wait_s(n, chance or random.Random(7)) for n in failures]


def test_presets_wait_what_they_say():
    assert waits(PATIENT) == [3, 6, 12, 24, 30]
    assert waits(QUICK) == [0.1, 0.2, 0.4]
    assert waits(BRIEF) == [1, 2]
    assert waits(NO_RETRIES) == []
    assert (READS.base_s, READS.cap_s, READS.has_jitter) == (0.2, 5.0, True)
    assert set(PRESETS) == {"none", "reads", "patient", "brief", "quick"}


def test_a_constant_policy_does_not_grow():
    policy = RetryPolicy(retries=4, base_s=0.5, is_exponential=False, has_jitter=False)
    assert waits(policy) == [0.5] * 4


def test_full_jitter_is_even_between_nothing_and_the_wait_and_can_be_seeded():
    policy = RetryPolicy(retries=6)
    assert waits(policy, random.Random(3)) == waits(policy, random.Random(3))
    chance = random.Random(1)
    drawn = [policy.wait_s(3, chance) for _ in range(4_000)]
    assert 0 <= min(drawn) < 0.01
    assert 0.79 < max(drawn) <= 0.8
    assert sum(drawn) / len(drawn) == pytest.approx(0.4, rel=0.05)


@pytest.mark.parametrize(
    ("field", "more"),
    [("retries", {"retries": -1}), ("base_s", {"base_s": 9.0}), ("base_s", {"base_s": -1.0}),
     ("longest_retry_after_s", {"longest_retry_after_s": -1.0})],
)  # fmt: skip
def test_a_policy_that_makes_no_sense_is_refused(field, more):
    with pytest.raises(InvalidValue, match=field):
        RetryPolicy(**more)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("0", 0),
        ("17", 17),
        ("Fri, 20 Nov 2026 10:00:30 GMT", 30),
        ("Fri, 20 Nov 2026 09:59:00 GMT", 0),
        ("soon", None),
        ("-4", None),
        ("1.5", None),
        ("", None),
        ("9" * 400, 999_999_999),
        ("Fri, 99 Nov 2026", None),
    ],
)
def test_retry_after_is_read_in_both_spellings(header, seconds):
    now_ns = 1_795_168_800 * SECOND
    assert retry_after_s({"retry-after": header}, now_ns) == seconds


class Answers:
    """Gives its answers in turn and notes when each was asked for."""

    def __init__(self, clock, *answers) -> None:
        self.clock = clock
        self.answers = list(answers)
        self.asked_at: list[float] = []
        self.start_ns = clock.now_ns()

    async def answer(self, request) -> Response:
        self.asked_at.append((self.clock.now_ns() - self.start_ns) / SECOND)
        planned = self.answers.pop(0)
        if isinstance(planned, Exception):
            raise planned
        return planned

    def kite(self, **more) -> Kite:
        return Kite(
            "key", "token", "http://127.0.0.1:1", transport=MemoryTransport(self.answer),
            clock=self.clock, **more,
        )  # fmt: skip


def too_many(**headers: str) -> Response:
    reply = refusal(429, "NetworkException", "Too many requests")
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(status=429, headers=reply.headers | named, body=reply.body)


async def finished(clock, call, seconds: float = 200):
    task = asyncio.ensure_future(call)
    await clock.run_for(seconds)
    assert task.done()
    return task


async def test_a_read_fails_after_exactly_four_attempts_and_exact_waits(clock):
    server = Answers(clock, HTML, ReplyLost("reset"), ConnectFailed("no route"), HTML)
    kite = server.kite(retry=QUICK)
    with pytest.raises(DataException):
        (await finished(clock, kite.orders())).result()
    assert server.asked_at == pytest.approx([0, 0.1, 0.3, 0.7])
    assert (kite.counters.requests, kite.counters.retries) == (3, 3)
    assert kite.counters.unsent == 1
    assert kite.counters.failures == 4


async def test_the_patient_preset_waits_from_three_to_thirty_seconds(clock):
    server = Answers(clock, *[HTML] * 6)
    with pytest.raises(DataException):
        (await finished(clock, server.kite(retry=PATIENT).trades())).result()
    assert server.asked_at == [0, 3, 9, 21, 45, 75]


@pytest.mark.parametrize(
    "failure",
    [HTML, ReplyLost("timed out"), ConnectFailed("no route"), too_many(),
     refusal(503, "NetworkException", "OMS is down"), refusal(500, "GeneralException", "?")],
)  # fmt: skip
async def test_a_passing_failure_of_a_read_is_not_seen_by_the_caller(clock, failure):
    server = Answers(clock, failure, success([]))
    assert (await finished(clock, server.kite().orders())).result() == []


@pytest.mark.parametrize(
    "failure",
    [refusal(400, "InputException", "Missing interval"),
     refusal(403, "TokenException", "expired"), success({"not": "a list"})],
)  # fmt: skip
async def test_a_failure_that_would_repeat_itself_is_told_at_once(clock, failure):
    server = Answers(clock, failure)
    task = await finished(clock, server.kite().orders())
    assert task.exception() is not None
    assert len(server.asked_at) == 1


ORDERS = {
    "POST": lambda kite: kite.place_order(
        "regular", "NSE", "INFY", "BUY", 1, "MIS", "LIMIT", 1500, tag="one"
    ),
    "PUT": lambda kite: kite.modify_order("regular", "7", quantity=2),
    "DELETE": lambda kite: kite.cancel_order("regular", "7"),
}


@pytest.mark.parametrize("verb", ORDERS)
@pytest.mark.parametrize(
    "failure", [HTML, ReplyLost("reset"), ConnectFailed("no route"), too_many(retry_after="1")]
)
async def test_an_order_request_is_never_sent_again(clock, verb, failure):
    server = Answers(clock, failure, success({"order_id": "1"}))
    task = await finished(clock, ORDERS[verb](server.kite(retry=PATIENT)))
    is_open = failure is HTML or isinstance(failure, ReplyLost)
    assert isinstance(task.exception(), OrderOutcomeUnknown if is_open else NetworkException)
    assert len(server.asked_at) == 1


def test_no_request_that_changes_something_is_repeatable():
    calculations = {"order_margins", "basket_order_margins", "get_virtual_contract_note"}
    for endpoint in ENDPOINTS.values():
        assert not endpoint.retryable or endpoint.method == "GET" or endpoint.call in calculations


async def test_the_wait_that_a_server_asks_for_is_honoured(clock):
    server = Answers(clock, too_many(retry_after="7"), success([]))
    assert (await finished(clock, server.kite(retry=QUICK).orders())).result() == []
    assert server.asked_at == [0, 7]


async def test_a_server_that_asks_for_too_long_gets_no_second_request(clock):
    server = Answers(clock, too_many(retry_after="61"))
    task = await finished(clock, server.kite().orders())
    assert isinstance(task.exception(), NetworkException)
    assert server.asked_at == [0]


async def test_retries_are_charged_to_the_rate_limit(clock):
    failures = [ReplyLost("reset")] * 3
    server = Answers(clock, *failures, success([]))
    kite = server.kite(retry=QUICK, limits=Limits(others_per_second=1))
    assert (await finished(clock, kite.orders())).result() == []
    assert server.asked_at == [0, 1, 2, 3]


async def test_a_session_that_is_missing_is_told_at_once_and_costs_nothing(clock):
    server = Answers(clock)
    kite = server.kite()
    kite._caller.access_token = None
    with pytest.raises(Exception, match="no access token"):
        await kite.orders()
    assert kite.counters.requests == 0
    assert kite.governor.state().classes[ENDPOINTS["orders"].rate].can_go_now


async def test_an_input_error_names_itself_after_one_request(clock):
    server = Answers(clock, refusal(400, "InputException", "invalid"))
    with pytest.raises(InputException):
        await server.kite().order_history("1")
