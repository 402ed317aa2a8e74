"""Explicit intents: what a strategy may ask for beside a plain target.

A target says how much to hold; an intent also says when and at which price, and what ends it. The
engine keeps it, watches the price and asks for the targets it leads to, one after the other, so
that an intent has the guarantees of a target: never two orders for one wish, nothing while an
outcome is unknown, exits through a halt. A strategy has at most one intent for an instrument; a
newer intent or target takes its place. Prices are float64 rupees, quantities units.
"""

from typing import Literal

import msgspec

from patang.domain.enums import Side
from patang.domain.instrument import InstrumentId

OnPartial = Literal["unwind", "hold", "alarm"]
"""What a basket does when its legs do not all fill: close what it has, keep it and stop wanting
the rest, or keep wanting the rest and call a person."""


class LimitIntent(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="intent", tag="limit"
):
    """Trade ``quantity`` at ``price`` or better; it rests until it fills or is withdrawn."""

    instrument: InstrumentId
    side: Side
    quantity: int
    price: float
    reason: str = ""


class StopIntent(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="intent", tag="stop"
):
    """Trade ``quantity`` once the last price reaches ``trigger``: up for a BUY, down for a SELL.

    The order is a protected MARKET order, or a LIMIT order at ``limit_price``. The engine watches
    the trigger: while the process is down, nothing does.
    """

    instrument: InstrumentId
    side: Side
    quantity: int
    trigger: float
    limit_price: float | None = None
    reason: str = ""


class BracketIntent(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="intent", tag="bracket"
):
    """Enter, and leave at ``target`` with profit or at ``stop`` with a loss, whichever is first.

    ``entry`` is the limit price, absent for a protected MARKET order. What has filled is guarded
    from the first unit on: when the stop is reached, the rest of the entry is withdrawn. ``trail``
    (rupees) lets the stop follow the best price since the entry.
    """

    instrument: InstrumentId
    side: Side
    quantity: int
    target: float
    stop: float
    entry: float | None = None
    trail: float | None = None
    reason: str = ""


class OcoIntent(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="intent", tag="oco"
):
    """Leave the position the strategy holds at ``target`` or at ``stop``, whichever is first."""

    instrument: InstrumentId
    target: float
    stop: float
    reason: str = ""


class TrailingIntent(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    tag_field="intent",
    tag="trailing",
):
    """Leave the position the strategy holds once the price falls back ``distance`` rupees.

    Measured from the best price since the intent was given: the highest for a long position, the
    lowest for a short one.
    """

    instrument: InstrumentId
    distance: float
    reason: str = ""


class Leg(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One instrument of a basket; a protected MARKET order unless ``limit_price`` is given."""

    instrument: InstrumentId
    side: Side
    quantity: int
    limit_price: float | None = None


class BasketIntent(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="intent", tag="basket"
):
    """Several legs as one wish, as for option spreads: what is bought first, then what is sold.

    Bought options lower the margin of the sold ones, so nothing is sold before every buy has
    filled. After ``within_ns``, or when a leg is refused, ``on_partial`` decides.
    """

    legs: tuple[Leg, ...]
    on_partial: OnPartial = "unwind"
    within_ns: int = 30_000_000_000
    reason: str = ""


class Withdraw(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    tag_field="intent",
    tag="withdraw",
):
    """Stop wanting anything in an instrument: its intent ends, its resting orders are cancelled.

    What is held stays.
    """

    instrument: InstrumentId
    reason: str = ""


class Watch(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="intent", tag="watch"
):
    """See other instruments of the run from now on: strikes that follow the money.

    An instrument in which the strategy holds a position or has an order stays.
    """

    add: tuple[InstrumentId, ...] = ()
    drop: tuple[InstrumentId, ...] = ()


PriceIntent = LimitIntent | StopIntent | BracketIntent | OcoIntent | TrailingIntent
"""Intents of one instrument."""

Plan = PriceIntent | BasketIntent
"""Intents that the engine keeps until they are done."""

Intent = Plan | Withdraw | Watch
"""Everything a callback may return beside a ``Signal``."""
