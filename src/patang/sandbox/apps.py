"""The apps of the developer console: their keys, kinds and addresses.

Source: Kite Connect v3, introduction and user; kite.trade on Personal apps and on static IPs.
"""

from enum import StrEnum
from ipaddress import ip_address
from urllib.parse import urlsplit

import msgspec

from patang.domain.errors import InvalidValue
from patang.sandbox import credentials
from patang.wire.endpoints import Endpoint, RateClass
from patang.wire.errors import PermissionException

_DATA = (RateClass.QUOTE, RateClass.HISTORICAL)
_CONSOLE = "Update allowed IPs on the Kite developer console."
_LEARN = "Learn more - https://support.zerodha.com/"


class AppKind(StrEnum):
    """Whether an app gets market data: ``PERSONAL`` is free and has no quotes, candles, ticks."""

    CONNECT = "connect"
    PERSONAL = "personal"


class AppSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One app. Keys that are not given are derived from the world's seed and the app's number.

    ``redirect_url`` is where a login ends, by default a page of the sandbox; ``postback_url``
    hears of the orders placed with this app. ``allowed_ips`` are the addresses that may place
    orders, None for all of them; ``user_ids`` the users who may log in, empty for all of them.
    ``has_refresh_tokens`` is for approved platforms, whose sessions can be renewed.

    Raises:
        InvalidValue: naming the field.
    """

    api_key: str | None = None
    api_secret: str | None = None
    redirect_url: str | None = None
    postback_url: str | None = None
    kind: AppKind = AppKind.CONNECT
    allowed_ips: tuple[str, ...] | None = None
    user_ids: tuple[str, ...] = ()
    has_refresh_tokens: bool = False

    def __post_init__(self) -> None:
        for name in ("api_key", "api_secret"):
            text = getattr(self, name)
            if text is not None and not (text.isascii() and text.isalnum()):
                raise InvalidValue(name, "is not letters and digits alone.")
        for name in ("redirect_url", "postback_url"):
            url = getattr(self, name)
            if url is not None:
                _check_url(name, url)
        for address in self.allowed_ips or ():
            try:
                ip_address(address)
            except ValueError as error:
                raise InvalidValue("allowed_ips", f"{address!r} is no IP address.") from error


class App(msgspec.Struct, frozen=True, kw_only=True):
    """A registered app of a world. ``app_id`` is the number that postbacks carry."""

    app_id: int
    api_key: str
    api_secret: str
    redirect_url: str
    postback_url: str | None = None
    kind: AppKind = AppKind.CONNECT
    allowed_ips: tuple[str, ...] | None = None
    user_ids: tuple[str, ...] = ()
    has_refresh_tokens: bool = False

    def admits(self, user_id: str) -> bool:
        """Whether this user may log in with it."""
        return not self.user_ids or user_id in self.user_ids

    def check_user(self, user_id: str) -> None:
        """Raise ``PermissionException`` for a user who may not log in with it."""
        if not self.admits(user_id):
            raise PermissionException("The user is not enabled for the app.")

    @property
    def has_market_data(self) -> bool:
        """Whether quotes, candles and the ticker are open to it."""
        return self.kind is AppKind.CONNECT

    def check_call(self, endpoint: Endpoint, address: str) -> None:
        """Refuse what the app's kind or the caller's IP address may not call.

        Raises:
            PermissionException: market data for a Personal app, or an order request from an
                address that is not registered. Triggers and alerts go by no address.
        """
        if endpoint.rate in _DATA and not self.has_market_data:
            raise PermissionException("Insufficient permission for that call.")
        if endpoint.rate is RateClass.ORDER and self.allowed_ips is not None:
            if not self.allowed_ips:
                raise PermissionException(f"No IPs configured for this app. {_CONSOLE} {_LEARN}")
            if address not in self.allowed_ips:
                raise PermissionException(ip_refusal(address))


def ip_refusal(address: str) -> str:
    """What Kite says to an order request from an address that is not registered."""
    return f"IP ({address}) is not allowed to place orders for this app. {_CONSOLE} {_LEARN}"


def build_apps(
    asked: tuple[AppSettings, ...], *, seed: int, redirect_url: str | None, finish_url: str
) -> tuple[App, ...]:
    """The apps of a world; one with every right where none was asked for.

    ``redirect_url`` is for the apps that name none, ``finish_url`` for the case that it is None.
    """
    return tuple(
        App(
            app_id=number + 1,
            api_key=one.api_key or credentials.api_key(seed, number),
            api_secret=one.api_secret or credentials.api_secret(seed, number),
            redirect_url=one.redirect_url or redirect_url or finish_url,
            postback_url=one.postback_url,
            kind=one.kind,
            allowed_ips=one.allowed_ips,
            user_ids=one.user_ids,
            has_refresh_tokens=one.has_refresh_tokens,
        )
        for number, one in enumerate(asked or (AppSettings(),))
    )


def check_apps(apps: tuple[AppSettings, ...], user_ids: list[str]) -> None:
    """Raise ``InvalidValue`` for a key that two apps share, or users the world does not have."""
    keys = [app.api_key for app in apps if app.api_key is not None]
    if len(set(keys)) != len(keys):
        raise InvalidValue("apps", "two apps have one api_key.", "Give each its own.")
    for app in apps:
        strangers = [one for one in app.user_ids if one not in user_ids]
        if strangers:
            raise InvalidValue("apps.user_ids", f"there is no user {strangers[0]!r}.")


def _check_url(name: str, url: str) -> None:
    try:
        parts = urlsplit(url)
        is_web = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        is_web = False
    if not is_web:
        raise InvalidValue(name, f"{url!r} is no web address.", "Write http://host:port/path.")
