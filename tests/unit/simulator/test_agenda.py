from patang.simulator.agenda import FOREVER_NS, Agenda


def run(agenda, until_ns):
    while (entry := agenda.take_due(until_ns)) is not None:
        if entry.action is not None:
            entry.action(entry.due_ns)


def test_timers_run_in_the_order_of_their_times_and_then_of_their_setting():
    agenda, done = Agenda(), []
    agenda.at(20, lambda at: done.append(("late", at)))
    agenda.at(10, lambda at: done.append(("first", at)))
    agenda.at(10, lambda at: done.append(("second", at)))
    run(agenda, 15)
    assert done == [("first", 10), ("second", 10)]
    run(agenda, 20)
    assert done[2:] == [("late", 20)]


def test_a_cancelled_timer_does_not_run_and_is_not_the_next_one():
    agenda, done = Agenda(), []
    agenda.at(10, done.append).cancel()
    agenda.at(30, done.append)
    assert agenda.next_ns == 30
    run(agenda, 20)
    assert done == []


def test_a_timer_set_by_a_timer_runs_in_the_same_pass_when_it_is_due():
    agenda, done = Agenda(), []
    agenda.at(10, lambda at: agenda.at(12, done.append))
    run(agenda, 15)
    assert done == [12]


def test_an_empty_agenda_is_never_due():
    agenda = Agenda()
    assert agenda.next_ns == FOREVER_NS
    assert agenda.take_due(FOREVER_NS - 1) is None


def test_the_exchange_runs_its_timers_at_their_own_time(desk):
    seen = []
    desk.exchange.pass_time(desk.now_ns)
    desk.exchange.agenda.at(desk.now_ns + 5, lambda at: seen.append((at, desk.exchange.now_ns)))
    desk.exchange.pass_time(desk.now_ns + 100)
    assert seen == [(desk.now_ns + 5, desk.now_ns + 5)]
    assert desk.exchange.now_ns == desk.now_ns + 100
