"""The client's calls on the session and the account."""

from typing import Any, Literal, overload
from urllib.parse import urlencode

from patang.domain.errors import InvalidValue
from patang.kite.credentials import credential, session_token
from patang.kite.endpoint_calls import EndpointCalls
from patang.kite.secret import Secret
from patang.wire.checksums import login_checksum, refresh_checksum
from patang.wire.rows import (
    FullProfileRow,
    MarginsRow,
    ProfileRow,
    RenewedSessionRow,
    SegmentRow,
    SessionRow,
)

SEGMENTS = ("equity", "commodity")


class UserCalls(EndpointCalls):
    """Session, profile and funds."""

    _login_root: str

    def set_access_token(self, access_token: str | Secret | None) -> None:
        """Use this session from the next call on; None leaves the client without one.

        Raises:
            InvalidValue: it is no token; what it is does not show.
        """
        self._caller.access_token = session_token(access_token)

    def login_url(self) -> str:
        """Where the user logs in; the redirect brings the ``request_token``."""
        query = urlencode({"api_key": self._caller.api_key, "v": "3"})
        return f"{self._login_root}?{query}"

    async def generate_session(self, request_token: str, api_secret: str | Secret) -> SessionRow:
        """Exchange a request token, which works once, for a session, and use it from now on."""
        api_key = self._caller.api_key
        given = credential("request_token", request_token)
        secret = credential("api_secret", api_secret)
        checksum = login_checksum(api_key, given, secret)
        form = {"api_key": api_key, "request_token": given, "checksum": checksum}
        session = await self._typed("generate_session", SessionRow, form)
        self.set_access_token(session.access_token)
        return self._shown(session)  # type: ignore[no-any-return]

    async def renew_access_token(
        self, refresh_token: str | Secret, api_secret: str | Secret
    ) -> RenewedSessionRow:
        """Get a new session for a refresh token, and use it; only approved platforms have one."""
        api_key, token = self._caller.api_key, credential("refresh_token", refresh_token)
        checksum = refresh_checksum(api_key, token, credential("api_secret", api_secret))
        form = {"api_key": api_key, "refresh_token": token, "checksum": checksum}
        session = await self._typed("renew_access_token", RenewedSessionRow, form)
        self.set_access_token(session.access_token)
        return self._shown(session)  # type: ignore[no-any-return]

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

    async def invalidate_refresh_token(self, refresh_token: str | Secret) -> bool:
        """End what a refresh token could renew."""
        parameters = {
            "api_key": self._caller.api_key,
            "refresh_token": credential("refresh_token", refresh_token),
        }
        return await self._call("invalidate_session", bool, parameters=parameters)

    async def profile(self) -> ProfileRow:
        """Who the user is; the cheapest way to see that a session lives."""
        return await self._call("profile", ProfileRow)

    async def full_profile(self) -> FullProfileRow:
        """The profile with masked contact and identity; not on Kite's pages."""
        return await self._call("full_profile", FullProfileRow)

    @overload
    async def margins(self, segment: None = None) -> MarginsRow: ...
    @overload
    async def margins(self, segment: Literal["equity", "commodity"]) -> SegmentRow: ...
    async def margins(self, segment: str | None = None) -> MarginsRow | SegmentRow:
        """Funds of both segments, or of one: ``equity`` or ``commodity``."""
        if segment is None:
            return await self._call("margins", MarginsRow)
        return await self._call("margins_segment", SegmentRow, {"segment": _segment(segment)})

    async def market_margins(self, segment: str) -> Any:
        """Legacy: margins of the instruments of a segment; the answer has no documented form."""
        return await self._call("market_margins", object, {"segment": _segment(segment)})

    async def parameters(self) -> Any:
        """Legacy: the words that orders may use; the answer has no documented form."""
        return await self._call("parameters", object)


def _segment(segment: str) -> str:
    if segment not in SEGMENTS:
        raise InvalidValue("segment", f"unknown value {segment!r}.", f"Known: {SEGMENTS}.")
    return segment
