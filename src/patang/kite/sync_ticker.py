"""The ticker by callbacks, for scripts and notebooks."""

import logging
import random
from collections.abc import Iterable

from patang.domain.errors import InvariantBroken, PatangError
from patang.kite.addresses import TICKER_ROOT
from patang.kite.blocking import LoopThread, in_background
from patang.kite.clock import Clock
from patang.kite.feed import MAX_CONNECTIONS, KiteFeed
from patang.kite.feed_events import FeedEvent
from patang.kite.secret import Secret
from patang.kite.socket import Dialler
from patang.kite.ticker import TickerCallbacks
from patang.wire.connection import LinkSettings
from patang.wire.ticks import TickMode

_log = logging.getLogger("patang.kite.ticker")


class KiteTicker(TickerCallbacks):
    """A ticker in the official client's manner, on a loop of its own.

        ticker = KiteTicker(api_key, access_token)
        ticker.on_connect = lambda ws, response: ws.set_mode(ws.MODE_FULL, [408065])
        ticker.on_ticks = lambda ws, ticks: print(ticks)
        ticker.connect()

    Callbacks run in the thread that called ``connect`` (or in one of their own), so that a slow one
    costs conflated ticks (``feed.conflated`` counts them) and never the link. The ticker may be
    connected again any number of times.
    """

    def __init__(
        self,
        api_key: str,
        access_token: str | Secret,
        root: str = TICKER_ROOT,
        *,
        clock: Clock | None = None,
        dialler: Dialler | None = None,
        link: LinkSettings | None = None,
        max_connections: int = MAX_CONNECTIONS,
        connect_timeout_s: float = 7.0,
        queue_frames: int = 1_024,
        jitter: random.Random | None = None,
    ) -> None:
        """Take what ``KiteFeed`` takes."""
        super().__init__(
            KiteFeed(
                api_key,
                access_token,
                root,
                clock=clock,
                dialler=dialler,
                link=link,
                max_connections=max_connections,
                connect_timeout_s=connect_timeout_s,
                queue_frames=queue_frames,
                jitter=jitter,
            )
        )
        self._thread = LoopThread("patang-ticker")
        self._is_running = False

    def connect(self, threaded: bool = False) -> None:
        """Connect and call back until ``close``; with ``threaded`` in the background.

        Raises:
            InvariantBroken: it is connected already.
            TokenException, PermissionException: the server refuses the credentials;
                ``on_noreconnect`` has been told. In the background they are logged.
        """
        if self._is_running:
            raise InvariantBroken("this ticker is connected already; close it first.")
        self._is_running, self._is_closing = True, False
        if threaded:
            in_background(self._listen_in_background, "patang-ticker-callbacks")
        else:
            self._listen()

    def close(self) -> None:
        """End ``connect``, from a callback or from any thread; safe to call twice."""
        self._is_closing = True
        self._thread.post(self.feed.stop_soon)

    def subscribe(self, tokens: Iterable[int]) -> None:
        """Want these tokens: new ones in quote mode, known ones as they are."""
        self._thread.run(self._subscribe(tokens), "subscribe")

    def unsubscribe(self, tokens: Iterable[int]) -> None:
        """Stop wanting these tokens."""
        self._thread.run(self.feed.unsubscribe(tokens), "unsubscribe")

    def set_mode(self, mode: TickMode | str, tokens: Iterable[int]) -> None:
        """Want these tokens in this mode; unknown ones are subscribed too."""
        self._thread.run(self.feed.subscribe(tokens, mode), "set_mode")

    def _listen(self) -> None:
        try:
            self._thread.run(self.feed.__aenter__(), "connect")
            while events := self._thread.run(self._take(), "the ticker"):
                for event in events:
                    if self._is_closing:
                        return
                    self.dispatch(event)
        except PatangError as error:
            self.refused(error)
            raise
        finally:
            self._open_links.clear()
            try:
                self._thread.run(self.feed.close(), "close")
            finally:
                self._thread.close()
                self._is_running = False

    def _listen_in_background(self) -> None:
        try:
            self._listen()
        except PatangError as error:
            _log.error("the ticker ended: %s", error)

    async def _take(self) -> list[FeedEvent]:
        """What waits; nothing when the feed has been stopped."""
        try:
            return await self.feed.take()
        except StopAsyncIteration:
            return []

    async def _subscribe(self, tokens: Iterable[int]) -> None:
        known = self.feed.subscriptions
        await self.feed.subscribe([token for token in tokens if token not in known])
