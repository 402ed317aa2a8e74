"""The client's calls on mutual funds.

The broker has closed the ones that place or change anything (Kite's pages call mutual funds
read-only), so expect a refusal; they stay because the routes do.
"""

from typing import overload

from patang.domain.enums import Side
from patang.kite.endpoint_calls import EndpointCalls
from patang.kite.parameters import Rupees, amount, optional_word, rupees, unless_zero, word
from patang.wire.mf_forms import (
    MfOrderForm,
    MfSipChange,
    MfSipForm,
    SipFrequency,
    SipStatus,
    mf_to_form,
)
from patang.wire.mf_instruments import MfInstrument, decode_mf_instruments_csv
from patang.wire.rows import (
    MfHoldingRow,
    MfOrderAck,
    MfOrderRow,
    MfSipAck,
    MfSipRow,
    MfTradeRow,
)


class FundCalls(EndpointCalls):
    """Mutual funds: orders, systematic plans (SIP), holdings."""

    @overload
    async def mf_orders(self, order_id: None = None) -> list[MfOrderRow]: ...
    @overload
    async def mf_orders(self, order_id: str) -> MfOrderRow: ...
    async def mf_orders(self, order_id: str | None = None) -> list[MfOrderRow] | MfOrderRow:
        """Fund orders of the last seven days, or one of any age."""
        if order_id is None:
            return await self._call("mf_orders", list[MfOrderRow])
        return await self._call("mf_order", MfOrderRow, {"order_id": order_id})

    async def place_mf_order(
        self,
        tradingsymbol: str,
        transaction_type: Side | str,
        quantity: Rupees | None = None,
        amount: Rupees | None = None,
        tag: str | None = None,
    ) -> MfOrderAck:
        """Closed by the broker. Buy for an ``amount``, or redeem a ``quantity``, of an ISIN."""
        form = MfOrderForm(
            tradingsymbol=tradingsymbol,
            transaction_type=word(Side, "transaction_type", transaction_type),
            quantity=unless_zero(rupees("quantity", quantity)),
            amount=unless_zero(rupees("amount", amount)),
            tag=tag,
        )
        return await self._call("place_mf_order", MfOrderAck, parameters=mf_to_form(form))

    async def cancel_mf_order(self, order_id: str) -> MfOrderAck:
        """Closed by the broker. Cancel a fund order."""
        return await self._call("cancel_mf_order", MfOrderAck, {"order_id": order_id})

    @overload
    async def mf_sips(self, sip_id: None = None) -> list[MfSipRow]: ...
    @overload
    async def mf_sips(self, sip_id: str) -> MfSipRow: ...
    async def mf_sips(self, sip_id: str | None = None) -> list[MfSipRow] | MfSipRow:
        """Systematic plans, all or one."""
        if sip_id is None:
            return await self._call("mf_sips", list[MfSipRow])
        return await self._call("mf_sip", MfSipRow, {"sip_id": sip_id})

    async def place_mf_sip(
        self,
        tradingsymbol: str,
        amount: Rupees,
        instalments: int,
        frequency: SipFrequency | str,
        initial_amount: Rupees | None = None,
        instalment_day: int | None = None,
        tag: str | None = None,
    ) -> MfSipAck:
        """Closed by the broker. Start a systematic plan; ``instalments`` -1 is endless."""
        form = MfSipForm(
            tradingsymbol=tradingsymbol,
            amount=_exact("amount", amount),
            instalments=instalments,
            frequency=word(SipFrequency, "frequency", frequency),
            initial_amount=unless_zero(rupees("initial_amount", initial_amount)),
            instalment_day=unless_zero(instalment_day),
            tag=tag,
        )
        return await self._call("place_mf_sip", MfSipAck, parameters=mf_to_form(form))

    async def modify_mf_sip(
        self,
        sip_id: str,
        amount: Rupees | None = None,
        status: SipStatus | str | None = None,
        instalments: int | None = None,
        frequency: SipFrequency | str | None = None,
        instalment_day: int | None = None,
    ) -> MfSipAck:
        """Closed by the broker. Change a systematic plan; None leaves a field as it is."""
        form = MfSipChange(
            amount=rupees("amount", amount),
            status=optional_word(SipStatus, "status", status),
            instalments=instalments,
            frequency=optional_word(SipFrequency, "frequency", frequency),
            instalment_day=instalment_day,
        )
        return await self._call("modify_mf_sip", MfSipAck, {"sip_id": sip_id}, mf_to_form(form))

    async def cancel_mf_sip(self, sip_id: str) -> MfSipAck:
        """Closed by the broker. Cancel a systematic plan."""
        return await self._call("cancel_mf_sip", MfSipAck, {"sip_id": sip_id})

    async def mf_holdings(self) -> list[MfHoldingRow]:
        """Fund holdings."""
        return await self._call("mf_holdings", list[MfHoldingRow])

    async def mf_holding_trades(self, isin: str) -> list[MfTradeRow]:
        """The purchases and sales behind one holding; not on Kite's pages."""
        return await self._call("mf_holding_trades", list[MfTradeRow], {"isin": isin})

    async def mf_instruments(self) -> list[MfInstrument]:
        """The funds that can be held; a raw client gives the CSV."""
        body = await self._call("mf_instruments", bytes)
        if self._is_raw:
            return body  # type: ignore[return-value]
        return decode_mf_instruments_csv(body)

    async def mf_allotments(self) -> list[str]:
        """ISINs of the funds that were allotted; not on Kite's pages."""
        return await self._call("mf_allotments", list[str])


_exact = amount
