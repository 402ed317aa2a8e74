"""The ASGI application: Kite's routes from the one endpoint table, and what surrounds them."""

import logging
from collections.abc import Awaitable, Callable
from email.utils import formatdate
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocket

from patang.domain.errors import InvalidValue
from patang.domain.market import NS_PER_SECOND
from patang.rules.charge_table import RateUnknown
from patang.sandbox.authorisation_page import authorisation_routes
from patang.sandbox.calls import Call, Csv, Handler, Query
from patang.sandbox.gate import BODY_MAX, Gate, TickerGate
from patang.sandbox.login import finish_page, login_page
from patang.sandbox.ready import ClockReading
from patang.sandbox.routes import (
    accounts,
    alerts,
    funds,
    gtt,
    history,
    margins,
    orders,
    quotes,
    users,
)
from patang.sandbox.sessions import BAD_ACCESS, Session
from patang.sandbox.settings import HOST
from patang.sandbox.ticker import refuse
from patang.sandbox.world import World
from patang.simulator.errors import Refused
from patang.wire.endpoints import ENDPOINTS, BodyKind, Endpoint, RateClass
from patang.wire.envelope import encode_error, encode_success, http_status
from patang.wire.errors import (
    GeneralException,
    InputException,
    KiteError,
    NetworkException,
    TokenException,
    error_class,
)
from patang.wire.instruments import CONTENT_TYPE as CSV
from patang.wire.rows import encode_row

JSON = "application/json"
HANDLERS: dict[str, Handler] = {
    "generate_session": users.open_session,
    "invalidate_session": users.close_session,
    "profile": accounts.profile,
    "margins": accounts.margins,
    "margins_segment": accounts.segment_margins,
    "instruments": quotes.all_instruments,
    "instruments_exchange": quotes.exchange_instruments,
    "place_order": orders.place,
    "modify_order": orders.modify,
    "cancel_order": orders.cancel,
    "orders": orders.orders,
    "order_history": orders.history,
    "order_trades": orders.order_trades,
    "trades": orders.trades,
    "positions": accounts.positions,
    "convert_position": accounts.convert,
    "holdings": accounts.holdings,
    "holdings_summary": accounts.holdings_summary,
    "holdings_compact": accounts.holdings_compact,
    "get_auction_instruments": accounts.auctions,
    "holdings_authorise": accounts.authorise,
    "order_margins": margins.order_margins,
    "basket_order_margins": margins.basket_margins,
    "get_virtual_contract_note": margins.contract_note,
    "quote": quotes.quotes,
    "ohlc": quotes.ohlc,
    "ltp": quotes.ltp,
    "historical_data": history.historical,
    "renew_access_token": users.renew_session,
    "full_profile": users.full_profile,
    "parameters": users.parameters,
    "market_margins": users.market_margins,
    "trigger_range": users.trigger_range,
    "mf_orders": funds.orders,
    "mf_order": funds.order,
    "place_mf_order": funds.place_order,
    "cancel_mf_order": funds.cancel_order,
    "mf_sips": funds.sips,
    "mf_sip": funds.sip,
    "place_mf_sip": funds.place_sip,
    "modify_mf_sip": funds.modify_sip,
    "cancel_mf_sip": funds.cancel_sip,
    "mf_holdings": funds.holdings,
    "mf_holding_trades": funds.holding_trades,
    "mf_instruments": funds.instruments,
    "mf_allotments": funds.allotments,
    "place_gtt": gtt.place,
    "get_gtts": gtt.listed,
    "get_gtt": gtt.one,
    "modify_gtt": gtt.modify,
    "delete_gtt": gtt.delete,
    "create_alert": alerts.create,
    "get_alerts": alerts.listed,
    "get_alert": alerts.one,
    "modify_alert": alerts.modify,
    "delete_alerts": alerts.delete,
    "get_alert_history": alerts.history,
}
"""What answers each route of the endpoint table, by the route's name."""

# These bring their credentials as parameters; a header that some client sends along is ignored.
_CREDENTIALS_IN_PARAMETERS = {"generate_session", "renew_access_token", "invalidate_session"}

_log = logging.getLogger("patang.sandbox")


def build_app(world: World) -> ASGIApp:
    """Kite's REST routes at ``/``, the login page, ``/clock``, and the ticker at any path."""
    routes: list[Route | WebSocketRoute] = [
        Route(
            endpoint.path,
            Gate(world, endpoint, _respond_to(world, endpoint)),
            methods=[endpoint.method],
        )
        for endpoint in ENDPOINTS.values()
    ]
    routes += [
        Route("/connect/login", _page(world, login_page)),
        Route("/connect/finish", _page(world, finish_page)),
        *authorisation_routes(world),
        Route("/clock", _page(world, _clock)),
        WebSocketRoute("/{path:path}", TickerGate(world, _tick_to(world))),
    ]
    app = Starlette(routes=routes, exception_handlers={HTTPException: _no_route})
    app.router.redirect_slashes = False
    return _DateHeader(_RootedPath(app), world)


