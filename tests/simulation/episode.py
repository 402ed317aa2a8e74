"""One seed, one episode: a day's few minutes in which everything goes wrong, and then calm."""

import asyncio
import gc
import random
import traceback
from collections import Counter
from contextvars import copy_context
from decimal import Decimal

import msgspec

import patang.kite.courier
import patang.kite.feed_connection
import patang.runtime.node
import patang.sandbox.ticker
import patang.sandbox.world
from patang.domain.enums import Mode, OrderType, Product, Side, Trust
from patang.domain.errors import PatangError
from patang.domain.market import NS_PER_SECOND
from patang.domain.messages import OperatorHalted, RiskLimits, RunSpec, StrategySpec
from patang.domain.order import OrderStatus
from patang.kite.governor import Governor
from patang.sandbox.clock import VirtualClock
from patang.sandbox.faults.menu import kind_of
from patang.sandbox.faults.scenario import Scenario
from patang.sandbox.in_process import SandboxApp
from patang.sandbox.settings import DEFAULT_START_NS, SandboxSettings, SandboxUser
from patang.simulator.errors import Refused
from patang.simulator.orders import OrderRequest
from patang.storage.writer import JournalWriter
from patang.wire.translate import status_of
from tests.simulation.breaks import Broken
from tests.simulation.invariants import check_books, check_network, check_replay
from tests.simulation.loop import SeededLoop, Stuck, VirtualTime
from tests.simulation.menu import draw_faults
from tests.simulation.network import Network
from tests.simulation.process import Crash, Process, SharedAccount, SimDisk

STORM_S = 60.0
"""Market seconds in which strategies trade and faults strike."""
CALM_S = 420.0
"""Within how many seconds after that everything must have come to rest."""
WARM_UP_NS = 5 * NS_PER_SECOND
USER = "AB1234"
INSTRUMENTS = 8
FEWEST_ORDERS = 30
"""So many an episode sends, and a halt comes after them."""
_BOUNDARIES = ("before write", "after write", "before send", "after send", "reply")
_TIMED = (
    patang.sandbox.world,
    patang.sandbox.ticker,
    patang.kite.feed_connection,
    patang.kite.courier,
    patang.runtime.node,
)


class Violation(msgspec.Struct, frozen=True):
    """A promise that a seed broke."""

    seed: int
    promise: str
    what: str


class Outcome(msgspec.Struct, frozen=True):
    """What an episode was, and what it broke; ``orders`` counts the placements that left us."""

    seed: int
    orders: int
    restarts: int
    faults: dict[str, int]
    violations: list[Violation]
    head: str
    virtual_s: float


