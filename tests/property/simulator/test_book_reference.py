"""The book against a matching model so plain that it can be read at a glance."""

from hypothesis import given
from hypothesis import strategies as st

from patang.simulator.book import OrderBook, Resting


class NaiveBook:
    """All orders in one list, oldest first; each match looks through all of it."""

    def __init__(self):
        self.orders = []

    def submit(self, name, owner, is_buy, ticks, quantity):
        trades = []
        while quantity:
            sign = 1 if is_buy else -1
            crossing = [
                one
                for one in self.orders
                if one["is_buy"] != is_buy and (ticks - one["ticks"]) * sign >= 0
            ]
            if not crossing:
                self.orders.append(
                    dict(name=name, owner=owner, is_buy=is_buy, ticks=ticks, quantity=quantity)
                )
                break
            best = min(crossing, key=lambda one: one["ticks"] * sign)
            if best["owner"] == owner:
                break
            traded = min(quantity, best["quantity"])
            trades.append((best["name"], traded, best["ticks"]))
            quantity -= traded
            best["quantity"] -= traded
            self.orders = [one for one in self.orders if one["quantity"]]
        return trades

    def reduce(self, name, quantity):
        for one in self.orders:
            if one["name"] == name:
                one["quantity"] -= min(quantity, one["quantity"])
        self.orders = [one for one in self.orders if one["quantity"]]

    def depth(self, is_buy):
        levels = {}
        for one in self.orders:
            if one["is_buy"] == is_buy:
                quantity, count = levels.get(one["ticks"], (0, 0))
                levels[one["ticks"]] = (quantity + one["quantity"], count + 1)
        ordered = sorted(levels.items(), reverse=is_buy)
        return tuple((ticks, quantity, count) for ticks, (quantity, count) in ordered)


submits = st.tuples(
    st.just("submit"),
    st.sampled_from("abc"),
    st.booleans(),
    st.integers(95, 105),
    st.integers(1, 20),
)
cuts = st.tuples(st.just("cut"), st.integers(0, 40), st.integers(1, 20))


@given(st.lists(st.one_of(submits, submits, cuts), max_size=60))
def test_book_trades_and_rests_as_the_naive_model_does(commands):
    book, naive = OrderBook(), NaiveBook()
    placed = []
    for command in commands:
        if command[0] == "submit":
            _, owner, is_buy, ticks, quantity = command
            order = Resting(owner, is_buy, ticks, quantity, order_id=str(len(placed)))
            placed.append(order)
            executions = book.match(order)
            if order.quantity and not book.crosses(is_buy, ticks):
                book.add(order)
            expected = naive.submit(order.order_id, owner, is_buy, ticks, quantity)
            assert [(one.maker.order_id, one.quantity, one.ticks) for one in executions] == expected
        else:
            _, number, quantity = command
            if number < len(placed) and placed[number].sequence >= 0:
                order = placed[number]
                book.reduce(order, min(quantity, order.quantity))
                naive.reduce(order.order_id, quantity)
        bids, asks = book.depth(100)
        assert bids == naive.depth(True)
        assert asks == naive.depth(False)
        assert book.buy_quantity == sum(quantity for _, quantity, _ in bids)
        assert book.sell_quantity == sum(quantity for _, quantity, _ in asks)
        assert len(book) == len(naive.orders)
