"""What may go wrong with a ticker connection on purpose: silence, and order updates out of step."""

from collections.abc import Callable
from enum import StrEnum


class Silence(StrEnum):
    """How a connection that stays open says nothing.

    Source: field reports of clients that were "connected but mute", and of half-open sockets.
    """

    NONE = "none"
    MUTE = "mute"
    """Heartbeats go on; ticks wait, order updates are lost."""
    HALF_OPEN = "half_open"
    """Nothing is sent, nothing is read, nothing is answered; the peer hears of no end."""


class UpdateFate(StrEnum):
    """What becomes of one order update. Source: Kite Connect v3, postbacks (delivery by effort)."""

    PASS = "pass"
    DROP = "drop"
    DUPLICATE = "duplicate"
    HOLD = "hold"
    """It is sent after the user's next one."""


class Outgoing:
    """The one gate through which every order update leaves for the sockets.

    ``decide`` is asked once for each update, with the user's id and the text frame.
    """

    def __init__(self) -> None:
        self.decide: Callable[[str, str], UpdateFate] = _pass
        self._held: dict[str, list[str]] = {}

    def texts(self, user_id: str, text: str) -> list[str]:
        """The frames to send now, in order, because of ``text``."""
        fate = self.decide(user_id, text)
        if fate is UpdateFate.HOLD:
            self._held.setdefault(user_id, []).append(text)
            return []
        if fate is UpdateFate.DROP:
            return []
        copies = [text, text] if fate is UpdateFate.DUPLICATE else [text]
        return copies + self.release(user_id)

    def release(self, user_id: str) -> list[str]:
        """Take what is held back for a user, for whoever ends the disorder."""
        return self._held.pop(user_id, [])


def _pass(_user_id: str, _text: str) -> UpdateFate:
    return UpdateFate.PASS
