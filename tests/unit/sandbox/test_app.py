from patang.sandbox.app import HANDLERS
from patang.sandbox.unserved import UNSERVED
from patang.wire.endpoints import ENDPOINTS


def test_every_route_of_the_table_is_served_or_listed_as_unserved():
    assert set(HANDLERS) | UNSERVED == set(ENDPOINTS)
    assert not set(HANDLERS) & UNSERVED
