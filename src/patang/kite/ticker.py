"""The feed by callbacks, with the official client's names.

Callbacks are called one after another, in the order of events, by whoever runs the ticker.
"""

import logging
from collections.abc import Callable, Iterable
from typing import Any

from patang.domain.errors import PatangError
from patang.kite.feed import KiteFeed
from patang.kite.feed_events import (
    FeedConnected,
    FeedDisconnected,
    FeedEvent,
    FeedFrame,
    FeedNotice,
    FeedStale,
    OrderUpdate,
)
from patang.kite.official_ticks import official_tick
from patang.wire.errors import KiteError
from patang.wire.ticks import TickMode

_log = logging.getLogger("patang.kite.ticker")

_ABNORMAL = 1006
Callback = Callable[..., Any]


class TickerCallbacks:
    """What the official ``KiteTicker`` has besides its connection: callbacks and modes.

    Assign what you want to hear; ``ws`` is the ticker itself.

    - ``on_connect(ws, response)``: a link is up, the first time and again.
    - ``on_ticks(ws, ticks)``: ticks as dicts, a frame at a time.
    - ``on_order_update(ws, order)``: an order as a dict.
    - ``on_message(ws, text, is_error)``: a notice of the broker or the server.
    - ``on_close(ws, code, reason)`` and ``on_error(ws, code, reason)``: a link was lost; a link
      could not be made, the server complained, or a callback failed.
    - ``on_reconnect(ws, attempts)``: another try follows by itself.
    - ``on_noreconnect(ws)``: the server refuses the credentials, so none follows.
    - ``on_stale(ws, event)``: the link lives and brings no ticks.
    """

    MODE_LTP = TickMode.LTP
    MODE_QUOTE = TickMode.QUOTE
    MODE_FULL = TickMode.FULL

    on_ticks: Callback | None = None
    on_connect: Callback | None = None
    on_close: Callback | None = None
    on_error: Callback | None = None
    on_reconnect: Callback | None = None
    on_noreconnect: Callback | None = None
    on_order_update: Callback | None = None
    on_message: Callback | None = None
    on_stale: Callback | None = None

    def __init__(self, feed: KiteFeed) -> None:
        self.feed = feed
        self._open_links: set[int] = set()
        self._is_closing = False

    def is_connected(self) -> bool:
        """Whether any link is up."""
        return bool(self._open_links)

    def dispatch(self, event: FeedEvent) -> None:
        """Tell one event to the callbacks it concerns. One that raises is logged, and told."""
        match event:
            case FeedFrame(packets=packets):
                if self.on_ticks is not None:
                    self._tell("on_ticks", [official_tick(packet) for packet in packets])
            case OrderUpdate(order=order):
                if self.on_order_update is not None:
                    self._tell("on_order_update", order.to_dict())
            case FeedNotice(text=text, is_error=is_error):
                self._tell("on_message", text, is_error)
                if is_error:
                    self._tell("on_error", 0, text)
            case FeedConnected():
                self._open_links.add(event.connection)
                self._tell("on_connect", {})
            case FeedDisconnected():
                self._lost(event)
            case FeedStale():
                self._tell("on_stale", event)

    def refused(self, error: Exception) -> None:
        """The server refuses the credentials, or the feed failed for good."""
        self._open_links.clear()
        status = error.status if isinstance(error, KiteError) else None
        self._tell("on_error", status or _ABNORMAL, str(error))
        self._tell("on_noreconnect")

    def _lost(self, event: FeedDisconnected) -> None:
        was_open = event.connection in self._open_links
        self._open_links.discard(event.connection)
        code = _ABNORMAL if event.code is None else event.code
        self._tell("on_close" if was_open else "on_error", code, event.reason)
        self._tell("on_reconnect", event.attempt)

    def _tell(self, name: str, *what: Any) -> None:
        callback: Callback | None = getattr(self, name)
        if callback is None:
            return
        try:
            callback(self, *what)
        except Exception as error:  # noqa: BLE001 - the user's code: it must not end the feed
            _log.exception("the ticker's callback %s failed", name)
            if name != "on_error":
                self._tell("on_error", 0, f"{name}: {error!r}")


class KiteTicker(TickerCallbacks):
    """Callbacks for programs that run an event loop of their own.

        ticker = KiteTicker(KiteFeed(api_key, access_token))
        ticker.on_ticks = lambda ws, ticks: print(ticks)
        ticker.on_connect = lambda ws, response: ws.set_mode(ws.MODE_FULL, [408065])
        await ticker.run()

    Its methods may be called from callbacks. A callback runs on the loop that reads the link, so
    it must not block: work that does belongs in ``patang.kite.sync.KiteTicker``, whose callbacks
    have a thread of their own.
    """

    async def run(self) -> None:
        """Connect and call back until ``close``.

        Raises:
            TokenException, PermissionException: the server refuses the credentials;
                ``on_noreconnect`` has been told.
        """
        self._is_closing = False
        try:
            async with self.feed:
                async for event in self.feed:
                    self.dispatch(event)
                    if self._is_closing:
                        break
        except PatangError as error:
            self.refused(error)
            raise
        finally:
            self._open_links.clear()

    def close(self) -> None:
        """Ask ``run`` to close the links and return. It may be run again."""
        self._is_closing = True
        self.feed.stop_soon()

    def subscribe(self, tokens: Iterable[int]) -> None:
        """Want these tokens: new ones in quote mode, known ones as they are."""
        known = self.feed.subscriptions
        self.feed.subscribe_soon([token for token in tokens if token not in known])

    def unsubscribe(self, tokens: Iterable[int]) -> None:
        """Stop wanting these tokens."""
        self.feed.unsubscribe_soon(tokens)

    def set_mode(self, mode: TickMode | str, tokens: Iterable[int]) -> None:
        """Want these tokens in this mode; unknown ones are subscribed too."""
        self.feed.subscribe_soon(tokens, mode)
