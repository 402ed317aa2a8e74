"""``patang run``: a configured run, begun anew or taken up after a crash."""

import asyncio
import contextlib
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from patang.cli.account import AccountOptions, choose
from patang.cli.exits import Exit
from patang.cli.output import Output, OutputOption, find_modules_here, one_line, print_json
from patang.domain.enums import Mode
from patang.domain.errors import InvalidValue, PatangError

if TYPE_CHECKING:
    from patang.config.run_file import RunFile
    from patang.domain.messages import AnyCommand, AnyEvent, Effect, RunSpec
    from patang.runtime.configured_run import Account, RunReport
    from patang.runtime.node import Node


async def run(
    *,
    config: Path,
    real_money: Annotated[bool, Parameter(negative="")] = False,
    output: OutputOption = Output.TABLE,
) -> int:
    """Trade as a file says, until the session is over or SIGTERM.

    A journal that was left by a crash is taken up: it is replayed, the broker's orders, trades and
    positions are read, and only then anything new is decided. SIGTERM and Ctrl-C end a run in
    order: no new risk is taken, what is under way is waited for, positions stay as they are; a
    second one ends it at once. Status lines go to standard error.

    For example:

        patang run --config sandbox.yaml

        patang run --config live.yaml --real-money -o json

    Parameters
    ----------
    config
        The run's file; docs/run.md shows one. It needs a mode: nothing trades without.
    real_money
        Confirms a file whose mode is live. Without it such a file is refused, and with it any
        other.
    output
        json prints the report of the run as one JSON document at its end.
    """
    from patang.config.run_file import read_run_file
    from patang.runtime.configured_run import INTERRUPTED, Controls, run_configured

    file = read_run_file(config)
    _confirm(file, real_money=real_money)
    find_modules_here()
    controls = Controls()
    if sys.platform != "win32":  # there, Ctrl-C raises KeyboardInterrupt
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            asyncio.get_running_loop().add_signal_handler(number, controls.ask)
    status = _StatusLines()
    with contextlib.redirect_stdout(sys.stderr):  # a strategy may print; the document is ours
        async with _account(file) as account:
            report = await run_configured(file, account, controls, [status], status.begin)
    status.say(_last_line(report))
    if output is Output.JSON:
        print_json(report)
    if report.disagreements:
        raise PatangError(
            f"Our books and the broker's do not agree: {report.disagreements[0]}",
            f"Keep the journal {report.journal}; look into the account before trading on.",
        )
    return Exit.INTERRUPTED if report.stop_reason == INTERRUPTED else Exit.OK


def _confirm(file: "RunFile", *, real_money: bool) -> None:
    if file.mode is Mode.LIVE and not real_money:
        raise InvalidValue(
            "--real-money", "the file's mode is live.", "Add it if real orders are meant."
        )
    if file.mode is not Mode.LIVE and real_money:
        raise InvalidValue(
            "--real-money", f"the file's mode is {file.mode}.", "Leave it out, or mend the file."
        )


@asynccontextmanager
async def _account(file: "RunFile") -> "AsyncIterator[Account]":
    """The account that the file names, of the very kind that its mode allows."""
    from patang.cli.account import read_ready
    from patang.kite import KiteFeed, SystemClock
    from patang.runtime.configured_run import Account
    from patang.runtime.sandbox_client import SandboxClient

    ready_file = None if file.ready_file is None else Path(file.ready_file)
    target = choose(AccountOptions(profile=file.profile, sandbox=ready_file))
    mode = target.profile.mode
    if file.mode is not Mode.PAPER and mode is not file.mode:
        raise InvalidValue(
            "mode", f"the file's is {file.mode}, that of {target.name} is {mode}.", "Make them one."
        )
    token = target.access_token(SystemClock())
    profile = target.profile
    async with target.kite(token) as kite:
        if ready_file is None:
            clock = SystemClock()
            feed = KiteFeed(profile.api_key, token, profile.ws, clock=clock)
            yield Account(kite=kite, feed=feed, clock=clock)
            return
        ready, _ = read_ready(ready_file)
        async with SandboxClient(ready) as world:
            venue = await world.clock()
            feed = KiteFeed(profile.api_key, token, profile.ws, clock=venue)
            yield Account(kite=kite, feed=feed, clock=venue, follow=lambda: world.follow(venue))


class _StatusLines:
    """What happens, a line each; and once a minute of the venue how much."""

    def __init__(self) -> None:
        self._ticks = self._orders = self._fills = self._denied = 0
        self._minute = 0

    def begin(self, node: "Node", spec: "RunSpec", resumed_at: int) -> None:
        """The run begins."""
        how = f"taken up at row {resumed_at}" if resumed_at else "new"
        self.say(f"run {spec.run_id} {how}: {spec.mode}, account {spec.account}")

    def on_turn(self, sequence: int, event: "AnyEvent", commands: "tuple[AnyCommand, ...]") -> None:
        """Count, and tell what a person should see at once."""
        from patang.domain.messages import (
            AlarmRaised,
            BooksRead,
            FillReceived,
            OrderDenied,
            OrderUnresolved,
            SubmitOrder,
            TicksReceived,
        )
        from patang.rules.ist import format_ist

        at = format_ist(event.at_ns)[11:]
        match event:
            case TicksReceived():
                self._ticks += len(event.ticks)
            case FillReceived(fill=fill):
                self._fills += 1
                self.say(f"{at} {fill.side} {fill.quantity} {fill.instrument} at {fill.price}")
            case OrderUnresolved():
                self.say(f"{at} {event.intent_id} is unresolved: {event.reason}")
            case BooksRead():
                self.say(f"{at} the broker's books were read")
            case _:
                pass
        for command in commands:
            match command:
                case SubmitOrder():
                    self._orders += 1
                case OrderDenied():
                    self._denied += 1
                case AlarmRaised():
                    self.say(f"{at} {command.severity}: {command.code} {command.message}")
                case _:
                    pass
        minute = event.at_ns // 60_000_000_000
        if minute > self._minute:
            self._minute = minute
            counts = f"{self._ticks} ticks, {self._orders} orders, {self._fills} fills"
            self.say(f"{at} {counts}, {self._denied} denied")

    def on_send(self, effect: "Effect", latency_ns: int) -> None:
        """Orders are counted as they are decided."""

    def say(self, text: str) -> None:
        """One line on standard error; a terminal that is gone does not end a run."""
        with contextlib.suppress(OSError):
            print(one_line(text), file=sys.stderr, flush=True)


def _last_line(report: "RunReport") -> str:
    held = ", ".join(f"{name} {units}" for name, units in report.positions.items()) or "none"
    agrees = {None: "unread", True: "agree"}.get(
        None if report.disagreements is None else not report.disagreements, "DIFFER"
    )
    return (
        f"ended ({report.stop_reason}): {report.orders} orders, {report.fills} fills, "
        f"net {report.net_pnl:+}, positions {held}; books {agrees}; {report.journal}"
    )
