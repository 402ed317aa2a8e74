"""From an endpoint of the table to one request and its answer: the engine under every method."""

from collections.abc import Mapping, Sequence
from urllib.parse import urlencode

from patang.kite.addresses import COMMON_HEADERS, checked_root
from patang.kite.credentials import credential, session_token
from patang.kite.errors import OrderOutcomeUnknown
from patang.kite.outcome import is_ambiguous
from patang.kite.secret import Secret
from patang.kite.session_renewal import SessionRenewal
from patang.kite.transport import NetworkSettings, Request, Response, Timeouts, Transport
from patang.wire.endpoints import BodyKind, Endpoint
from patang.wire.errors import KiteError, TokenException

Parameters = Mapping[str, str] | Sequence[tuple[str, str]]

_JSON_TYPE = "application/json"
_FORM_TYPE = "application/x-www-form-urlencoded"


class Caller:
    """Knows the address, the credentials and the transport; everything else is the endpoint's."""

    def __init__(
        self,
        api_key: str,
        access_token: str | Secret | None,
        root: str,
        transport: Transport | None,
        timeouts: Timeouts,
        network: NetworkSettings | None = None,
    ) -> None:
        self.api_key = credential("api_key", api_key)
        self.access_token = session_token(access_token)
        self.renewal: SessionRenewal | None = None
        self.root = checked_root(root, "http")
        self._transport = transport
        self._network = network
        self.timeouts = timeouts

    async def send(
        self,
        endpoint: Endpoint,
        path: Mapping[str, str],
        parameters: Parameters,
        content: bytes = b"",
    ) -> Response:
        """Send one request and return the answer, whatever its status.

        ``content`` is the body of an endpoint that takes JSON; its parameters are in the query.

        Raises:
            TokenException: the endpoint needs a session and there is none.
            ConnectFailed, ReplyLost: see ``Transport.send``.
        """
        return await self._opened().send(self._request(endpoint, path, parameters, content))

    async def close(self) -> None:
        """Release the connections; the next call opens new ones."""
        if self._transport is not None:
            await self._transport.close()

    def _opened(self) -> Transport:
        if self._transport is None:
            # aiohttp takes a fifth of a second to import: only who speaks to a network pays.
            from patang.kite.aiohttp_transport import AiohttpTransport

            self._transport = AiohttpTransport(self._network)
        return self._transport

    def _request(
        self,
        endpoint: Endpoint,
        path: Mapping[str, str],
        parameters: Parameters,
        content: bytes,
    ) -> Request:
        headers = dict(COMMON_HEADERS)
        if endpoint.needs_session:
            headers["Authorization"] = self._authorization()
        url = f"{self.root}{endpoint.url_path(**path)}"
        encoded = urlencode(parameters)
        body = content
        if endpoint.body is BodyKind.JSON:
            headers["Content-Type"] = _JSON_TYPE
        if endpoint.body is BodyKind.FORM:
            headers["Content-Type"] = _FORM_TYPE
            body = encoded.encode()
        elif encoded:
            url = f"{url}?{encoded}"
        return Request(
            method=endpoint.method, url=url, headers=headers, timeouts=self.timeouts, body=body
        )

    def _authorization(self) -> str:
        if self.access_token is None:
            raise TokenException(
                "there is no access token.",
                remedy="Log in (login_url, generate_session) or call set_access_token.",
            )
        return f"token {self.api_key}:{self.access_token.reveal()}"


def order_failure(error: KiteError, tag: str | None, order_id: str | None) -> KiteError:
    """What an order request's failure means: itself, or that its outcome is not known."""
    if not is_ambiguous(error):
        return error
    return OrderOutcomeUnknown(str(error), tag=tag, order_id=order_id, status=error.status)
