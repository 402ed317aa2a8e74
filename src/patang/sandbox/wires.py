"""The network connections of the server: what faults do below HTTP."""

import os
import socket
import struct
from asyncio.trsock import TransportSocket
from collections.abc import Callable, Iterable
from typing import Protocol

from patang.sandbox.ticker import Peer

# On close, discard what is unsent and answer with a reset. Windows has shorter fields.
_LINGER_NONE = struct.pack("hh" if os.name == "nt" else "ii", 1, 0)


class Transport(Protocol):
    """What is needed of an asyncio transport."""

    def get_extra_info(self, name: str, /) -> object:
        """``peername`` or ``socket``."""

    def write(self, data: bytes, /) -> None:
        """Send bytes."""

    def close(self) -> None:
        """Send what is buffered, then end."""

    def abort(self) -> None:
        """End at once."""


class Wires:
    """Finds connections by their peer; does nothing where there is none, as in memory."""

    def __init__(self, transports: Callable[[], Iterable[Transport]] = tuple) -> None:
        self._transports = transports

    def close(self, peer: Peer) -> bool:
        """End a connection after what was written; return whether there is one."""
        transport = self._find(peer)
        if transport is not None:
            transport.close()
        return transport is not None

    def reset(self, peer: Peer) -> bool:
        """Break a connection off so that its peer sees an error; return whether there is one."""
        transport = self._find(peer)
        if transport is None:
            return False
        raw = transport.get_extra_info("socket")
        if isinstance(raw, socket.socket | TransportSocket):
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NONE)
        transport.abort()
        return True

    def write(self, peer: Peer, payload: bytes) -> bool:
        """Send raw bytes on a connection; return whether there is one."""
        transport = self._find(peer)
        if transport is not None:
            transport.write(payload)
        return transport is not None

    def _find(self, peer: Peer) -> Transport | None:
        for transport in self._transports():
            name = transport.get_extra_info("peername")
            if isinstance(name, tuple) and name[:2] == peer:
                return transport
        return None
