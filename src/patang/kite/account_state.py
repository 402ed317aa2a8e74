"""What the processes of one account know together of their requests, and the moves it may make.

Everything here is plain: a state, a moment and a request in, an answer out. Who holds the lock and
where the state lies is for ``account_file``; who waits, for ``governor``.
"""

import msgspec

from patang.domain.errors import InvariantBroken
from patang.domain.market import NS_PER_SECOND
from patang.kite.errors import LimitReached
from patang.kite.windows import NEVER_NS, Lane, Limits, wait_ns
from patang.rules.ist import IST_OFFSET_NS, NS_PER_DAY
from patang.wire.endpoints import RateClass

LONGEST_REQUEST_S = 300.0
"""No request is waited for longer than this, so no slot is held further into the future."""

_MOST_MODIFIED_ORDERS = 5_000


class Slot(msgspec.Struct, array_like=True):
    """One request. It can no longer arrive after ``settled_ns``; ``day`` is the last it counts on.

    ``orders`` is what it adds to the day's count: the legs of an iceberg, 0 for a cancel.
    """

    number: int
    settled_ns: int
    orders: int
    day: int


class Claim(msgspec.Struct, array_like=True):
    """The most urgent request that waits in one process; it lapses when it is not renewed."""

    holder: int
    lane: int
    until_ns: int


class Bucket(msgspec.Struct):
    """The requests of one rate class that still count, and how many there were today."""

    slots: list[Slot] = []
    claims: list[Claim] = []
    blocked_until_ns: int = 0
    sent: int = 0
    day: int = 0


class DayCount(msgspec.Struct):
    """Orders of one IST day: sent by us, refused before they had a row, rows in the book."""

    sent: int = 0
    refused: int = 0
    listed: int = 0

    @property
    def used(self) -> int:
        """How much of the day's limit is gone, as far as can be known.

        Refused ones count at Kite but have no row; of the others, either our own count or the
        book, which also lists what was placed by hand, knows more.
        """
        return self.refused + max(self.sent - self.refused, self.listed)


class AccountState(msgspec.Struct):
    """All that is shared. It is bounded: old slots, days and modification counts are dropped.

    ``seen_ns`` is where the scale of seconds stood last: see ``follow_clock``.
    """

    version: int = 1
    seen_ns: int = 0
    next_number: int = 1
    buckets: dict[str, Bucket] = {}
    days: dict[int, DayCount] = {}
    modifications: dict[str, int] = {}


class Moment(msgspec.Struct, frozen=True):
    """Now, to count seconds by and to tell the day by.

    ``now_ns`` is on a scale that setting the machine's clock does not move: ``clock.steady_ns``.
    The other two are the earliest and latest that the server's clock may show, UTC.
    """

    now_ns: int
    server_earliest_ns: int
    server_latest_ns: int

    @property
    def days(self) -> range:
        """The IST days that it may be at the server."""
        return range(_day(self.server_earliest_ns), _day(self.server_latest_ns) + 1)


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """A request that wants a slot. ``horizon_ns`` is when it is settled if nobody says so."""

    bucket: str
    rate: RateClass
    lane: Lane
    orders: int
    order_id: str | None
    horizon_ns: int
    holder: int


class Answer(msgspec.Struct, frozen=True):
    """Either the slot's ``number``, or how long to wait (``NEVER_NS``: until a reply comes)."""

    number: int | None
    wait_ns: int


