from patang.simulator.book import OrderBook, Resting


def add(book, owner, is_buy, ticks, quantity):
    order = Resting(owner, is_buy, ticks, quantity)
    book.add(order)
    return order


def test_best_prices_are_the_highest_bid_and_the_lowest_offer():
    book = OrderBook()
    assert (book.best_bid, book.best_ask) == (None, None)
    for ticks in (99, 101, 100):
        add(book, "a", True, ticks, 1)
        add(book, "b", False, ticks + 10, 1)
    assert (book.best_bid, book.best_ask) == (101, 109)


def test_match_takes_the_best_price_first_then_the_oldest_at_the_makers_price():
    book = OrderBook()
    late_best = add(book, "a", False, 100, 5)
    add(book, "b", False, 101, 5)
    later_best = add(book, "c", False, 100, 5)
    incoming = Resting("taker", True, 101, 12)
    executions = book.match(incoming)
    assert [(one.maker.owner, one.quantity, one.ticks) for one in executions] == [
        ("a", 5, 100),
        ("c", 5, 100),
        ("b", 2, 101),
    ]
    assert (incoming.quantity, late_best.sequence, later_best.sequence) == (0, -1, -1)
    assert book.depth() == ((), ((101, 3, 1),))
    assert (book.buy_quantity, book.sell_quantity, len(book)) == (0, 3, 1)


def test_match_leaves_what_does_not_cross():
    book = OrderBook()
    add(book, "a", True, 100, 4)
    incoming = Resting("taker", False, 100, 10)
    book.match(incoming)
    assert incoming.quantity == 6
    assert not book.crosses(False, 100)


def test_match_stops_at_an_order_of_the_same_owner():
    book = OrderBook()
    add(book, "other", False, 100, 1)
    own = add(book, "me", False, 100, 5)
    add(book, "other", False, 100, 5)
    incoming = Resting("me", True, 100, 8)
    assert len(book.match(incoming)) == 1
    assert (incoming.quantity, own.quantity) == (7, 5)
    assert book.crosses(True, 100)


def test_reduced_order_keeps_its_place_and_cancelled_one_leaves_the_level():
    book = OrderBook()
    first, second = add(book, "a", True, 100, 10), add(book, "b", True, 100, 10)
    book.reduce(first, 9)
    assert book.depth() == (((100, 11, 2),), ())
    assert book.match(Resting("taker", False, 100, 1))[0].maker is first
    assert book.cancel(second) == 10
    assert (len(book), book.best_bid) == (0, None)


def test_depth_shows_at_most_the_levels_asked_for():
    book = OrderBook()
    for ticks in range(90, 100):
        add(book, "a", True, ticks, ticks)
    bids, _ = book.depth(5)
    assert bids == tuple((ticks, ticks, 1) for ticks in range(99, 94, -1))