class World:
    """Everything outside the process: the exchange, the disk, the operator and the murderer."""

    def __init__(self, seed: int, broken: Broken, storm_s: float) -> None:
        self.seed = seed
        self.storm_s = storm_s
        self.broken = broken
        self.chance = random.Random(f"episode {seed}")
        self.loop = SeededLoop(seed)
        self.start_ns = DEFAULT_START_NS
        self.restarts = 0
        self.happened: Counter[str] = Counter()
        self.violations: list[Violation] = []
        self.departed: set[str] = set()
        self.halted_ns: int | None = None
        self.account = SharedAccount()
        self.disk = SimDisk()
        self.process: Process | None = None
        self.is_over = False
        faults = draw_faults(self.chance, STORM_S)
        settings = SandboxSettings(
            seed=seed,
            speed=0.0,
            users=(SandboxUser(user_id=USER, cash=Decimal(50_000_000)),),
            scenario=Scenario(faults=tuple(faults)),
        )
        self.app = SandboxApp(settings)
        self.market = self.app.world
        self.market.clock = VirtualClock(self.start_ns, 1.0, self.loop.time_ns)
        self.ready = self.app.ready
        self.access_token = self.app.access_token(USER)
        self.network = Network(self.loop, self.app, copy_context(), self.now_ns)
        self.died_signal = asyncio.Event()
        self._planned = {one.id: one for one in self.market.faults.plan}

    def now_ns(self) -> int:
        return self.start_ns + self.loop.time_ns()

    def new_governor(self, clock: object) -> Governor:
        return self.broken.new_governor(clock)

    def new_writer(self, journal: object) -> JournalWriter:
        return self.broken.new_writer(journal)

    def violate(self, promise: str, what: str) -> None:
        self.violations.append(Violation(self.seed, promise, what))

    def spec(self) -> RunSpec:
        tradable = [one for one in self.market.instruments if one.is_tradable][:INSTRUMENTS]
        storm_end_ns = self.start_ns + round(self.storm_s * NS_PER_SECOND)
        names = tuple(one.id for one in tradable)
        draw = random.Random(f"strategy {self.seed}")
        parameters = {"seed": self.seed, "pace": draw.choice((24, 32, 40)), "unit": 7}
        return RunSpec(
            run_id=f"seed-{self.seed}",
            mode=Mode.SANDBOX,
            account=USER,
            opening_cash=Decimal(50_000_000),
            instruments=tuple(tradable),
            strategies=(
                StrategySpec(
                    name="one",
                    path="tests.simulation.restless:Restless",
                    instruments=names,
                    parameters={**parameters, "burst": draw.choice((5, 8, 11))},
                ),
                StrategySpec(
                    name="two",
                    path="tests.simulation.restless:Restless",
                    instruments=names[1:],
                    parameters={**parameters, "seed": self.seed + 1, "burst": 7},
                ),
            ),
            limits=RiskLimits(
                max_order_value=Decimal(2_000_000),
                max_position_value=Decimal(4_000_000),
                max_daily_loss=Decimal(1_000_000),
                max_orders_per_second=60,
                max_orders_per_minute=300,
            ),
            open_ns=self.start_ns - 300 * NS_PER_SECOND,
            close_ns=self.start_ns + 20_000 * NS_PER_SECOND,
            square_off_ns=storm_end_ns,
            max_working_ns=20 * NS_PER_SECOND,
        )

    # --- the day ----------------------------------------------------------------

    async def live(self) -> None:
        loop = self.loop
        helpers = [loop.create_task(self._pump())]
        helpers += [loop.create_task(self._meddle()), loop.create_task(self._mind_session())]
        while True:
            crash = None
            if self.chance.random() < 0.5 and self.loop.time() < self.storm_s:
                crash = Crash(self.chance.choice(_BOUNDARIES), self.chance.randint(1, 25))
            self.process = process = Process(self, self.restarts, self.network, self.disk, crash)
            self.died_signal = asyncio.Event()
            life = process.start()
            death = loop.create_task(self.died_signal.wait())
            calm = loop.create_task(self._until_calm())
            await asyncio.wait({life, death, calm}, return_when=asyncio.FIRST_COMPLETED)
            calm.cancel()
            death.cancel()
            if process.is_dead:
                self.happened["crash"] += 1
                await self._bury(process)
            elif life.done():
                error = life.exception()
                if not isinstance(error, PatangError):
                    told = "" if error is None else "".join(traceback.format_exception(error))
                    self.violate("no crash of its own", f"{error!r}\n{told[-3000:]}")
                    return
                self.happened["stopped"] += 1
            else:
                break
            self.restarts += 1
            if self.restarts > 40:
                self.violate("start", "the program does not stay up")
                return
            await asyncio.sleep(self.chance.choice((0.2, 1.0, 4.0, 12.0)))
            self._log_in()
        for helper in helpers:
            if helper.done():
                helper.result()  # what broke the simulation itself must not pass for calm
        check_books(self)
        check_network(self)
        await self._end(life)

    async def _end(self, life: "asyncio.Task[None]") -> None:
        process = self.process
        assert process is not None
        assert process.node is not None
        process.node.stop("calm")
        await asyncio.wait({life}, timeout=60)
        if not life.done():
            self.violate("stop", "the run does not end within a minute of being stopped")
            return
        if (error := life.exception()) is not None:
            self.violate("stop", repr(error))
            return
        check_replay(self)

    async def _pump(self) -> None:
        while True:
            await asyncio.sleep(1.0 if self.is_over else 0.4)
            self.market.advance()
            self.market.publish()

    async def _bury(self, process: Process) -> None:
        """The system closes what a dead process held open."""
        for socket in process.dialler.sockets:
            if not socket._serving.done():
                self.loop.create_task(socket.close(), context=self.network.outside)

    def died(self, process: Process) -> None:
        self.died_signal.set()

    def _log_in(self) -> None:
        """A person logs in again, where the session has died."""
        sessions = self.market.sessions
        if not self._is_session_good():
            opened = sessions.open(self.market.app, USER, self.market.now_ns)
            self.access_token = opened.access_token

    async def _mind_session(self) -> None:
        """A person notices that the session has died, and gives the program a new one."""
        while True:
            await asyncio.sleep(5.0)
            process = self.process
            if self._is_session_good() or process is None or process.is_dead:
                continue
            self._log_in()
            if process.kite is not None and process.feed is not None:
                process.kite.set_access_token(self.access_token)
                process.feed.set_access_token(self.access_token)

    def _is_session_good(self) -> bool:
        try:
            self.market.sessions.verify(self.ready.api_key, self.access_token, self.market.now_ns)
        except PatangError:
            return False
        return True

    async def _until_calm(self) -> None:
        """Return once the storm is over, its faults are gone and nothing is under way."""
        await asyncio.sleep(max(self.storm_s - self.loop.time(), 0))
        if not self.is_over:
            self.is_over = True
            self.market.faults.clear()
        deadline_s = self.loop.time() + CALM_S
        while self.loop.time() < deadline_s:
            await asyncio.sleep(1.0)
            if self._is_quiet():
                await asyncio.sleep(2.0)
                if self._is_quiet():
                    return
        self.violate("convergence", f"not at rest {CALM_S:g} s after the last fault: {self._why()}")

    def _is_quiet(self) -> bool:
        return not self._why()

    def _why(self) -> str:
        process = self.process
        if process is None or process.node is None or not process.engine.has_started:
            return "the program does not run"
        engine = process.engine
        if engine.trust is not Trust.TRUSTED:
            return f"trust {engine.trust}"
        # NOT_PLACED keeps its reservation for the day: it is at rest.
        live = [
            order
            for order in engine.ledger.live_orders()
            if order.status is not OrderStatus.NOT_PLACED
        ]
        if live:
            return f"{live[0].intent.intent_id} is {live[0].status} {live[0].order_id}"
        owned = [key for key, p in engine.portfolio.owners().items() if p.quantity]
        # An exit that is presumed not placed is not replaced: a person looks after it.
        left = {
            (order.intent.strategy, order.intent.instrument)
            for order in engine.ledger.live_orders()
            if order.intent.reduces
        }
        held = [key for key in owned if key[0] != "external" and key not in left]
        if held:
            return f"{held[0]} is not flat"
        theirs = self.market.exchange.orders(USER)
        resting = [one.order_id for one in theirs if not status_of(one.status).is_done]
        return f"{resting[0]} rests at the exchange" if resting else ""

    # --- people -----------------------------------------------------------------

    async def _meddle(self) -> None:
        """A person trades by hand, logs in again, halts the run."""
        chance = random.Random(f"people {self.seed}")
        storm_s = self.storm_s
        deeds = [(chance.uniform(2, storm_s * 0.8), "order") for _ in range(chance.randint(0, 3))]
        if chance.random() < 0.4:
            deeds.append((chance.uniform(storm_s * 0.4, storm_s * 0.95), "halt"))
        for at_s, deed in sorted(deeds):
            await asyncio.sleep(max(at_s - self.loop.time(), 0))
            if deed == "order":
                self._trade_by_hand(chance)
            else:
                await self._halt()

    def _trade_by_hand(self, chance: random.Random) -> None:
        spec = self.spec()
        instrument = chance.choice(spec.instruments)
        self.market.advance()
        side = chance.choice((Side.BUY, Side.SELL))
        price = self.market.exchange.last_price(instrument.id) * (100 + side.sign) / 100
        request = OrderRequest(
            instrument=instrument.id,
            side=side,
            quantity=chance.randint(1, 20),
            order_type=OrderType.LIMIT,
            product=Product.MIS,
            price=instrument.round_price(price),
        )
        try:
            self.market.exchange.place(USER, request, self.market.now_ns)
        except Refused:
            return
        self.market.publish()
        self.happened["order_by_hand"] += 1

    async def _halt(self) -> None:
        # A halt ends the entries: it comes when there has been something to halt.
        while len(self.market.exchange.orders(USER)) < FEWEST_ORDERS:
            await asyncio.sleep(1.0)
            if self.is_over:
                return
        process = self.process
        if process is None or process.node is None or process.is_dead:
            return
        self.happened["halt"] += 1
        process.node.post(OperatorHalted(at_ns=self.now_ns(), by="operator", reason="drill"))

    def faults(self) -> dict[str, int]:
        counted = Counter(self.happened)
        for one in self._planned.values():
            if one.fired:
                counted[kind_of(one.fault)] += one.fired
        return dict(sorted(counted.items()))


