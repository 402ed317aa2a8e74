"""One sandbox world: the market, the clock it follows, the accounts, and who watches."""

import asyncio
import logging
import time

from patang.domain.errors import InvalidValue
from patang.domain.instrument import Instrument, InstrumentId
from patang.domain.market import NS_PER_SECOND
from patang.rules.ist import format_ist
from patang.sandbox.apps import build_apps
from patang.sandbox.authorisations import Authorisations
from patang.sandbox.candles import build_history
from patang.sandbox.clock import VirtualClock
from patang.sandbox.column_ticks import Columns
from patang.sandbox.faults.desk import FaultDesk
from patang.sandbox.funds import FundDesk
from patang.sandbox.limits import RateLimiter
from patang.sandbox.postbacks import POSTED, Postbacks
from patang.sandbox.records import Records
from patang.sandbox.rows.orders import postback
from patang.sandbox.rows.quotes import packet
from patang.sandbox.seeds import plant
from patang.sandbox.sessions import Session, Sessions
from patang.sandbox.settings import SandboxSettings, within
from patang.sandbox.tapes import read_tape
from patang.sandbox.ticker import Ticker
from patang.sandbox.waits import VirtualWaits
from patang.sandbox.wires import Wires
from patang.simulator.orders import SimOrder, SimTrade
from patang.simulator.tape.replay import replay_market
from patang.simulator.triggers.alerts import AlertBook
from patang.simulator.triggers.gtt import GttBook
from patang.simulator.triggers.watch import PriceWatch
from patang.simulator.worlds.spec import WorldSpec, build_market
from patang.wire.messages import OrderUpdate, encode_text
from patang.wire.rows import encode_row
from patang.wire.ticks import Packet, TickMode

# The market is computed in steps, so that one that cannot keep up is noticed within this much
# real time and requests are still answered.
BUDGET_S = 0.05
STEP_NS = NS_PER_SECOND // 4

# The market has traded for a while when the doors open, so that the day has a range and a volume.
WARM_UP_NS = 300 * NS_PER_SECOND

_log = logging.getLogger("patang.sandbox")


