"""The login page stand-in: no password, one request token, and back to the app."""

from html import escape
from urllib.parse import parse_qsl, urlencode, urlsplit

from starlette.responses import HTMLResponse, RedirectResponse, Response

from patang.sandbox.calls import Query
from patang.sandbox.sessions import BAD_API_KEY
from patang.sandbox.world import World
from patang.wire.errors import InputException, TokenException


def login_page(world: World, query: Query, now_ns: int) -> Response:
    """GET /connect/login: log ``user_id`` in (the first user by default) and redirect.

    ``redirect_params`` is itself a query string, whose pairs are added to the redirect.
    """
    app = world.sessions.app(query.required("api_key"))
    if app is None:
        raise TokenException(BAD_API_KEY)
    users = [user.user_id for user in world.settings.users]
    user_id = query.first("user_id") or users[0]
    if user_id not in users:
        raise InputException(f"Invalid `user_id`. This sandbox has {', '.join(users)}.")
    parameters = [
        ("request_token", world.sessions.request_token(app, user_id, now_ns)),
        ("action", "login"),
        ("type", "login"),
        ("status", "success"),
        *parse_qsl(query.first("redirect_params"), keep_blank_values=True),
    ]
    joint = "&" if urlsplit(app.redirect_url).query else "?"
    return RedirectResponse(f"{app.redirect_url}{joint}{urlencode(parameters)}", status_code=302)


def finish_page(_world: World, query: Query, _now_ns: int) -> Response:
    """GET /connect/finish: where the browser lands when the app has no address of its own."""
    token = escape(query.first("request_token"))
    return HTMLResponse(
        "<!doctype html><title>Logged in</title>"
        f"<p>Logged in to the sandbox. The request token is <code>{token}</code>; "
        "exchange it within three minutes.</p>"
    )
