"""The numbers a run's risk gate judges by, and which of them contradict each other.

Every limit but the first three may be absent: then it is not applied, which is also how journals
from before it existed are read.
"""

from collections.abc import Iterable
from decimal import Decimal

import msgspec

from patang.domain.enums import Product
from patang.domain.errors import InvalidValue
from patang.domain.instrument import InstrumentId

_AMOUNTS = (
    "max_order_value",
    "max_position_value",
    "max_daily_loss",
    "max_gross_value",
    "max_net_value",
    "max_drawdown",
    "profit_lock_from",
    "profit_lock_give_back",
    "price_collar",
    "margin_use",
)
_COUNTS = (
    "max_orders_per_second",
    "max_orders_per_minute",
    "max_order_quantity",
    "max_position_quantity",
    "max_open_positions",
    "max_orders_per_day",
    "max_loss_streak",
    "duplicate_window_ns",
)
_WHOLE = Decimal(100)


class ScopeLimits(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Limits of a part of the account: one strategy, one instrument or one underlying.

    Money in rupees, quantities in units. A position's value and quantity are the largest it can
    reach when every working order on one side fills; ``max_gross_value`` adds the positions of the
    part up. ``max_daily_loss`` is net of charges, open positions at their last price, and can be
    given for a strategy.
    """

    max_order_value: Decimal | None = None
    max_order_quantity: int | None = None
    max_position_value: Decimal | None = None
    max_position_quantity: int | None = None
    max_gross_value: Decimal | None = None
    max_open_positions: int | None = None
    max_orders_per_day: int | None = None
    max_daily_loss: Decimal | None = None
    max_loss_streak: int | None = None

    def __post_init__(self) -> None:
        _check_numbers(self)


class RiskLimits(msgspec.Struct, frozen=True, kw_only=True):
    """The risk gate's limits. Money in rupees; rates count order placements.

    Of the whole account: ``max_gross_value`` bounds the sum of all positions' values,
    ``max_net_value`` longs less shorts; ``max_drawdown`` is the fall of the equity from the
    highest it was; once the day's net profit has reached ``profit_lock_from``, giving back
    ``profit_lock_give_back`` of it ends new exposure; so does a streak of ``max_loss_streak``
    positions closed at a loss.

    Of each order: ``price_collar`` is the percentage of the last price by which a limit or trigger
    may lie away from it; ``margin_use`` the percentage of the equity that margins may take, by the
    engine's own estimate; ``duplicate_window_ns`` the time within which the same order is not
    taken again while the position has not moved; ``allowed_instruments`` and ``allowed_products``
    are everything when empty.

    ``strategies``, ``instruments`` and ``underlyings`` limit parts of the account by name. An
    underlying is the name of the contracts written on it (``NIFTY``) and the symbol of the share.
    """

    max_order_value: Decimal
    max_position_value: Decimal
    max_daily_loss: Decimal
    max_orders_per_second: int = 9
    max_orders_per_minute: int = 200
    max_order_quantity: int | None = None
    max_position_quantity: int | None = None
    max_gross_value: Decimal | None = None
    max_net_value: Decimal | None = None
    max_open_positions: int | None = None
    max_orders_per_day: int | None = None
    max_drawdown: Decimal | None = None
    profit_lock_from: Decimal | None = None
    profit_lock_give_back: Decimal | None = None
    max_loss_streak: int | None = None
    price_collar: Decimal | None = None
    margin_use: Decimal | None = None
    duplicate_window_ns: int | None = None
    allowed_instruments: tuple[InstrumentId, ...] = ()
    allowed_products: tuple[Product, ...] = ()
    strategies: dict[str, ScopeLimits] = {}
    instruments: dict[InstrumentId, ScopeLimits] = {}
    underlyings: dict[str, ScopeLimits] = {}

    def __post_init__(self) -> None:
        _check_numbers(self)
        if (self.profit_lock_from is None) != (self.profit_lock_give_back is None):
            raise InvalidValue(
                "profit_lock_from",
                "it goes with profit_lock_give_back.",
                "Give both of them, or neither.",
            )
        _not_above(self, "profit_lock_give_back", self, "profit_lock_from")
        _not_above(self, "margin_use", None, "the whole equity", _WHOLE)
        _not_above(self, "max_net_value", self, "max_gross_value")
        if self.max_gross_value is not None:
            _not_above(self, "max_position_value", self, "max_gross_value")
        _not_above(self, "max_order_quantity", self, "max_position_quantity")
        for part in ("strategies", "instruments", "underlyings"):
            for name, scope in getattr(self, part).items():
                for field in ScopeLimits.__struct_fields__:
                    _not_above(scope, field, self, field, where=f"{part}.{name}.")
        for part in ("instruments", "underlyings"):
            for name, scope in getattr(self, part).items():
                for field in ("max_daily_loss", "max_loss_streak"):
                    if getattr(scope, field) is not None:
                        raise InvalidValue(
                            f"limits.{part}.{name}.{field}",
                            "losses are counted for strategies and the account.",
                            "Limit its value, or the strategies that trade it.",
                        )

    @classmethod
    def of_capital(cls, capital: Decimal) -> "RiskLimits":
        """Limits that fit the default sizing: it trades, and one bad day costs two percent.

        An order may take a fifth of the capital and all positions together twice of it.

        Raises:
            InvalidValue: the capital is not a positive amount.
        """
        if not (capital.is_finite() and capital > 0):
            raise InvalidValue("capital", f"{capital} is not a positive amount of rupees.")
        return cls(
            max_order_value=capital / 5,
            max_position_value=capital / 4,
            max_daily_loss=capital / 50,
            max_gross_value=capital * 2,
            max_open_positions=20,
            max_orders_per_day=2_000,
            max_drawdown=capital / 25,
            price_collar=Decimal(10),
            duplicate_window_ns=1_000_000_000,
        )


def check_names(
    limits: RiskLimits,
    *,
    instruments: Iterable[InstrumentId],
    underlyings: Iterable[str],
    traded: dict[str, tuple[InstrumentId, ...]],
    product: Product,
) -> None:
    """Hold the names in ``limits`` against the run's; ``traded`` lists instruments by strategy.

    Raises:
        InvalidValue: a limit is for something the run has not, or lets a strategy trade nothing.
    """
    known: tuple[tuple[str, Iterable[str], Iterable[str]], ...] = (
        ("strategies", limits.strategies, traded),
        ("instruments", limits.instruments, instruments),
        ("underlyings", limits.underlyings, underlyings),
        ("allowed_instruments", limits.allowed_instruments, instruments),
    )
    for field, names, run_has in known:
        missing = [name for name in names if name not in list(run_has)]
        if missing:
            raise InvalidValue(
                f"limits.{field}",
                f"{missing[0]} is not part of the run.",
                "Correct the name or take the limit out.",
            )
    if limits.allowed_products and product not in limits.allowed_products:
        raise InvalidValue(
            "limits.allowed_products",
            f"the run trades {product}, which they leave out.",
            "Allow it, or run with a product that is allowed.",
        )
    if limits.allowed_instruments:
        for strategy, names in traded.items():
            if names and not [name for name in names if name in limits.allowed_instruments]:
                raise InvalidValue(
                    "limits.allowed_instruments",
                    f"strategy {strategy} may trade none of its instruments.",
                    "Allow one of them, or leave the strategy out.",
                )


def _check_numbers(limits: "RiskLimits | ScopeLimits") -> None:
    for field in limits.__struct_fields__:
        value = getattr(limits, field)
        if value is None:
            continue
        if field in _AMOUNTS and not (value.is_finite() and value > 0):
            what = "percentage" if field in ("price_collar", "margin_use") else "amount of rupees"
            raise InvalidValue(field, f"{value} is not a positive {what}.")
        if field in _COUNTS and value < 1:
            raise InvalidValue(field, f"{value} is below 1.")


def _not_above(
    of: "RiskLimits | ScopeLimits",
    field: str,
    wider: "RiskLimits | None",
    wider_field: str,
    most: Decimal | None = None,
    *,
    where: str = "",
) -> None:
    """A limit that another one makes meaningless is a mistake in one of the two."""
    value = getattr(of, field)
    bound = most if wider is None else getattr(wider, wider_field, None)
    if value is not None and bound is not None and value > bound:
        raise InvalidValue(
            f"limits.{where}{field}",
            f"{value} can never count: {wider_field} is {bound}.",
            "Lower it, or raise the other.",
        )
