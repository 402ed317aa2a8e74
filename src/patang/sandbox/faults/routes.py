"""Which requests a fault is meant for: names and groups of Kite's routes."""

from collections.abc import Iterable

from patang.domain.errors import InvalidValue
from patang.wire.endpoints import ENDPOINTS, RateClass

TICKER = "ticker"
"""The WebSocket handshake."""

GROUPS: dict[str, frozenset[str]] = {
    "order_requests": frozenset(
        name for name, one in ENDPOINTS.items() if one.rate is RateClass.ORDER
    ),
    "reads": frozenset(name for name, one in ENDPOINTS.items() if one.method == "GET"),
    "everything": frozenset((*ENDPOINTS, TICKER)),
}
"""Groups of routes by name: placing, modifying and cancelling; every GET; all there is."""


def check_routes(names: Iterable[str]) -> None:
    """Raise ``InvalidValue`` for a name that is neither a route nor a group."""
    known = (*GROUPS, TICKER, *ENDPOINTS)
    unknown = next((name for name in names if name not in known), None)
    if unknown is not None:
        raise InvalidValue(
            "routes", f"there is no route {unknown!r}.", f"Known: {', '.join(known)}."
        )


def covers(names: Iterable[str], route: str) -> bool:
    """Whether a route is among these names and groups."""
    return any(name == route or route in GROUPS.get(name, ()) for name in names)
