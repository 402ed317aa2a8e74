"""The client's calls that calculate margins and charges; they change nothing."""

from collections.abc import Mapping, Sequence
from typing import Any

from patang.kite.endpoint_calls import EndpointCalls, T
from patang.kite.parameters import optional_word
from patang.wire.form_fields import check_flag, encode_json, form_text
from patang.wire.margin_forms import ChargeOrder, MarginMode, MarginOrder, calculation_orders
from patang.wire.rows import BasketMarginRow, OrderChargesRow, OrderMarginRow


class MarginCalls(EndpointCalls):
    """What orders would block and cost. ``params`` are dicts or structs of ``margin_forms``."""

    async def order_margins(
        self,
        params: Sequence[MarginOrder | Mapping[str, Any]],
        mode: MarginMode | str | None = None,
    ) -> list[OrderMarginRow]:
        """The margin of each order, positions and open orders considered."""
        return await self._calculate(
            "order_margins", list[OrderMarginRow], params, MarginOrder, _mode(mode)
        )

    async def basket_order_margins(
        self,
        params: Sequence[MarginOrder | Mapping[str, Any]],
        consider_positions: bool = True,
        mode: MarginMode | str | None = None,
    ) -> BasketMarginRow:
        """The margin of orders together, with the benefit of spreads."""
        query = {
            "consider_positions": form_text(check_flag("consider_positions", consider_positions))
        } | _mode(mode)
        return await self._calculate(
            "basket_order_margins", BasketMarginRow, params, MarginOrder, query
        )

    async def get_virtual_contract_note(
        self, params: Sequence[ChargeOrder | Mapping[str, Any]]
    ) -> list[OrderChargesRow]:
        """The charges of executed orders, in their order."""
        return await self._calculate(
            "get_virtual_contract_note", list[OrderChargesRow], params, ChargeOrder, {}
        )

    async def _calculate(
        self,
        name: str,
        answer: type[T],
        params: Sequence[MarginOrder | ChargeOrder | Mapping[str, Any]],
        kind: type[MarginOrder] | type[ChargeOrder],
        query: dict[str, str],
    ) -> T:
        content = encode_json(calculation_orders(params, kind))
        return await self._call(name, answer, parameters=query, content=content)


def _mode(mode: MarginMode | str | None) -> dict[str, str]:
    chosen = optional_word(MarginMode, "mode", mode)
    return {} if chosen is None else {"mode": chosen.value}