def take(
    state: AccountState, ask: Ask, limits: Limits, moment: Moment, *, claim_ns: int = 0
) -> Answer:
    """Grant a slot, or say how long to wait; ``claim_ns`` keeps a place among other processes.

    Raises:
        LimitReached: the day's orders, or the order's modifications, are used up.
    """
    now_ns = moment.now_ns
    follow_clock(state, now_ns)
    bucket = state.buckets.setdefault(ask.bucket, Bucket())
    windows = limits.windows(ask.rate)
    _drop_settled(bucket, windows[-1].length_ns, now_ns)
    bucket.claims = [c for c in bucket.claims if c.until_ns > now_ns and c.holder != ask.holder]
    _roll_days(state, bucket, moment, limits)
    _check_day(state, ask, limits, moment)
    _check_modifications(state, ask, limits)
    waiting_ns = max(_wait(bucket, ask, limits, now_ns), bucket.blocked_until_ns - now_ns, 0)
    if waiting_ns:
        if claim_ns:
            bucket.claims.append(Claim(ask.holder, ask.lane, now_ns + claim_ns))
        return Answer(None, waiting_ns)
    number = state.next_number
    state.next_number += 1
    bucket.slots.append(Slot(number, ask.horizon_ns, ask.orders, moment.days[-1]))
    bucket.sent += 1
    for day in moment.days if ask.orders else ():
        state.days[day].sent += ask.orders
    if ask.order_id is not None:
        state.modifications[ask.order_id] = state.modifications.get(ask.order_id, 0) + 1
    return Answer(number, 0)


def settle(state: AccountState, ask: Ask, number: int, settled_ns: int, moment: Moment) -> None:
    """A request can no longer arrive after ``settled_ns``: its slots free from there on."""
    follow_clock(state, moment.now_ns)
    for slot in state.buckets.setdefault(ask.bucket, Bucket()).slots:
        if slot.number == number:
            slot.settled_ns = settled_ns
            lag_ns = max(settled_ns - moment.now_ns, 0)
            _count_until(state, slot, _day(moment.server_latest_ns + lag_ns))
            return


def withdraw(state: AccountState, ask: Ask, number: int, moment: Moment) -> None:
    """Nothing was sent: give everything back."""
    bucket = state.buckets.setdefault(ask.bucket, Bucket())
    held = [slot for slot in bucket.slots if slot.number == number]
    bucket.slots = [slot for slot in bucket.slots if slot.number != number]
    for _ in held:
        bucket.sent = max(bucket.sent - 1, 0)
        for day in moment.days:
            if day in state.days:
                state.days[day].sent = max(state.days[day].sent - ask.orders, 0)
        if ask.order_id in state.modifications:
            state.modifications[ask.order_id] -= 1


def count_refusal(state: AccountState, orders: int, moment: Moment) -> None:
    """Kite refused a placement at once: it counts, and will have no row in the book."""
    for day in moment.days:
        state.days.setdefault(day, DayCount()).refused += orders


def count_listed(state: AccountState, rows: int, moment: Moment) -> None:
    """The order book shows this many orders, those placed by hand among them."""
    day = state.days.setdefault(moment.days[-1], DayCount())
    day.listed = max(day.listed, rows)


def block(state: AccountState, bucket: str, until_ns: int) -> None:
    """The server said that the limit is reached: nothing of the class goes before ``until_ns``."""
    held = state.buckets.setdefault(bucket, Bucket())
    held.blocked_until_ns = max(held.blocked_until_ns, until_ns)


def distrust(state: AccountState, limits: Limits, bucket: str, moment: Moment) -> None:
    """Nothing is known of what was sent lately: take every order slot to be held by some request.

    Cancels and exits wait for the bound on arrival, entries a minute more.
    """
    settled_ns = moment.now_ns + round(limits.arrival_bound_s * NS_PER_SECOND)
    for window in limits.windows(RateClass.ORDER):
        slots = state.buckets.setdefault(bucket, Bucket()).slots
        for _ in range(window.allowance(Lane.ENTRY) - len(slots)):
            slots.append(Slot(0, settled_ns, 0, moment.days[-1]))


def follow_clock(state: AccountState, now_ns: int) -> None:
    """When the scale began anew, as after a restart of the machine, set the slots back with it.

    They are held at least as long as before, because time went by since it was seen last.
    """
    back_ns, state.seen_ns = state.seen_ns - now_ns, now_ns
    if back_ns <= 0:
        return
    for bucket in state.buckets.values():
        bucket.blocked_until_ns -= back_ns
        for slot in bucket.slots:
            if slot.settled_ns < NEVER_NS:
                slot.settled_ns -= back_ns


