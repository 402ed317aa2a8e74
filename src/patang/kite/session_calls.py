"""The client's session beyond its endpoints: whether it lives, and what is done when it dies."""

from patang.kite.secret import Secret
from patang.kite.session_renewal import SessionExpiryHook, SessionRenewal
from patang.kite.user_calls import UserCalls
from patang.wire.endpoints import ENDPOINTS
from patang.wire.errors import TokenException
from patang.wire.rows import ProfileRow


class SessionCalls(UserCalls):
    """A session ends at 06:00 IST, or when the user logs in elsewhere."""

    def set_session_expiry_hook(self, method: SessionExpiryHook | None) -> None:
        """Await ``method`` when a call finds the session dead; it returns the new access token.

        It is awaited once for each dead token; every call that noticed waits for it. Reads are
        then made again with the new token. Whatever changes something is not: its
        ``TokenException`` is raised once the new session is there. None takes the hook away.
        """
        self._caller.renewal = None if method is None else SessionRenewal(method)

    async def refresh_session(self) -> None:
        """Ask the expiry hook for a new session now.

        Raises:
            TokenException: there is no hook, or it had no token to give.
            Exception: whatever the hook raised.
        """
        if self._caller.renewal is None:
            raise TokenException(
                "there is no session expiry hook to make a new session.",
                remedy="Call set_session_expiry_hook first, or log in: patang login.",
            )
        self._caller.access_token = await self._caller.renewal.refresh(self._caller.access_token)

    async def validate_session(self) -> bool:
        """Whether the session lives: one read of the profile. It never awaits the expiry hook.

        Raises:
            KiteError: the server could not be asked, or answered something else.
        """
        try:
            await self._decoded(ENDPOINTS["profile"], ProfileRow, {}, (), renews=False)
        except TokenException:
            return False
        return True

    @property
    def access_token(self) -> Secret | None:
        """The session that calls use now; it hides itself."""
        return self._caller.access_token
