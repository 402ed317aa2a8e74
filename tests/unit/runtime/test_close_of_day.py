"""At the close a running node holds its books against the broker's own figures."""

import asyncio
from decimal import Decimal

import msgspec

from patang.brokers.port import AccountSnapshot
from patang.domain.errors import PatangError
from patang.domain.messages import AccountRead, AlarmRaised
from patang.runtime.node import Node
from patang.storage.journal import Journal
from tests.builders import CLOSE_NS
from tests.unit.runtime.test_node import World, until


def codes(world: World) -> list[str]:
    return [c.code for _, _, told in world.seen.turns for c in told if isinstance(c, AlarmRaised)]


def reads(world: World) -> int:
    return sum(isinstance(event, AccountRead) for _, event, _ in world.seen.turns)


async def to_the_close(node: Node, world: World) -> None:
    node.post(world.tick())
    await until(lambda: world.engine.portfolio.fills)
    await asyncio.sleep(0)
    assert reads(world) == 0
    world.clock.advance_to(CLOSE_NS)


async def test_books_that_agree_are_silent_at_the_close():
    world = World(Journal.in_memory())

    async def feed(node: Node) -> None:
        await to_the_close(node, world)
        await until(lambda: reads(world))
        node.stop("the day is over")

    await world.node.run([feed])
    assert not {"BOOKS_DIFFER", "BOOKS_EXPLAINED"} & set(codes(world))


async def test_figures_that_differ_are_alarmed_and_an_unread_book_is_asked_for_again():
    world = World(Journal.in_memory())
    read, asked = world.broker.snapshot, []

    async def wrong() -> AccountSnapshot:
        asked.append(1)
        if len(asked) == 1:
            raise PatangError("the broker is busy.")
        seen = await read()
        (position,) = seen.positions
        more = msgspec.structs.replace(position, buy_value=position.buy_value + Decimal(50))
        return msgspec.structs.replace(seen, positions=(more,))

    world.broker.snapshot = wrong  # type: ignore[method-assign]

    async def feed(node: Node) -> None:
        await to_the_close(node, world)
        await until(lambda: asked)
        assert reads(world) == 0
        world.clock.advance_to(CLOSE_NS + 61_000_000_000)
        await until(lambda: reads(world))
        node.stop("the day is over")

    await world.node.run([feed])
    assert codes(world).count("BOOKS_DIFFER") == 1
