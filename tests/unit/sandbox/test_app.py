from patang.sandbox.app import HANDLERS
from patang.wire.endpoints import ENDPOINTS


def test_every_route_of_the_table_has_a_handler_and_no_other_has():
    assert set(HANDLERS) == set(ENDPOINTS)
