"""A plan without market data is a state with a name, told apart from a dead session."""

import json

import pytest

from patang.kite import Kite, MemoryTransport, NetworkException, Response
from patang.kite.account import KiteAnalytics
from patang.kite.governor import Limits
from patang.kite.plan import MarketDataAccess, market_data_access
from patang.kite.retry import NO_RETRIES


def a_kite(**refusals: tuple[int, str]) -> Kite:
    """A client whose quotes or profile are refused."""

    async def answer(request) -> Response:
        name = "profile" if request.path.endswith("profile") else "quote"
        status, body = 200, {"status": "success", "data": {"user_id": "AB1234"}}
        if name == "quote":
            body["data"] = {"NSE:INFY": {"instrument_token": 1, "last_price": 1.5}}
        if name in refusals:
            status, error_type = refusals[name]
            body = {"status": "error", "message": "no", "error_type": error_type}
        headers = {"content-type": "application/json"}
        return Response(status=status, headers=headers, body=json.dumps(body).encode())

    transport = MemoryTransport(answer)
    fast = Limits(quotes_per_second=1_000)
    root = "http://127.0.0.1:9"
    return Kite("key", "token", root, transport=transport, retry=NO_RETRIES, limits=fast)


DEAD = (403, "TokenException")


@pytest.mark.parametrize(
    ("refusals", "access"),
    [
        ({}, MarketDataAccess.AVAILABLE),
        ({"quote": (403, "PermissionException")}, MarketDataAccess.NOT_IN_PLAN),
        ({"quote": DEAD}, MarketDataAccess.NOT_IN_PLAN),
        ({"quote": DEAD, "profile": DEAD}, MarketDataAccess.NO_SESSION),
    ],
)
async def test_the_plan_is_told_apart_from_the_session(refusals, access):
    kite = a_kite(**refusals)
    assert await market_data_access(kite) is access
    assert await KiteAnalytics(kite).market_data_access() is access


async def test_an_outage_says_nothing_of_the_plan():
    with pytest.raises(NetworkException):
        await market_data_access(a_kite(quote=(503, "NetworkException")))
