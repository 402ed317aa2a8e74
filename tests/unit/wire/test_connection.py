"""The ticker link's decisions, without a socket or a clock."""

import random

import pytest

from patang.domain.errors import InvalidValue, InvariantBroken
from patang.wire.connection import BATCH_TOKENS, LinkSettings, LinkState, TickerLink
from patang.wire.messages import SetMode, Subscribe, Unsubscribe
from patang.wire.ticks import TickMode

SECOND = 1_000_000_000


class Highest:
    def uniform(self, a: float, b: float, /) -> float:
        return b


class Lowest:
    def uniform(self, a: float, b: float, /) -> float:
        return a


def a_link(jitter=None, **settings) -> TickerLink:
    return TickerLink(LinkSettings(**settings), jitter or random.Random(7))


def opened(link: TickerLink, at_ns: int = 0) -> TickerLink:
    link.dialling()
    link.opened(at_ns)
    return link


def test_subscriptions_made_before_the_link_is_up_are_sent_once_in_their_final_form():
    link = a_link()
    link.subscribe([1, 2], TickMode.QUOTE)
    link.subscribe([2], TickMode.FULL)
    link.subscribe([3], TickMode.LTP)
    link.unsubscribe([1])
    opened(link)
    assert link.take_requests() == [
        Subscribe(tokens=(2, 3)),
        SetMode(mode=TickMode.LTP, tokens=(3,)),
        SetMode(mode=TickMode.FULL, tokens=(2,)),
    ]
    assert link.take_requests() == []


def test_a_change_on_an_open_link_sends_only_the_difference():
    link = opened(a_link())
    link.subscribe([1, 2], TickMode.QUOTE)
    link.take_requests()
    link.subscribe([1, 2, 3, 3], TickMode.QUOTE)
    assert link.take_requests() == [
        Subscribe(tokens=(3,)),
        SetMode(mode=TickMode.QUOTE, tokens=(3,)),
    ]
    link.subscribe([1], TickMode.FULL)
    link.unsubscribe([2, 99])
    assert link.take_requests() == [
        SetMode(mode=TickMode.FULL, tokens=(1,)),
        Unsubscribe(tokens=(2,)),
    ]
    assert dict(link.desired) == {1: TickMode.FULL, 3: TickMode.QUOTE}


def test_every_reconnect_asks_again_for_each_token_once_with_its_mode():
    link = a_link()
    link.subscribe([1, 2], TickMode.FULL)
    for _ in range(3):
        opened(link)
        assert link.take_requests() == [
            Subscribe(tokens=(1, 2)),
            SetMode(mode=TickMode.FULL, tokens=(1, 2)),
        ]
        link.lost()


def test_requests_that_a_broken_link_left_behind_are_not_sent_on_the_next_one():
    link = opened(a_link())
    link.subscribe([1], TickMode.FULL)
    link.lost()
    link.unsubscribe([1])
    opened(link)
    assert link.take_requests() == []


def test_large_subscriptions_are_cut_into_batches_that_hold_every_token_once():
    link = opened(a_link())
    tokens = list(range(BATCH_TOKENS * 2 + 5))
    link.subscribe(tokens, TickMode.LTP)
    requests = link.take_requests()
    subscribed = [token for r in requests if isinstance(r, Subscribe) for token in r.tokens]
    moded = [token for r in requests if isinstance(r, SetMode) for token in r.tokens]
    assert subscribed == moded == tokens
    assert max(len(r.tokens) for r in requests) == BATCH_TOKENS


def test_more_instruments_than_a_connection_carries_are_refused_and_change_nothing():
    link = a_link(max_tokens=3)
    link.subscribe([1, 2], TickMode.LTP)
    with pytest.raises(InvalidValue, match="tokens: 4 instruments"):
        link.subscribe([2, 3, 4], TickMode.FULL)
    assert dict(link.desired) == {1: TickMode.LTP, 2: TickMode.LTP}


@pytest.mark.parametrize("token", [True, "408065", -1, 1 << 32, 1.0, None])
def test_what_is_no_token_is_refused(token):
    with pytest.raises(InvalidValue, match="tokens"):
        a_link().subscribe([token], TickMode.LTP)


