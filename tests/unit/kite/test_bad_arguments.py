"""Whatever one argument of a call is, the call is sent, or ``InvalidValue`` names a field."""

import inspect
from decimal import Decimal

import pytest

from patang.domain.errors import InvalidValue
from patang.kite import Kite, KiteError, MemoryTransport, Response

ORDER = {
    "variety": "regular",
    "exchange": "NSE",
    "tradingsymbol": "INFY",
    "transaction_type": "BUY",
    "quantity": 10,
    "product": "CNC",
    "order_type": "LIMIT",
    "price": 1500,
    "tag": "abc",
}
LEG = {**ORDER, "quantity": 2}
GTT = {
    "trigger_type": "single",
    "tradingsymbol": "INFY",
    "exchange": "NSE",
    "trigger_values": [1500],
    "last_price": 1480,
    "orders": [LEG],
}
ALERT = {
    "name": "n",
    "lhs_exchange": "NSE",
    "lhs_tradingsymbol": "INFY",
    "operator": ">",
    "rhs_constant": 5,
}
CALLS = {
    "place_order": ORDER,
    "place_autoslice_order": ORDER,
    "modify_order": {"variety": "regular", "order_id": "1", "price": 10},
    "cancel_order": {"variety": "regular", "order_id": "1"},
    "exit_order": {"variety": "co", "order_id": "1"},
    "order_history": {"order_id": "1"},
    "order_trades": {"order_id": "1"},
    "margins": {"segment": "equity"},
    "convert_position": {
        "exchange": "NSE",
        "tradingsymbol": "INFY",
        "transaction_type": "BUY",
        "position_type": "day",
        "quantity": 1,
        "old_product": "MIS",
        "new_product": "CNC",
    },
    "holdings_authorise": {"holdings": [("INE1", 1)]},
    "instruments_csv": {"exchange": "NSE"},
    "historical_data": {
        "instrument_token": 1,
        "from_date": "2026-01-05",
        "to_date": "2026-01-06",
        "interval": "day",
    },
    "place_gtt": GTT,
    "modify_gtt": {"trigger_id": 1, **GTT},
    "get_gtt": {"trigger_id": 1},
    "delete_gtt": {"trigger_id": 1},
    "create_alert": ALERT,
    "modify_alert": {"uuid": "u", **ALERT},
    "get_alert": {"uuid": "u"},
    "get_alerts": {"status": "enabled"},
    "order_margins": {"params": [ORDER]},
    "basket_order_margins": {"params": [ORDER]},
    "get_virtual_contract_note": {"params": [{**ORDER, "order_id": "1", "average_price": 1}]},
    "mf_orders": {"order_id": "1"},
    "place_mf_order": {"tradingsymbol": "INF1", "transaction_type": "BUY", "amount": 100},
    "place_mf_sip": {
        "tradingsymbol": "INF1",
        "amount": 100,
        "instalments": 1,
        "frequency": "weekly",
    },
    "modify_mf_sip": {"sip_id": "s", "amount": 5},
}
WRONG = [None, "", " ", "x" * 30, "é", 0, -1, 1.5, float("nan"), float("inf"), True, 10**30,
         Decimal("1e999"), [], [None], ["x"], [[]], {}, {"a": 1}, (), object(), b"x"]  # fmt: skip


class LeapingClock:
    """A minute later at every look, so that no limit is ever reached."""

    at_ns = 1_767_589_200_000_000_000

    def now_ns(self):
        self.at_ns += 60_000_000_000
        return self.at_ns

    async def sleep(self, seconds):
        self.at_ns += round(seconds * 1e9)


async def answer(_request):
    body = b'{"status":"error","message":"no","error_type":"InputException"}'
    return Response(status=400, headers={"content-type": "application/json"}, body=body)


def variations():
    for name, sound in CALLS.items():
        for parameter in inspect.signature(getattr(Kite, name)).parameters:
            if parameter != "self":
                yield pytest.param(name, sound, parameter, id=f"{name}-{parameter}")


@pytest.mark.parametrize(("name", "sound", "parameter"), list(variations()))
async def test_one_wrong_argument(name, sound, parameter):
    kite = Kite(
        "key",
        "token",
        "http://127.0.0.1:1",
        transport=MemoryTransport(answer),
        clock=LeapingClock(),
    )
    for value in WRONG:
        try:
            await getattr(kite, name)(**sound | {parameter: value})
        except (InvalidValue, KiteError) as error:
            assert str(error)  # noqa: PT017
        except Exception as error:
            raise AssertionError(f"{parameter}={value!r}") from error
