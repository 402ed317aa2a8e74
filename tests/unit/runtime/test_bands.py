"""Price bands are told once, again when they move, and a failed read ends nothing."""

import asyncio
from decimal import Decimal

from patang.domain.errors import PatangError
from patang.domain.messages import BandsRead
from patang.runtime.bands import PriceBands
from patang.runtime.clocks import SimClock
from patang.wire.quote_rows import OhlcFields, QuoteRow
from tests.builders import INDEX, INFY, START_NS, TCS, Desk

ZERO = Decimal(0)


def row(lower: str, upper: str) -> QuoteRow:
    return QuoteRow(
        instrument_token=1,
        last_price=Decimal(100),
        ohlc=OhlcFields(open=ZERO, high=ZERO, low=ZERO, close=ZERO),
        lower_circuit_limit=Decimal(lower),
        upper_circuit_limit=Decimal(upper),
    )


class Answers:
    def __init__(self, *answers: object) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, ...]] = []

    async def quote(self, *instruments):
        self.asked.append(instruments)
        answer = self.answers.pop(0) if self.answers else {}
        if isinstance(answer, PatangError):
            raise answer
        return answer


class Posts:
    def __init__(self) -> None:
        self.events: list[BandsRead] = []

    def post(self, event: BandsRead) -> None:
        self.events.append(event)


async def told(quotes: Answers, *, steps: int) -> list[BandsRead]:
    clock, node = SimClock(START_NS), Posts()
    task = asyncio.create_task(PriceBands(quotes, [INFY, TCS, INDEX], clock).run(node))
    for number in range(1, steps + 1):
        for _ in range(5):
            await asyncio.sleep(0)
        clock.advance_to(START_NS + number * 300_000_000_000)
    task.cancel()
    return node.events


async def test_bands_are_told_once_and_again_when_they_move():
    first = {INFY.id: row("90", "110"), TCS.id: row("80", "120")}
    moved = {INFY.id: row("90", "110"), TCS.id: row("80", "130")}
    quotes = Answers(first, first, moved)
    events = await told(quotes, steps=3)
    assert quotes.asked[0] == (INFY.id, TCS.id)
    assert [[band.instrument for band in event.bands] for event in events] == [
        [INFY.id, TCS.id],
        [TCS.id],
    ]
    assert events[1].bands[0].upper == 130


async def test_a_read_that_fails_is_repeated_and_no_band_is_none():
    quotes = Answers(PatangError("busy."), {INFY.id: row("0", "0"), TCS.id: row("80", "120")})
    (event,) = await told(quotes, steps=2)
    assert [band.instrument for band in event.bands] == [TCS.id]


async def test_what_is_told_is_what_the_gate_judges_by():
    (event,) = await told(Answers({INFY.id: row("95", "105")}), steps=1)
    desk = Desk()
    desk.send(event)
    desk.say(10, limit=105.1)
    assert desk.denials == ["CIRCUIT_LIMIT"]
