"""The client's calls on price alerts."""

from collections.abc import Mapping
from typing import Any

from patang.domain.errors import InvalidValue
from patang.kite.endpoint_calls import EndpointCalls
from patang.kite.parameters import Rupees, rupees, word
from patang.wire.alert_forms import (
    LAST_PRICE,
    AlertForm,
    AlertOperator,
    AlertType,
    RhsType,
    alert_to_form,
)
from patang.wire.form_fields import check_text
from patang.wire.rows import AlertHistoryRow, AlertRow


class AlertCalls(EndpointCalls):
    """Alerts on a price, which may also place orders. The official Python client has none."""

    async def create_alert(
        self,
        name: str,
        lhs_exchange: str,
        lhs_tradingsymbol: str,
        operator: AlertOperator | str,
        rhs_constant: Rupees | None = None,
        *,
        type: AlertType | str = AlertType.SIMPLE,
        lhs_attribute: str = LAST_PRICE,
        rhs_type: RhsType | str = RhsType.CONSTANT,
        rhs_exchange: str | None = None,
        rhs_tradingsymbol: str | None = None,
        rhs_attribute: str | None = None,
        basket: Mapping[str, Any] | None = None,
    ) -> AlertRow:
        """Create an alert; of type ``ato`` it places the orders of ``basket`` when it fires.

        Raises:
            InvalidValue: a field holds what no alert may hold; nothing was sent.
        """
        form = alert_form(
            name=name,
            type=type,
            lhs_exchange=lhs_exchange,
            lhs_tradingsymbol=lhs_tradingsymbol,
            lhs_attribute=lhs_attribute,
            operator=operator,
            rhs_type=rhs_type,
            rhs_constant=rhs_constant,
            rhs_exchange=rhs_exchange,
            rhs_tradingsymbol=rhs_tradingsymbol,
            rhs_attribute=rhs_attribute,
            basket=basket,
        )
        return await self._call("create_alert", AlertRow, parameters=alert_to_form(form))

    async def modify_alert(
        self,
        uuid: str,
        name: str,
        lhs_exchange: str,
        lhs_tradingsymbol: str,
        operator: AlertOperator | str,
        rhs_constant: Rupees | None = None,
        *,
        type: AlertType | str = AlertType.SIMPLE,
        lhs_attribute: str = LAST_PRICE,
        rhs_type: RhsType | str = RhsType.CONSTANT,
        rhs_exchange: str | None = None,
        rhs_tradingsymbol: str | None = None,
        rhs_attribute: str | None = None,
        basket: Mapping[str, Any] | None = None,
    ) -> AlertRow:
        """Replace an alert by what is given here, all of it; raises as ``create_alert``."""
        form = alert_form(
            name=name,
            type=type,
            lhs_exchange=lhs_exchange,
            lhs_tradingsymbol=lhs_tradingsymbol,
            lhs_attribute=lhs_attribute,
            operator=operator,
            rhs_type=rhs_type,
            rhs_constant=rhs_constant,
            rhs_exchange=rhs_exchange,
            rhs_tradingsymbol=rhs_tradingsymbol,
            rhs_attribute=rhs_attribute,
            basket=basket,
        )
        return await self._call("modify_alert", AlertRow, {"uuid": uuid}, alert_to_form(form))

    async def get_alerts(
        self, status: str | None = None, page: int | None = None, page_size: int | None = None
    ) -> list[AlertRow]:
        """The alerts, of one status (``enabled``, ``disabled``, ``deleted``) or of all."""
        asked = {"status": status, "page": page, "page_size": page_size}
        parameters = {key: str(value) for key, value in asked.items() if value is not None}
        return await self._call("get_alerts", list[AlertRow], parameters=parameters)

    async def get_alert(self, uuid: str) -> AlertRow:
        """One alert."""
        return await self._call("get_alert", AlertRow, {"uuid": uuid})

    async def get_alert_history(self, uuid: str) -> list[AlertHistoryRow]:
        """Every firing of an alert."""
        return await self._call("get_alert_history", list[AlertHistoryRow], {"uuid": uuid})

    async def delete_alerts(self, *uuids: str) -> None:
        """Delete alerts; they stay listed as ``deleted``."""
        if not uuids:
            raise InvalidValue("uuids", "none given.")
        for uuid in uuids:
            check_text("uuids", uuid)
        parameters = [("uuid", uuid) for uuid in uuids]
        nothing: Any = None
        await self._call("delete_alerts", nothing, parameters=parameters)


def alert_form(
    *,
    name: str,
    lhs_exchange: str,
    lhs_tradingsymbol: str,
    operator: AlertOperator | str,
    rhs_constant: Rupees | None = None,
    type: AlertType | str = AlertType.SIMPLE,
    lhs_attribute: str = LAST_PRICE,
    rhs_type: RhsType | str = RhsType.CONSTANT,
    rhs_exchange: str | None = None,
    rhs_tradingsymbol: str | None = None,
    rhs_attribute: str | None = None,
    basket: Mapping[str, Any] | None = None,
) -> AlertForm:
    """The form of an alert from what callers may pass; raises ``InvalidValue``."""
    kind = word(RhsType, "rhs_type", rhs_type)
    if kind is RhsType.INSTRUMENT and rhs_attribute is None:
        rhs_attribute = LAST_PRICE
    return AlertForm(
        name=name,
        type=word(AlertType, "type", type),
        lhs_exchange=lhs_exchange,
        lhs_tradingsymbol=lhs_tradingsymbol,
        lhs_attribute=lhs_attribute,
        operator=word(AlertOperator, "operator", operator),
        rhs_type=kind,
        rhs_constant=rupees("rhs_constant", rhs_constant),
        rhs_exchange=rhs_exchange,
        rhs_tradingsymbol=rhs_tradingsymbol,
        rhs_attribute=rhs_attribute,
        basket=None if basket is None else _plain(basket),
    )


def _plain(basket: object) -> dict[str, Any]:
    if not isinstance(basket, Mapping):
        raise InvalidValue("basket", f"{type(basket).__name__} is no basket.", "Pass a dict.")
    return dict(basket)
