"""Zerodha's REST API: one typed coroutine for each endpoint."""

from collections.abc import Awaitable, Callable
from typing import Any, Self

from patang.kite.addresses import LOGIN_URL, REST_ROOT
from patang.kite.alert_calls import AlertCalls
from patang.kite.calls import Caller
from patang.kite.client_config import KiteConfig
from patang.kite.fund_calls import FundCalls
from patang.kite.gtt_calls import GttCalls
from patang.kite.margin_calls import MarginCalls
from patang.kite.market_calls import MarketCalls
from patang.kite.order_calls import OrderCalls
from patang.kite.portfolio_calls import PortfolioCalls
from patang.kite.secret import Secret
from patang.kite.transport import Timeouts, Transport
from patang.kite.user_calls import UserCalls
from patang.wire.endpoints import ENDPOINTS


class Kite(
    UserCalls,
    OrderCalls,
    PortfolioCalls,
    MarketCalls,
    GttCalls,
    AlertCalls,
    MarginCalls,
    FundCalls,
):
    """A client of Kite Connect v3. Names and keywords are the official Python client's.

    Use it as an async context manager. Every method sends one request and never repeats it,
    except that quotes of more instruments than one call takes are asked for in parts.
    ``root`` may be a sandbox's. Errors are ``KiteError`` and its subclasses; an order request
    whose outcome is not known raises ``OrderOutcomeUnknown``. ``raw`` gives the same calls with
    the server's JSON instead of typed rows.
    """

    def __init__(
        self,
        api_key: str,
        access_token: str | Secret | None = None,
        root: str = REST_ROOT,
        *,
        transport: Transport | None = None,
        timeouts: Timeouts | None = None,
        login_root: str = LOGIN_URL,
    ) -> None:
        self._caller = Caller(api_key, access_token, root, transport, timeouts or Timeouts())
        self._login_root = login_root
        self._is_raw = False

    @classmethod
    def from_config(cls, config: KiteConfig, *, transport: Transport | None = None) -> Self:
        """A client as ``config`` describes it."""
        return cls(
            config.api_key,
            config.access_token,
            config.base_url,
            transport=transport,
            timeouts=config.timeouts,
            login_root=config.login_url,
        )

    def __repr__(self) -> str:
        session = "with" if self._caller.access_token else "without"
        return f"Kite({self._caller.root}, {session} session)"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections. The session stays valid; a later call connects again."""
        await self._caller.close()

    @property
    def root(self) -> str:
        """The REST root this client speaks to."""
        return self._caller.root

    @property
    def raw(self) -> "RawKite":
        """The same calls, answering with decoded JSON."""
        twin = type(self).__new__(type(self))
        twin.__dict__.update(self.__dict__)
        twin._is_raw = True
        return RawKite(twin)


class RawKite:
    """The calls of ``Kite``, answering with what the server sent: dicts and lists, or CSV bytes."""

    def __init__(self, kite: Kite) -> None:
        self._kite = kite

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        if name not in RAW_CALLS:
            raise AttributeError(f"Kite.raw has no {name!r}. It has {', '.join(RAW_CALLS)}.")
        call: Callable[..., Awaitable[Any]] = getattr(self._kite, name)
        return call

    def __dir__(self) -> list[str]:
        return list(RAW_CALLS)


_FURTHER = (
    "cancel_gtt",
    "exit_order",
    "instruments_csv",
    "invalidate_refresh_token",
    "modify",
    "place",
    "place_autoslice_order",
)

RAW_CALLS = tuple(sorted({*_FURTHER, *(endpoint.call for endpoint in ENDPOINTS.values())}))
"""Names of the calls that ``Kite.raw`` offers."""
