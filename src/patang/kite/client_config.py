"""Everything a client can be told, in one value."""

import msgspec

from patang.domain.errors import InvalidValue
from patang.kite.addresses import REST_ROOT, checked_root
from patang.kite.breaker import BreakerSettings
from patang.kite.credentials import session_token
from patang.kite.retry import READS, RetryPolicy
from patang.kite.secret import Secret
from patang.kite.transport import NetworkSettings, Timeouts
from patang.kite.windows import Limits


class KiteConfig(msgspec.Struct, frozen=True, kw_only=True):
    """How a client reaches Kite. ``timeout`` is seconds for a whole call, connecting included.

    ``retry`` is for reads, ``limits`` are the account's; without ``breaker`` there is none.

    Raises:
        InvalidValue: naming the field.
    """

    api_key: str
    access_token: str | Secret | None = None
    base_url: str = REST_ROOT
    login_url: str | None = None
    timeout: float = 10.0
    retry: RetryPolicy = READS
    limits: Limits = Limits()
    network: NetworkSettings = NetworkSettings()
    breaker: BreakerSettings | None = None

    def __post_init__(self) -> None:
        if not self.api_key:
            raise InvalidValue("api_key", "is empty.", "It is on the developer console.")
        # A token that was given as text must not show in our repr.
        msgspec.structs.force_setattr(self, "access_token", session_token(self.access_token))
        try:
            checked_root(self.base_url, "http")
        except InvalidValue as error:
            raise InvalidValue("base_url", error.cause, error.remedy) from None
        self.timeouts  # noqa: B018 - raises when it is out of range

    @property
    def timeouts(self) -> Timeouts:
        """The time limits of each phase that ``timeout`` leaves room for."""
        usual = Timeouts()
        try:
            return Timeouts(
                connect=min(usual.connect, self.timeout),
                read=max(min(usual.read, self.timeout), self.timeout - usual.connect),
                total=self.timeout,
            )
        except InvalidValue as error:
            raise InvalidValue("timeout", f"{self.timeout} is not in (0, 300] seconds.") from error
