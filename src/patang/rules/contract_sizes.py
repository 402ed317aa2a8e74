"""Lots, freeze quantities and units of contracts, dated, and what kind of contract a name means.

>>> lot_size(Exchange.NFO, "NIFTY", date(2025, 12, 31)), lot_size("NFO", "NIFTY", date(2026, 1, 1))
(75, 65)
>>> commodity("CRUDEOIL").multiplier
100
"""

from datetime import date
from decimal import Decimal
from enum import StrEnum
from functools import cache
from typing import Literal

import msgspec

from patang.domain.enums import Exchange, InstrumentType
from patang.rules.reader import read_table

CommodityHours = Literal["other", "agri", "international_agri"]
"""Which of the commodity exchanges' trading hours a commodity has."""


class ContractKind(StrEnum):
    """What a contract is to the rules of ticks, bands and price protection."""

    SHARE = "share"
    INDEX_FUTURE = "index_future"
    SHARE_FUTURE = "share_future"
    INDEX_OPTION = "index_option"
    SHARE_OPTION = "share_option"
    CURRENCY = "currency"
    COMMODITY = "commodity"


class Commodity(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One commodity's contract. Source: MCX contract specifications.

    ``multiplier`` is units of the quoted price in a lot, ``tick`` rupees, ``band`` percent of the
    previous close a day, ``freeze`` lots.
    """

    name: str
    multiplier: int
    tick: Decimal
    band: Decimal
    freeze: int
    hours: CommodityHours = "other"


class _Lot(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    effective_from: date
    lots: dict[str, int]


class _Freeze(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    effective_from: date
    units: dict[str, int]


class _Currency(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    freeze_lots: int
    units: dict[str, int]


class _Contracts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    lot: list[_Lot]
    freeze: list[_Freeze]
    currency: _Currency
    commodity: list[Commodity]


@cache
def _contracts() -> _Contracts:
    return read_table("contracts", _Contracts)


@cache
def _commodities() -> dict[str, Commodity]:
    return {one.name: one for one in _contracts().commodity}


@cache
def index_names() -> tuple[str, ...]:
    """Names of the indices with derivatives, as contracts carry them (NIFTY, BANKNIFTY, ...)."""
    return tuple(dict.fromkeys(name for row in _contracts().lot for name in row.lots))


def commodity(name: str) -> Commodity | None:
    """A commodity by the name its contracts carry; None for one that the table does not know."""
    return _commodities().get(name)


def commodity_names() -> tuple[str, ...]:
    """All commodities of the table."""
    return tuple(_commodities())


def contract_kind(exchange: Exchange, instrument_type: InstrumentType, name: str) -> ContractKind:
    """What kind of contract this is; ``name`` is the underlying's, as in the instruments dump."""
    if exchange in (Exchange.CDS, Exchange.BCD):
        return ContractKind.CURRENCY
    if exchange in (Exchange.MCX, Exchange.NCO):
        return ContractKind.COMMODITY
    if instrument_type is InstrumentType.EQ:
        return ContractKind.SHARE
    is_index = name in index_names()
    if instrument_type is InstrumentType.FUT:
        return ContractKind.INDEX_FUTURE if is_index else ContractKind.SHARE_FUTURE
    return ContractKind.INDEX_OPTION if is_index else ContractKind.SHARE_OPTION


def lot_size(exchange: Exchange | str, name: str, on: date) -> int | None:
    """Units in a lot of a contract on ``name``; None where only the instruments dump knows.

    Shares trade singly. Commodities are ordered in lots, so theirs is 1. Source: NSE/FAOP/70616.
    """
    match Exchange(exchange):
        case Exchange.NSE | Exchange.BSE | Exchange.MCX | Exchange.NCO:
            return 1
        case Exchange.CDS | Exchange.BCD:
            return _contracts().currency.units.get(name)
        case Exchange.NFO | Exchange.BFO:
            rows = [row for row in _contracts().lot if row.effective_from <= on]
            return next((row.lots[name] for row in reversed(rows) if name in row.lots), None)


def freeze_quantity(exchange: Exchange | str, name: str, on: date) -> int | None:
    """Most units (lots on MCX and NCO) that one order may have; None where no limit is known.

    Source: NSE/FAOP/75521, the exchanges' monthly quantity freeze lists.
    """
    match Exchange(exchange):
        case Exchange.NSE | Exchange.BSE:
            return None
        case Exchange.CDS | Exchange.BCD:
            unit = _contracts().currency.units.get(name)
            return None if unit is None else unit * _contracts().currency.freeze_lots
        case Exchange.MCX | Exchange.NCO:
            known = commodity(name)
            return None if known is None else known.freeze
        case Exchange.NFO | Exchange.BFO:
            rows = [row for row in _contracts().freeze if row.effective_from <= on]
            return next((row.units[name] for row in reversed(rows) if name in row.units), None)
