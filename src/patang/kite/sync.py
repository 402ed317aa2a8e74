"""The blocking twin of ``patang.kite``, for notebooks and scripts.

    from patang.kite.sync import Kite

    with Kite(api_key, access_token) as kite:
        print(kite.ltp("NSE:INFY"))

The methods are the asynchronous client's own, run on a private loop; ``sync.pyi`` tells type
checkers of them and is written by ``tools/write_sync_stub.py``.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

from patang.kite.account import KiteAnalytics as AsyncKiteAnalytics
from patang.kite.blocking import OwningTwin, Twin, mirror
from patang.kite.client import Kite as AsyncKite
from patang.kite.client import RawKite as AsyncRawKite
from patang.kite.clock import Clock
from patang.kite.instruments import BUDGET_BYTES
from patang.kite.instruments import KiteInstruments as AsyncKiteInstruments
from patang.kite.sync_ticker import KiteTicker

__all__ = ["Kite", "KiteAnalytics", "KiteInstruments", "KiteTicker", "RawKite"]

_OWN = ("close", "from_config", "keep_warm", "raw")


class Kite(OwningTwin):
    """A blocking client of Kite Connect v3: the methods of ``patang.kite.Kite``.

    Safe to use from several threads. Works inside a running event loop, as in a notebook. Ctrl-C
    cancels the call that waits.
    """

    def __init__(self, *args: Any, **keywords: Any) -> None:
        """Take what ``patang.kite.Kite`` takes."""
        super().__init__(AsyncKite(*args, **keywords))

    @classmethod
    def from_config(cls, *args: Any, **keywords: Any) -> Self:
        """A client as ``patang.kite.Kite.from_config`` makes it."""
        twin = cls.__new__(cls)
        OwningTwin.__init__(twin, AsyncKite.from_config(*args, **keywords))
        return twin

    def keep_warm(self, every_s: float = 20.0) -> None:
        """Keep a connection open from now on, in the background, until ``close``.

        An order then never waits for a new connection: the profile is asked for whenever
        ``every_s`` seconds have gone by without a request.
        """
        self._thread.start(self._target.keep_warm(every_s))

    @property
    def raw(self) -> "RawKite":
        """The same calls, answering with decoded JSON."""
        return RawKite(self._target.raw, self._thread)


class RawKite(Twin):
    """The calls of ``Kite``, answering with the dicts and lists that the server sent."""

    _target: AsyncRawKite

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._target, name)

        def call(*args: Any, **keywords: Any) -> Any:
            return self._thread.run(method(*args, **keywords), name)

        call.__name__ = name
        return call

    def __dir__(self) -> list[str]:
        return dir(self._target)


class KiteAnalytics(Twin):
    """Sums over an account, and orders by the dozen: ``patang.kite.account`` without ``await``."""

    def __init__(self, kite: Kite, *, clock: Clock | None = None) -> None:
        super().__init__(AsyncKiteAnalytics(kite._target, clock=clock), kite._thread)


class KiteInstruments(Twin):
    """The day's instruments, fetched once: ``patang.kite.instruments`` without ``await``."""

    def __init__(
        self,
        kite: Kite,
        folder: Path | None = None,
        *,
        clock: Clock | None = None,
        budget_bytes: int = BUDGET_BYTES,
    ) -> None:
        target = AsyncKiteInstruments(kite._target, folder, clock=clock, budget_bytes=budget_bytes)
        super().__init__(target, kite._thread)


for _twin, _kind in (
    (Kite, AsyncKite),
    (KiteAnalytics, AsyncKiteAnalytics),
    (KiteInstruments, AsyncKiteInstruments),
):
    for _name, _member in mirror(_kind, without=_OWN).items():
        setattr(_twin, _name, _member)