def run_seed(seed: int, broken: Broken | None = None) -> Outcome:
    """Live through one seed; equal seeds give equal outcomes.

    Where the storm was so heavy that hardly an order left, the seed is lived through once more
    with as much time again after it.
    """
    broken = broken or Broken()
    outcome = _live_through(seed, broken, STORM_S)
    if outcome.violations or outcome.orders >= FEWEST_ORDERS:
        return outcome
    return _live_through(seed, broken, 2 * STORM_S)


def _live_through(seed: int, broken: Broken, storm_s: float) -> Outcome:
    gc.disable()
    warm_up = patang.sandbox.world.WARM_UP_NS
    patang.sandbox.world.WARM_UP_NS = WARM_UP_NS
    real = [module.time for module in _TIMED]
    broken.enter()
    world = None
    try:
        world = World(seed, broken, storm_s)
        loop = world.loop
        time = VirtualTime(loop, world.start_ns)
        for module in _TIMED:
            module.time = time
        try:
            loop.run_until_complete(world.live())
        except Stuck:
            world.violate("progress", "everyone waits for ever")
        return Outcome(
            seed=seed,
            orders=len(world.departed),
            restarts=world.restarts,
            faults=world.faults(),
            violations=world.violations,
            head=world.disk.head.hash.hex(),
            virtual_s=loop.time(),
        )
    finally:
        if world is not None:
            world.loop.bury()
            world.loop.close()
        for module, time in zip(_TIMED, real, strict=True):
            module.time = time
        broken.leave()
        patang.sandbox.world.WARM_UP_NS = warm_up
        gc.enable()
