"""The port to the one account: what the gateway needs of whoever holds the broker's session."""

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

import msgspec

from patang.brokers.port import Broker
from patang.domain.market import Tick
from patang.kite.clock import Clock
from patang.wire.forms import ModifyForm
from patang.wire.gtt_forms import GttForm
from patang.wire.gtt_rows import GttRow

TicksReceived = Callable[[Sequence[Tick]], None]


class Session(Protocol):
    """One account. Calls that change something raise ``KiteError``; see ``is_ambiguous``."""

    @property
    def broker(self) -> Broker:
        """Where orders and cancels go, and where news of the account come from."""
        ...

    @property
    def user_id(self) -> str:
        """Whose account it is."""
        ...

    @property
    def clock(self) -> Clock:
        """The venue's clock."""
        ...

    async def run(self, on_ticks: TicksReceived) -> None:
        """Hear the feed until cancelled; raises what ends the session for good."""
        ...

    async def watch(self, instruments: Iterable[str]) -> tuple[str, ...]:
        """Hear ticks of exactly these; returns those that are not listed."""
        ...

    async def modify(self, form: ModifyForm) -> None:
        """Change a resting order, once."""
        ...

    async def place_gtt(self, form: GttForm) -> int:
        """Place a trigger, once; returns its id."""
        ...

    async def modify_gtt(self, trigger_id: int, form: GttForm) -> None:
        """Replace a trigger."""
        ...

    async def delete_gtt(self, trigger_id: int) -> None:
        """Delete a trigger."""
        ...

    async def gtts(self) -> list[GttRow]:
        """The account's triggers."""
        ...

    async def holdings(self) -> msgspec.Raw:
        """The account's holdings, as Kite's rows."""
        ...

    async def quotes(self, instruments: Iterable[str]) -> msgspec.Raw:
        """Quotes by instrument, as Kite's rows."""
        ...
