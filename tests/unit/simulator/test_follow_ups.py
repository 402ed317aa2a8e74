"""What follows from a command happens before the next one; timers do not overtake each other."""

from patang.domain.enums import Variety


def test_timer_that_gives_a_command_is_finished_before_the_next_one_begins(desk):
    seen = []

    def first(at_ns):
        seen.append("first begins")
        desk.exchange.place("buyer", desk.request(price="1490"), at_ns)
        desk.exchange.expire_orders(None, at_ns)
        seen.append("first ends")

    due = desk.now_ns + 5
    desk.exchange.agenda.at(due, first)
    desk.exchange.agenda.at(due, lambda _: seen.append("second"))
    desk.exchange.pass_time(due)
    assert seen == ["first begins", "first ends", "second"]


def test_legs_of_an_iceberg_that_a_timer_places_still_follow_each_other(desk):
    desk.sell(10)
    due = desk.now_ns + 5
    request = desk.request(variety=Variety.ICEBERG, iceberg_legs=2, iceberg_quantity=5)
    desk.exchange.agenda.at(due, lambda at_ns: desk.exchange.place("buyer", request, at_ns))
    desk.exchange.pass_time(due)
    assert [order.status.value for order in desk.exchange.orders("buyer")] == ["COMPLETE"] * 2
