"""Explicit intents, kept locally: a state machine that turns each into one target after the other.

It sees prices and positions and answers with steps: a target to want, a wish to drop, or news of
itself. It sends nothing: orders come from the ledger, which plans each target with all its care,
so an intent never has two orders for one wish and an exit leaves through a halt. After a restart
the journal has rebuilt every intent, and the first timer compares each with the position:

    WAITING -> ENTERING -> HOLDING -> LEAVING -> DONE
    ENTERING -> REFUSED               BUYING -> SELLING -> DONE | UNWINDING -> UNWOUND | HELD
"""

from collections.abc import Callable, Iterator
from enum import StrEnum

import msgspec

from patang.domain.enums import Side
from patang.domain.instrument import InstrumentId
from patang.domain.intents import (
    BasketIntent,
    BracketIntent,
    Leg,
    LimitIntent,
    OcoIntent,
    Plan,
    PriceIntent,
    StopIntent,
    TrailingIntent,
)
from patang.domain.messages import Signal

Key = tuple[str, InstrumentId]


class Phase(StrEnum):
    """Where an intent is."""

    WAITING = "WAITING"
    ENTERING = "ENTERING"
    HOLDING = "HOLDING"
    LEAVING = "LEAVING"
    BUYING = "BUYING"
    SELLING = "SELLING"
    UNWINDING = "UNWINDING"
    DONE = "DONE"
    REFUSED = "REFUSED"
    HELD = "HELD"
    UNWOUND = "UNWOUND"
    REPLACED = "REPLACED"

    @property
    def is_over(self) -> bool:
        """Whether the engine has let go of the intent."""
        return self in _OVER


_OVER = frozenset({Phase.DONE, Phase.REFUSED, Phase.HELD, Phase.UNWOUND, Phase.REPLACED})


class Facts(msgspec.Struct, frozen=True):
    """What is so for one owner and instrument.

    Units held and working, the target that stands, and the newest price in rupees.
    """

    held: int
    working: int
    wanted: int | None
    price: float | None


Look = Callable[[Key], Facts]


class Wish(msgspec.Struct, frozen=True):
    """Want this target; ``is_urgent`` withdraws an order that still waits for its price."""

    key: Key
    signal: Signal
    is_urgent: bool = False


class Drop(msgspec.Struct, frozen=True):
    """Stop wanting anything and cancel what rests."""

    key: Key
    reason: str


class Changed(msgspec.Struct, frozen=True):
    """An intent took a step; ``is_alarm`` calls a person."""

    owner: str
    number: int
    phase: Phase
    reason: str
    is_alarm: bool = False


Step = Wish | Drop | Changed


class Standing(msgspec.Struct, kw_only=True):
    """One intent and where it is.

    ``bases`` are the units held when it was given, by leg; ``best`` and ``stop`` are rupees.
    """

    number: int
    owner: str
    plan: Plan
    bases: tuple[int, ...]
    phase: Phase
    since_ns: int
    best: float | None = None
    stop: float | None = None
    leaves_by: str = ""
    is_alarmed: bool = False


