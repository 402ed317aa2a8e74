"""An event loop whose time is virtual and whose order is a seed's: every run of a seed is equal.

Time jumps to the next timer when nothing is ready, and what is ready runs in a drawn order. A
process that was killed is never run again: not its tasks, nor its timers, nor its ``finally``.
"""

import asyncio
import gc
import heapq
import random
import sys
from collections.abc import Callable
from contextvars import ContextVar
from types import ModuleType
from typing import Any

PROCESS: ContextVar[Any] = ContextVar("process", default=None)
"""Whose work this is; tasks and callbacks inherit it. None is the world outside."""


class Stuck(Exception):
    """Nothing is ready and nothing is due: everyone waits for ever."""


class ProcessDied(BaseException):
    """The process that runs this was killed at this line."""


class _Future(asyncio.Future):  # type: ignore[type-arg]
    """A future whose place in a set does not depend on where it lies in memory."""

    def __init__(self, number: int, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop=loop)
        self._number = number

    def __hash__(self) -> int:
        return self._number


class _Task(asyncio.Task):  # type: ignore[type-arg]
    _number = 0

    def __hash__(self) -> int:
        return self._number


class SeededLoop(asyncio.BaseEventLoop):
    """Virtual seconds from 0, a drawn order, and no threads: executors run inside the loop."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.chance = random.Random(f"loop {seed}")
        self.turns = 0
        self._now_s = 0.0
        self._count = 0
        self._dead: set[Any] = set()
        self._graveyard: list[Any] = []
        self.set_task_factory(self._new_task)

    def time(self) -> float:
        return self._now_s

    def time_ns(self) -> int:
        return round(self._now_s * 1e9)

    def kill(self, process: Any) -> None:
        """From here on nothing of ``process`` runs, not even its clean-up."""
        self._dead.add(process)
        # Kept as they are: a coroutine that nobody holds would run its ``finally``.
        self._graveyard.append(asyncio.all_tasks(self))

    def create_future(self) -> "asyncio.Future[Any]":
        self._count += 1
        return _Future(self._count, self)

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> Any:
        """Call ``func`` after as long as a disk might take."""
        done = self.create_future()

        def work() -> None:
            try:
                value = func(*args)
            except ProcessDied:
                return
            except Exception as error:  # noqa: BLE001 - whoever waits for it gets it
                if not done.done():
                    done.set_exception(error)
            else:
                if not done.done():
                    done.set_result(value)

        self.call_later(self.chance.choice(_DISK_S), work)
        return done

    def _new_task(self, loop: Any, coroutine: Any, context: Any = None) -> "asyncio.Task[Any]":
        self._count += 1
        task = _Task(coroutine, loop=loop, context=context)
        task._number = self._count
        return task

    def _run_once(self) -> None:
        ready, timers = self._ready, self._scheduled  # type: ignore[attr-defined]
        while timers and timers[0]._cancelled:
            heapq.heappop(timers)._scheduled = False
        if not ready:
            if not timers:
                raise Stuck
            self._now_s = max(self._now_s, timers[0]._when)
        while timers and timers[0]._when <= self._now_s:
            handle = heapq.heappop(timers)
            handle._scheduled = False
            ready.append(handle)
        batch = list(ready)
        ready.clear()
        if len(batch) > 1:
            self.chance.shuffle(batch)
        dead = self._dead
        for handle in batch:
            if handle._cancelled:
                continue
            if dead and handle._context.get(PROCESS) in dead:
                self._graveyard.append(handle)
                continue
            self.turns += 1
            handle._run()

    def _process_events(self, event_list: Any) -> None:
        return

    def _write_to_self(self) -> None:
        return

    def bury(self) -> None:
        """End what is left when a run is over; nothing is told of it."""
        self.set_exception_handler(lambda *_: None)
        hook, sys.unraisablehook = sys.unraisablehook, lambda _: None
        try:
            self._bury()
        finally:
            sys.unraisablehook = hook

    def _bury(self) -> None:
        for task in asyncio.all_tasks(self):
            task._log_destroy_pending = False  # type: ignore[attr-defined]
            coroutine = task.get_coro()
            for _ in range(20):
                try:
                    coroutine.close()  # type: ignore[union-attr]
                except (RuntimeError, ValueError):
                    continue  # it awaited in its ``finally``
                except BaseException:  # noqa: BLE001 - the dead have nobody to tell
                    break
                break
            del coroutine, task
        self._graveyard.clear()
        self._ready.clear()  # type: ignore[attr-defined]
        self._scheduled.clear()  # type: ignore[attr-defined]
        gc.collect()


_DISK_S = (0.0004, 0.001, 0.003, 0.02)


class VirtualTime(ModuleType):
    """Stands where a module says ``time``: every clock of it is the loop's."""

    def __init__(self, loop: SeededLoop, start_ns: int) -> None:
        super().__init__("time")
        self._loop = loop
        self._start_ns = start_ns

    def monotonic(self) -> float:
        return self._loop.time()

    def perf_counter(self) -> float:
        return self._loop.time()

    def monotonic_ns(self) -> int:
        return self._loop.time_ns()

    def time_ns(self) -> int:
        return self._start_ns + self._loop.time_ns()
