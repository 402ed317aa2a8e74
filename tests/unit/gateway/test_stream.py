from patang.brokers import protocol as p
from patang.gateway.stream import Stream


class Heard:
    def __init__(self) -> None:
        self.payloads: list[bytes] = []

    def send(self, payload: bytes) -> None:
        self.payloads.append(payload)

    def quote(self, instrument: str, payload: bytes) -> None:
        raise AssertionError

    def close(self, code: int, reason: str) -> None:
        raise AssertionError


def publish(stream: Stream, count: int) -> None:
    for _ in range(count):
        stream.publish(
            p.CancelRefused(
                seq=stream.next_seq, timestamp="t", request_id="r", order_id="o", message=""
            )
        )


def seqs(payloads: list[bytes]) -> list[int]:
    return [p.decode_gateway_frame(payload)[0].seq for payload in payloads]


def test_messages_are_numbered_by_one_and_sent_at_once():
    stream, heard = Stream(), Heard()
    stream.link = heard
    publish(stream, 3)
    assert seqs(heard.payloads) == [1, 2, 3]


def test_what_came_after_is_there_without_a_link():
    stream = Stream()
    publish(stream, 5)
    assert stream.can_resume(stream.stream_id, 2)
    assert seqs(stream.since(2)) == [3, 4, 5]
    assert stream.can_resume(stream.stream_id, 5)
    assert stream.since(5) == []


def test_another_process_or_a_future_cannot_be_resumed():
    stream = Stream()
    publish(stream, 2)
    assert not stream.can_resume("another", 1)
    assert not stream.can_resume(stream.stream_id, None)
    assert not stream.can_resume(stream.stream_id, 3)


def test_what_was_forgotten_is_not_resumed_over():
    stream = Stream(kept=3)
    publish(stream, 5)
    assert not stream.can_resume(stream.stream_id, 1)
    assert stream.can_resume(stream.stream_id, 2)
    stream.acknowledge(4)
    assert not stream.can_resume(stream.stream_id, 3)
    assert seqs(stream.since(4)) == [5]
