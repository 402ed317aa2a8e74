"""Indian Standard Time is UTC+05:30, always."""

from datetime import date, datetime

from patang.rules.ist import IST, at_ist, format_ist, ist_date, next_token_expiry_ns

DAY = date(2026, 11, 20)


def test_a_wall_clock_time_in_india_is_the_instant_that_datetime_says() -> None:
    expected = datetime(2026, 11, 20, 9, 15, 30, tzinfo=IST)
    assert at_ist(DAY, 9, 15, 30) == int(expected.timestamp()) * 10**9


def test_the_day_in_india_begins_at_18_30_utc() -> None:
    midnight_ns = at_ist(DAY, 0, 0)
    assert ist_date(midnight_ns) == DAY
    assert ist_date(midnight_ns - 1) == date(2026, 11, 19)
    assert midnight_ns % (86_400 * 10**9) == (18 * 60 + 30) * 60 * 10**9


def test_text_shows_whole_seconds() -> None:
    assert format_ist(at_ist(DAY, 15, 29, 59) + 999_999_999) == "2026-11-20 15:29:59"
    assert format_ist(-1) == "1970-01-01 05:29:59"


def test_a_token_dies_at_the_next_six_in_the_morning() -> None:
    six_ns, tomorrow_ns = at_ist(DAY, 6, 0), at_ist(date(2026, 11, 21), 6, 0)
    assert next_token_expiry_ns(at_ist(DAY, 0, 30)) == six_ns
    assert next_token_expiry_ns(six_ns - 1) == six_ns
    assert next_token_expiry_ns(six_ns) == tomorrow_ns
    assert next_token_expiry_ns(at_ist(DAY, 23, 59, 59)) == tomorrow_ns