class PlanBook:
    """Every intent that stands, at most one for an owner and instrument."""

    def __init__(self) -> None:
        self._numbers = 0
        self.by_key: dict[Key, Standing] = {}

    def __bool__(self) -> bool:
        return bool(self.by_key)

    @property
    def next_number(self) -> int:
        """The number that the next intent will get."""
        return self._numbers + 1

    def standing(self, key: Key) -> Plan | None:
        """The intent of an owner and instrument."""
        one = self.by_key.get(key)
        return None if one is None else one.plan

    def all_standing(self) -> list[Standing]:
        """Every intent that stands, by number; for the state hash."""
        return sorted({s.number: s for s in self.by_key.values()}.values(), key=_number)

    def adopt(self, owner: str, plan: Plan, look: Look, now_ns: int) -> Iterator[Step]:
        """Take an intent in; what stood in its place ends."""
        keys = [(owner, name) for name in instruments_of(plan)]
        for key in keys:
            yield from self.end(key, Phase.REPLACED, "another intent took its place")
        self._numbers += 1
        one = Standing(
            number=self._numbers,
            owner=owner,
            plan=plan,
            bases=tuple(look(key).held for key in keys),
            phase=_first_phase(plan),
            since_ns=now_ns,
        )
        if isinstance(plan, OcoIntent | TrailingIntent) and one.bases == (0,):
            yield self._ended(one, Phase.REFUSED, "there is no position to leave")
            return
        if isinstance(plan, OcoIntent | TrailingIntent):
            one.bases = (0,)
        for key in keys:
            self.by_key[key] = one
        yield Changed(owner, one.number, one.phase, plan.reason)
        yield from _opening(one)
        yield from self.advance(keys[0], look, now_ns)

    def refuse(self, owner: str, plan: Plan, reason: str) -> Changed:
        """Turn an intent away before it wants anything; what stands in its place stays."""
        self._numbers += 1
        return Changed(owner, self._numbers, Phase.REFUSED, f"{plan.reason} {reason}".strip())

    def advance(self, key: Key, look: Look, now_ns: int) -> Iterator[Step]:
        """Look at the intent of a key again: a price, an order or the clock may have moved."""
        one = self.by_key.get(key)
        if one is None:
            return
        before = one.phase
        if isinstance(one.plan, BasketIntent):
            yield from _advance_basket(one, one.plan, look, now_ns)
        else:
            yield from _advance_price(one, one.plan, look(key))
        if one.phase.is_over:
            self._forget(one)
        if one.phase is not before:
            yield Changed(one.owner, one.number, one.phase, one.leaves_by)

    def advance_all(self, look: Look, now_ns: int) -> Iterator[Step]:
        """Look at every intent again."""
        for one in self.all_standing():
            first = instruments_of(one.plan)[0]
            yield from self.advance((one.owner, first), look, now_ns)

    def advance_instrument(
        self, instrument: InstrumentId, look: Look, now_ns: int
    ) -> Iterator[Step]:
        """Look at the intents of an instrument again: its price has moved."""
        for key in [key for key in self.by_key if key[1] == instrument]:
            yield from self.advance(key, look, now_ns)

    def end(self, key: Key, phase: Phase, reason: str) -> Iterator[Step]:
        """Let go of the intent of a key; what it holds stays, what rests is dropped."""
        one = self.by_key.get(key)
        if one is None:
            return
        self._forget(one)
        for name in instruments_of(one.plan):
            yield Drop((one.owner, name), reason)
        yield self._ended(one, phase, reason)

    def end_all(self, reason: str) -> Iterator[Step]:
        """Let go of every intent."""
        for one in self.all_standing():
            first = instruments_of(one.plan)[0]
            yield from self.end((one.owner, first), Phase.REPLACED, reason)

    def _ended(self, one: Standing, phase: Phase, reason: str) -> Changed:
        one.phase = phase
        return Changed(one.owner, one.number, phase, reason)

    def _forget(self, one: Standing) -> None:
        for name in instruments_of(one.plan):
            self.by_key.pop((one.owner, name), None)


def instruments_of(plan: Plan) -> list[InstrumentId]:
    """What an intent trades, in its own order."""
    if isinstance(plan, BasketIntent):
        return [leg.instrument for leg in plan.legs]
    return [plan.instrument]


def _number(one: Standing) -> int:
    return one.number


def _first_phase(plan: Plan) -> Phase:
    match plan:
        case StopIntent():
            return Phase.WAITING
        case LimitIntent() | BracketIntent():
            return Phase.ENTERING
        case OcoIntent() | TrailingIntent():
            return Phase.HOLDING
        case BasketIntent():
            has_buys = any(leg.side is Side.BUY for leg in plan.legs)
            return Phase.BUYING if has_buys else Phase.SELLING


def _opening(one: Standing) -> Iterator[Step]:
    """What an intent wants at once."""
    plan, base = one.plan, one.bases[0]
    match plan:
        case LimitIntent():
            yield _wish(one, plan.instrument, base + _signed(plan), plan.price, plan.reason)
        case BracketIntent():
            yield _wish(one, plan.instrument, base + _signed(plan), plan.entry, plan.reason)
        case BasketIntent():
            first = Side.BUY if one.phase is Phase.BUYING else Side.SELL
            yield from _ask_legs(one, plan, first)
        case _:
            pass


def _signed(plan: LimitIntent | StopIntent | BracketIntent | Leg) -> int:
    return plan.quantity * plan.side.sign


