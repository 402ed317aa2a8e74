"""The client's calls on positions and holdings."""

from collections.abc import Iterable, Mapping
from typing import Any

from patang.domain.enums import Exchange, Product, Side
from patang.domain.errors import InvalidValue
from patang.kite.endpoint_calls import EndpointCalls
from patang.kite.parameters import word
from patang.wire.portfolio_forms import (
    AuthorisationForm,
    ConversionForm,
    PositionType,
    authorisation_to_form,
    conversion_to_form,
)
from patang.wire.rows import (
    AuctionInstrumentRow,
    CompactHoldingRow,
    HoldingRow,
    HoldingsAuthorisation,
    HoldingsSummaryRow,
    Positions,
)


class PortfolioCalls(EndpointCalls):
    """What is held, and how it is carried."""

    _login_root: str

    async def positions(self) -> Positions:
        """Net and day positions."""
        return await self._call("positions", Positions)

    async def convert_position(
        self,
        exchange: Exchange | str,
        tradingsymbol: str,
        transaction_type: Side | str,
        position_type: PositionType | str,
        quantity: int,
        old_product: Product | str,
        new_product: Product | str,
    ) -> bool:
        """Carry a position as another product; BUY for a long one, SELL for a short one."""
        form = ConversionForm(
            exchange=word(Exchange, "exchange", exchange),
            tradingsymbol=tradingsymbol,
            transaction_type=word(Side, "transaction_type", transaction_type),
            position_type=word(PositionType, "position_type", position_type),
            quantity=quantity,
            old_product=word(Product, "old_product", old_product),
            new_product=word(Product, "new_product", new_product),
        )
        return await self._call("convert_position", bool, parameters=conversion_to_form(form))

    async def holdings(self) -> list[HoldingRow]:
        """What lies in the demat account."""
        return await self._call("holdings", list[HoldingRow])

    async def holdings_summary(self) -> HoldingsSummaryRow:
        """Totals of the holdings as the broker adds them up; not on Kite's pages."""
        return await self._call("holdings_summary", HoldingsSummaryRow)

    async def holdings_compact(self) -> list[CompactHoldingRow]:
        """What is held and how many, nothing else; not on Kite's pages."""
        return await self._call("holdings_compact", list[CompactHoldingRow])

    async def get_auction_instruments(self) -> list[AuctionInstrumentRow]:
        """Holdings that can be sold in an auction session."""
        return await self._call("get_auction_instruments", list[AuctionInstrumentRow])

    async def holdings_authorise(
        self,
        holdings: Iterable[Mapping[str, Any] | tuple[str, int]] = (),
        *,
        type: str | None = None,
        transfer_type: str | None = None,
        exec_date: str | None = None,
    ) -> HoldingsAuthorisation:
        """Ask for authorisation at the depository; none given means all holdings.

        A holding is ``(isin, quantity)`` or a dict of the two. The user then has to open
        ``holdings_authorisation_url`` in a browser.
        """
        form = AuthorisationForm(
            holdings=tuple(_isin_and_quantity(holding) for holding in _listed(holdings)),
            type=type,
            transfer_type=transfer_type,
            exec_date=exec_date,
        )
        return await self._call(
            "holdings_authorise", HoldingsAuthorisation, parameters=authorisation_to_form(form)
        )

    def holdings_authorisation_url(self, request_id: str) -> str:
        """Where the user grants what ``holdings_authorise`` asked for."""
        root = self._login_root.removesuffix("/login")
        return f"{root}/portfolio/authorise/holdings/{self._caller.api_key}/{request_id}"


def _listed(holdings: object) -> Iterable[object]:
    if isinstance(holdings, str | bytes | Mapping) or not isinstance(holdings, Iterable):
        raise InvalidValue("holdings", f"{holdings!r} is no list.")
    return holdings


def _isin_and_quantity(holding: Any) -> tuple[str, int]:
    if isinstance(holding, Mapping):
        for name in ("isin", "quantity"):
            if name not in holding:
                raise InvalidValue(f"holdings.{name}", "is missing.")
        return holding["isin"], holding["quantity"]
    if not isinstance(holding, tuple | list) or len(holding) != 2:
        raise InvalidValue("holdings", f"{holding!r} is not (isin, quantity).")
    isin, quantity = holding
    return isin, quantity
