import pytest

from patang.domain.errors import InvalidValue
from patang.wire.endpoints import ENDPOINTS, BodyKind, RateClass, Standing


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


def test_only_reads_and_calculations_may_be_sent_twice():
    repeatable = {name for name, e in ENDPOINTS.items() if e.retryable and e.method != "GET"}
    assert repeatable == {"order_margins", "basket_order_margins", "get_virtual_contract_note"}
    assert not any(e.retryable for e in ENDPOINTS.values() if e.rate is RateClass.ORDER)
    assert all(e.retryable for e in ENDPOINTS.values() if e.method == "GET")


def test_order_writes_and_quotes_have_their_own_rate_class():
    by_class = {
        rate: {name for name, e in ENDPOINTS.items() if e.rate is rate} for rate in RateClass
    }
    assert by_class[RateClass.ORDER] == {"place_order", "modify_order", "cancel_order"}
    assert by_class[RateClass.QUOTE] == {"quote", "ohlc", "ltp"}
    assert by_class[RateClass.HISTORICAL] == {"historical_data"}


def test_only_post_and_put_carry_a_body():
    for endpoint in ENDPOINTS.values():
        assert (endpoint.body is not BodyKind.QUERY) == (endpoint.method in {"POST", "PUT"})


def test_fund_writes_are_marked_as_closed_by_the_broker():
    closed = {name for name, e in ENDPOINTS.items() if e.standing is Standing.CLOSED}
    writes = {n for n, e in ENDPOINTS.items() if e.path.startswith("/mf/") and e.method != "GET"}
    assert closed == writes


def test_each_method_and_path_stands_once():
    routes = [(e.method, e.path) for e in ENDPOINTS.values()]
    assert len(routes) == len(set(routes))


def test_logging_in_and_renewing_need_no_session():
    free = [name for name, e in ENDPOINTS.items() if not e.needs_session]
    assert free == ["generate_session", "renew_access_token"]