class World:
    """Everything behind the routes. ``root`` is the address it will be served at."""

    def __init__(self, settings: SandboxSettings, root: str) -> None:
        recording = None if settings.tape is None else read_tape(settings.tape)
        if recording is not None:
            settings = within(settings, recording)
        self.settings = settings
        self.root = root
        self.apps = build_apps(
            settings.apps,
            seed=settings.seed,
            redirect_url=settings.redirect_url,
            finish_url=f"{root}/connect/finish",
        )
        self.app = self.apps[0]
        """The app that the users are logged in with from the start."""
        self._apps = {app.app_id: app for app in self.apps}
        if settings.tape is not None and recording is not None:
            self.market = replay_market(recording, settings.tape.fill_model, seed=settings.seed)
        else:
            self.market = build_market(_spec(settings))
        self.market.advance(settings.start_ns)
        self.exchange = self.market.exchange
        self.history = build_history(self.exchange, settings.seed, settings.start_ns)
        self.instruments = self.exchange.instruments
        self.exchange_names = tuple(sorted({one.exchange.value for one in self.instruments}))
        self._by_id = {one.id: one for one in self.instruments}
        self._by_token = {one.token: one for one in self.instruments}
        self.sessions = Sessions(self.apps, seed=settings.seed, one_session=settings.one_session)
        self.authorisations = Authorisations(settings.seed)
        self.limiter = RateLimiter()
        self.ticker = Ticker(settings.ticker)
        if settings.ticker_greetings:
            self.ticker.greetings = self._greetings
        self.rate_limits = settings.rate_limits
        self.records = Records()
        self.waits = VirtualWaits()
        self.wires = Wires()
        """The connections below HTTP, which the server that has them sets."""
        self.closing = asyncio.Event()
        """Set when the server ends: whoever holds a connection for a fault lets go of it."""
        self.date_skew_ns = 0
        self._packets: dict[tuple[int, TickMode], Packet] = {}
        self._is_behind = False
        for user in settings.users:
            self.exchange.open_account(user.user_id, user.cash, sells_freely=user.poa)
        plant(self.exchange, settings.users, self.now_ns, self.records)
        self.first_sessions: tuple[Session, ...] = tuple(
            self.sessions.open(self.app, user.user_id, settings.start_ns)
            for user in settings.users
            if self.app.admits(user.user_id)
        )
        watch = PriceWatch(self.exchange)
        self.gtts = GttBook(self.exchange, watch)
        self.alerts = AlertBook(self.exchange, watch, self.gtts)
        self.postbacks = Postbacks()
        self.ticker.on_update = self.postbacks.follow
        self.funds = FundDesk(settings.seed, settings.start_ns)
        self.exchange.on_order = self._send_update
        self.exchange.on_trade = self._note_trade
        self.clock = VirtualClock(settings.start_ns, settings.speed)
        self.faults = FaultDesk(self)
        self.faults.order(settings.scenario.faults)

    @property
    def now_ns(self) -> int:
        """The moment the market stands at, nanoseconds UTC; every answer is as of it."""
        return self.market.now_ns

    @property
    def date_ns(self) -> int:
        """What the ``Date`` of an answer says, which a fault may set wrong."""
        return self.now_ns + self.date_skew_ns

    def start_clock(self) -> None:
        """Let time run from here on: starting up costs no virtual time."""
        self.clock.fall_back_to(self.market.now_ns)

    def advance(self) -> int:
        """Move the market to the clock's now and return it.

        A speed that this machine cannot compute makes the clock fall back to the market.
        """
        target_ns = self.clock.now_ns()
        deadline_s = time.monotonic() + BUDGET_S
        while self.market.now_ns < target_ns:
            self.market.advance(min(self.market.now_ns + STEP_NS, target_ns))
            if time.monotonic() > deadline_s and self.market.now_ns < target_ns:
                self.clock.fall_back_to(self.market.now_ns)
                self._warn_once()
                break
        # What a command has just set off is due now, even where the clock stands still.
        self.exchange.run_agenda(self.market.now_ns)
        self.waits.release(self.market.now_ns)
        return self.market.now_ns

    def step(self, target_ns: int, budget_s: float) -> int:
        """Move the clock by hand towards a moment, for so much real time; return how far it got.

        Call again until it shows ``target_ns``, and let others have a turn in between.
        """
        deadline_s = time.monotonic() + budget_s
        while self.market.now_ns < target_ns:
            self.market.advance(min(self.market.now_ns + STEP_NS, target_ns))
            if time.monotonic() > deadline_s:
                break
        self.clock.fall_back_to(max(self.market.now_ns, self.clock.now_ns()))
        return self.advance()

    def publish(self) -> None:
        """Tell the ticker what changed since the last time."""
        changed = [self._by_id[one].token for one in self.exchange.take_changed()]
        if changed:
            self._packets.clear()
        self.ticker.publish(changed)

    def instrument(self, instrument_id: InstrumentId) -> Instrument:
        """A listed instrument."""
        return self._by_id[instrument_id]

    def find(self, text: str) -> Instrument | None:
        """The instrument a quote asks for: ``EXCHANGE:SYMBOL``, or its token in digits."""
        found = self._by_id.get(InstrumentId(text))
        if found is None and text.isascii() and text.isdecimal() and len(text) <= 10:
            found = self._by_token.get(int(text))
        return found if found is not None and self.exchange.lists(found.id) else None

    @property
    def columns(self) -> Columns | None:
        """The instruments without a book, for the ticker; None where every one has a book."""
        return self.exchange.backdrop

    def open_in_depth(self, token: int) -> None:
        """Open the book of an instrument whose depth is watched, while few are open."""
        instrument = self._by_token.get(token)
        if instrument is not None and self.exchange.backdrop is not None:
            venues = self.exchange.floor.venues
            if len(venues) < self.settings.book_limit and instrument.is_tradable:
                self.exchange.venue(instrument.id)

    def packet(self, token: int, mode: TickMode) -> Packet | None:
        """The newest ticker packet of a token; None for one that does not exist."""
        known = self._packets.get((token, mode))
        if known is not None:
            return known
        instrument = self._by_token.get(token)
        if instrument is None or not self.exchange.lists(instrument.id):
            return None
        made = packet(self.exchange.quote(instrument.id), instrument, mode)
        self._packets[token, mode] = made
        return made

    def _greetings(self) -> tuple[str, str]:
        """What a real server was seen to send right after the handshake.

        Source: undocumented frames in logs of users (``instruments_meta``, ``app_code``).
        """
        count = len(self.instruments)
        meta = {"count": count, "etag": f'W/"{self.settings.seed:x}-{count:x}"'}
        stamp = format_ist(self.now_ns).replace(" ", "T") + "+05:30"
        return (
            encode_row({"type": "instruments_meta", "data": meta}).decode(),
            encode_row({"type": "app_code", "timestamp": stamp}).decode(),
        )

    def _note_trade(self, trade: SimTrade) -> None:
        self.records.note_trade(trade, self.exchange.order(trade.user_id, trade.order_id))

    def _send_update(self, order: SimOrder) -> None:
        self.alerts.hear_order(order)
        is_new = self.records.note_order(order)
        if is_new and order.request.origin and order.parent_order_id is None:
            self.limiter.count_order(order.user_id, self.now_ns)
        app_id = order.request.app_id
        app = self.app if app_id is None else self._apps[app_id]
        update = postback(order, self._by_id[order.instrument], app)
        if update is not None:
            text = encode_text(OrderUpdate(update))
            if app_id is not None and app.postback_url and update.status in POSTED:
                self.postbacks.file(text, app.postback_url, encode_row(update))
            self.ticker.send_update(order.user_id, text)

    def _warn_once(self) -> None:
        if not self._is_behind:
            self._is_behind = True
            _log.warning(
                "clock_falls_back: this machine cannot compute the market at speed %s.",
                self.clock.speed,
            )


def _spec(settings: SandboxSettings) -> WorldSpec:
    path = settings.universe_file
    try:
        dump = None if path is None else path.read_bytes()
    except OSError as error:
        raise InvalidValue(
            "universe_file", f"{path} cannot be read: {error.strerror}.", "Name a readable file."
        ) from error
    return WorldSpec(
        seed=settings.seed,
        start_ns=settings.start_ns - WARM_UP_NS,
        regime=settings.regime,
        universe=settings.universe,
        universe_file=dump,
        book_limit=settings.book_limit,
    )