def test_a_link_is_dead_after_the_configured_silence_and_any_frame_postpones_it():
    link = opened(a_link(stall_ns=5 * SECOND), at_ns=100 * SECOND)
    assert link.silence_left_ns(104 * SECOND) == SECOND
    link.frame_received(104 * SECOND)
    assert link.silence_left_ns(108 * SECOND) == SECOND
    assert link.silence_left_ns(109 * SECOND) == 0


def fail_to_connect(link: TickerLink, times: int) -> list[float]:
    waits = []
    for _ in range(times):
        link.dialling()
        waits.append(link.lost() / SECOND)
    return waits


def test_waits_double_between_one_second_and_sixty():
    assert fail_to_connect(a_link(Highest()), 8) == [2, 4, 8, 16, 32, 60, 60, 60]
    assert fail_to_connect(a_link(Lowest()), 8) == [1, 2, 4, 8, 16, 30, 30, 30]


def test_waits_stay_bounded_after_very_many_failures():
    waits = fail_to_connect(a_link(), 500)
    assert all(1 <= wait <= 60 for wait in waits)
    assert len({round(wait, 3) for wait in waits[10:]}) > 100


def test_a_frame_starts_the_waits_afresh_but_a_handshake_alone_does_not():
    link = a_link(Highest())
    fail_to_connect(link, 4)
    opened(link)
    assert link.lost() == 32 * SECOND
    opened(link)
    link.frame_received(1)
    assert link.lost() == 2 * SECOND


def test_a_refused_link_stays_down_until_it_is_dialled_on_purpose():
    link = a_link()
    link.dialling()
    link.refused()
    assert link.state is LinkState.REFUSED
    with pytest.raises(InvariantBroken):
        link.opened(0)
    opened(link)
    assert link.state is LinkState.OPEN


def test_closing_keeps_the_subscriptions_for_the_next_start():
    link = opened(a_link())
    link.subscribe([1], TickMode.FULL)
    link.closed()
    assert link.take_requests() == []
    opened(link)
    assert link.take_requests()[0] == Subscribe(tokens=(1,))


@pytest.mark.parametrize(
    "settings",
    [
        {"stall_ns": 0},
        {"stale_ns": 0},
        {"first_wait_ns": 0},
        {"first_wait_ns": 61 * SECOND},
        {"max_tokens": 0},
        {"max_tokens": 3001},
    ],
)
def test_settings_that_cannot_work_are_refused(settings):
    with pytest.raises(InvalidValue):
        LinkSettings(**settings)


def test_ticks_are_owed_from_the_first_subscription_on():
    link = opened(a_link(stale_ns=3 * SECOND), at_ns=100 * SECOND)
    assert link.staleness_left_ns(200 * SECOND) is None
    link.frame_received(150 * SECOND)
    link.subscribe([1], TickMode.LTP)
    assert link.staleness_left_ns(151 * SECOND) == 2 * SECOND
    link.frame_received(152 * SECOND)
    assert link.staleness_left_ns(153 * SECOND) == 0
    link.ticks_received(153 * SECOND)
    assert link.staleness_left_ns(153 * SECOND) == 3 * SECOND


def test_staleness_is_told_once_until_the_next_tick_or_connection():
    link = opened(a_link(stale_ns=3 * SECOND), at_ns=0)
    link.subscribe([1], TickMode.LTP)
    link.staleness_told()
    link.frame_received(90 * SECOND)
    assert link.staleness_left_ns(99 * SECOND) is None
    link.ticks_received(100 * SECOND)
    assert link.staleness_left_ns(100 * SECOND) == 3 * SECOND
    link.staleness_told()
    link.lost()
    opened(link, at_ns=200 * SECOND)
    assert link.staleness_left_ns(200 * SECOND) == 3 * SECOND
    link.unsubscribe([1])
    assert link.staleness_left_ns(200 * SECOND) is None


def test_a_dead_link_is_noticed_within_five_seconds():
    settings = LinkSettings()
    assert settings.stall_ns < 5 * SECOND
    assert settings.stale_ns < 5 * SECOND
