from decimal import Decimal

import pytest

from patang.brokers import protocol as p
from patang.brokers.protocol_words import iso_of
from patang.domain.errors import InvalidValue
from patang.domain.secret import Secret
from patang.gateway.clients import Client, Doorkeeper, Rate, Refused

NOW_NS = 1_767_589_200_000_000_000
SECOND = 1_000_000_000
SECRET = Secret("k" * 40)


class Clock:
    now_ns = NOW_NS

    def __call__(self) -> int:
        return self.now_ns


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def doorkeeper(clock) -> Doorkeeper:
    return Doorkeeper({"desk": (Client(client_id="desk"), SECRET)}, clock)


def an_auth(
    secret=SECRET, challenge="c" * 32, expires_ns=NOW_NS + 30 * SECOND, **changes
) -> p.Auth:
    fields = {"client_id": "desk", "nonce": "n" * 16, "expires_at": iso_of(expires_ns)} | changes
    signature = p.sign(secret, p.auth_text(challenge=challenge, **fields))
    return p.Auth(version=1, signature=signature, **fields)


def test_who_signs_the_challenge_is_let_in_and_told_a_proof(doorkeeper):
    client, proof = doorkeeper.admit(an_auth(), "c" * 32)
    assert client.client_id == "desk"
    text = p.proof_text(challenge="c" * 32, client_id="desk", nonce="n" * 16)
    assert proof == p.sign(SECRET, text)


@pytest.mark.parametrize(
    ("auth", "code"),
    [
        (an_auth(secret=Secret("x" * 40)), "AUTH_FAILED"),
        (an_auth(client_id="stranger"), "AUTH_FAILED"),
        (an_auth(challenge="another challenge"), "AUTH_FAILED"),
        (an_auth(expires_ns=NOW_NS), "AUTH_EXPIRED"),
        (an_auth(expires_ns=NOW_NS + 61 * SECOND), "AUTH_EXPIRED"),
        (an_auth(expires_at="tomorrow"), "BAD_MESSAGE"),
        (an_auth(nonce="short"), "BAD_MESSAGE"),
    ],
)
def test_anybody_else_is_not(doorkeeper, auth, code):
    with pytest.raises(Refused) as refused:
        doorkeeper.admit(auth, "c" * 32)
    assert refused.value.code == code


def test_an_unknown_client_and_a_wrong_secret_are_told_the_same(doorkeeper):
    texts = set()
    for auth in (an_auth(secret=Secret("x" * 40)), an_auth(client_id="stranger")):
        with pytest.raises(Refused) as refused:
            doorkeeper.admit(auth, "c" * 32)
        texts.add(str(refused.value))
    assert len(texts) == 1


def test_a_nonce_is_good_once_and_forgotten_when_it_has_expired(doorkeeper, clock):
    doorkeeper.admit(an_auth(), "c" * 32)
    with pytest.raises(Refused, match="used before"):
        doorkeeper.admit(an_auth(), "c" * 32)
    clock.now_ns += 40 * SECOND
    doorkeeper.admit(an_auth(expires_ns=clock.now_ns + SECOND), "c" * 32)


def test_a_short_secret_is_no_secret(clock):
    with pytest.raises(InvalidValue, match="shorter than 32"):
        Doorkeeper({"desk": (Client(client_id="desk"), Secret("short"))}, clock)


@pytest.mark.parametrize(
    "fields",
    [
        {"client_id": "a b"},
        {"client_id": "desk", "orders_per_second": 0},
        {"client_id": "desk", "max_order_value": Decimal(0)},
    ],
)
def test_a_client_that_makes_no_sense_is_refused(fields):
    with pytest.raises(InvalidValue):
        Client(**fields)


def test_a_rate_holds_in_every_second():
    now = [0]
    rate = Rate(3, lambda: now[0])
    assert [rate.take() for _ in range(4)] == [True, True, True, False]
    now[0] = SECOND - 1
    assert not rate.take()
    now[0] = SECOND
    assert [rate.take() for _ in range(4)] == [True, True, True, False]