def _respond_to(world: World, endpoint: Endpoint) -> Callable[[Request], Awaitable[Response]]:
    handler = HANDLERS[endpoint.name]

    async def respond(request: Request) -> Response:
        try:
            body = await _body(request)
            # From here on nothing waits: the answer is of one moment.
            value = handler(_admitted_call(world, endpoint, request, body))
        except KiteError as error:
            return _failure(error)
        except Refused as refused:
            return _failure(error_class(refused.error_type)(refused.message, status=refused.status))
        except InvalidValue as error:
            return _failure(InputException(f"Invalid `{error.field}`."))
        except RateUnknown as error:
            # A recorded day may be older than the tables of charges.
            return _failure(InputException(str(error)))
        except ClientDisconnect:
            return Response(status_code=400)
        except Exception:  # noqa: BLE001 - the outermost frame of a request: record, answer 500
            _log.exception("request_failed route=%s", endpoint.name)
            return _failure(GeneralException("Something unexpected happened in the sandbox."))
        if isinstance(value, Csv):
            return _answer(200, value.body, CSV)
        return _answer(200, encode_success(value), JSON)

    return respond


def _admitted_call(world: World, endpoint: Endpoint, request: Request, body: bytes) -> Call:
    """The request as a route sees it, once credentials and rate limits have let it in."""
    now_ns = world.advance()
    query = Query(request.scope["query_string"])
    caller: Session | None = None
    if endpoint.name not in _CREDENTIALS_IN_PARAMETERS:
        caller = _authenticate(world, request, now_ns)
        caller.app.check_call(endpoint, request.client.host if request.client else HOST)
        _limit(world, endpoint, caller, now_ns, body)
    return Call(
        endpoint=endpoint,
        world=world,
        now_ns=now_ns,
        path={name: str(value) for name, value in request.path_params.items()},
        query=query,
        form=Query(b"" if endpoint.body is BodyKind.JSON else body),
        body=body,
        caller=caller,
    )


def _authenticate(world: World, request: Request, now_ns: int) -> Session:
    scheme, _, credentials = request.headers.get("authorization", "").partition(" ")
    api_key, colon, access_token = credentials.partition(":")
    if scheme != "token" or not colon:
        raise TokenException(BAD_ACCESS)
    return world.sessions.verify(api_key, access_token, now_ns)


def _limit(world: World, endpoint: Endpoint, caller: Session, now_ns: int, body: bytes) -> None:
    if not world.rate_limits:
        return
    # Orders are counted for the account over all its apps, everything else for the key.
    is_order = endpoint.rate is RateClass.ORDER
    counted_for = caller.user_id if is_order else caller.app.api_key
    orders = _orders_in(body) if endpoint.name == "place_order" else 0
    refusal = world.limiter.refusal(counted_for, endpoint.rate, now_ns, orders=orders)
    if refusal is not None:
        raise NetworkException(refusal, status=429)


def _orders_in(body: bytes) -> int:
    """How many orders a placement counts for: the legs of an iceberg, else one."""
    legs = Query(body).first("iceberg_legs")
    is_number = legs.isascii() and legs.isdecimal() and len(legs) <= 3
    return max(int(legs), 1) if is_number else 1


async def _body(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > BODY_MAX:
            raise InputException(f"The request body is larger than {BODY_MAX} bytes.", status=413)
    return bytes(body)


def _page(
    world: World, page: Callable[[World, Query, int], Response]
) -> Callable[[Request], Awaitable[Response]]:
    async def respond(request: Request) -> Response:
        try:
            return page(world, Query(request.scope["query_string"]), world.advance())
        except KiteError as error:
            return _failure(error)

    return respond


def _clock(world: World, _query: Query, now_ns: int) -> Response:
    return _answer(200, encode_row(ClockReading(now_ns, world.clock.speed)), JSON)


def _tick_to(world: World) -> Callable[[WebSocket], Awaitable[None]]:
    async def tick(websocket: WebSocket) -> None:
        query = Query(websocket.scope["query_string"])
        try:
            session = world.sessions.verify(
                query.first("api_key"), query.first("access_token"), world.advance()
            )
        except TokenException:
            await refuse(websocket)
            return
        if not session.app.has_market_data:
            await refuse(websocket)
            return
        await websocket.accept()
        subscriber = world.ticker.connect(session.user_id, session.app.api_key, world)
        subscriber.on_depth = world.open_in_depth
        await world.ticker.serve(websocket, subscriber, lambda: world.now_ns)

    return tick


async def _no_route(_request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    text = {404: "Route not found", 405: "Method not allowed"}.get(status, "Bad request")
    return _failure(GeneralException(text, status=status))


def _failure(error: KiteError) -> Response:
    return _answer(http_status(error), encode_error(error), JSON)


def _answer(status: int, body: bytes, content_type: str) -> Response:
    # Set as a raw header: Starlette would add a character set to text types.
    return Response(body, status, headers={"content-type": content_type})


class _RootedPath:
    """Request targets without a leading slash: ``?api_key=..``, or a whole address.

    Some clients put the ticker's parameters right behind the host, and what is sent to a proxy
    names the host again (RFC 9112, 3.2.2). Both mean the path behind the host.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "/")
        if not path.startswith("/"):
            scope = {**scope, "path": _path_behind_host(path)}
        await self._app(scope, receive, send)


def _path_behind_host(target: str) -> str:
    try:
        return urlsplit(target).path or "/"
    except ValueError:
        return "/"


class _DateHeader:
    """Every answer, handshakes too, carries the virtual date."""

    def __init__(self, app: ASGIApp, world: World) -> None:
        self._app = app
        self._world = world

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_dated(message: Message) -> None:
            if message["type"] in _STARTS:
                date = formatdate(self._world.date_ns // NS_PER_SECOND, usegmt=True)
                message["headers"] = [*message.get("headers", ()), (b"date", date.encode())]
            await send(message)

        await self._app(scope, receive, send_dated)


_STARTS = {"http.response.start", "websocket.accept", "websocket.http.response.start"}
