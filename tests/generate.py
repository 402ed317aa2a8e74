"""Random values of any type of the domain, for property tests."""

import types
import typing
from decimal import Decimal
from enum import Enum

import msgspec
from hypothesis import strategies as st

from patang.domain.instrument import Instrument
from patang.domain.messages import CorporateAction, RiskLimits, RunSpec
from tests.builders import INSTRUMENTS, spec

INT64 = st.integers(-(2**63), 2**63 - 1)
TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=12)
DECIMALS = st.decimals(allow_nan=False, allow_infinity=False)
AMOUNTS = st.decimals("0.01", 10**9, places=2)

_SPECIAL: dict[object, st.SearchStrategy[typing.Any]] = {
    int: INT64,
    float: st.floats(allow_nan=False, allow_infinity=False),
    bool: st.booleans(),
    str: TEXT,
    Decimal: DECIMALS,
    type(None): st.none(),
    Instrument: st.sampled_from(INSTRUMENTS),
    RiskLimits: st.builds(
        RiskLimits,
        max_order_value=AMOUNTS,
        max_position_value=AMOUNTS,
        max_daily_loss=AMOUNTS,
        max_orders_per_second=st.integers(1, 100),
    ),
    CorporateAction: st.builds(
        CorporateAction,
        at_ns=INT64,
        instrument=TEXT,
        new_units=st.integers(1, 1_000),
        old_units=st.integers(1, 1_000),
        dividend=AMOUNTS,
    ),
    RunSpec: st.builds(spec, run_id=TEXT, max_working_ns=INT64, opening_cash=DECIMALS),
}


def anything(kind: typing.Any) -> st.SearchStrategy[typing.Any]:
    """Any value of a type: structs field by field, unions, tuples, enums, literals, NewTypes."""
    if kind in _SPECIAL:
        return _SPECIAL[kind]
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        return st.one_of([anything(each) for each in arguments])
    if origin is typing.Literal:
        return st.sampled_from(arguments)
    if origin is dict:
        return st.dictionaries(*[anything(each) for each in arguments], max_size=3)
    if origin is tuple:
        return st.lists(anything(arguments[0]), max_size=3).map(tuple)
    if origin is dict:
        return st.dictionaries(anything(arguments[0]), anything(arguments[1]), max_size=3)
    if isinstance(kind, typing.NewType):
        return anything(kind.__supertype__)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return st.sampled_from(list(kind))
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        fields = {field.name: anything(field.type) for field in msgspec.structs.fields(kind)}
        return st.builds(kind, **fields)
    raise TypeError(kind)
