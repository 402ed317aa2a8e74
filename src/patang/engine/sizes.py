"""Limits of size: of one order, of the position it makes, and of several positions together."""

from decimal import Decimal

import msgspec

from patang.domain.enums import Side
from patang.domain.limits import RiskLimits, ScopeLimits
from patang.domain.money import ZERO
from patang.domain.order import OrderIntent
from patang.engine.exposure import Line
from patang.engine.refusals import Found, Refusal


def order_found(
    limits: RiskLimits | ScopeLimits, where: str, intent: OrderIntent, line: Line, unit: Decimal
) -> Found:
    """The order, and the position it would make if everything on its side filled."""
    value, most = unit * intent.quantity, limits.max_order_value
    if most is not None and value > most:
        return Refusal.MAX_ORDER_VALUE, f"{where}order value {value}, limit {most}."
    count = limits.max_order_quantity
    if count is not None and intent.quantity > count:
        return Refusal.MAX_ORDER_QUANTITY, f"{where}quantity {intent.quantity}, limit {count}."
    units = abs(line.held + line.buys if intent.side is Side.BUY else line.held - line.sells)
    value, most = units * unit, limits.max_position_value
    if most is not None and value > most:
        return Refusal.MAX_POSITION_VALUE, f"{where}position value {value}, limit {most}."
    count = limits.max_position_quantity
    if count is not None and units > count:
        return Refusal.MAX_POSITION_QUANTITY, f"{where}position of {units}, limit {count}."
    return None


def sums_found(limits: RiskLimits | ScopeLimits, where: str, lines: tuple[Line, ...]) -> Found:
    """All positions of a scope together."""
    count = limits.max_open_positions
    if count is not None:
        open_lines = sum(1 for line in lines if line.units_max)
        if open_lines > count:
            return Refusal.MAX_OPEN_POSITIONS, f"{where}{open_lines} positions, limit {count}."
    most = limits.max_gross_value
    if most is not None:
        gross = sum((line.units_max * line.unit_value for line in lines), ZERO)
        if gross > most:
            return Refusal.MAX_GROSS_VALUE, f"{where}gross value {gross}, limit {most}."
    return None


def group_found(
    scope: ScopeLimits, where: str, intent: OrderIntent, lines: tuple[Line, ...], unit: Decimal
) -> Found:
    """Several contracts on one underlying count as one position, gross."""
    units = sum(line.units_max for line in lines)
    value = sum((line.units_max * line.unit_value for line in lines), ZERO)
    order = msgspec.structs.replace(scope, max_position_value=None, max_position_quantity=None)
    found = order_found(order, where, intent, lines[0], unit) or sums_found(scope, where, lines)
    if found is not None:
        return found
    most, count = scope.max_position_value, scope.max_position_quantity
    if most is not None and value > most:
        return Refusal.MAX_POSITION_VALUE, f"{where}position value {value}, limit {most}."
    if count is not None and units > count:
        return Refusal.MAX_POSITION_QUANTITY, f"{where}position of {units}, limit {count}."
    return None


def with_line(lines: tuple[Line, ...], line: Line) -> tuple[Line, ...]:
    """``lines`` with the one of its instrument replaced, or added."""
    others = tuple(each for each in lines if each.instrument.id != line.instrument.id)
    return (*others, line)
