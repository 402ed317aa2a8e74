"""What is journaled can be read back, whole; and nothing else can be read as a message."""

import typing

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from patang.domain.messages import (
    AnyCommand,
    AnyEvent,
    RunStarted,
    decode_commands,
    decode_event,
    encode_commands,
    encode_event,
)
from tests.builders import spec
from tests.generate import anything

EVENTS = typing.get_args(AnyEvent)
COMMANDS = typing.get_args(AnyCommand)


@pytest.mark.parametrize("kind", EVENTS, ids=lambda kind: kind.__name__)
def test_every_event_comes_back_equal(kind: type):
    @settings(max_examples=40, deadline=None)
    @given(anything(kind))
    def check(event: AnyEvent) -> None:
        back = decode_event(encode_event(event))
        assert type(back) is type(event)
        assert back == event
        assert encode_event(back) == encode_event(event)

    check()


@settings(max_examples=150, deadline=None)
@given(st.lists(anything(AnyCommand), max_size=4).map(tuple))
def test_every_turn_s_commands_come_back_equal(commands: tuple[AnyCommand, ...]):
    back = decode_commands(encode_commands(commands))
    assert back == commands
    assert encode_commands(back) == encode_commands(commands)


def test_the_kinds_are_distinct():
    kinds = [kind.__struct_config__.tag for kind in (*EVENTS, *COMMANDS)]
    assert len(set(kinds)) == len(kinds)


START = encode_event(RunStarted(at_ns=1, run=spec()))


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=80))
@example(START.replace(b'"tick_size":"0.10"', b'"tick_size":"NaN"', 1))
@example(START.replace(b'"tick_size":"0.10"', b'"tick_size":"1E-99999"', 1))
@example(START.replace(b'"opening_cash":"1000000"', b'"opening_cash":"Infinity"'))
@example(START.replace(b'"max_daily_loss":"50000"', b'"max_daily_loss":"sNaN"'))
def test_arbitrary_bytes_give_a_typed_error(payload: bytes):
    assert payload != START
    with pytest.raises((msgspec.ValidationError, msgspec.DecodeError)):
        decode_event(payload)


@settings(max_examples=300, deadline=None)
@given(st.integers(0, len(START) - 1), st.integers(0, 255))
def test_a_changed_byte_is_another_run_or_a_typed_error(position: int, byte: int):
    payload = bytearray(START)
    payload[position] = byte
    try:
        event = decode_event(bytes(payload))
    except (msgspec.ValidationError, msgspec.DecodeError):
        return
    assert isinstance(event, RunStarted)
