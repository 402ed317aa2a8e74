"""What one client is told of the account, numbered, and kept until it has arrived."""

import secrets
from collections import deque
from typing import Protocol

from patang.brokers.protocol import Sequenced, encode

KEPT_MESSAGES = 20_000


class Link(Protocol):
    """One open connection to a client, as the desk sees it."""

    def send(self, payload: bytes) -> None:
        """Queue a message; it goes as soon as the socket takes it."""
        ...

    def quote(self, instrument: str, payload: bytes) -> None:
        """Queue a quote, in place of an older one of the instrument that has not gone yet."""
        ...

    def close(self, code: int, reason: str) -> None:
        """End the connection; harmless when repeated."""
        ...


class Stream:
    """The numbered messages of one client, from 1. Another process is another ``stream_id``."""

    def __init__(self, kept: int = KEPT_MESSAGES) -> None:
        self.stream_id = secrets.token_hex(8)
        self.seq = 0
        self.link: Link | None = None
        self._kept: deque[tuple[int, bytes]] = deque(maxlen=kept)
        self._dropped = 0

    @property
    def next_seq(self) -> int:
        """The number that the next message has."""
        return self.seq + 1

    def publish(self, message: Sequenced) -> None:
        """Number, keep and send a message that was made with ``next_seq``."""
        payload = encode(message)
        self.seq = message.seq
        if len(self._kept) == self._kept.maxlen:
            self._dropped = self._kept[0][0]
        self._kept.append((message.seq, payload))
        if self.link is not None:
            self.link.send(payload)

    def acknowledge(self, seq: int) -> None:
        """Forget what has arrived."""
        while self._kept and self._kept[0][0] <= seq:
            self._dropped = self._kept.popleft()[0]

    def can_resume(self, stream_id: str | None, after: int | None) -> bool:
        """Whether everything after ``after`` is still here."""
        return (
            stream_id == self.stream_id and after is not None and self._dropped <= after <= self.seq
        )

    def since(self, after: int) -> list[bytes]:
        """The messages after ``after``, oldest first."""
        return [payload for seq, payload in self._kept if seq > after]