def _wish(
    one: Standing,
    instrument: InstrumentId,
    target: int,
    limit_price: float | None,
    reason: str,
    *,
    is_urgent: bool = False,
) -> Wish:
    signal = Signal(
        instrument=instrument,
        target=target,
        limit_price=limit_price,
        reason=reason,
        rests=limit_price is not None,
    )
    return Wish((one.owner, instrument), signal, is_urgent)


# --- one instrument ------------------------------------------------------------


def _advance_price(one: Standing, plan: PriceIntent, facts: Facts) -> Iterator[Step]:
    if isinstance(plan, LimitIntent | StopIntent):
        yield from _advance_entry(one, plan, facts)
    else:
        yield from _advance_guard(one, plan, facts)


def _advance_entry(one: Standing, plan: LimitIntent | StopIntent, facts: Facts) -> Iterator[Step]:
    goal = one.bases[0] + _signed(plan)
    if one.phase is Phase.WAITING and isinstance(plan, StopIntent):
        price = facts.price
        if price is None or (price - plan.trigger) * plan.side.sign < 0:
            return
        one.phase = Phase.ENTERING
        one.leaves_by = f"stop {plan.trigger:g} reached at {price:g}"
        reason = plan.reason or one.leaves_by
        yield _wish(one, plan.instrument, goal, plan.limit_price, reason)
    elif (facts.held - goal) * plan.side.sign >= 0 and not facts.working:
        one.phase = Phase.DONE
    elif facts.wanted != goal and not facts.working:
        one.phase, one.leaves_by = Phase.REFUSED, "the order was refused or cancelled"


def _advance_guard(
    one: Standing, plan: BracketIntent | OcoIntent | TrailingIntent, facts: Facts
) -> Iterator[Step]:
    base = one.bases[0]
    if one.phase is Phase.LEAVING:
        yield from _leave_on(one, plan, facts)
    elif facts.held == base:
        if one.phase is Phase.HOLDING and not facts.working:
            one.phase, one.leaves_by = Phase.DONE, "the position was closed otherwise"
        elif isinstance(plan, BracketIntent) and _is_refused(one, plan, facts):
            one.phase, one.leaves_by = Phase.REFUSED, "the entry was refused or cancelled"
    else:
        if one.phase is Phase.ENTERING and not facts.working:
            one.phase = Phase.HOLDING
        facing = 1 if facts.held > base else -1
        if facts.price is None:
            return
        _follow(one, plan, facts.price, facing)
        if one.stop is not None and (facts.price - one.stop) * facing <= 0:
            yield _leave(one, plan, facts.price, None)
        elif not isinstance(plan, TrailingIntent) and (facts.price - plan.target) * facing >= 0:
            yield _leave(one, plan, facts.price, plan.target)


def _is_refused(one: Standing, plan: BracketIntent, facts: Facts) -> bool:
    return facts.wanted != one.bases[0] + _signed(plan) and not facts.working


def _follow(
    one: Standing,
    plan: BracketIntent | OcoIntent | TrailingIntent,
    price: float,
    facing: int,
) -> None:
    """Let the stop follow the best price; it never moves back."""
    if one.best is None or (price - one.best) * facing > 0:
        one.best = price
    if isinstance(plan, TrailingIntent):
        distance: float | None = plan.distance
    else:
        distance = plan.trail if isinstance(plan, BracketIntent) else None
        one.stop = plan.stop if one.stop is None else one.stop
    if distance is not None:
        trailed = one.best - distance * facing
        if one.stop is None or (trailed - one.stop) * facing > 0:
            one.stop = trailed


def _leave(
    one: Standing,
    plan: BracketIntent | OcoIntent | TrailingIntent,
    price: float,
    limit_price: float | None,
) -> Wish:
    what = f"stop {one.stop:g}" if limit_price is None else f"target {limit_price:g}"
    one.phase = Phase.LEAVING
    one.leaves_by = f"{what} reached at {price:g}"
    is_urgent = limit_price is None
    return _wish(
        one, plan.instrument, one.bases[0], limit_price, one.leaves_by, is_urgent=is_urgent
    )