def check(state: AccountState, limits: Limits, now_ns: int) -> None:
    """Bound what a file may claim: whatever it says must not hold slots for ever.

    Raises:
        InvariantBroken: the state is of a version that this code does not know.
    """
    if state.version != 1:
        raise InvariantBroken(f"account state of version {state.version}; this code knows 1.")
    follow_clock(state, now_ns)
    furthest_ns = now_ns + round((LONGEST_REQUEST_S + limits.arrival_bound_s) * NS_PER_SECOND)
    for bucket in state.buckets.values():
        bucket.blocked_until_ns = min(bucket.blocked_until_ns, furthest_ns)
        for slot in bucket.slots:
            slot.settled_ns = min(slot.settled_ns, furthest_ns)
        for claim in bucket.claims:
            claim.until_ns = min(claim.until_ns, now_ns + NS_PER_SECOND)


def _wait(bucket: Bucket, ask: Ask, limits: Limits, now_ns: int) -> int:
    settled = [slot.settled_ns for slot in bucket.slots]
    waiting_ns = wait_ns(settled, limits.windows(ask.rate), ask.lane, now_ns)
    if waiting_ns:
        return waiting_ns
    urgent = [claim for claim in bucket.claims if claim.lane < ask.lane]
    if not urgent:
        return 0
    # More urgent requests of other processes wait: go only if there is room for them as well.
    with_them = settled + [now_ns] * len(urgent)
    if not wait_ns(with_them, limits.windows(ask.rate), ask.lane, now_ns):
        return 0
    return max(claim.until_ns for claim in urgent) - now_ns


def _check_day(state: AccountState, ask: Ask, limits: Limits, moment: Moment) -> None:
    if not ask.orders:
        return
    allowance = limits.day_allowance(ask.lane)
    for day in moment.days:
        used = state.days[day].used
        if used + ask.orders > allowance:
            raise LimitReached(
                "orders_per_day",
                f"{used} of {limits.orders_per_day} orders of the day are used, and"
                f" {ask.lane.name.lower()} orders may bring them to {allowance}.",
                "Exits have a reserve; at Kite's own limit even they are refused until tomorrow.",
            )


def _check_modifications(state: AccountState, ask: Ask, limits: Limits) -> None:
    done = state.modifications.get(ask.order_id, 0) if ask.order_id else 0
    if done >= limits.modifications_per_order:
        raise LimitReached(
            "modifications_per_order",
            f"order {ask.order_id} has been modified {done} times.",
            "Cancel it and place a new one.",
        )


def _roll_days(state: AccountState, bucket: Bucket, moment: Moment, limits: Limits) -> None:
    """Begin the days that it may be by now; what is still on its way counts on them too."""
    today = moment.days[-1]
    for day in moment.days:
        state.days.setdefault(day, DayCount())
    for slot in bucket.slots:
        if slot.settled_ns >= moment.now_ns:
            _count_until(state, slot, today)
    if bucket.day != today:
        bucket.day, bucket.sent = today, 0
    if any(day < moment.days[0] for day in state.days):
        state.days = {day: count for day, count in state.days.items() if day >= moment.days[0]}
        state.modifications = {}
    _bound(state.modifications)


def _count_until(state: AccountState, slot: Slot, day: int) -> None:
    for later in range(slot.day + 1, day + 1):
        state.days.setdefault(later, DayCount()).sent += slot.orders
    slot.day = max(slot.day, day)


def _bound(modifications: dict[str, int]) -> None:
    if len(modifications) > _MOST_MODIFIED_ORDERS:
        for order_id in list(modifications)[:-_MOST_MODIFIED_ORDERS]:
            del modifications[order_id]


def _drop_settled(bucket: Bucket, longest_ns: int, now_ns: int) -> None:
    bucket.slots = [slot for slot in bucket.slots if slot.settled_ns + longest_ns > now_ns]


def _day(at_ns: int) -> int:
    return (at_ns + IST_OFFSET_NS) // NS_PER_DAY
