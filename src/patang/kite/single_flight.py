"""Many callers who want the same thing at once wait for one of them to fetch it."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class SingleFlight(Generic[K, V]):
    """One load at a time for each key; whoever comes meanwhile gets its value or its error.

    The first caller loads. When it is cancelled, one of those who wait begins anew: nobody's
    cancellation becomes another one's.
    """

    def __init__(self) -> None:
        self._flights: dict[K, asyncio.Future[V]] = {}

    def __len__(self) -> int:
        return len(self._flights)

    async def get(self, key: K, load: Callable[[], Awaitable[V]]) -> V:
        """The value that ``load`` gives, or that a load already under way gives."""
        while (flight := self._flights.get(key)) is not None:
            # Waiting does not hand our own cancellation on to the flight.
            await asyncio.wait([flight])
            if not flight.cancelled():
                return flight.result()
        flight = self._flights[key] = asyncio.get_running_loop().create_future()
        try:
            value = await load()
        except Exception as error:
            flight.set_exception(error)
            flight.exception()  # seen by the raise below, whether or not anybody waits
            raise
        except BaseException:
            flight.cancel()
            raise
        else:
            flight.set_result(value)
            return value
        finally:
            del self._flights[key]
