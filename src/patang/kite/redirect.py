"""What the browser brings back from the login page: read with suspicion."""

import contextlib
import hmac
import re
import secrets
from urllib.parse import parse_qsl, urlencode, urlsplit

from patang.domain.secret import Secret
from patang.kite.login_errors import LoginRefused

STATE = "state"
_TOKEN = re.compile(r"[A-Za-z0-9]{8,128}")
_MAX_PASTE = 4096
_AGAIN = "Begin again with `patang login`; a request token works once and for a few minutes."


def new_state() -> str:
    """Text that nobody can guess; it ties a redirect to the login that asked for it."""
    return secrets.token_urlsafe(24)


def with_state(login_url: str, state: str) -> str:
    """The login page's address that makes Kite add ``state`` to the redirect."""
    joint = "&" if urlsplit(login_url).query else "?"
    extra = urlencode({"redirect_params": urlencode({STATE: state})})
    return f"{login_url}{joint}{extra}"


def request_token_of(query: str, state: str) -> Secret:
    """The request token in a redirect's query.

    Raises:
        LoginRefused: the state is missing, repeated or another's; the login was not completed;
            or there is no token.
    """
    found: dict[str, list[str]] = {}
    # More fields than any redirect has are a ValueError: they are read as none at all.
    with contextlib.suppress(ValueError):
        for name, value in parse_qsl(query, keep_blank_values=True, max_num_fields=40):
            found.setdefault(name, []).append(value)
    match found.get(STATE, []):
        case [given] if hmac.compare_digest(given.encode("utf-8", "replace"), state.encode()):
            pass
        case _:
            raise LoginRefused("The redirect does not belong to the login that was begun.", _AGAIN)
    if found.get("status", ["success"]) != ["success"]:
        raise LoginRefused("The login was not completed at Kite.", _AGAIN)
    match found.get("request_token", []):
        case [token] if _TOKEN.fullmatch(token):
            return Secret(token)
        case _:
            raise LoginRefused("The redirect brought no request token.", _AGAIN)


def request_token_in(pasted: str, state: str) -> Secret:
    """The request token in what a person pasted: the redirect's address, or the token alone.

    An address that carries a state must carry ours. One that has none is taken: whoever pastes
    has seen the page themselves.

    Raises:
        LoginRefused: there is no token in it.
    """
    text = pasted.strip()
    if _TOKEN.fullmatch(text):
        return Secret(text)
    if len(text) <= _MAX_PASTE:
        try:
            query = urlsplit(text).query
            names = {name for name, _ in parse_qsl(query, max_num_fields=40)}
        except ValueError:
            names = set()
        if "request_token" in names:
            own = query if STATE in names else f"{query}&{urlencode({STATE: state})}"
            return request_token_of(own, state)
    raise LoginRefused(
        "What was pasted is neither a redirect's address nor a request token.",
        "Paste the whole address that the browser ended on, with request_token= in it.",
    )
