"""The depository's page: where a user allows shares to leave the demat.

Source: Kite Connect v3, portfolio, holdings authorisation.
"""

from collections.abc import Awaitable, Callable
from html import escape

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from patang.sandbox.world import World
from patang.simulator.errors import Refused

PAGE = "/connect/portfolio/authorise/holdings/{api_key}/{request_id}"


def authorisation_routes(world: World) -> list[Route]:
    """The page that grants a request as soon as it is opened, and the one it ends at."""
    return [
        Route(PAGE, _grant(world), methods=["GET"]),
        Route(f"{PAGE}/finish", _finish, methods=["GET"]),
    ]


def _grant(world: World) -> Callable[[Request], Awaitable[Response]]:
    async def grant(request: Request) -> Response:
        now_ns = world.advance()
        wanted = world.authorisations.take(
            request.path_params["api_key"], request.path_params["request_id"]
        )
        status = "error"
        if wanted is not None:
            try:
                world.exchange.back_office.authorise(wanted.user_id, wanted.quantities, now_ns)
                status = "success"
            except Refused:
                # Fewer shares are left than were asked for: the page tells the user so.
                status = "error"
        path = PAGE.format(**request.path_params)
        return RedirectResponse(f"{path}/finish?status={status}", status_code=302)

    return grant


async def _finish(request: Request) -> Response:
    status = escape(request.query_params.get("status", "error"))
    return HTMLResponse(
        f"<!doctype html><title>Authorisation</title><p>Authorisation of holdings: {status}.</p>"
    )
