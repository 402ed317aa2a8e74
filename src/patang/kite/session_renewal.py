"""What happens when a session dies under a client: one new login for everybody who waits.

Kite's sessions end each morning and ordinary apps get no refresh token, so a new one takes a
login. The hook that makes it is awaited once for each dead token, however many calls noticed.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from patang.domain.secret import Secret
from patang.wire.errors import TokenException

Token = str | Secret | None
SessionExpiryHook = Callable[[], Awaitable[Token] | Token]
"""Called when the session has died. Returns the new access token, or None if there is none.

It may be a coroutine function or, as in the official client, a plain one; a plain one must not
block for long, since every call of the client waits with it.
"""


class SessionRenewal:
    """Awaits the hook, single flight; every caller gets the same token or the same failure."""

    def __init__(self, hook: SessionExpiryHook) -> None:
        self._hook = hook
        self._one_at_a_time = asyncio.Lock()
        self._asking: asyncio.Task[Any] | None = None
        self._dead: Secret | None = None
        self._outcome: Secret | Exception | None = None

    async def renew(self, dead: Secret | None, current: Secret | None) -> Secret:
        """A token to use instead of ``dead``, the one that was just refused.

        ``current`` is what the client holds now. If that is another one, somebody has renewed it
        since the refused call left, and the hook is not asked. A token whose renewal failed is
        not renewed again until ``refresh``, or a new token, says so. A call that is cancelled
        while it asks the hook leaves that to the next one that waits.

        Raises:
            TokenException: the hook had no token to give.
            Exception: whatever the hook raised, to everybody who waited for it.
        """
        if current is not None and current != dead:
            return current
        if self._asking is asyncio.current_task():
            # The hook calls the client it renews, and what it made is refused too.
            raise TokenException("the session that the expiry hook made is refused.")
        async with self._one_at_a_time:
            if self._outcome is None or self._dead != dead:
                self._dead, self._outcome = dead, None
                self._outcome = await self._ask()
            if isinstance(self._outcome, Exception):
                raise self._outcome
            return self._outcome

    async def refresh(self, current: Secret | None) -> Secret:
        """Ask the hook although nothing was refused, or although it failed; raises as ``renew``."""
        if not self._one_at_a_time.locked():
            self._outcome = None
        return await self.renew(current, current)

    async def _ask(self) -> Secret | Exception:
        self._asking = asyncio.current_task()
        try:
            answer = self._hook()
            token = await answer if isinstance(answer, Awaitable) else answer
        except Exception as error:  # noqa: BLE001 - kept, and raised to everybody who waits
            return error
        finally:
            self._asking = None
        if token:
            return Secret(token)
        return TokenException(
            "the session has ended, and its expiry hook brought no new one.",
            remedy="Log in again: patang login.",
        )
