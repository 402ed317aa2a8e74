"""Ticker connections of a real server in this process, so that a test can reach behind it."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from patang.sandbox.outgoing import Silence
from patang.sandbox.server import _Server, listening_socket
from patang.sandbox.settings import SandboxSettings
from patang.sandbox.world import World
from patang.wire.messages import SetMode, Subscribe, encode_request
from patang.wire.ticks import HEARTBEAT, Packet, Segment, TickMode, decode_frame

INFY = 408_065


@contextlib.asynccontextmanager
async def serving(**settings) -> AsyncIterator[tuple[World, str]]:
    with listening_socket(0) as listener:
        port = listener.getsockname()[1]
        world = World(SandboxSettings(speed=0, **settings), f"http://127.0.0.1:{port}")
        ready = asyncio.Event()
        server = _Server(world, ready.set)
        task = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            await asyncio.wait_for(ready.wait(), 10)
            session = world.first_sessions[0]
            yield (
                world,
                f"ws://127.0.0.1:{port}?api_key={world.app.api_key}"
                f"&access_token={session.access_token}",
            )
        finally:
            server.should_exit = True
            await asyncio.wait_for(task, 10)


def socket_to(address: str) -> connect:
    return connect(address, compression=None, ping_interval=None, close_timeout=0.2, max_size=None)


async def first_tick(socket: ClientConnection) -> int:
    """Wait for a tick; return its token."""
    while True:
        frame = await asyncio.wait_for(socket.recv(), 5)
        if isinstance(frame, bytes) and frame != HEARTBEAT:
            return decode_frame(frame).packets[0].token


async def until_closed(socket: ClientConnection) -> None:
    while True:
        await socket.recv()


async def test_the_fourth_connection_pushes_out_the_first():
    async with serving() as (world, address), contextlib.AsyncExitStack() as stack:
        first, *_rest = [await stack.enter_async_context(socket_to(address)) for _ in range(3)]
        await first.send(encode_request(Subscribe((INFY,))))
        assert await first_tick(first) == INFY
        fourth = await stack.enter_async_context(socket_to(address))
        with pytest.raises(ConnectionClosed) as closed:
            await asyncio.wait_for(until_closed(first), 5)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1008
        await fourth.send(encode_request(Subscribe((INFY,))))
        assert await first_tick(fourth) == INFY
        assert len(world.ticker.connections()) == 3


async def test_greetings_are_the_two_frames_of_the_real_server():
    async with serving(ticker_greetings=True) as (world, address), socket_to(address) as socket:
        meta, app_code = [json.loads(await asyncio.wait_for(socket.recv(), 5)) for _ in range(2)]
        assert meta["type"] == "instruments_meta"
        assert meta["data"]["count"] == len(world.instruments)
        assert app_code == {"type": "app_code", "timestamp": "2026-11-19T09:20:00+05:30"}


async def test_a_half_open_connection_does_not_even_answer_a_ping():
    async with serving() as (world, address), socket_to(address) as socket:
        await asyncio.wait_for(await socket.ping(), 5)
        (subscriber,) = world.ticker.connections()
        subscriber.silence = Silence.HALF_OPEN
        pong = await socket.ping()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.shield(pong), 0.3)
        subscriber.silence = Silence.NONE
        await asyncio.wait_for(pong, 5)


async def test_a_frozen_world_shows_the_last_packet_on_subscribing():
    async with serving() as (world, address), socket_to(address) as socket:
        token = world.instruments[3].token
        await socket.send(encode_request(Subscribe((token,))))
        assert await first_tick(socket) == token


async def test_a_large_world_pushes_every_subscribed_instrument_by_the_column():
    async with serving(universe=2_000, book_limit=0) as (world, address):
        exchange = world.exchange
        tradable = [one for one in world.instruments if one.is_tradable]
        tokens = tuple(one.token for one in (*tradable[:750], *tradable[-750:]))
        by_token = {one.token: one for one in tradable}
        async with socket_to(address) as socket:
            await socket.send(encode_request(SetMode(TickMode.FULL, tokens)))
            packets = {one.token: one for one in await packets_of(socket, len(tokens))}
            assert set(packets) == set(tokens)
            for token, packet in packets.items():
                instrument = by_token[token]
                quote = exchange.quote(instrument.id)
                assert packet.last_price == instrument.to_wire(quote.last_price)
                assert packet.close == instrument.to_wire(quote.close)
                assert (packet.volume, packet.oi) == (quote.volume, quote.oi)
                bids = [level.price for level in packet.bids if level.quantity]
                assert bids == [instrument.to_wire(level.price) for level in quote.bids]
            segments = {token & 0xFF for token in tokens}
            assert {Segment.NSE, Segment.NFO, Segment.CDS} <= segments
            world.step(world.now_ns + 500_000_000, 5.0)
            moved = {one.token for one in await packets_of(socket, 1_000)}
            assert len(moved) > 1_000


async def packets_of(socket: ClientConnection, count: int) -> list[Packet]:
    """The packets of the next frames, at least so many."""
    packets: list[Packet] = []
    while len(packets) < count:
        frame = await asyncio.wait_for(socket.recv(), 5)
        if isinstance(frame, bytes):
            packets += decode_frame(frame).packets
    return packets
