"""Repeatable chance: the source that agents draw from, and one that a seed alone determines."""

import math
import struct
from collections.abc import Sequence
from hashlib import shake_128
from typing import Protocol, TypeVar

T = TypeVar("T")

_WORDS = 512
_UNPACK = struct.Struct(f"<{_WORDS}Q").unpack
_TO_UNIT = 2.0**-53


class RandomSource(Protocol):
    """What agents need of chance. ``random.Random`` satisfies it, so does ``SeededSource``."""

    def random(self) -> float:
        """Uniform in [0, 1)."""

    def gauss(self, mu: float, sigma: float) -> float:
        """Normal with mean ``mu`` and deviation ``sigma``."""

    def randrange(self, n: int, /) -> int:
        """Uniform integer in [0, n)."""

    def choice(self, seq: Sequence[T]) -> T:
        """One element of a sequence that is not empty."""

    def expovariate(self, lambd: float) -> float:
        """Exponential with rate ``lambd``, so with mean 1 / ``lambd``."""


class SeededSource:
    """A stream of numbers that the text of its seed determines, on any machine.

    Blocks of a SHAKE-128 counter stream: no state of the process or of Python's version is in it.
    """

    def __init__(self, seed: int | str) -> None:
        self._seed = str(seed)
        self._block = 0
        self._words: tuple[int, ...] = ()
        self._next = _WORDS

    def split(self, name: str) -> "SeededSource":
        """An independent stream for ``name``; the same one however much was drawn from this."""
        return SeededSource(f"{self._seed}/{name}")

    def random(self) -> float:
        """Uniform in [0, 1)."""
        index = self._next
        if index == _WORDS:
            stream = shake_128(f"{self._seed}#{self._block}".encode())
            self._words = _UNPACK(stream.digest(_WORDS * 8))
            self._block += 1
            index = 0
        self._next = index + 1
        return (self._words[index] >> 11) * _TO_UNIT

    def gauss(self, mu: float, sigma: float) -> float:
        """Normal with mean ``mu`` and deviation ``sigma`` (Box and Muller)."""
        radius = math.sqrt(-2.0 * math.log(1.0 - self.random()))
        return mu + sigma * radius * math.cos(math.tau * self.random())

    def randrange(self, n: int, /) -> int:
        """Uniform integer in [0, n)."""
        return int(self.random() * n)

    def choice(self, seq: Sequence[T]) -> T:
        """One element of a sequence that is not empty."""
        return seq[int(self.random() * len(seq))]

    def expovariate(self, lambd: float) -> float:
        """Exponential with rate ``lambd``, so with mean 1 / ``lambd``."""
        return -math.log(1.0 - self.random()) / lambd
