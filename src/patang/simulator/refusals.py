"""Refusals on demand: the next placements that are to fail, and how."""

import msgspec

from patang.simulator.errors import Refused, Rejection


class _Wanted(msgspec.Struct):
    user_id: str | None
    error: Refused | Rejection
    after: int


class Refusals:
    """A queue of refusals; each is used once, by the first placement that it fits."""

    def __init__(self) -> None:
        self._wanted: list[_Wanted] = []

    def add(self, user_id: str | None, error: Refused | Rejection, after: int) -> None:
        """Refuse a placement of this user (of anyone, for None), letting ``after`` pass first."""
        self._wanted.append(_Wanted(user_id, error, after))

    def clear(self) -> None:
        """Forget what no placement has met yet."""
        self._wanted.clear()

    def take(self, user_id: str) -> Rejection | None:
        """The rejection that a placement by ``user_id`` must end in, None for no such thing.

        Raises:
            Refused: the refusal is one that leaves no order row.
        """
        for wanted in self._wanted:
            if wanted.user_id not in (None, user_id):
                continue
            if wanted.after:
                wanted.after -= 1
                continue
            self._wanted.remove(wanted)
            if isinstance(wanted.error, Refused):
                raise wanted.error
            return wanted.error
        return None
