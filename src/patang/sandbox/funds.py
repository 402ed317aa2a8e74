"""A few mutual funds that nobody ever launched, and what each user holds of them.

Everything follows from the world's seed, the user's id and the day: no fund house, scheme, ISIN or
folio here is anybody's. Source of the forms: Kite Connect v3, mutual funds.
"""

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

import msgspec

from patang.rules.ist import NS_PER_DAY, at_ist, ist_date
from patang.sandbox.rows.numbers import json_number
from patang.simulator.worlds.seeded import SeededSource
from patang.wire.mf_forms import MfOrderForm, MfSipChange, MfSipForm
from patang.wire.mf_instruments import MfInstrument
from patang.wire.rows import MfHoldingRow, MfOrderRow, MfSipRow, MfTradeRow
from patang.wire.times import format_ist

LISTED_NS = 7 * NS_PER_DAY
"""How long a fund order stays in the list; by its id it is found at any age."""

_HOUSES = ("Deodar", "Gulmohar", "Tamarind")
_UNITS = Decimal("0.001")
_NAV = Decimal("0.0001")
_SATURDAY = 5


class _Scheme(NamedTuple):
    name: str
    kind: str
    settlement: str
    nav: float
    daily_volatility: float


_SCHEMES = (
    _Scheme("Flexi Cap Fund", "equity", "T3", 84.0, 0.009),
    _Scheme("Nifty 50 Index Fund", "equity", "T3", 212.0, 0.008),
    _Scheme("Balanced Advantage Fund", "balanced", "T3", 41.0, 0.005),
    _Scheme("Liquid Fund", "liquid", "T1", 2_480.0, 0.0001),
)
_PLANS = (("direct", "growth"), ("regular", "payout"))


class _Life(msgspec.Struct):
    """One user's funds."""

    orders: dict[str, MfOrderRow]
    sips: dict[str, MfSipRow]
    trades: dict[str, list[MfTradeRow]]
    placed_ns: dict[str, int]


