"""The login page stand-in: no password, one request token, and back to the app.

Source: Kite Connect v3, user, login flow. What a cancelled login brings is not documented; here it
is the same redirect with the status ``cancelled`` and no token.
"""

from html import escape
from urllib.parse import parse_qsl, urlencode, urlsplit

from starlette.responses import HTMLResponse, RedirectResponse, Response

from patang.sandbox.apps import App
from patang.sandbox.calls import Query
from patang.sandbox.sessions import BAD_API_KEY
from patang.sandbox.world import World
from patang.wire.errors import InputException, TokenException
from patang.wire.form_fields import Fields

CANCELLED = "cancelled"
"""The status of a redirect after a login that was called off."""

_KEPT = ("v", "api_key", "redirect_params")
"""What the page's links take along of the address that opened it."""


def login_page(world: World, query: Query, now_ns: int) -> Response:
    """GET /connect/login: log ``user_id`` in and redirect to the app.

    ``redirect_params`` is itself a query string, whose pairs are added to the redirect. Without
    ``user_id`` the app's first user is logged in, or, with ``choose`` in the query or the world's
    ``login_choice``, a page lets a person choose. ``cancel`` stands for a person who gives up.
    """
    app = world.sessions.app(query.required("api_key"))
    if app is None:
        raise TokenException(BAD_API_KEY)
    fields = Fields(query.as_dict())
    if fields.flag("cancel"):
        return _back(app, query, [("action", "login"), ("type", "login"), ("status", CANCELLED)])
    users = [user.user_id for user in world.settings.users]
    user_id = query.first("user_id")
    if not user_id and (fields.flag("choose") or world.settings.login_choice):
        return HTMLResponse(_choice(app, query, users))
    user_id = user_id or next(filter(app.admits, users), users[0])
    if user_id not in users:
        raise InputException(f"Invalid `user_id`. This sandbox has {', '.join(users)}.")
    app.check_user(user_id)
    token = world.sessions.request_token(app, user_id, now_ns)
    return _back(
        app,
        query,
        [("request_token", token), ("action", "login"), ("type", "login"), ("status", "success")],
    )


def finish_page(_world: World, query: Query, _now_ns: int) -> Response:
    """GET /connect/finish: where the browser lands when the app has no address of its own."""
    token = escape(query.first("request_token"))
    if not token:
        return HTMLResponse("<!doctype html><title>Not logged in</title><p>Nobody logged in.</p>")
    return HTMLResponse(
        "<!doctype html><title>Logged in</title>"
        f"<p>Logged in to the sandbox. The request token is <code>{token}</code>; "
        "exchange it within three minutes.</p>"
    )


def _back(app: App, query: Query, parameters: list[tuple[str, str]]) -> Response:
    """The redirect to the app."""
    asked = parse_qsl(query.first("redirect_params"), keep_blank_values=True)
    joint = "&" if urlsplit(app.redirect_url).query else "?"
    return RedirectResponse(
        f"{app.redirect_url}{joint}{urlencode(parameters + asked)}", status_code=302
    )


def _choice(app: App, query: Query, users: list[str]) -> str:
    """The page that asks who is logging in."""
    kept = [(name, query.first(name)) for name in _KEPT if query.first(name)]

    def link(name: str, value: str, text: str) -> str:
        address = escape(f"/connect/login?{urlencode([*kept, (name, value)])}")
        return f'<li><a href="{address}">{escape(text)}</a></li>'

    links = [link("user_id", one, one) for one in users if app.admits(one)]
    links.append(link("cancel", "true", "Cancel"))
    return (
        "<!doctype html><title>Log in to the sandbox</title>"
        f"<p>Who logs in to the app <code>{escape(app.api_key)}</code>?</p>"
        f"<ul>{''.join(links)}</ul>"
    )
