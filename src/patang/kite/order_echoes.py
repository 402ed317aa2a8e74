"""Every connection of an account hears every order update: what was told is not told again."""

from collections import OrderedDict

import msgspec

from patang.domain.errors import InvalidValue
from patang.wire.rows import Postback

_REMEMBERED = 8_192


class OrderEchoes:
    """Recognises updates that were told before, by all that they say; remembers a bounded number.

    An account is held to 5,000 orders a day, and echoes follow each other within moments.
    """

    def __init__(self, remembered: int = _REMEMBERED) -> None:
        if remembered < 1:
            raise InvalidValue("remembered", f"{remembered} is below 1.")
        self._remembered = remembered
        self._told: OrderedDict[bytes, None] = OrderedDict()
        self.repeated = 0

    def is_news(self, order: Postback) -> bool:
        """Whether this very update has not been told yet; from now on it counts as told."""
        key = msgspec.msgpack.encode(order)
        if key in self._told:
            self._told.move_to_end(key)
            self.repeated += 1
            return False
        self._told[key] = None
        if len(self._told) > self._remembered:
            self._told.popitem(last=False)
        return True