class FundDesk:
    """The funds of a world, and its users' orders, plans and holdings. Times are UTC ns."""

    def __init__(self, seed: int, start_ns: int) -> None:
        self._source = SeededSource(seed).split("funds")
        self._start_ns = start_ns
        self._lives: dict[str, _Life] = {}
        self._schemes: dict[str, _Scheme] = {}
        self._bare: list[MfInstrument] = []
        for house in _HOUSES:
            for scheme in _SCHEMES:
                for plan, dividend in _PLANS:
                    self._launch(house, scheme, plan, dividend)

    # --- the list -------------------------------------------------------------------------------

    def instruments(self, now_ns: int) -> list[MfInstrument]:
        """Every fund with its newest published price."""
        day = _last_valuation(now_ns)
        return [
            msgspec.structs.replace(
                one, last_price=self._nav(one.tradingsymbol, day), last_price_date=day.isoformat()
            )
            for one in self._bare
        ]

    def knows(self, isin: str) -> bool:
        """Whether there is such a fund."""
        return isin in self._schemes

    # --- what a user has ------------------------------------------------------------------------

    def orders(self, user_id: str, now_ns: int) -> list[MfOrderRow]:
        """The orders of the last seven days, the newest first."""
        life = self._life(user_id)
        return [
            order
            for order_id, order in reversed(life.orders.items())
            if life.placed_ns[order_id] > now_ns - LISTED_NS
        ]

    def order(self, user_id: str, order_id: str) -> MfOrderRow | None:
        """One order of any age."""
        return self._life(user_id).orders.get(order_id)

    def sips(self, user_id: str) -> list[MfSipRow]:
        """Systematic plans, the newest first."""
        return list(self._life(user_id).sips.values())[::-1]

    def sip(self, user_id: str, sip_id: str) -> MfSipRow | None:
        """One systematic plan."""
        return self._life(user_id).sips.get(sip_id)

    def holdings(self, user_id: str, now_ns: int) -> list[MfHoldingRow]:
        """What the user's trades add up to, at the newest prices."""
        day = _last_valuation(now_ns)
        return [
            self._holding(isin, trades, day) for isin, trades in self._life(user_id).trades.items()
        ]

    def trades(self, user_id: str, isin: str) -> list[MfTradeRow] | None:
        """The purchases behind one holding; None where the fund is not held."""
        return self._life(user_id).trades.get(isin)

    def allotments(self, user_id: str) -> list[str]:
        """ISINs of the funds that were allotted."""
        return list(self._life(user_id).trades)

    # --- what a user asks for, where the broker lets it in --------------------------------------

    def place(self, user_id: str, form: MfOrderForm, now_ns: int) -> str:
        """Take an order, which then waits for the day's price; its id."""
        life = self._life(user_id)
        order_id = _uuid(self._source.split(f"{user_id}/order/{len(life.orders)}"))
        self._add_order(
            user_id,
            life,
            order_id,
            form.tradingsymbol,
            now_ns,
            status="OPEN",
            transaction_type=form.transaction_type.value,
            amount=json_number(form.amount or Decimal(0)),
            quantity=json_number(form.quantity or Decimal(0)),
            purchase_type="ADDITIONAL" if form.tradingsymbol in life.trades else "FRESH",
            tag=form.tag,
        )
        return order_id

    def cancel(self, user_id: str, order: MfOrderRow) -> None:
        """Let an open order end."""
        ended = msgspec.structs.replace(order, status="CANCELLED")
        self._life(user_id).orders[order.order_id] = ended

    def start_sip(self, user_id: str, form: MfSipForm, now_ns: int) -> str:
        """Take a systematic plan; its id."""
        life = self._life(user_id)
        sip_id = _digits(self._source.split(f"{user_id}/sip/{len(life.sips)}"), 15)
        self._add_sip(
            life,
            sip_id,
            form.tradingsymbol,
            now_ns,
            amount=json_number(form.amount),
            instalments=form.instalments,
            frequency=form.frequency.value,
            instalment_day=form.instalment_day or 0,
            tag=form.tag,
        )
        return sip_id

    def change_sip(self, user_id: str, sip: MfSipRow, change: MfSipChange) -> None:
        """Let a plan be what the change says."""
        fields: dict[str, Any] = {}
        if change.amount is not None:
            fields["instalment_amount"] = json_number(change.amount)
        if change.status is not None:
            fields["status"] = change.status.value.upper()
        if change.instalments is not None:
            done = sip.completed_instalments or 0
            pending = change.instalments - done if change.instalments > 0 else -1
            fields |= {"instalments": change.instalments, "pending_instalments": pending}
        if change.frequency is not None:
            fields["frequency"] = change.frequency.value
        if change.instalment_day is not None:
            fields["instalment_day"] = change.instalment_day
        self._life(user_id).sips[sip.sip_id] = msgspec.structs.replace(sip, **fields)

    def end_sip(self, user_id: str, sip: MfSipRow) -> None:
        """Let a plan buy no more."""
        ended = msgspec.structs.replace(sip, status="CANCELLED", next_instalment=None)
        self._life(user_id).sips[sip.sip_id] = ended

    # --- making it up ---------------------------------------------------------------------------

    def _launch(self, house: str, scheme: _Scheme, plan: str, dividend: str) -> None:
        isin = _isin(self._source.split(f"{house}/{scheme.name}/{plan}"))
        self._schemes[isin] = scheme
        is_liquid = scheme.kind == "liquid"
        least = Decimal("500.0") if is_liquid else Decimal("100.0")
        self._bare.append(
            MfInstrument(
                tradingsymbol=isin,
                amc=f"{house}Sandbox_MF",
                name=f"{house} {scheme.name}{' - Direct Plan' if plan == 'direct' else ''}",
                purchase_allowed=True,
                redemption_allowed=True,
                minimum_purchase_amount=least,
                purchase_amount_multiplier=Decimal("1.0"),
                minimum_additional_purchase_amount=least,
                minimum_redemption_quantity=_UNITS,
                redemption_quantity_multiplier=_UNITS,
                dividend_type=dividend,
                scheme_type=scheme.kind,
                plan=plan,
                settlement_type=scheme.settlement,
                last_price=Decimal(0),
                last_price_date="",
            )
        )

    def _nav(self, isin: str, day: date) -> Decimal:
        """The price of a unit, published for a day."""
        scheme = self._schemes[isin]
        level = scheme.nav * (0.7 + 0.6 * self._source.split(f"{isin}/level").random())
        shock = self._source.split(f"{isin}/{day.isoformat()}").gauss(0.0, scheme.daily_volatility)
        return Decimal(str(level * (1.0 + shock))).quantize(_NAV)

    def _fund_name(self, isin: str) -> str:
        return next(one.name for one in self._bare if one.tradingsymbol == isin)

    def _life(self, user_id: str) -> _Life:
        life = self._lives.get(user_id)
        if life is None:
            life = self._lives[user_id] = self._make_life(user_id)
        return life

    def _make_life(self, user_id: str) -> _Life:
        source = self._source.split(f"user/{user_id}")
        life = _Life(orders={}, sips={}, trades={}, placed_ns={})
        direct = [one.tradingsymbol for one in self._bare if one.plan == "direct"]
        first = source.randrange(len(direct))
        held = [direct[(first + step) % len(direct)] for step in (0, 1, 3)]
        today = ist_date(self._start_ns)
        for isin in held:
            folio = _digits(source, 10)
            bought = [_weekday(today - timedelta(days=days)) for days in (330, 150, 40)]
            life.trades[isin] = [self._purchase(isin, folio, day, source) for day in bought]
        self._seed_orders(user_id, life, held, today, source)
        for isin, frequency, day in ((held[0], "monthly", 5), (held[1], "weekly", 0)):
            created_ns = at_ist(_weekday(today - timedelta(days=200)), 10, 15, 42)
            self._add_sip(
                life,
                _digits(source, 15),
                isin,
                created_ns,
                amount=Decimal(1_000 * (1 + source.randrange(5))),
                instalments=-1 if frequency == "weekly" else 60,
                frequency=frequency,
                instalment_day=day,
                completed=6,
                tag=None,
            )
        return life

    def _purchase(self, isin: str, folio: str, day: date, source: SeededSource) -> MfTradeRow:
        nav = self._nav(isin, day)
        amount = Decimal(1_000 * (2 + source.randrange(20)))
        return MfTradeRow(
            fund=self._fund_name(isin),
            tradingsymbol=isin,
            average_price=json_number(nav),
            variety="regular",
            exchange_timestamp=day.isoformat(),
            amount=amount,
            folio=folio,
            quantity=json_number((amount / nav).quantize(_UNITS)),
        )

    def _seed_orders(
        self, user_id: str, life: _Life, held: Sequence[str], today: date, source: SeededSource
    ) -> None:
        for days, isin, status in (
            (40, held[0], "COMPLETE"),
            (5, held[1], "REJECTED"),
            (3, held[2], "COMPLETE"),
        ):
            day = _weekday(today - timedelta(days=days))
            nav = self._nav(isin, day)
            amount = Decimal(1_000 * (1 + source.randrange(9)))
            is_done = status == "COMPLETE"
            self._add_order(
                user_id,
                life,
                _uuid(source),
                isin,
                at_ist(day, 11, 5, 7),
                status=status,
                transaction_type="BUY",
                amount=amount,
                quantity=json_number((amount / nav).quantize(_UNITS)) if is_done else Decimal(0),
                average_price=json_number(nav) if is_done else Decimal(0),
                exchange_order_id=_digits(source, 9),
                exchange_timestamp=day.isoformat(),
                settlement_id=_digits(source, 7),
                folio=life.trades[isin][0].folio if is_done else None,
                purchase_type="ADDITIONAL",
                status_message=None if is_done else "Insufficient balance.",
            )

    def _add_order(
        self, user_id: str, life: _Life, order_id: str, isin: str, at_ns: int, **fields: Any
    ) -> None:
        day = _last_valuation(at_ns)
        life.placed_ns[order_id] = at_ns
        life.orders[order_id] = MfOrderRow(
            order_id=order_id,
            tradingsymbol=isin,
            fund=self._fund_name(isin),
            order_timestamp=format_ist(at_ns),
            last_price=json_number(self._nav(isin, day)),
            last_price_date=day.isoformat(),
            placed_by=user_id,
            **fields,
        )

    def _add_sip(
        self,
        life: _Life,
        sip_id: str,
        isin: str,
        created_ns: int,
        *,
        amount: Decimal,
        instalments: int,
        frequency: str,
        instalment_day: int,
        tag: str | None,
        completed: int = 0,
    ) -> None:
        next_day = ist_date(max(created_ns, self._start_ns)) + timedelta(days=7)
        if instalment_day:
            # Monthly and quarterly plans buy on their day of the month, at most the 28th.
            month = next_day.replace(day=1) + timedelta(days=31)
            next_day = month.replace(day=instalment_day)
        life.sips[sip_id] = MfSipRow(
            sip_id=sip_id,
            status="ACTIVE",
            sip_reg_num=None,
            pending_instalments=instalments - completed if instalments > 0 else -1,
            created=format_ist(created_ns),
            step_up={},
            dividend_type="growth",
            instalment_amount=amount,
            tag=tag,
            instalments=instalments,
            next_instalment=next_day.isoformat(),
            transaction_type="BUY",
            trigger_price=Decimal(0),
            fund=self._fund_name(isin),
            tradingsymbol=isin,
            frequency=frequency,
            last_instalment=format_ist(created_ns) if completed else None,
            instalment_day=instalment_day,
            sip_type="sip",
            fund_source="pool",
            completed_instalments=completed,
        )

    def _holding(self, isin: str, trades: Sequence[MfTradeRow], day: date) -> MfHoldingRow:
        units = sum((one.quantity for one in trades), Decimal(0))
        cost = sum((one.quantity * one.average_price for one in trades), Decimal(0))
        nav = self._nav(isin, day)
        return MfHoldingRow(
            folio=trades[0].folio,
            average_price=json_number(cost / units),
            last_price=json_number(nav),
            last_price_date=day.isoformat(),
            pledged_quantity=Decimal(0),
            fund=self._fund_name(isin),
            tradingsymbol=isin,
            pnl=json_number(units * nav - cost),
            quantity=json_number(units),
        )


def _last_valuation(now_ns: int) -> date:
    """The newest day whose prices are out: they follow in the night after it."""
    return _weekday(ist_date(now_ns) - timedelta(days=1))


def _weekday(day: date) -> date:
    """This day, or the Friday before a weekend."""
    return day - timedelta(days=max(0, day.weekday() - _SATURDAY + 1))


def _digits(source: SeededSource, count: int) -> str:
    return str(1 + source.randrange(9)) + "".join(
        str(source.randrange(10)) for _ in range(count - 1)
    )


def _isin(source: SeededSource) -> str:
    """A code in the form of an ISIN, check digit and all. ``INFS`` is no fund house's."""
    alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    body = "INFS" + "".join(source.choice(alphabet) for _ in range(7))
    digits = "".join(str(int(letter, 36)) for letter in body)
    # Luhn's sum: every second digit from the right counts double.
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + (place % 2 == 0))
        total += value // 10 + value % 10
    return f"{body}{-total % 10}"


def _uuid(source: SeededSource) -> str:
    digits = "".join(source.choice("0123456789abcdef") for _ in range(32))
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"
