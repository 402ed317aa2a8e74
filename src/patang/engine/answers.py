"""What a strategy answered, checked: annotations do not hold at run time, and it is journaled."""

from collections.abc import Collection, Iterable, Mapping
from itertools import islice

import msgspec

from patang.domain.enums import Side
from patang.domain.errors import InvalidValue
from patang.domain.instrument import Instrument, InstrumentId
from patang.domain.intents import (
    BasketIntent,
    BracketIntent,
    Intent,
    Leg,
    LimitIntent,
    OcoIntent,
    StopIntent,
    TrailingIntent,
    Watch,
    Withdraw,
)
from patang.domain.market import HIGHEST_PRICE
from patang.domain.messages import Signal

_LARGEST_TARGET = 1_000_000_000
_MOST_ANSWERS = 1_000
_MOST_LEGS = 20
_LONGEST_WAIT_NS = 86_400_000_000_000

Answer = Signal | Intent


def checked_answers(
    answer: object,
    watched: Collection[InstrumentId],
    instruments: Mapping[InstrumentId, Instrument],
) -> list[Answer]:
    """Everything a callback returned, fit to be planned and journaled.

    Raises:
        InvalidValue: it is no signal or intent, names an instrument the strategy does not see, a
            quantity or price that is none, contradicts itself, or never ends.
    """
    if answer is None:
        return []
    if isinstance(answer, Answer):
        return [_checked(answer, watched, instruments)]
    if not isinstance(answer, Iterable):
        raise InvalidValue(
            "answer",
            f"a {type(answer).__name__} is neither a Signal nor several.",
            "Return a Signal or an intent, a list of them, or None.",
        )
    answers = list(islice(answer, _MOST_ANSWERS + 1))
    if len(answers) > _MOST_ANSWERS:
        raise InvalidValue("answer", f"it holds more than {_MOST_ANSWERS} wishes.")
    return [_checked(each, watched, instruments) for each in answers]


def _checked(
    answer: object,
    watched: Collection[InstrumentId],
    instruments: Mapping[InstrumentId, Instrument],
) -> Answer:
    check = _Check(watched, instruments)
    match answer:
        case Signal():
            return check.signal(answer)
        case LimitIntent():
            check.trade(answer)
            return msgspec.structs.replace(answer, price=check.price(answer, "price"))
        case StopIntent():
            check.trade(answer)
            return msgspec.structs.replace(
                answer,
                trigger=check.price(answer, "trigger"),
                limit_price=check.optional_price(answer, "limit_price"),
            )
        case BracketIntent():
            return check.bracket(answer)
        case OcoIntent():
            check.instrument(answer)
            return msgspec.structs.replace(
                answer, target=check.price(answer, "target"), stop=check.price(answer, "stop")
            )
        case TrailingIntent():
            check.instrument(answer)
            return msgspec.structs.replace(answer, distance=check.price(answer, "distance"))
        case BasketIntent():
            return check.basket(answer)
        case Withdraw():
            check.instrument(answer)
            return answer
        case Watch():
            return check.watch(answer)
        case _:
            raise InvalidValue("signal", f"a {type(answer).__name__} is not a Signal.")