def _leave_on(
    one: Standing, plan: BracketIntent | OcoIntent | TrailingIntent, facts: Facts
) -> Iterator[Step]:
    """Leaving: until nothing is left, and at the market when the stop comes after the target."""
    base = one.bases[0]
    if facts.held == base and not facts.working:
        one.phase = Phase.DONE
        return
    facing = 1 if facts.held > base else -1
    waits = one.leaves_by.startswith("target") and not isinstance(plan, TrailingIntent)
    stop, price = one.stop, facts.price
    if waits and stop is not None and price is not None and (price - stop) * facing <= 0:
        yield _leave(one, plan, price, None)
    elif facts.wanted != base:
        # Refused or cancelled by somebody: an exit is asked for until it has happened.
        limit_price = plan.target if waits and not isinstance(plan, TrailingIntent) else None
        yield _wish(one, plan.instrument, base, limit_price, one.leaves_by)


# --- several legs --------------------------------------------------------------


def _advance_basket(one: Standing, plan: BasketIntent, look: Look, now_ns: int) -> Iterator[Step]:
    facts = [look((one.owner, leg.instrument)) for leg in plan.legs]
    if one.phase is Phase.UNWINDING:
        yield from _unwind_on(one, plan, facts)
        return
    side = Side.BUY if one.phase is Phase.BUYING else Side.SELL
    now = [n for n, leg in enumerate(plan.legs) if leg.side is side]
    if all(_is_filled(one, plan, n, facts[n]) for n in now):
        has_sells = any(leg.side is Side.SELL for leg in plan.legs)
        if side is Side.BUY and has_sells:
            one.phase, one.since_ns = Phase.SELLING, now_ns
            yield from _ask_legs(one, plan, Side.SELL)
        else:
            one.phase = Phase.DONE
        return
    refused = [n for n in now if _is_leg_refused(one, plan, n, facts[n])]
    if not refused and now_ns < one.since_ns + plan.within_ns:
        return
    why = f"{plan.legs[refused[0]].instrument} was refused" if refused else "legs did not fill"
    yield from _settle_partial(one, plan, facts, why)


def _settle_partial(
    one: Standing, plan: BasketIntent, facts: list[Facts], why: str
) -> Iterator[Step]:
    if plan.on_partial == "alarm":
        if not one.is_alarmed:
            one.is_alarmed = True
            yield Changed(one.owner, one.number, one.phase, why, is_alarm=True)
        side = Side.BUY if one.phase is Phase.BUYING else Side.SELL
        yield from _ask_legs(one, plan, side)
        return
    one.leaves_by = why
    for n, leg in enumerate(plan.legs):
        if not _is_filled(one, plan, n, facts[n]):
            yield Drop((one.owner, leg.instrument), why)
    if plan.on_partial == "hold":
        one.phase = Phase.HELD
        return
    one.phase = Phase.UNWINDING
    yield from _unwind_on(one, plan, facts)


def _unwind_on(one: Standing, plan: BasketIntent, facts: list[Facts]) -> Iterator[Step]:
    """Buy back what was sold, and only then sell what was bought: the margin never jumps."""
    for side in (Side.SELL, Side.BUY):
        open_legs = [
            n
            for n, leg in enumerate(plan.legs)
            if leg.side is side and (facts[n].held != one.bases[n] or facts[n].working)
        ]
        for n in open_legs:
            leg, base = plan.legs[n], one.bases[n]
            if facts[n].held != base and facts[n].wanted != base:
                yield _wish(one, leg.instrument, base, None, f"unwind: {one.leaves_by}")
        if open_legs:
            return
    one.phase = Phase.UNWOUND


def _ask_legs(one: Standing, plan: BasketIntent, side: Side) -> Iterator[Step]:
    for n, leg in enumerate(plan.legs):
        if leg.side is side:
            target = one.bases[n] + _signed(leg)
            yield _wish(one, leg.instrument, target, leg.limit_price, plan.reason)


def _is_filled(one: Standing, plan: BasketIntent, n: int, facts: Facts) -> bool:
    leg = plan.legs[n]
    return (facts.held - one.bases[n] - _signed(leg)) * leg.side.sign >= 0


def _is_leg_refused(one: Standing, plan: BasketIntent, n: int, facts: Facts) -> bool:
    goal = one.bases[n] + _signed(plan.legs[n])
    return not _is_filled(one, plan, n, facts) and facts.wanted != goal and not facts.working
