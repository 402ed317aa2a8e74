"""Requests to let shares leave a demat, so that they can be sold, and who is to grant them.

Source: Kite Connect v3, portfolio, holdings authorisation.
"""

from collections.abc import Mapping

import msgspec

from patang.domain.instrument import InstrumentId
from patang.sandbox import credentials


class Authorisation(msgspec.Struct, frozen=True, kw_only=True):
    """What an app asked a user to allow: shares and quantities, None for all that are held."""

    user_id: str
    api_key: str
    quantities: Mapping[InstrumentId, int] | None


class Authorisations:
    """Requests that wait for their user; each can be granted once."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._asked = 0
        self._waiting: dict[str, Authorisation] = {}

    def ask(self, wanted: Authorisation) -> str:
        """Remember a request; return its id, 32 letters and digits."""
        request_id = credentials.token(self._seed, "authorise", wanted.user_id, self._asked)
        self._asked += 1
        self._waiting[request_id] = wanted
        return request_id

    def take(self, api_key: str, request_id: str) -> Authorisation | None:
        """The request of that id, once; None when it was not this app's or is answered."""
        wanted = self._waiting.get(request_id)
        if wanted is None or wanted.api_key != api_key:
            return None
        return self._waiting.pop(request_id)