class _Check:
    def __init__(
        self,
        watched: Collection[InstrumentId],
        instruments: Mapping[InstrumentId, Instrument],
    ) -> None:
        self._watched = watched
        self._instruments = instruments

    def signal(self, signal: Signal) -> Signal:
        self.instrument(signal)
        if type(signal.target) is not int or abs(signal.target) > _LARGEST_TARGET:
            raise InvalidValue("signal.target", f"{signal.target!r} is not a number of units.")
        if type(signal.rests) is not bool:
            raise InvalidValue("signal.rests", f"{signal.rests!r} is neither true nor false.")
        if signal.limit_price is None:
            return signal
        price = self.price(signal, "limit_price")
        return msgspec.structs.replace(signal, limit_price=price)

    def bracket(self, plan: BracketIntent) -> BracketIntent:
        self.trade(plan)
        sign = plan.side.sign
        target, stop = self.price(plan, "target"), self.price(plan, "stop")
        entry = self.optional_price(plan, "entry")
        trail = self.optional_price(plan, "trail")
        if (target - stop) * sign <= 0:
            raise InvalidValue(
                "bracket.stop",
                f"a {plan.side} cannot gain at {target:g} and lose at {stop:g}.",
                "Put the stop on the losing side of the target.",
            )
        if entry is not None and not min(target, stop) < entry < max(target, stop):
            raise InvalidValue(
                "bracket.entry", f"{entry:g} does not lie between stop {stop:g} and {target:g}."
            )
        return msgspec.structs.replace(plan, target=target, stop=stop, entry=entry, trail=trail)

    def basket(self, plan: BasketIntent) -> BasketIntent:
        legs: object = plan.legs
        if not isinstance(legs, tuple | list) or not 0 < len(legs) <= _MOST_LEGS:
            raise InvalidValue("basket.legs", f"it needs 1 to {_MOST_LEGS} legs.")
        for leg in legs:
            if not isinstance(leg, Leg):
                raise InvalidValue("basket.legs", f"a {type(leg).__name__} is not a Leg.")
            self.trade(leg)
        if len({leg.instrument for leg in plan.legs}) < len(legs):
            raise InvalidValue("basket.legs", "an instrument stands twice.", "Add them up.")
        if plan.on_partial not in ("unwind", "hold", "alarm"):
            raise InvalidValue(
                "basket.on_partial", f"{plan.on_partial!r}.", "One of: unwind, hold, alarm."
            )
        if type(plan.within_ns) is not int or not 0 < plan.within_ns <= _LONGEST_WAIT_NS:
            raise InvalidValue("basket.within_ns", f"{plan.within_ns!r} is no length of time.")
        self._reason(plan)
        priced = tuple(
            msgspec.structs.replace(leg, limit_price=self.optional_price(leg, "limit_price"))
            for leg in plan.legs
        )
        return msgspec.structs.replace(plan, legs=priced)

    def watch(self, watch: Watch) -> Watch:
        names = (*watch.add, *watch.drop)
        unknown = [name for name in names if name not in self._instruments]
        if unknown:
            raise InvalidValue(
                "watch", f"{unknown[0]!r} is not among the run's instruments.", "Add it to the run."
            )
        return msgspec.structs.replace(watch, add=tuple(watch.add), drop=tuple(watch.drop))

    def trade(self, plan: LimitIntent | StopIntent | BracketIntent | Leg) -> None:
        self.instrument(plan)
        if not isinstance(plan.side, Side):
            raise InvalidValue("side", f"{plan.side!r} is neither BUY nor SELL.")
        if type(plan.quantity) is not int or not 0 < plan.quantity <= _LARGEST_TARGET:
            raise InvalidValue("quantity", f"{plan.quantity!r} is not a number of units.")

    def instrument(
        self,
        asked: Signal
        | LimitIntent
        | StopIntent
        | BracketIntent
        | OcoIntent
        | TrailingIntent
        | Withdraw
        | Leg,
    ) -> None:
        if asked.instrument not in self._watched:
            raise InvalidValue(
                f"{_word(asked)}.instrument", f"{asked.instrument} is not subscribed."
            )
        if not isinstance(asked, Leg):
            self._reason(asked)

    def price(self, asked: msgspec.Struct, field: str) -> float:
        """A price that the instrument can have; NumPy's floats come in, plain ones go on."""
        value = getattr(asked, field)
        price = float(value)
        tick = float(self._instruments[asked.instrument].tick_size)  # type: ignore[attr-defined]
        if not tick <= price < HIGHEST_PRICE:
            raise InvalidValue(f"{_word(asked)}.{field}", f"{price!r} is not a price.")
        return price

    def optional_price(self, asked: msgspec.Struct, field: str) -> float | None:
        return None if getattr(asked, field) is None else self.price(asked, field)

    def _reason(self, asked: Signal | Intent) -> None:
        text = getattr(asked, "reason", "")
        if not (isinstance(text, str) and text.encode("utf-8", "replace").decode() == text):
            raise InvalidValue(f"{_word(asked)}.reason", "it is not a text.")


def _word(asked: object) -> str:
    return type(asked).__name__.removesuffix("Intent").lower()
