"""Zerodha's REST API: one typed coroutine for each endpoint."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import Any, Self

from patang.kite.addresses import LOGIN_URL, REST_ROOT, is_broker_root
from patang.kite.alert_calls import AlertCalls
from patang.kite.breaker import CircuitBreaker
from patang.kite.calls import Caller
from patang.kite.client_config import KiteConfig
from patang.kite.clock import Clock, SystemClock
from patang.kite.courier import CallCounters, Courier, Observer
from patang.kite.fund_calls import FundCalls
from patang.kite.governor import Governor, Limits, default_governor
from patang.kite.gtt_calls import GttCalls
from patang.kite.margin_calls import MarginCalls
from patang.kite.market_calls import MarketCalls
from patang.kite.portfolio_calls import PortfolioCalls
from patang.kite.reconcile import Searches
from patang.kite.retry import READS, RetryPolicy
from patang.kite.safe_order_calls import SafeOrderCalls
from patang.kite.secret import Secret
from patang.kite.session_calls import SessionCalls
from patang.kite.transport import NetworkSettings, Timeouts, Transport
from patang.wire.endpoints import ENDPOINTS
from patang.wire.errors import KiteError


class Kite(
    SessionCalls,
    SafeOrderCalls,
    PortfolioCalls,
    MarketCalls,
    GttCalls,
    AlertCalls,
    MarginCalls,
    FundCalls,
):
    """A client of Kite Connect v3. Names and keywords are the official Python client's.

    Use it as an async context manager. An order request is sent once and never repeated; a read
    that fails for a passing reason has the retries of ``retry``, and quotes of more instruments
    than one call takes are asked for in parts. Every request waits for its turn at ``governor``:
    by default one of this client alone, or at the broker itself one that all processes with this
    API key share, with the numbers of ``limits``. ``root`` may be a sandbox's, and ``clock`` is
    then the sandbox's. Errors are ``KiteError`` and its subclasses; an order request whose outcome
    is not known raises ``OrderOutcomeUnknown``. ``raw`` gives the same calls with the server's JSON
    instead of typed rows.
    """

    def __init__(
        self,
        api_key: str,
        access_token: str | Secret | None = None,
        root: str = REST_ROOT,
        *,
        transport: Transport | None = None,
        timeouts: Timeouts | None = None,
        login_root: str | None = None,
        clock: Clock | None = None,
        governor: Governor | None = None,
        limits: Limits | None = None,
        retry: RetryPolicy = READS,
        breaker: CircuitBreaker | None = None,
        observer: Observer | None = None,
        network: NetworkSettings | None = None,
    ) -> None:
        self._caller = Caller(
            api_key, access_token, root, transport, timeouts or Timeouts(), network
        )
        # A sandbox has its login page beside its routes; the broker's stands on another host.
        own = LOGIN_URL if is_broker_root(root) else f"{root.rstrip('/')}/connect/login"
        self._login_root = login_root or own
        self._is_raw = False
        self._searches = Searches()
        clock = clock or SystemClock()
        # Only who really speaks to the broker shares its limits with other processes.
        is_live = transport is None and is_broker_root(root)
        self._new_governor = partial(
            default_governor, api_key=api_key, limits=limits, is_shared=is_live
        )
        self._has_own_governor = governor is None
        self._courier = Courier(
            clock,
            governor or self._new_governor(clock),
            retry=retry,
            breaker=breaker,
            observer=observer,
        )

    @classmethod
    def from_config(
        cls,
        config: KiteConfig,
        *,
        transport: Transport | None = None,
        clock: Clock | None = None,
    ) -> Self:
        """A client as ``config`` describes it."""
        return cls(
            config.api_key,
            config.access_token,
            config.base_url,
            transport=transport,
            timeouts=config.timeouts,
            login_root=config.login_url,
            clock=clock,
            limits=config.limits,
            retry=config.retry,
            breaker=None if config.breaker is None else CircuitBreaker(clock, config.breaker),
            network=config.network,
        )

    @property
    def counters(self) -> CallCounters:
        """What this client has sent so far."""
        return self._courier.counters

    def keep_time(self, clock: Clock) -> None:
        """Go by the venue's clock from now on; a governor that was passed in keeps its own."""
        if clock is self._courier.clock:
            return
        self._courier.clock = clock
        if self._has_own_governor:
            self._courier.governor.close()
            self._courier.governor = self._new_governor(clock)

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
        if self._has_own_governor:
            self._courier.governor.close()

    async def keep_warm(self, every_s: float = 20.0) -> None:
        """Keep a connection open while nothing else is asked; run it as a task of your own.

        An order then never waits for a new connection. It asks for the profile whenever
        ``every_s`` seconds have gone by without a request, and ends only when it is cancelled.
        """
        while True:
            before = self.counters.requests
            await self.clock.sleep(every_s)
            if self.counters.requests == before:
                # Nobody is asked to log in for the sake of a connection.
                with suppress(KiteError):
                    await self.validate_session()

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
