"""How every method of the client works: one endpoint, one request, one decoded answer."""

from collections.abc import Mapping
from typing import Any, TypeVar

from patang.kite.calls import Caller, Parameters, order_failure
from patang.kite.courier import Courier, Errand, errand_of
from patang.kite.secret import Secret
from patang.kite.transport import Response
from patang.wire.endpoints import ENDPOINTS, Endpoint
from patang.wire.envelope import decode_success
from patang.wire.errors import KiteError, TokenException
from patang.wire.row import Row

T = TypeVar("T")

# Making a session needs none, and ending one that is dead must not make another.
_SESSION_NOT_NEEDED = frozenset({"invalidate_session"}) | {
    name for name, endpoint in ENDPOINTS.items() if not endpoint.needs_session
}


class EndpointCalls:
    """The base of the client's rooms. With ``_is_raw`` the answers are the server's JSON."""

    _caller: Caller
    _courier: Courier
    _is_raw: bool

    async def _call(
        self,
        name: str,
        answer: type[T],
        path: Mapping[str, str] | None = None,
        parameters: Parameters = (),
        content: bytes = b"",
        errand: Errand | None = None,
    ) -> T:
        """Ask an endpoint. ``parameters`` travel as it wants them, ``content`` is a JSON body."""
        shape: Any = Any if self._is_raw else answer
        decoded: T = await self._decoded(
            ENDPOINTS[name], shape, path or {}, parameters, content, errand
        )
        return decoded

    async def _decoded(
        self,
        endpoint: Endpoint,
        shape: Any,
        path: Mapping[str, str],
        parameters: Parameters,
        content: bytes = b"",
        errand: Errand | None = None,
        *,
        renews: bool = True,
    ) -> Any:
        """Send a request and read its answer as ``shape``: the one place that does both.

        A dead session is renewed where a hook can do it. Then a read is made again; anything
        else is not, and its ``TokenException`` says that it did nothing.
        """
        used: Secret | None = None

        async def send() -> Response:
            nonlocal used
            used = self._caller.access_token
            return await self._caller.send(endpoint, path, parameters, content)

        def decode(response: Response) -> Any:
            if endpoint.response is bytes and response.status == 200:
                return response.body
            return decode_success(
                response.status,
                response.content_type,
                response.body,
                shape,
                request_id=response.headers.get("x-request-id"),
            )

        asked = errand or errand_of(endpoint, path)
        longest_s = self._caller.timeouts.total
        try:
            return await self._courier.deliver(endpoint, send, decode, asked, longest_s=longest_s)
        except TokenException as refusal:
            renewal = self._caller.renewal
            if renewal is None or not renews or endpoint.name in _SESSION_NOT_NEEDED:
                raise
            try:
                token = await renewal.renew(used, self._caller.access_token)
            except Exception as failure:
                if endpoint.retryable:
                    raise
                # It did nothing, and a login that fails must not make that uncertain.
                raise refusal from failure
            if self._caller.access_token == used:
                self._caller.access_token = token
            if not endpoint.retryable:
                raise
        return await self._courier.deliver(endpoint, send, decode, asked, longest_s=longest_s)

    async def _typed(self, name: str, answer: type[T], parameters: Parameters) -> T:
        """Like ``_call``, but typed for a raw client too; see ``_shown``."""
        row: T = await self._decoded(ENDPOINTS[name], answer, {}, parameters)
        return row

    def _shown(self, row: Row) -> Any:
        """A typed row as this client shows it."""
        return row.to_dict() if self._is_raw else row

    async def _order_call(
        self,
        name: str,
        answer: type[T],
        path: Mapping[str, str],
        form: Mapping[str, str],
        *,
        tag: str | None = None,
        order_id: str | None = None,
        errand: Errand | None = None,
    ) -> T:
        """Send an order request; an outcome that is not known becomes its own error."""
        try:
            return await self._call(name, answer, path, form, errand=errand)
        except KiteError as error:
            failure = order_failure(error, tag, order_id)
            if failure is error:
                raise
            raise failure from error
