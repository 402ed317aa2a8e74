from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patang.domain.errors import InvalidValue
from patang.wire.times import (
    format_candle_stamp,
    format_ist,
    format_ist_clock,
    format_ist_date,
    parse_candle_stamp,
    parse_ist,
)

IST = timezone(timedelta(hours=5, minutes=30))
SECOND = 1_000_000_000
instants = st.datetimes(
    min_value=datetime(1970, 1, 2), max_value=datetime(2100, 1, 1), timezones=st.just(UTC)
)


@given(instants)
def test_text_agrees_with_the_standard_library(moment):
    at_ns = int(moment.replace(microsecond=0).timestamp()) * SECOND
    text = moment.astimezone(IST).strftime("%Y-%m-%d %H:%M:%S")
    assert format_ist(at_ns + 999) == text
    assert parse_ist(text) == at_ns


def test_midnight_in_india_is_the_evening_before_in_utc():
    assert parse_ist("2026-01-05 00:00:00") == (
        int(datetime(2026, 1, 4, 18, 30, tzinfo=UTC).timestamp()) * SECOND
    )


def test_the_parts_of_a_time():
    at_ns = parse_ist("2026-01-05 10:30:13")
    assert format_ist_clock(at_ns) == "10:30:13"
    assert format_ist_date(at_ns) == "2026-01-05"


def test_candle_stamps_have_an_offset_without_a_colon():
    at_ns = parse_ist("2026-01-05 10:30:00")
    assert format_candle_stamp(at_ns) == "2026-01-05T10:30:00+0530"
    assert parse_candle_stamp("2026-01-05T10:30:00+0530") == at_ns


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-01-05",
        "2026-01-05T10:30:00",
        "2026-02-30 10:30:00",
        "2026-01-05 24:00:00",
        "2026-01-05 10:60:00",
        "2026-01-05 10:30:61",
        "2026-01-05 1x:30:00",
        "2026-W02-1 10:30:00",
        "2026/01/05 10:30:00",
        "0000-00-00 00:00:00",
        "\u0662\u0660\u0662\u0666-01-05 10:30:00",
        "2026-01-05 \u0661\u0660:30:00",
    ],
)
def test_other_texts_are_refused(text):
    with pytest.raises(InvalidValue, match="time"):
        parse_ist(text)


@pytest.mark.parametrize("text", ["2026-01-05T10:30:00+05:30", "2026-01-05 10:30:00+0530", ""])
def test_other_candle_stamps_are_refused(text):
    with pytest.raises(InvalidValue, match="time"):
        parse_candle_stamp(text)
