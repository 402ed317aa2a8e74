"""Any order and repetition of a broker's true reports ends in the same truth."""

from hypothesis import given, settings
from hypothesis import strategies as st

from patang.domain.enums import Side
from patang.domain.order import OrderStatus
from tests.builders import Desk, submitted

QUANTITY = 50


@st.composite
def lives(draw: st.DrawFn) -> tuple[list[tuple[object, ...]], OrderStatus, int]:
    """A true life: reports and trades in order, the end, and the quantity that traded."""
    traded = draw(st.lists(st.integers(1, 20), max_size=4))
    while sum(traded) > QUANTITY:
        traded.pop()
    end = draw(st.sampled_from(["complete", "cancelled", "rejected"]))
    if end == "complete":
        traded.append(QUANTITY - sum(traded))
        traded = [each for each in traded if each]
    if end == "rejected":
        traded = []
    news: list[tuple[object, ...]] = [("accept",), ("update", OrderStatus.ACCEPTED, 0)]
    if end != "rejected":
        news.append(("update", OrderStatus.OPEN, 0))
    total = 0
    for number, quantity in enumerate(traded):
        total += quantity
        news.append(("fill", number, quantity))
        if total < QUANTITY:
            news.append(("update", OrderStatus.OPEN, total))
    status = {
        "complete": OrderStatus.FILLED,
        "cancelled": OrderStatus.CANCELLED,
        "rejected": OrderStatus.REJECTED,
    }[end]
    news.append(("update", status, total))
    return news, status, total


@settings(max_examples=300, deadline=None)
@given(lives(), st.data(), st.booleans(), st.sampled_from([1, -1]))
def test_permuted_and_repeated_reports_end_alike(
    life: tuple[list[tuple[object, ...]], OrderStatus, int],
    data: st.DataObject,
    has_tags: bool,
    direction: int,
):
    news, status, total = life
    repeated = data.draw(st.lists(st.sampled_from(news), max_size=4))
    sequence = data.draw(st.permutations([*news, *repeated]))
    desk = Desk()
    desk.say(direction * QUANTITY)
    order = desk.last_order
    assert order.intent.side is (Side.BUY if direction > 0 else Side.SELL)
    sent = 0
    for word, *rest in sequence:
        if word == "accept":
            commands = desk.accept(order, "o1")
        elif word == "fill":
            commands = desk.fill(order, "o1", rest[1], tag=has_tags, trade_id=f"t{rest[0]}")
        else:
            commands = desk.update(order, "o1", rest[0], rest[1])
        sent += len(submitted(commands))
    assert (order.status, order.filled_quantity) == (status, total)
    assert order.outstanding_quantity == 0
    assert desk.owned() == direction * total
    assert sent == 0
    assert desk.engine.ledger.working(("alpha", order.intent.instrument)) == 0
