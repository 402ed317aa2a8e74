"""Moving the virtual clock by hand."""

import asyncio

from patang.domain.errors import InvalidValue
from patang.sandbox.control.commands import LONGEST_STEP_NS
from patang.sandbox.world import BUDGET_S, World

SETTLE_S = 5.0
"""Real seconds that a delayed request may take once its moment has come."""


class Stepper:
    """Moves a world's clock. Steps come one after the other, and requests are answered between."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._turn = asyncio.Lock()

    async def advance(self, by_ns: int) -> int:
        """Move the clock by a span of nanoseconds; return what it shows then."""
        if by_ns < 0:
            raise InvalidValue("advance_ns", f"{by_ns} is negative.", "Time runs forward only.")
        async with self._turn:
            return await self._go_to(self._world.advance() + by_ns)

    async def go_to(self, target_ns: int) -> int:
        """Move the clock to a moment, nanoseconds UTC; return what it shows then."""
        async with self._turn:
            now_ns = self._world.advance()
            if target_ns < now_ns:
                raise InvalidValue(
                    "to_ns", f"{target_ns} is before now, {now_ns}.", "Time runs forward only."
                )
            if target_ns > now_ns + LONGEST_STEP_NS:
                raise InvalidValue("to_ns", "is more than 31 days away.", "Take several steps.")
            return await self._go_to(target_ns)

    async def _go_to(self, target_ns: int) -> int:
        world = self._world
        while True:
            until_ns = min(target_ns, max(world.now_ns, world.waits.next_ns))
            world.step(until_ns, BUDGET_S)
            world.publish()
            await asyncio.sleep(0)
            if world.now_ns >= until_ns:
                await world.waits.settle(SETTLE_S)
                if world.now_ns >= target_ns and world.waits.next_ns > world.now_ns:
                    return world.now_ns
