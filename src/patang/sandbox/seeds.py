"""What an account begins with: holdings, positions carried in, and orders of the day so far."""

from collections.abc import Sequence
from datetime import date, time
from decimal import Decimal
from pathlib import Path
from typing import Literal

import msgspec

from patang.domain.enums import OrderType, Product, Side, Validity
from patang.domain.errors import InvalidValue
from patang.domain.instrument import InstrumentId
from patang.rules.ist import at_ist, ist_date
from patang.sandbox.documents import read_document
from patang.sandbox.records import Records
from patang.simulator.errors import Refused
from patang.simulator.exchange import Exchange
from patang.simulator.orders import KiteStatus, OrderRequest
from patang.simulator.past_orders import PastOrder


class _Seed(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    instrument: str
    """``EXCHANGE:SYMBOL``."""


class SeedHolding(_Seed, frozen=True, kw_only=True):
    """Shares held since before today, ``t1_quantity`` more of them on their way; rupees."""

    quantity: int = 0
    average_price: Decimal
    t1_quantity: int = 0


class SeedPosition(_Seed, frozen=True, kw_only=True):
    """A position carried in from yesterday at ``price`` rupees; ``quantity`` is signed."""

    quantity: int
    price: Decimal
    product: Product = Product.NRML


class SeedOrder(_Seed, frozen=True, kw_only=True):
    """An order of the day so far, placed at ``at`` (time of day in India).

    ``filled`` units traded at ``average_price``: all of them for COMPLETE, by default none for the
    others. ``message`` says why one was REJECTED.
    """

    side: Side
    quantity: int
    status: Literal["COMPLETE", "CANCELLED", "REJECTED"]
    at: time
    product: Product = Product.CNC
    order_type: OrderType = OrderType.LIMIT
    validity: Validity = Validity.DAY
    price: Decimal | None = None
    trigger_price: Decimal | None = None
    filled: int = 0
    average_price: Decimal | None = None
    tag: str | None = None
    message: str | None = None


class SandboxUser(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """A trading account of the world, with its cash in rupees and what it begins with.

    Without ``poa`` (a power of attorney for the demat) sales out of holdings have to be authorised
    at the depository first. ``cash`` is before ``orders``, which move it.
    """

    user_id: str
    cash: Decimal = Decimal(1_000_000)
    poa: bool = True
    holdings: tuple[SeedHolding, ...] = ()
    positions: tuple[SeedPosition, ...] = ()
    orders: tuple[SeedOrder, ...] = ()

    def __post_init__(self) -> None:
        if not (self.user_id.isascii() and self.user_id.isalnum()):
            raise InvalidValue("user_id", f"{self.user_id!r} is not letters and digits.")
        if self.cash < 0:
            raise InvalidValue("cash", f"{self.cash} of {self.user_id} is negative.")


class _UserFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    users: tuple[SandboxUser, ...]


def read_users(path: Path) -> tuple[SandboxUser, ...]:
    """The users of a file, ``.json`` or TOML with a ``[[users]]`` table for each.

    Raises:
        DocumentInvalid: unreadable, or not such a file; it names file, line and field.
    """
    return read_document(path, _UserFile).users


def parse_users(text: str) -> tuple[SandboxUser, ...]:
    """Users given in one line: ``AB1234,CD5678=250000`` (id, and cash in rupees where it differs).

    Raises:
        InvalidValue: an id or an amount that is none.
    """
    users = []
    for part in text.split(","):
        user_id, equals, amount = part.strip().partition("=")
        try:
            cash = Decimal(amount) if equals else None
        except ArithmeticError:
            raise InvalidValue("users", f"{amount!r} is no amount of rupees.") from None
        if cash is not None and not cash.is_finite():
            raise InvalidValue("users", f"{amount!r} is no amount of rupees.")
        named = SandboxUser(user_id=user_id)
        users.append(named if cash is None else msgspec.structs.replace(named, cash=cash))
    return tuple(users)


def plant(exchange: Exchange, users: Sequence[SandboxUser], now_ns: int, records: Records) -> None:
    """Give every user what it begins with.

    Raises:
        InvalidValue: naming the user, for something the world does not list or cannot be held.
    """
    for user in users:
        for holding in user.holdings:
            with _Naming(user, "holdings", holding.instrument):
                exchange.seed_holding(
                    user.user_id,
                    InstrumentId(holding.instrument),
                    holding.quantity,
                    holding.average_price,
                    holding.t1_quantity,
                )
        for position in user.positions:
            with _Naming(user, "positions", position.instrument):
                exchange.seed_position(
                    user.user_id,
                    InstrumentId(position.instrument),
                    position.product,
                    position.quantity,
                    position.price,
                )
    today = ist_date(now_ns)
    past = [(_moment(today, order), user, order) for user in users for order in user.orders]
    # By time, whoever placed them: order ids rise.
    for at_ns, user, order in sorted(past, key=lambda one: one[0]):
        with _Naming(user, "orders", order.instrument):
            if at_ns >= now_ns:
                raise InvalidValue("at", f"{order.at} is not before the world begins.")
            entered, trade = exchange.seed_order(user.user_id, _past(order, at_ns))
        records.note_order(entered)
        if trade is not None:
            records.note_trade(trade, entered)


def _moment(today: date, order: SeedOrder) -> int:
    at = order.at
    return at_ist(today, at.hour, at.minute, at.second) + at.microsecond * 1_000


def _past(order: SeedOrder, at_ns: int) -> PastOrder:
    status = KiteStatus(order.status)
    filled = order.quantity if status is KiteStatus.COMPLETE else order.filled
    return PastOrder(
        request=OrderRequest(
            instrument=InstrumentId(order.instrument),
            side=order.side,
            quantity=order.quantity,
            order_type=order.order_type,
            product=order.product,
            price=order.price,
            trigger_price=order.trigger_price,
            validity=order.validity,
            tag=order.tag,
        ),
        at_ns=at_ns,
        status=status,
        filled=filled,
        price=order.average_price or order.price,
        message=order.message,
    )


class _Naming:
    """Says whose seed it was that the exchange would not have."""

    def __init__(self, user: SandboxUser, what: str, instrument: str) -> None:
        self._where = f"users.{what}"
        self._whose = f"{instrument} of {user.user_id}"

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, Refused | InvalidValue):
            text = error.message if isinstance(error, Refused) else error.cause
            raise InvalidValue(
                self._where,
                f"{self._whose}: {text}",
                "Correct that entry, or start a world that lists it (--universe).",
            ) from error
