"""The blocking twin's engine: the same coroutines, run on a private loop in a thread of its own.

A notebook has a running loop in its main thread and a script has none; a loop of our own works in
both, and keeps connections warm between calls.
"""

import asyncio
import contextlib
import functools
import inspect
import os
import threading
import weakref
from collections.abc import Callable, Collection, Coroutine
from concurrent.futures import Future
from concurrent.futures import wait as wait_for_futures
from typing import Any, Self, TypeVar

from patang.domain.errors import InvariantBroken
from patang.kite.errors import ReplyLost

T = TypeVar("T")

# Python's locks cannot be interrupted on every system; short waits can.
_LOOK_S = 0.25
_CLOSE_S = 3.0


class LoopThread:
    """One event loop in one daemon thread, started by the first call.

    Calls may come from any number of threads at once. ``close`` ends the loop and cancels what
    still runs on it; a later call starts a new one.
    """

    def __init__(self, name: str = "patang-kite") -> None:
        self._name = name
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._process = 0

    @property
    def is_running(self) -> bool:
        """Whether the thread lives."""
        return self._thread is not None and self._thread.is_alive()

    def run(self, coroutine: Coroutine[Any, Any, T], call: str = "the call") -> T:
        """The coroutine's result or error. Ctrl-C cancels it before it leaves here.

        Raises:
            InvariantBroken: called on the loop's own thread, where it would wait for itself.
        """
        if threading.current_thread() is self._thread:
            coroutine.close()
            raise InvariantBroken(
                f"{call} blocks, and was called from inside another call's coroutine.",
                "There, use the asynchronous client.",
            )
        future = self.start(coroutine)
        try:
            while not future.done():
                wait_for_futures([future], timeout=_LOOK_S)
        except BaseException as interruption:
            future.cancel()
            interruption.add_note(
                f"{call} was interrupted: what it had already sent may have been carried out."
            )
            raise
        if future.cancelled():
            raise ReplyLost(
                f"the client was closed during {call}: what was sent may have been carried out."
            )
        return future.result()

    def start(self, coroutine: Coroutine[Any, Any, T]) -> "Future[T]":
        """Run a coroutine in the background."""
        # Under the lock, so that the loop is not closed before it knows of the coroutine.
        with self._lock:
            return asyncio.run_coroutine_threadsafe(coroutine, self._started())

    def post(self, work: Callable[[], None]) -> None:
        """Have the loop call ``work`` soon; nothing happens where no loop runs."""
        with self._lock:
            if self._loop is not None and self._process == os.getpid():
                self._loop.call_soon_threadsafe(work)

    def close(self) -> None:
        """Cancel what runs, end the loop and wait for the thread; safe to call twice."""
        with self._lock:
            loop, thread = self._loop, self._thread
            self._loop = self._thread = None
            if loop is None or thread is None or self._process != os.getpid():
                return
        with contextlib.suppress(RuntimeError):  # the loop has ended by itself
            loop.call_soon_threadsafe(loop.stop)
        # The garbage collector may have brought us onto the loop's own thread.
        if threading.current_thread() is not thread:
            thread.join(_CLOSE_S)

    def _started(self) -> asyncio.AbstractEventLoop:
        """The running loop; the lock is held."""
        if self._process != os.getpid():
            # A fork copies the loop and not its thread; nothing of it can be used.
            self._loop = self._thread = None
        if self._loop is None or self._thread is None or not self._thread.is_alive():
            self._process = os.getpid()
            self._loop = asyncio.new_event_loop()
            self._thread = threading.Thread(
                target=_live, args=(self._loop,), name=self._name, daemon=True
            )
            self._thread.start()
        return self._loop


def _live(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
    finally:
        try:
            left = asyncio.all_tasks(loop)
            for task in left:
                task.cancel()
            if left:
                loop.run_until_complete(asyncio.wait(left, timeout=_CLOSE_S))
            loop.run_until_complete(loop.shutdown_asyncgens())
            loop.run_until_complete(loop.shutdown_default_executor())
        finally:
            asyncio.set_event_loop(None)
            loop.close()


def in_background(work: Callable[[], None], name: str) -> None:
    """Run ``work`` on a daemon thread; whoever calls has a way of his own to end it."""
    threading.Thread(target=work, name=name, daemon=True).start()


def lock_between_threads() -> threading.Lock:
    """For what blocking clients, each with a thread of its own, share; held for moments only."""
    return threading.Lock()


class Twin:
    """Base of a blocking twin: an asynchronous object, and the thread that its calls run on."""

    def __init__(self, target: Any, thread: LoopThread) -> None:
        self._target = target
        self._thread = thread

    def __repr__(self) -> str:
        return f"blocking {self._target!r}"


class OwningTwin(Twin):
    """A twin that owns its thread, and closes both when it is closed or forgotten.

    Forgotten is a twin that nobody holds any more, or that the process ends with.
    """

    def __init__(self, target: Any) -> None:
        super().__init__(target, LoopThread())
        # It must not hold the twin, or the twin would never be let go.
        weakref.finalize(self, _close, target, self._thread)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections and end the thread; a later call opens both again."""
        _close(self._target, self._thread)


def _close(target: Any, thread: LoopThread) -> None:
    if thread.is_running:
        # Nothing is lost with a connection that does not close well.
        with contextlib.suppress(Exception):
            thread.start(target.close()).result(_CLOSE_S)
    thread.close()


def mirror(kind: type, *, without: Collection[str] = ()) -> dict[str, Any]:
    """Members for a twin of ``kind``: coroutine methods block, all others are handed on.

    Raises:
        InvariantBroken: a member has no blocking form.
    """
    members: dict[str, Any] = {}
    for name in public_names(kind):
        member = inspect.getattr_static(kind, name)
        if name in without:
            continue
        if inspect.iscoroutinefunction(member):
            members[name] = _blocking(name, member)
        elif inspect.isfunction(member) and not inspect.isasyncgenfunction(member):
            members[name] = _handed_on(member)
        elif isinstance(member, property) or not callable(getattr(kind, name)):
            members[name] = _handed_on_property(name, member)
        else:
            raise InvariantBroken(f"{kind.__name__}.{name} has no blocking form.")
    return members


def public_names(kind: type) -> tuple[str, ...]:
    """The public members of a class and its bases, in their order of definition."""
    found: dict[str, None] = {}
    for base in reversed(kind.__mro__[:-1]):
        found.update(dict.fromkeys(name for name in vars(base) if not name.startswith("_")))
    return tuple(found)


def _blocking(name: str, method: Callable[..., Any]) -> Callable[..., Any]:
    def call(self: Twin, /, *args: Any, **keywords: Any) -> Any:
        return self._thread.run(method(self._target, *args, **keywords), name)

    # Without `__wrapped__`, which would make it pass for the coroutine function that it is not.
    functools.update_wrapper(call, method)
    del call.__wrapped__  # type: ignore[attr-defined]
    call.__signature__ = inspect.signature(method)  # type: ignore[attr-defined]
    return call


def _handed_on(method: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(method)
    def call(self: Twin, /, *args: Any, **keywords: Any) -> Any:
        return method(self._target, *args, **keywords)

    return call


def _handed_on_property(name: str, member: object) -> property:
    def read(self: Twin) -> Any:
        return getattr(self._target, name)

    def write(self: Twin, value: Any) -> None:
        setattr(self._target, name, value)

    return property(read, write, doc=getattr(member, "__doc__", None))
