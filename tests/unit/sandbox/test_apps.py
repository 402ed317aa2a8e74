import msgspec
import pytest

from patang.domain.errors import InvalidValue
from patang.sandbox.apps import App, AppKind, AppSettings, build_apps
from patang.sandbox.settings import SandboxSettings
from patang.wire.endpoints import ENDPOINTS, RateClass
from patang.wire.errors import PermissionException

HERE = "127.0.0.1"


def app(**changes) -> App:
    fields = {"app_id": 1, "api_key": "k", "api_secret": "s", "redirect_url": "http://x/"}
    return App(**(fields | changes))


def refused(of: App, address: str = HERE) -> set[str]:
    """Names of the routes that the app may not call from an address."""
    names = set()
    for name, endpoint in ENDPOINTS.items():
        try:
            of.check_call(endpoint, address)
        except PermissionException:
            names.add(name)
    return names


def test_a_connect_app_may_call_everything_from_anywhere():
    assert refused(app()) == set()
    assert refused(app(), "203.0.113.7") == set()


def test_a_personal_app_has_neither_quotes_nor_candles():
    assert refused(app(kind=AppKind.PERSONAL)) == {"quote", "ohlc", "ltp", "historical_data"}


@pytest.mark.parametrize("allowed", [(), ("203.0.113.7",)])
def test_addresses_are_for_order_requests_alone(allowed):
    orders = {name for name, one in ENDPOINTS.items() if one.rate is RateClass.ORDER}
    assert orders == {"place_order", "modify_order", "cancel_order"}
    assert refused(app(allowed_ips=allowed)) == orders
    assert refused(app(allowed_ips=(*allowed, HERE))) == set()


def test_an_app_without_users_of_its_own_admits_all():
    assert app().admits("AB1234")
    assert not app(user_ids=("CD5678",)).admits("AB1234")


def test_a_world_has_one_app_of_every_right_unless_it_asks_for_others():
    [only] = build_apps((), seed=1, redirect_url=None, finish_url="http://here/finish")
    assert (only.app_id, only.kind, only.redirect_url) == (
        1,
        AppKind.CONNECT,
        "http://here/finish",
    )
    first, second = build_apps(
        (AppSettings(), AppSettings(redirect_url="http://own/")),
        seed=1,
        redirect_url="http://all/",
        finish_url="http://here/finish",
    )
    assert (first.api_key, first.api_secret) == (only.api_key, only.api_secret)
    assert second.api_key != first.api_key
    assert (first.redirect_url, second.redirect_url) == ("http://all/", "http://own/")


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"api_key": "has space"}, "api_key"),
        ({"api_secret": ""}, "api_secret"),
        ({"redirect_url": "ftp://x/"}, "redirect_url"),
        ({"postback_url": "localhost:8000"}, "postback_url"),
        ({"postback_url": "http://[x/"}, "postback_url"),
        ({"allowed_ips": ("300.1.1.1",)}, "allowed_ips"),
    ],
)
def test_an_app_that_cannot_be_is_refused_by_its_field(fields, named):
    with pytest.raises(InvalidValue) as caught:
        AppSettings(**fields)
    assert caught.value.field == named


def test_apps_share_no_key_and_name_only_users_of_the_world():
    same = AppSettings(api_key="one")
    with pytest.raises(InvalidValue, match="one api_key"):
        SandboxSettings(apps=(same, same))
    with pytest.raises(InvalidValue, match="NOBODY"):
        SandboxSettings(apps=(AppSettings(user_ids=("NOBODY",)),))


def test_settings_are_read_from_a_file_as_they_are_written():
    text = b'{"kind": "personal", "allowed_ips": ["127.0.0.1"], "user_ids": []}'
    read = msgspec.json.decode(text, type=AppSettings)
    assert (read.kind, read.allowed_ips) == (AppKind.PERSONAL, ("127.0.0.1",))
    with pytest.raises(msgspec.ValidationError, match="colour"):
        msgspec.json.decode(b'{"colour": 1}', type=AppSettings)
