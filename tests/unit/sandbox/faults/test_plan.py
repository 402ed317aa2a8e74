import pytest

from patang.domain.errors import InvalidValue
from patang.domain.market import NS_PER_SECOND
from patang.sandbox.faults.menu import (
    KINDS,
    CutExchange,
    DropRequest,
    DropUpdate,
    FailSlices,
    Fault,
    LoseReply,
    RejectOrder,
)
from patang.sandbox.faults.plan import FaultPlan


def befallen(fault: Fault, count: int, *, seed: int = 1, route: str = "place_order") -> list[int]:
    """Which of so many requests, a second apart and counted from 1, the fault befalls."""
    plan = FaultPlan(seed)
    plan.add(fault, 0)
    return [
        number
        for number in range(1, count + 1)
        if plan.for_request(route, "AB1234", (number - 1) * NS_PER_SECOND)
    ]


def test_without_conditions_it_befalls_every_order_request():
    assert befallen(DropRequest(), 3) == [1, 2, 3]
    assert befallen(DropRequest(), 3, route="cancel_order") == [1, 2, 3]
    assert befallen(DropRequest(), 3, route="orders") == []


def test_it_befalls_the_numbers_that_are_named_and_so_many_at_most():
    assert befallen(DropRequest(nth=(2, 5)), 6) == [2, 5]
    assert befallen(DropRequest(count=2), 6) == [1, 2]
    assert befallen(DropRequest(nth=(2, 4, 6), count=2), 9) == [2, 4]


def test_its_window_is_market_time_since_it_was_ordered():
    assert befallen(DropRequest(from_s=2, until_s=4), 9) == [3, 4]
    assert befallen(DropRequest(from_s=2, nth=(2,)), 9) == [4]


def test_its_chances_are_the_seeds():
    fault = DropRequest(probability=0.3)
    first = befallen(fault, 400)
    assert first == befallen(fault, 400)
    assert first != befallen(fault, 400, seed=2)
    assert 80 < len(first) < 160


def test_a_limit_does_not_move_the_chances():
    unlimited = befallen(DropRequest(probability=0.3), 100)
    assert befallen(DropRequest(probability=0.3, count=5), 100) == unlimited[:5]


def test_faults_draw_apart_from_each_other():
    plan = FaultPlan(1)
    for _ in range(2):
        plan.add(DropRequest(probability=0.5), 0)
    together = [len(plan.for_request("place_order", "", 0)) for _ in range(60)]
    assert set(together) == {0, 1, 2}


@pytest.mark.parametrize(
    ("routes", "route", "is_covered"),
    [
        (("reads",), "orders", True),
        (("reads",), "place_order", False),
        (("everything",), "ticker", True),
        (("ticker",), "ticker", True),
        (("quote", "ltp"), "ltp", True),
    ],
)
def test_routes_are_names_and_groups(routes, route, is_covered):
    assert befallen(LoseReply(routes=routes), 1, route=route) == [1] * is_covered


def test_users_who_are_not_named_are_spared_and_not_counted():
    plan = FaultPlan(1)
    planned = plan.add(DropRequest(users=("AB1234",), nth=(2,)), 0)
    asked = ["CD5678", "AB1234", "CD5678", "AB1234"]
    assert [bool(plan.for_request("place_order", user, 0)) for user in asked] == [
        False,
        False,
        False,
        True,
    ]
    assert (planned.seen, planned.fired) == (2, 1)


@pytest.mark.parametrize("fault", [RejectOrder(reason="margin"), FailSlices()])
def test_rejects_befall_placements_only(fault):
    assert befallen(fault, 1) == [1]
    assert befallen(fault, 1, route="modify_order") == []


def test_updates_are_picked_by_status():
    plan = FaultPlan(1)
    plan.add(DropUpdate(statuses=("COMPLETE",)), 0)
    assert plan.for_update("AB1234", "COMPLETE", 0)
    assert not plan.for_update("AB1234", "UPDATE", 0)
    assert not plan.for_request("place_order", "AB1234", 0)


def test_a_fault_that_was_taken_back_is_gone():
    plan = FaultPlan(1)
    planned = plan.add(CutExchange(), 0)
    assert plan.take(planned.id) is planned
    with pytest.raises(InvalidValue, match="no fault 1"):
        plan.take(planned.id)


@pytest.mark.parametrize(
    ("kind", "fields", "field"),
    [
        (DropRequest, {"probability": 0}, "probability"),
        (DropRequest, {"probability": 1.1}, "probability"),
        (DropRequest, {"nth": (0,)}, "nth"),
        (DropRequest, {"count": 0}, "count"),
        (DropRequest, {"from_s": -1}, "from_s"),
        (DropRequest, {"from_s": 3, "until_s": 3}, "until_s"),
        (DropRequest, {"routes": ("orderz",)}, "routes"),
        (RejectOrder, {}, "reason"),
        (RejectOrder, {"reason": "mood"}, "reason"),
        (RejectOrder, {"reason": "margin", "message": "no"}, "reason"),
        (FailSlices, {"slices": ()}, "slices"),
        (CutExchange, {"users": ("AB1234",)}, "users"),
        (CutExchange, {"for_s": -1}, "for_s"),
    ],
)
def test_what_makes_no_sense_is_refused_with_its_field(kind, fields, field):
    with pytest.raises(InvalidValue) as caught:
        kind(**fields)
    assert caught.value.field == field


def test_kinds_have_distinct_names():
    assert len(set(KINDS)) == len(KINDS) == len(Fault.__args__)
