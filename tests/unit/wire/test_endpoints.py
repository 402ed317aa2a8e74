import pytest

from patang.domain.errors import InvalidValue
from patang.wire.endpoints import ENDPOINTS, BodyKind, RateClass


def test_paths_are_percent_encoded():
    path = ENDPOINTS["order_trades"].url_path(order_id="a/b c&?")
    assert path == "/orders/a%2Fb%20c%26%3F/trades"


def test_a_route_without_parameters_is_its_own_path():
    assert ENDPOINTS["positions"].url_path() == "/portfolio/positions"


@pytest.mark.parametrize(
    "parameters",
    [{}, {"variety": "regular"}, {"variety": "regular", "order_id": ""},
     {"variety": "regular", "order_id": ".."},
     {"variety": "regular", "order_id": "1", "more": "2"}],
)  # fmt: skip
def test_missing_empty_and_unknown_parameters_are_refused(parameters):
    with pytest.raises(InvalidValue):
        ENDPOINTS["cancel_order"].url_path(**parameters)


def test_only_reads_may_be_sent_twice():
    assert {e.method for e in ENDPOINTS.values() if e.retryable} == {"GET"}
    assert not any(e.retryable for e in ENDPOINTS.values() if e.rate is RateClass.ORDER)


def test_order_writes_and_quotes_have_their_own_rate_class():
    by_class = {
        rate: {name for name, e in ENDPOINTS.items() if e.rate is rate} for rate in RateClass
    }
    assert by_class[RateClass.ORDER] == {"place_order", "modify_order", "cancel_order"}
    assert by_class[RateClass.QUOTE] == {"quote", "ohlc", "ltp"}


def test_only_post_and_put_carry_a_form():
    for endpoint in ENDPOINTS.values():
        assert (endpoint.body is BodyKind.FORM) == (endpoint.method in {"POST", "PUT"})


def test_each_method_and_path_stands_once():
    routes = [(e.method, e.path) for e in ENDPOINTS.values()]
    assert len(routes) == len(set(routes))


def test_the_login_needs_no_session():
    assert [name for name, e in ENDPOINTS.items() if not e.needs_session] == ["generate_session"]
