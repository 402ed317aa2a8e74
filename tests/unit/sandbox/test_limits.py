from patang.domain.market import NS_PER_SECOND
from patang.sandbox.limits import TOO_MANY, TOO_MANY_ORDERS, RateLimiter
from patang.sandbox.settings import DEFAULT_START_NS as NOW
from patang.wire.endpoints import RateClass


def admitted(limiter: RateLimiter, count: int, rate_class: RateClass, now_ns: int, **how) -> int:
    return sum(limiter.admit("caller", rate_class, now_ns, **how) for _ in range(count))


def test_each_class_has_its_own_limit_in_a_second():
    limiter = RateLimiter()
    assert admitted(limiter, 5, RateClass.QUOTE, NOW) == 1
    assert admitted(limiter, 20, RateClass.ORDER, NOW) == 10
    assert admitted(limiter, 20, RateClass.GENERAL, NOW) == 10


def test_the_second_is_a_calendar_second_not_a_rolling_one():
    limiter = RateLimiter()
    last_moment = NOW + NS_PER_SECOND - 1
    assert admitted(limiter, 20, RateClass.ORDER, last_moment) == 10
    assert admitted(limiter, 20, RateClass.ORDER, last_moment + 1) == 10


def test_callers_do_not_share_a_limit():
    limiter = RateLimiter()
    assert admitted(limiter, 20, RateClass.GENERAL, NOW) == 10
    assert limiter.admit("another", RateClass.GENERAL, NOW)


def test_placements_are_also_capped_by_minute_and_day():
    limiter = RateLimiter()
    per_minute = [
        sum(
            admitted(limiter, 10, RateClass.ORDER, NOW + second * NS_PER_SECOND, orders=1)
            for second in range(minute * 60, minute * 60 + 60)
        )
        for minute in range(14)
    ]
    assert per_minute == [400] * 12 + [200, 0]
    next_day = NOW + 86_400 * NS_PER_SECOND
    assert limiter.admit("caller", RateClass.ORDER, next_day, orders=1)


def test_modifications_and_cancels_do_not_count_as_placements():
    limiter = RateLimiter()
    for second in range(45):
        assert admitted(limiter, 10, RateClass.ORDER, NOW + second * NS_PER_SECOND) == 10


def test_an_iceberg_is_one_request_but_all_its_legs_of_the_day():
    limiter = RateLimiter()
    placed = [
        limiter.refusal("caller", RateClass.ORDER, NOW + number * NS_PER_SECOND, orders=50)
        for number in range(101)
    ]
    assert placed == [None] * 100 + [TOO_MANY_ORDERS]


def test_a_full_second_and_a_full_day_are_told_apart():
    limiter = RateLimiter()
    told = {limiter.refusal("caller", RateClass.ORDER, NOW, orders=1) for _ in range(11)}
    assert told == {None, TOO_MANY}


def test_orders_that_triggers_place_take_from_the_account():
    limiter = RateLimiter()
    for _ in range(395):
        limiter.count_order("caller", NOW)
    assert admitted(limiter, 9, RateClass.ORDER, NOW, orders=1) == 5
    assert admitted(limiter, 9, RateClass.ORDER, NOW) == 5  # changes and cancels go on
