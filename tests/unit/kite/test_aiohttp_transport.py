"""The network transport against a real socket: what it sends, and that it sends it once."""

import asyncio
import socket

import pytest

from patang.domain.errors import InvalidValue
from patang.kite import ConnectFailed, NetworkSettings, ReplyLost, Request, Secret, Timeouts
from patang.kite.aiohttp_transport import AiohttpTransport

QUICK = Timeouts(connect=0.5, read=0.3, total=0.6)


@pytest.fixture
async def transport():
    opened = AiohttpTransport()
    yield opened
    await opened.close()


def a_request(root: str, method: str = "GET", path: str = "/orders", **more) -> Request:
    return Request(
        method=method, url=root + path, headers={"X-Kite-Version": "3"}, timeouts=QUICK, **more
    )


async def test_a_request_arrives_as_it_was_written(scripted, replies, transport):
    scripted.script = [replies.http('{"a":1}')]
    response = await transport.send(
        a_request(scripted.root, "POST", "/quote?i=NSE%3AM%26M&i=NSE%3ANIFTY+50", body=b"tag=A%26B")
    )
    method, target, headers, body = scripted.seen[0]
    assert (method, target, body) == ("POST", "/quote?i=NSE%3AM%26M&i=NSE%3ANIFTY+50", b"tag=A%26B")
    assert headers["x-kite-version"] == "3"
    assert (response.status, response.body) == (200, b'{"a":1}')
    assert response.content_type == "application/json"


async def test_the_connection_is_kept_warm(scripted, replies, transport):
    scripted.script = [replies.http("{}")] * 3
    for _ in range(3):
        await transport.send(a_request(scripted.root))
    assert (scripted.connections, len(scripted.seen)) == (1, 3)


async def test_a_doubled_answer_is_not_taken_for_the_next_one(scripted, replies, transport):
    # aiohttp by itself reads what came on an idle connection as the answer to the next request.
    first, again = replies.http('{"order_id":"1"}'), asyncio.Event()

    async def doubled(writer: asyncio.StreamWriter) -> None:
        writer.write(first)
        await again.wait()
        writer.write(first)
        await writer.drain()

    scripted.script = [doubled, replies.http('{"order_id":"2"}')]
    await transport.send(a_request(scripted.root, "POST"))
    again.set()
    await asyncio.sleep(0.05)  # the second copy arrives while the connection is idle
    response = await transport.send(a_request(scripted.root, "POST"))
    assert response.body == b'{"order_id":"2"}'
    assert scripted.connections == 2


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
@pytest.mark.parametrize("fault", ["reset", "hang_up", "stay_silent", "trickle", "cut_short"])
async def test_no_method_is_sent_twice_when_a_warm_connection_fails(
    scripted, replies, transport, method, fault
):
    # aiohttp by itself repeats GET, PUT and DELETE on a kept-alive connection that broke.
    scripted.script = [replies.http("{}"), getattr(replies, fault), replies.http("{}")]
    await transport.send(a_request(scripted.root))
    with pytest.raises(ReplyLost, match="may have seen"):
        await transport.send(a_request(scripted.root, method, body=b"x=1"))
    assert [seen[0] for seen in scripted.seen] == ["GET", method]


async def test_redirects_are_answers_and_not_followed(scripted, replies, transport):
    moved = b"HTTP/1.1 307 X\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n"
    scripted.script = [moved, replies.http("{}")]
    response = await transport.send(a_request(scripted.root, "POST", body=b"x=1"))
    assert response.status == 307
    assert len(scripted.seen) == 1


async def test_an_address_where_nobody_listens_says_that_nothing_was_sent(transport):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        with pytest.raises(ConnectFailed, match="Nothing was sent") as failure:
            await transport.send(a_request(f"http://127.0.0.1:{port}"))
    assert failure.value.status is None


async def test_a_name_that_does_not_resolve_says_that_nothing_was_sent(transport):
    with pytest.raises(ConnectFailed, match=r"unknown\.invalid"):
        await transport.send(a_request("http://unknown.invalid"))


async def test_failures_hold_neither_query_nor_headers(scripted, replies, transport):
    scripted.script = [replies.reset]
    request = Request(
        method="DELETE",
        url=f"{scripted.root}/session/token?access_token=hushhush",
        headers={"Authorization": "token k:hushhush"},
        timeouts=QUICK,
    )
    with pytest.raises(ReplyLost) as failure:
        await transport.send(request)
    error = failure.value
    assert "hushhush" not in f"{error} {error!r} {error.__cause__!r} {error.__context__!r}"
    assert "hushhush" not in repr(request)


async def test_a_closed_transport_opens_again(scripted, replies, transport):
    scripted.script = [replies.http("{}")] * 2
    await transport.send(a_request(scripted.root))
    await transport.close()
    assert (await transport.send(a_request(scripted.root))).status == 200


@pytest.fixture
async def through_proxy(scripted):
    proxy = scripted.root.replace("http://", "http://someone:hushhush@")
    opened = AiohttpTransport(NetworkSettings(proxy=Secret(proxy)))
    yield opened
    await opened.close()


async def test_a_proxy_is_asked_for_the_whole_address_with_its_credentials(
    scripted, replies, through_proxy
):
    scripted.script = [replies.http('{"a":1}')]
    response = await through_proxy.send(a_request("http://kite.invalid"))
    assert response.body == b'{"a":1}'
    method, target, headers, _ = scripted.seen[0]
    assert (method, target) == ("GET", "http://kite.invalid/orders")
    assert headers["proxy-authorization"].startswith("Basic ")


async def test_a_proxy_that_refuses_a_tunnel_has_passed_nothing_on(
    scripted, replies, through_proxy
):
    scripted.script = [replies.http("no", 403)]
    with pytest.raises(ConnectFailed) as failure:
        await through_proxy.send(a_request("https://kite.invalid", "POST"))
    assert [seen[:2] for seen in scripted.seen] == [("CONNECT", "kite.invalid:443")]
    assert "hushhush" not in str(failure.value)
    assert failure.value.__cause__ is None


async def test_a_proxy_that_is_not_there_says_that_nothing_was_sent():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        proxy = f"http://someone:hushhush@127.0.0.1:{free.getsockname()[1]}"
    transport = AiohttpTransport(NetworkSettings(proxy=Secret(proxy)))
    with pytest.raises(ConnectFailed) as failure:
        await transport.send(a_request("http://kite.invalid"))
    await transport.close()
    assert "hushhush" not in str(failure.value)


async def test_the_pool_is_as_large_as_it_is_told_and_idle_connections_end(scripted, replies):
    transport = AiohttpTransport(NetworkSettings(max_connections=2, keep_alive_s=0.05))
    scripted.script = [replies.http("{}")] * 8
    await asyncio.gather(*(transport.send(a_request(scripted.root)) for _ in range(6)))
    assert scripted.connections == 2
    await asyncio.sleep(0.2)
    await transport.send(a_request(scripted.root))
    assert scripted.connections == 3
    await transport.close()


@pytest.mark.parametrize("text", [None, "no certificate"])
async def test_a_certificate_that_cannot_be_used_is_named_before_anything_is_sent(tmp_path, text):
    path = tmp_path / "certificate.pem"
    if text is not None:
        path.write_text(text)
    transport = AiohttpTransport(NetworkSettings(certificate=str(path)))
    with pytest.raises(InvalidValue, match=r"network\.certificate.*certificate\.pem"):
        await transport.send(a_request("https://127.0.0.1:1"))
