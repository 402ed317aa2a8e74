from patang.sandbox.app import HANDLERS
from patang.wire.endpoints import ENDPOINTS


def test_every_route_of_the_table_is_served():
    assert set(HANDLERS) == set(ENDPOINTS)
