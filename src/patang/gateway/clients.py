"""Who may use the gateway, what for, and how much of it; and how a client proves who it is."""

import hmac
import re
from collections import deque
from collections.abc import Callable, Mapping
from decimal import Decimal
from enum import StrEnum

import msgspec

from patang.brokers.protocol import Auth, Codes, auth_text, proof_text, sign
from patang.brokers.protocol_words import ns_of
from patang.domain.errors import InvalidValue, PatangError
from patang.domain.market import NS_PER_SECOND
from patang.domain.secret import Secret

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}")
SECRET_BYTES_MIN = 32
LONGEST_AUTH_NS = 60 * NS_PER_SECOND


class Permission(StrEnum):
    """What a client may do."""

    READ = "read"
    QUOTES = "quotes"
    TRADE = "trade"
    GTT = "gtt"


class Scope(StrEnum):
    """Whose orders and trades a client sees and may cancel."""

    OWN = "own"
    ACCOUNT = "account"


class Client(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One client. An empty ``strategies`` or ``instruments`` allows all of them.

    ``max_order_value`` is rupees (price, else trigger price, times quantity; an order without a
    price is not counted by it). Rates are of one second by the machine's clock.

    Raises:
        InvalidValue: a field holds what it must not hold.
    """

    client_id: str
    permissions: frozenset[Permission] = frozenset({Permission.READ})
    scope: Scope = Scope.OWN
    strategies: frozenset[str] = frozenset()
    instruments: frozenset[str] = frozenset()
    max_order_quantity: int | None = None
    max_order_value: Decimal | None = None
    orders_per_second: int = 9
    orders_per_day: int = 3_000
    messages_per_second: int = 200
    max_subscriptions: int = 500

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.client_id):
            raise InvalidValue(
                "client_id",
                f"{self.client_id[:60]!r} is no name of a client.",
                "Use at most 40 letters, digits, '-' and '_'.",
            )
        for field in ("orders_per_second", "orders_per_day", "messages_per_second"):
            if getattr(self, field) < 1:
                raise InvalidValue(field, f"{getattr(self, field)} is below 1.")
        for field in ("max_order_quantity", "max_order_value"):
            limit = getattr(self, field)
            if limit is not None and not limit > 0:
                raise InvalidValue(field, f"{limit} allows nothing.", "Take away `trade` instead.")


class Refused(PatangError):
    """The gateway does not do what was asked; ``code`` is one of ``Codes``."""

    def __init__(self, code: str, cause: str, field: str | None = None) -> None:
        self.code = code
        self.field = field
        super().__init__(cause)


class Doorkeeper:
    """Lets clients in who can sign with their secret. ``now_ns`` is the wall clock, UTC."""

    def __init__(
        self, clients: Mapping[str, tuple[Client, Secret]], now_ns: Callable[[], int]
    ) -> None:
        for client, secret in clients.values():
            if len(secret.reveal()) < SECRET_BYTES_MIN:
                raise InvalidValue(
                    "secret",
                    f"that of {client.client_id} is shorter than {SECRET_BYTES_MIN} characters.",
                    "Make one with `patang gateway add-client`.",
                )
        self._clients = dict(clients)
        self._now_ns = now_ns
        self._nonces: dict[tuple[str, str], int] = {}

    def admit(self, auth: Auth, challenge: str) -> tuple[Client, str]:
        """The client that signed this challenge, and the gateway's own proof.

        Raises:
            Refused: unknown client or wrong signature (one answer for both), an expiry that has
                passed or lies more than a minute ahead, or a nonce that was used before.
        """
        now_ns = self._now_ns()
        try:
            expires_ns = ns_of(auth.expires_at, "expires_at")
        except InvalidValue as error:
            raise Refused(Codes.BAD_MESSAGE, str(error), "expires_at") from error
        if not 16 <= len(auth.nonce) <= 128:
            raise Refused(Codes.BAD_MESSAGE, "nonce: 16 to 128 characters.", "nonce")
        client, secret = self._clients.get(auth.client_id, (None, Secret("?" * 32)))
        text = auth_text(
            challenge=challenge,
            client_id=auth.client_id,
            nonce=auth.nonce,
            expires_at=auth.expires_at,
        )
        is_signed = hmac.compare_digest(
            sign(secret, text).encode(), auth.signature.encode("utf-8", "surrogatepass")
        )
        if client is None or not is_signed:
            raise Refused(Codes.AUTH_FAILED, "the client is not known, or did not sign this.")
        if not now_ns < expires_ns <= now_ns + LONGEST_AUTH_NS:
            raise Refused(Codes.AUTH_EXPIRED, "expires_at must lie within the next 60 seconds.")
        self._use_nonce(auth, expires_ns, now_ns)
        proof = proof_text(challenge=challenge, client_id=auth.client_id, nonce=auth.nonce)
        return client, sign(secret, proof)

    def _use_nonce(self, auth: Auth, expires_ns: int, now_ns: int) -> None:
        self._nonces = {key: until for key, until in self._nonces.items() if until > now_ns}
        key = (auth.client_id, auth.nonce)
        if key in self._nonces:
            raise Refused(Codes.AUTH_FAILED, "this nonce was used before.")
        self._nonces[key] = expires_ns


class Rate:
    """At most ``limit`` in any second. ``steady_ns`` is the machine's monotonic time."""

    def __init__(self, limit: int, steady_ns: Callable[[], int]) -> None:
        self._limit = limit
        self._steady_ns = steady_ns
        self._taken: deque[int] = deque()

    def take(self) -> bool:
        """Take one, unless the second is full."""
        now_ns = self._steady_ns()
        while self._taken and self._taken[0] <= now_ns - NS_PER_SECOND:
            self._taken.popleft()
        if len(self._taken) >= self._limit:
            return False
        self._taken.append(now_ns)
        return True
