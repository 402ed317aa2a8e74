"""What a sandbox is started with."""

import math
from pathlib import Path

import msgspec

from patang.domain.errors import InvalidValue
from patang.domain.market import NS_PER_SECOND
from patang.sandbox.apps import AppSettings, check_apps
from patang.sandbox.faults.scenario import Scenario
from patang.sandbox.seeds import SandboxUser
from patang.sandbox.subscriber import TickerLimits
from patang.sandbox.tapes import TapeSpec
from patang.sandbox.tls import NAMES
from patang.simulator.tape.recording import Recording
from patang.simulator.worlds.generation import DEFAULT_SIZE, check_size
from patang.simulator.worlds.regimes import Regime

__all__ = ["DEFAULT_START_NS", "DEFAULT_USERS", "HOST", "SandboxSettings", "SandboxUser"]

HOST = "127.0.0.1"
"""The only address a sandbox listens on: whoever can reach it can log in."""

# Thursday 2026-11-19, 09:20:00 IST: five minutes into continuous trading.
DEFAULT_START_NS = 1_795_060_200 * NS_PER_SECOND


DEFAULT_USERS = (SandboxUser(user_id="AB1234"), SandboxUser(user_id="CD5678"))


class SandboxSettings(msgspec.Struct, frozen=True, kw_only=True):
    """A world and how it is served.

    ``port`` and ``control_port`` 0 take any free one. ``speed`` is virtual seconds per real second;
    0 freezes the clock. With a ``tls_folder`` it speaks https, with a certificate for ``tls_names``
    that is kept there. ``redirect_url`` is where the login page sends the browser, by default a
    page of the sandbox itself. ``rate_limits`` off lets any number of requests in. With
    ``one_session`` a new login of a user ends the user's earlier session of the same app. ``apps``
    are the world's apps, by default one with every right; users are logged in with the first from
    the start. With ``login_choice`` the login page asks who logs in, and with ``fund_orders`` the
    broker takes orders for mutual funds as it once did. With a ``tape`` the world is that
    recording, from its first record on, or from ``start_ns`` where that lies inside it. ``ticker``
    says what a ticker connection may carry; with ``ticker_greetings`` each begins with the two
    undocumented text frames of the real server. ``regime`` is what kind of days the market lives
    through; ``universe`` how many rows it lists (20, or 250 to 100,000) and ``universe_file`` an
    instruments dump to list instead. Of a large market ``book_limit`` instruments may get a book
    before anybody orders them.
    """

    port: int = 0
    control_port: int = 0
    seed: int = 1
    speed: float = 1.0
    start_ns: int = DEFAULT_START_NS
    users: tuple[SandboxUser, ...] = DEFAULT_USERS
    ready_file: Path | None = None
    tls_folder: Path | None = None
    tls_names: tuple[str, ...] = NAMES
    redirect_url: str | None = None
    scenario: Scenario = Scenario()
    rate_limits: bool = True
    one_session: bool = True
    apps: tuple[AppSettings, ...] = ()
    login_choice: bool = False
    fund_orders: bool = False
    tape: TapeSpec | None = None
    ticker: TickerLimits = TickerLimits()
    ticker_greetings: bool = False
    regime: Regime = Regime.CALM
    universe: int = DEFAULT_SIZE
    universe_file: Path | None = None
    book_limit: int = 50

    def __post_init__(self) -> None:
        for name in ("port", "control_port"):
            port = getattr(self, name)
            if not 0 <= port <= 65_535:
                raise InvalidValue(name, f"{port} is no TCP port.", "Use 0 (any free) to 65535.")
        if self.port and self.port == self.control_port:
            raise InvalidValue("control_port", "it is Kite's port, too.", "Choose another.")
        if not (math.isfinite(self.speed) and self.speed >= 0):
            raise InvalidValue(
                "speed", f"{self.speed} is not a speed.", "Use 0 (frozen) or a positive number."
            )
        if self.start_ns < 0:
            raise InvalidValue("start_ns", f"{self.start_ns} is before 1970.")
        names = [user.user_id for user in self.users]
        if not names or len(set(names)) != len(names) or not all(names):
            raise InvalidValue("users", "user ids must be present and distinct.", "Name each once.")
        check_apps(self.apps, names)
        check_size(self.universe)
        if self.book_limit < 0:
            raise InvalidValue("book_limit", f"{self.book_limit} is negative.", "Use 0 or more.")


def within(settings: SandboxSettings, recording: Recording) -> SandboxSettings:
    """The settings with a beginning that lies inside a recording."""
    if recording.start_ns <= settings.start_ns <= recording.end_ns:
        return settings
    return msgspec.structs.replace(settings, start_ns=recording.start_ns)
