"""Who may call: apps, the login hand-over, and access tokens that die at 06:00 IST."""

from collections import Counter
from collections.abc import Collection

import msgspec

from patang.domain.market import NS_PER_SECOND
from patang.rules.ist import next_token_expiry_ns
from patang.sandbox import credentials
from patang.sandbox.apps import App
from patang.wire.checksums import is_same_checksum, login_checksum, refresh_checksum
from patang.wire.errors import TokenException

REQUEST_TOKEN_LIFE_NS = 180 * NS_PER_SECOND
BAD_ACCESS = "Incorrect `api_key` or `access_token`."
BAD_REQUEST_TOKEN = "Token is invalid or has expired."
BAD_CHECKSUM = "Invalid `checksum`."
BAD_API_KEY = "Invalid `api_key`."


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """A login of one user through one app; times are nanoseconds UTC of the virtual clock.

    ``refresh_token`` is empty for apps that have none.
    """

    user_id: str
    app: App
    access_token: str
    public_token: str
    opened_ns: int
    expires_ns: int
    refresh_token: str = ""


class _PendingLogin(msgspec.Struct, frozen=True):
    api_key: str
    user_id: str
    expires_ns: int


class Sessions:
    """All logins of the world. With ``one_session``, a new one ends the earlier of that app."""

    def __init__(self, apps: tuple[App, ...], *, seed: int, one_session: bool) -> None:
        self._apps = {app.api_key: app for app in apps}
        self._seed = seed
        self._one_session = one_session
        self._issued: Counter[tuple[str, str]] = Counter()
        self._pending: dict[str, _PendingLogin] = {}
        self._open: dict[str, Session] = {}
        self._renewable: dict[str, Session] = {}
        self._owners: dict[str, str] = {}

    def app(self, api_key: str) -> App | None:
        """The app with that key."""
        return self._apps.get(api_key)

    def request_token(self, app: App, user_id: str, now_ns: int) -> str:
        """A token that ``exchange`` turns into a session, once, within three minutes."""
        self._pending = {
            token: login for token, login in self._pending.items() if login.expires_ns > now_ns
        }
        token = self._next_token("request", user_id)
        self._pending[token] = _PendingLogin(app.api_key, user_id, now_ns + REQUEST_TOKEN_LIFE_NS)
        return token

    def exchange(self, api_key: str, request_token: str, checksum: str, now_ns: int) -> Session:
        """Spend a request token.

        Raises:
            TokenException: unknown app, wrong checksum, or a token that is spent or too old.
        """
        app = self._known(api_key)
        expected = login_checksum(api_key, request_token, app.api_secret)
        if not is_same_checksum(checksum, expected):
            raise TokenException(BAD_CHECKSUM)
        login = self._pending.get(request_token)
        if login is None or login.api_key != api_key or login.expires_ns <= now_ns:
            raise TokenException(BAD_REQUEST_TOKEN)
        del self._pending[request_token]
        return self.open(app, login.user_id, now_ns)

    def renew(self, api_key: str, refresh_token: str, checksum: str, now_ns: int) -> Session:
        """A new session for a refresh token, which stays good until it is closed.

        Raises:
            TokenException: unknown app, wrong checksum, or no such refresh token.
        """
        app = self._known(api_key)
        expected = refresh_checksum(api_key, refresh_token, app.api_secret)
        if not is_same_checksum(checksum, expected):
            raise TokenException(BAD_CHECKSUM)
        earlier = self._renewable_session(api_key, refresh_token)
        self._open.pop(earlier.access_token, None)
        return self.open(app, earlier.user_id, now_ns, refresh_token)

    def open(self, app: App, user_id: str, now_ns: int, refresh_token: str = "") -> Session:
        """Log a user in; a session that is renewed keeps its refresh token."""
        if self._one_session:
            earlier = [
                token
                for token, session in self._open.items()
                if session.user_id == user_id and session.app.api_key == app.api_key
            ]
            for token in earlier:
                del self._open[token]
        session = Session(
            user_id=user_id,
            app=app,
            access_token=self._next_token("access", user_id),
            public_token=self._next_token("public", user_id),
            opened_ns=now_ns,
            expires_ns=next_token_expiry_ns(now_ns),
            refresh_token=refresh_token or self._new_refresh_token(app, user_id),
        )
        self._open[session.access_token] = session
        self._owners[session.access_token] = user_id
        if session.refresh_token:
            self._renewable[session.refresh_token] = session
        return session

    def verify(self, api_key: str, access_token: str, now_ns: int) -> Session:
        """The session these credentials belong to.

        Raises:
            TokenException: there is none, or it has expired.
        """
        session = self._open.get(access_token)
        if session is None or session.app.api_key != api_key:
            raise TokenException(BAD_ACCESS)
        if session.expires_ns <= now_ns:
            del self._open[access_token]
            raise TokenException(BAD_ACCESS)
        return session

    def owner(self, access_token: str) -> str | None:
        """The user a token was made for, even when it is dead by now; None for nobody's."""
        return self._owners.get(access_token)

    def flush(self, user_ids: Collection[str] = ()) -> int:
        """Kill the access tokens of these users, of all when none is named; return how many."""
        doomed = [
            token
            for token, session in self._open.items()
            if not user_ids or session.user_id in user_ids
        ]
        for token in doomed:
            del self._open[token]
        return len(doomed)

    def close(self, session: Session) -> None:
        """Log out."""
        self._open.pop(session.access_token, None)

    def close_renewal(self, api_key: str, refresh_token: str) -> None:
        """Let a refresh token renew nothing more; raises ``TokenException`` for an unknown one."""
        self._renewable_session(api_key, refresh_token)
        del self._renewable[refresh_token]

    def _known(self, api_key: str) -> App:
        app = self._apps.get(api_key)
        if app is None:
            raise TokenException(BAD_API_KEY)
        return app

    def _renewable_session(self, api_key: str, refresh_token: str) -> Session:
        session = self._renewable.get(refresh_token)
        if session is None or session.app.api_key != api_key:
            raise TokenException(BAD_REQUEST_TOKEN)
        return session

    def _new_refresh_token(self, app: App, user_id: str) -> str:
        return self._next_token("refresh", user_id) if app.has_refresh_tokens else ""

    def _next_token(self, kind: str, user_id: str) -> str:
        number = self._issued[kind, user_id]
        self._issued[kind, user_id] += 1
        return credentials.token(self._seed, kind, user_id, number)
