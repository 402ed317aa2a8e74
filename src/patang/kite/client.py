"""Zerodha's REST API: one typed coroutine for each endpoint."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Literal, Self, TypeVar, overload
from urllib.parse import urlencode

from patang.domain.enums import Exchange, OrderType, Product, Side, Validity, Variety
from patang.domain.errors import InvalidValue
from patang.domain.instrument import Instrument
from patang.kite.addresses import LOGIN_URL, REST_ROOT
from patang.kite.calls import Caller, Parameters, order_failure
from patang.kite.parameters import Rupees, instrument_keys, optional_word, rupees, word
from patang.kite.secret import Secret
from patang.kite.transport import Timeouts, Transport
from patang.wire.checksums import login_checksum
from patang.wire.endpoints import ENDPOINTS
from patang.wire.envelope import decode_success
from patang.wire.errors import KiteError
from patang.wire.forms import CancelForm, ModifyForm, PlaceForm, to_form
from patang.wire.instruments import decode_instruments_csv
from patang.wire.rows import (
    HoldingRow,
    LtpRow,
    MarginsRow,
    OhlcRow,
    OrderAck,
    OrderRow,
    Positions,
    ProfileRow,
    QuoteRow,
    SegmentRow,
    SessionRow,
    TradeRow,
)

T = TypeVar("T")
Keys = str | list[str] | tuple[str, ...]


class Kite:
    """A client of Kite Connect v3. Names and keywords are the official Python client's.

    Use it as an async context manager. Every method sends one request and never repeats it.
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

    # Session

    def set_access_token(self, access_token: str | Secret) -> None:
        """Use this session from the next call on."""
        self._caller.access_token = Secret(access_token)

    def login_url(self) -> str:
        """Where the user logs in; the redirect brings the ``request_token``."""
        query = urlencode({"api_key": self._caller.api_key, "v": "3"})
        return f"{self._login_root}?{query}"

    async def generate_session(self, request_token: str, api_secret: str | Secret) -> SessionRow:
        """Exchange a request token, which works once, for a session, and use it from now on."""
        api_key = self._caller.api_key
        checksum = login_checksum(api_key, request_token, Secret(api_secret).reveal())
        session = await self._call(
            "generate_session",
            SessionRow,
            parameters={"api_key": api_key, "request_token": request_token, "checksum": checksum},
        )
        self.set_access_token(session.access_token)
        return session

    async def invalidate_access_token(self, access_token: str | Secret | None = None) -> bool:
        """End this session at the broker, or another one of the same app."""
        ended = Secret(access_token) if access_token else self._caller.access_token
        parameters = {"api_key": self._caller.api_key}
        if ended is not None:
            parameters["access_token"] = ended.reveal()
        answer = await self._call("invalidate_session", bool, parameters=parameters)
        if ended == self._caller.access_token:
            self._caller.access_token = None
        return answer

    # Account

    async def profile(self) -> ProfileRow:
        """Who the user is; the cheapest way to see that a session lives."""
        return await self._call("profile", ProfileRow)

    @overload
    async def margins(self, segment: None = None) -> MarginsRow: ...
    @overload
    async def margins(self, segment: Literal["equity", "commodity"]) -> SegmentRow: ...
    async def margins(self, segment: str | None = None) -> MarginsRow | SegmentRow:
        """Funds of both segments, or of one."""
        if segment is None:
            return await self._call("margins", MarginsRow)
        return await self._call("margins_segment", SegmentRow, {"segment": segment})

    # Orders

    async def orders(self) -> list[OrderRow]:
        """Every order of the day in its latest state."""
        return await self._call("orders", list[OrderRow])

    async def order_history(self, order_id: str) -> list[OrderRow]:
        """Every state an order went through, oldest first."""
        return await self._call("order_history", list[OrderRow], {"order_id": order_id})

    async def trades(self) -> list[TradeRow]:
        """Every trade of the day."""
        return await self._call("trades", list[TradeRow])

    async def order_trades(self, order_id: str) -> list[TradeRow]:
        """The trades of one order."""
        return await self._call("order_trades", list[TradeRow], {"order_id": order_id})

    async def place_order(
        self,
        variety: Variety | str,
        exchange: Exchange | str,
        tradingsymbol: str,
        transaction_type: Side | str,
        quantity: int,
        product: Product | str,
        order_type: OrderType | str,
        price: Rupees | None = None,
        validity: Validity | str | None = None,
        validity_ttl: int | None = None,
        disclosed_quantity: int | None = None,
        trigger_price: Rupees | None = None,
        iceberg_legs: int | None = None,
        iceberg_quantity: int | None = None,
        auction_number: str | None = None,
        tag: str | None = None,
        market_protection: Rupees | None = None,
        autoslice: bool | None = None,
        algo_id: str | None = None,
    ) -> str:
        """Place an order, once; return its id: accepted for processing, nothing more.

        ``market_protection`` (percent, -1 for automatic) is needed by MARKET and SL-M orders.

        Raises:
            InvalidValue: a field holds what no order may hold; nothing was sent.
            OrderOutcomeUnknown: the order may be live; find it by ``tag``, do not send it again.
            KiteError: Kite refused it.
        """
        return await self.place(
            PlaceForm(
                variety=word(Variety, "variety", variety),
                exchange=word(Exchange, "exchange", exchange),
                tradingsymbol=tradingsymbol,
                transaction_type=word(Side, "transaction_type", transaction_type),
                order_type=word(OrderType, "order_type", order_type),
                quantity=quantity,
                product=word(Product, "product", product),
                price=rupees("price", price),
                trigger_price=rupees("trigger_price", trigger_price),
                validity=optional_word(Validity, "validity", validity),
                validity_ttl=validity_ttl,
                disclosed_quantity=disclosed_quantity,
                iceberg_legs=iceberg_legs,
                iceberg_quantity=iceberg_quantity,
                auction_number=auction_number,
                tag=tag,
                market_protection=rupees("market_protection", market_protection),
                autoslice=autoslice,
                algo_id=algo_id,
            )
        )

    async def place(self, form: PlaceForm) -> str:
        """Like ``place_order``, from a form that is already built."""
        return await self._order_call(
            "place_order", {"variety": form.variety}, to_form(form), tag=form.tag
        )

    async def modify_order(
        self,
        variety: Variety | str,
        order_id: str,
        parent_order_id: str | None = None,
        quantity: int | None = None,
        price: Rupees | None = None,
        order_type: OrderType | str | None = None,
        trigger_price: Rupees | None = None,
        validity: Validity | str | None = None,
        disclosed_quantity: int | None = None,
        validity_ttl: int | None = None,
        market_protection: Rupees | None = None,
    ) -> str:
        """Change an order that rests, once; ``quantity`` is its new total. Raises as placing."""
        form = ModifyForm(
            variety=word(Variety, "variety", variety),
            order_id=order_id,
            order_type=optional_word(OrderType, "order_type", order_type),
            quantity=quantity,
            price=rupees("price", price),
            trigger_price=rupees("trigger_price", trigger_price),
            validity=optional_word(Validity, "validity", validity),
            validity_ttl=validity_ttl,
            disclosed_quantity=disclosed_quantity,
            market_protection=rupees("market_protection", market_protection),
            parent_order_id=parent_order_id,
        )
        path = {"variety": form.variety, "order_id": order_id}
        return await self._order_call("modify_order", path, to_form(form), order_id=order_id)

    async def cancel_order(
        self, variety: Variety | str, order_id: str, parent_order_id: str | None = None
    ) -> str:
        """Ask to cancel an order, once. Raises as placing."""
        form = CancelForm(
            variety=word(Variety, "variety", variety),
            order_id=order_id,
            parent_order_id=parent_order_id,
        )
        path = {"variety": form.variety, "order_id": order_id}
        return await self._order_call("cancel_order", path, to_form(form), order_id=order_id)

    # Portfolio

    async def positions(self) -> Positions:
        """Net and day positions."""
        return await self._call("positions", Positions)

    async def holdings(self) -> list[HoldingRow]:
        """What lies in the demat account."""
        return await self._call("holdings", list[HoldingRow])

    # Market data

    async def instruments(self, exchange: Exchange | str | None = None) -> list[Instrument]:
        """The day's instruments, of one exchange or of all."""
        if exchange is None:
            return decode_instruments_csv(await self._call("instruments", bytes))
        path = {"exchange": word(Exchange, "exchange", exchange)}
        return decode_instruments_csv(await self._call("instruments_exchange", bytes, path))

    async def quote(self, *instruments: Keys) -> dict[str, QuoteRow]:
        """Full quotes by ``EXCHANGE:SYMBOL``, at most 500; unknown instruments are absent."""
        return await self._call(
            "quote", dict[str, QuoteRow], parameters=_asked("quote", instruments)
        )

    async def ohlc(self, *instruments: Keys) -> dict[str, OhlcRow]:
        """Open, high, low, close and last price, at most 1,000; unknown ones are absent."""
        return await self._call("ohlc", dict[str, OhlcRow], parameters=_asked("ohlc", instruments))

    async def ltp(self, *instruments: Keys) -> dict[str, LtpRow]:
        """Last prices, at most 1,000; unknown instruments are absent."""
        return await self._call("ltp", dict[str, LtpRow], parameters=_asked("ltp", instruments))

    # How every method above works

    async def _order_call(
        self,
        name: str,
        path: Mapping[str, str],
        form: Mapping[str, str],
        *,
        tag: str | None = None,
        order_id: str | None = None,
    ) -> str:
        try:
            answer = await self._call(name, OrderAck, path, form)
        except KiteError as error:
            failure = order_failure(error, tag, order_id)
            if failure is error:
                raise
            raise failure from error
        return answer if self._is_raw else answer.order_id  # type: ignore[return-value]

    async def _call(
        self,
        name: str,
        answer: type[T],
        path: Mapping[str, str] | None = None,
        parameters: Parameters = (),
    ) -> T:
        endpoint = ENDPOINTS[name]
        response = await self._caller.send(endpoint, path or {}, parameters)
        request_id = response.headers.get("x-request-id")
        if endpoint.response is bytes and response.status == 200:
            return response.body  # type: ignore[return-value]
        shape: Any = Any if self._is_raw else answer
        decoded: T = decode_success(
            response.status, response.content_type, response.body, shape, request_id=request_id
        )
        return decoded


class RawKite:
    """The calls of ``Kite``, answering with the dicts and lists that the server sent."""

    def __init__(self, kite: Kite) -> None:
        self._kite = kite

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        if name not in RAW_CALLS:
            raise AttributeError(f"Kite.raw has no {name!r}. It has {', '.join(RAW_CALLS)}.")
        call: Callable[..., Awaitable[Any]] = getattr(self._kite, name)
        return call

    def __dir__(self) -> list[str]:
        return list(RAW_CALLS)


RAW_CALLS = tuple(
    name
    for name, endpoint in ENDPOINTS.items()
    if hasattr(Kite, name) and endpoint.response is not bytes and name != "generate_session"
)
"""Names of the calls that ``Kite.raw`` offers."""


def _asked(name: str, instruments: tuple[Keys, ...]) -> list[tuple[str, str]]:
    keys = instrument_keys(instruments)
    cap = ENDPOINTS[name].instrument_cap
    if cap is not None and len(keys) > cap:
        raise InvalidValue(
            "instruments", f"{len(keys)} in one call; {name} takes {cap}.", "Ask in parts."
        )
    return [("i", key) for key in keys]
