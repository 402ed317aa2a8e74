"""The login: from Kite's page in a browser to a session that was seen to work."""

from collections.abc import Awaitable, Callable
from typing import Protocol

import msgspec

from patang.domain.errors import InvalidValue
from patang.domain.secret import Secret
from patang.kite.callback import open_callback
from patang.kite.client import Kite
from patang.kite.clock import Clock
from patang.kite.login_errors import LoginRefused
from patang.kite.redirect import new_state, request_token_in, with_state
from patang.rules.ist import next_token_expiry_ns
from patang.wire.rows import SessionRow
from patang.wire.times import parse_ist

LOGIN_SECONDS = 300.0
"""How long a person gets for password and second factor."""


class LoginProvider(Protocol):
    """Brings a user through the login page without Patang's help: the port for a plug-in.

    Patang has none. A plug-in that types a password and a TOTP code for the user stands on
    addresses that Zerodha does not document and exchange rules that ask for a person
    (docs/login.md).
    """

    async def request_token(self, login_url: str) -> str | Secret:
        """Log in at ``login_url`` and return the request token of the redirect, or its address."""
        ...


class Login(msgspec.Struct, frozen=True, kw_only=True):
    """A session that works. Times are UTC nanoseconds of the venue; tokens do not show."""

    user_id: str
    user_name: str
    access_token: Secret
    login_ns: int
    expires_ns: int


class LoginFlow:
    """One login of one client. The client uses the new session from then on."""

    def __init__(self, kite: Kite, api_secret: str | Secret, clock: Clock) -> None:
        self._kite = kite
        self._api_secret = Secret(api_secret)
        self._clock = clock
        self._state = new_state()

    @property
    def login_url(self) -> str:
        """Where the user's browser must go. The redirect will carry this login's state."""
        return with_state(self._kite.login_url(), self._state)

    async def by_callback(
        self,
        port: int,
        show: Callable[[str], Awaitable[None]],
        timeout_seconds: float = LOGIN_SECONDS,
    ) -> Login:
        """Listen on 127.0.0.1, call ``show`` with the login page's address, wait, exchange.

        Raises:
            CallbackPortTaken: nobody was asked to log in.
            LoginTimeout: the browser did not come back.
            LoginRefused, KiteError: as ``exchange``.
        """
        async with open_callback(port, self._state) as callback:
            await show(self.login_url)
            token = await callback.token(timeout_seconds)
        return await self.exchange(token)

    async def by_paste(self, pasted: str) -> Login:
        """Go on from a pasted redirect address or request token; raises as ``exchange``."""
        return await self.exchange(request_token_in(pasted, self._state))

    async def by_provider(self, provider: LoginProvider) -> Login:
        """Let a plug-in log in; raises as ``exchange`` and whatever the plug-in raises."""
        answer = Secret(await provider.request_token(self.login_url))
        return await self.by_paste(answer.reveal())

    async def exchange(self, request_token: Secret) -> Login:
        """Turn a request token into a session, and see that it works.

        Raises:
            TokenException: the request token is spent or too old, or the API secret is wrong.
            LoginRefused: the session is not that of the user who logged in.
            KiteError: Kite or the network failed.
        """
        session = await self._kite.generate_session(request_token.reveal(), self._api_secret)
        profile = await self._kite.profile()
        if profile.user_id != session.user_id:
            raise LoginRefused(
                f"The session of {session.user_id} answers as {profile.user_id}.", "Log in again."
            )
        login_ns = self._login_ns(session)
        return Login(
            user_id=session.user_id,
            user_name=profile.user_name or session.user_name,
            access_token=Secret(session.access_token),
            login_ns=login_ns,
            expires_ns=next_token_expiry_ns(login_ns),
        )

    def _login_ns(self, session: SessionRow) -> int:
        """The server's own time of the login: a sandbox lives in another day than this machine."""
        try:
            return parse_ist(session.login_time)
        except InvalidValue:
            return self._clock.now_ns()
