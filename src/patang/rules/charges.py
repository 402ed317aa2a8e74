"""What a trade costs beyond its price: brokerage, taxes and fees, for estimate and contract note.

Three forms of one table: ``order_charges`` exact and additive (the engine's books),
``api_form`` as Kite's ``/charges/orders`` states them, and ``contract_note.contract_note`` as a
day is settled.
"""

from datetime import date
from decimal import Decimal

import msgspec

from patang.domain.enums import Exchange, Product, Side
from patang.domain.errors import InvalidValue
from patang.domain.instrument import Instrument
from patang.domain.money import ZERO, to_paisa, to_rupee
from patang.rules.charge_table import Rates, fixed_fee, gst_on, mtf_interest_on, rates_for
from patang.rules.ist import ist_date

_BY_NAME = (Exchange.BFO, Exchange.MCX, Exchange.NCO)


class Charges(msgspec.Struct, frozen=True, kw_only=True):
    """Rupees charged. ``transaction_tax`` is STT or CTT, ``exchange_fee`` includes IPFT."""

    brokerage: Decimal = ZERO
    transaction_tax: Decimal = ZERO
    exchange_fee: Decimal = ZERO
    sebi_fee: Decimal = ZERO
    stamp_duty: Decimal = ZERO
    gst: Decimal = ZERO

    def __add__(self, other: "Charges") -> "Charges":
        return Charges(
            brokerage=self.brokerage + other.brokerage,
            transaction_tax=self.transaction_tax + other.transaction_tax,
            exchange_fee=self.exchange_fee + other.exchange_fee,
            sebi_fee=self.sebi_fee + other.sebi_fee,
            stamp_duty=self.stamp_duty + other.stamp_duty,
            gst=self.gst + other.gst,
        )

    def __sub__(self, other: "Charges") -> "Charges":
        return Charges(
            brokerage=self.brokerage - other.brokerage,
            transaction_tax=self.transaction_tax - other.transaction_tax,
            exchange_fee=self.exchange_fee - other.exchange_fee,
            sebi_fee=self.sebi_fee - other.sebi_fee,
            stamp_duty=self.stamp_duty - other.stamp_duty,
            gst=self.gst - other.gst,
        )

    @property
    def total(self) -> Decimal:
        """The sum of all parts."""
        return (
            self.brokerage
            + self.transaction_tax
            + self.exchange_fee
            + self.sebi_fee
            + self.stamp_duty
            + self.gst
        )


def order_charges(
    instrument: Instrument,
    product: Product,
    side: Side,
    quantity: int,
    price: Decimal,
    on: date | int,
    *,
    group: str = "",
) -> Charges:
    """The exact charges, unrounded, of one executed order at its average price.

    For a partly filled order take all it has traded so far and subtract what was charged before:
    brokerage is per order, not per fill. ``on`` is the day in India, or a UTC instant in
    nanoseconds. ``group`` is a BSE share's group.
    Source: formulas of Kite Connect's ``/charges/orders`` (GST is not levied on the IPFT part).

    Raises:
        InvalidValue: a negative quantity or price, or a product that is not traded there.
        RateUnknown: the charges table begins after ``on``.
    """
    if quantity < 0:
        raise InvalidValue("quantity", f"{quantity} is negative.")
    if price < 0:
        raise InvalidValue("price", f"{price} is negative.")
    rates = rates_of_order(instrument, product, group, ist_date(on) if isinstance(on, int) else on)
    if not quantity:
        return Charges()
    value = price * quantity * instrument.multiplier
    brokerage = brokerage_of(rates, value)
    exchange_fee = value * rates.exchange_fee
    sebi_fee = value * rates.sebi_fee
    is_buy = side is Side.BUY
    return Charges(
        brokerage=brokerage,
        transaction_tax=value * (rates.buy_tax if is_buy else rates.sell_tax),
        exchange_fee=exchange_fee + value * rates.ipft,
        sebi_fee=sebi_fee,
        stamp_duty=value * rates.stamp_duty if is_buy else ZERO,
        gst=(brokerage + exchange_fee + sebi_fee) * rates.gst,
    )


def api_form(charges: Charges) -> Charges:
    """``order_charges`` as Kite's API states them: unrounded, but stamp duty to the rupee.

    Source: kiteconnect-mocks, order margins (stamp duty 0 on a purchase for 560 rupees).
    """
    return msgspec.structs.replace(charges, stamp_duty=to_rupee(charges.stamp_duty))


def round_to_paisa(charges: Charges) -> Charges:
    """Each part to two decimals, half up: for people to read, not for settlement."""
    return Charges(
        brokerage=to_paisa(charges.brokerage),
        transaction_tax=to_paisa(charges.transaction_tax),
        exchange_fee=to_paisa(charges.exchange_fee),
        sebi_fee=to_paisa(charges.sebi_fee),
        stamp_duty=to_paisa(charges.stamp_duty),
        gst=to_paisa(charges.gst),
    )


def exercise_tax(instrument: Instrument, intrinsic_value: Decimal, on: date) -> Decimal:
    """STT, unrounded, that the buyer of an option pays when it is exercised; rupees."""
    return intrinsic_value * rates_of_order(instrument, Product.NRML, "", on).exercise_tax


def depository_charge(on: date, *, first_holder_is_woman: bool = False) -> Decimal:
    """Rupees, with GST, for a day's sale of one ISIN out of holdings, however many sales."""
    name = "depository_woman" if first_holder_is_woman else "depository"
    return fee_with_gst(name, on)


def fee_with_gst(name: str, on: date) -> Decimal:
    """A charge outside the contract note, with GST; raises ``InvalidValue`` with the names."""
    return fixed_fee(name, on) * (1 + gst_on(on))


def mtf_interest(funded: Decimal, days: int, on: date) -> Decimal:
    """Interest in rupees on a funded amount for calendar days from T+1, weekends included."""
    return funded * days * mtf_interest_on(on)


def rates_of_order(instrument: Instrument, product: Product, group: str, on: date) -> Rates:
    """The day's rates for an order; raises as ``order_charges`` does."""
    # A BSE option's fee and a commodity's taxes depend on the underlying; elsewhere the name would
    # only fill the cache.
    only = instrument.name if instrument.exchange in _BY_NAME else group
    return rates_for(instrument.exchange, instrument.instrument_type, product, only, on)


def brokerage_of(rates: Rates, value: Decimal) -> Decimal:
    """Rupees of brokerage, unrounded, on one executed order of this value."""
    if rates.brokerage_flat:
        return rates.brokerage_flat
    brokerage = value * rates.brokerage
    return brokerage if brokerage < rates.brokerage_cap else rates.brokerage_cap
