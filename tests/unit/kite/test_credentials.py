"""Keys, tokens and path parts that cannot be right are refused before anything is sent."""

import pytest

from patang.domain.errors import InvalidValue
from patang.kite import Kite, KiteConfig, MemoryTransport, Response, Timeouts
from patang.wire.errors import TokenException

BAD_TEXTS = ["", 5, b"abc", "two words", "line\r\nX-Other: 1", "n€t"]


@pytest.fixture
def transport() -> MemoryTransport:
    async def answer(_request):
        return Response(status=200, headers={}, body=b'{"status":"success","data":{}}')

    return MemoryTransport(answer)


@pytest.mark.parametrize("text", [None, *BAD_TEXTS])
def test_an_api_key_that_is_none_is_refused(transport, text):
    with pytest.raises(InvalidValue, match=r"^api_key: "):
        Kite(text, "token", transport=transport)


@pytest.mark.parametrize("text", BAD_TEXTS[2:])
def test_an_access_token_that_cannot_stand_in_a_header_is_refused_unseen(transport, text):
    with pytest.raises(InvalidValue, match=r"^access_token: ") as caught:
        Kite("key", text, transport=transport)
    assert "X-Other" not in str(caught.value)
    kite = Kite("key", transport=transport)
    with pytest.raises(InvalidValue, match=r"^access_token: "):
        kite.set_access_token(text)


async def test_no_access_token_takes_the_session_away(transport):
    kite = Kite("key", "token", transport=transport)
    kite.set_access_token(None)
    assert "without session" in repr(kite)
    with pytest.raises(TokenException, match="there is no access token"):
        await kite.profile()
    assert not transport.sent


@pytest.mark.parametrize("wrong", [None, ""])
async def test_a_login_names_what_it_was_not_given(transport, wrong):
    kite = Kite("key", transport=transport)
    with pytest.raises(InvalidValue, match=r"^request_token: "):
        await kite.generate_session(wrong, "secret")
    with pytest.raises(InvalidValue, match=r"^api_secret: "):
        await kite.generate_session("token", wrong)
    with pytest.raises(InvalidValue, match=r"^refresh_token: "):
        await kite.renew_access_token(wrong, "secret")
    assert not transport.sent


@pytest.mark.parametrize("wrong", [None, True, "", " ", "..", ["1"]])
async def test_a_path_is_made_of_text_and_numbers_alone(transport, wrong):
    kite = Kite("key", "token", transport=transport)
    with pytest.raises(InvalidValue, match=r"^order_id: "):
        await kite.order_history(wrong)
    assert not transport.sent


@pytest.mark.parametrize("wrong", [None, "INFY", "NSE:", ":INFY", b"NSE:INFY", ["INFY"], 0, 1.5])
async def test_a_quote_is_asked_for_by_exchange_and_symbol_or_token(transport, wrong):
    kite = Kite("key", "token", transport=transport)
    with pytest.raises(InvalidValue, match=r"^instruments: "):
        await kite.ltp(wrong)
    assert not transport.sent
    await kite.ltp("NSE:INFY", "408065", 408065, (key for key in ["NSE:NIFTY 50"]))
    assert transport.sent[0].url.endswith("?i=NSE%3AINFY&i=408065&i=NSE%3ANIFTY+50")


@pytest.mark.parametrize("seconds", ["7", None, 0, 301])
def test_a_time_out_is_a_number_of_seconds(seconds):
    with pytest.raises(InvalidValue, match=r"^timeouts\.read: "):
        Timeouts(read=seconds)


async def test_a_token_given_as_text_shows_in_no_repr_of_a_configuration(transport):
    config = KiteConfig(api_key="key", access_token="hushhush")
    assert "hushhush" not in repr(config)
    await Kite.from_config(config, transport=transport).raw.profile()
    assert transport.sent[0].headers["Authorization"] == "token key:hushhush"
    with pytest.raises(InvalidValue, match=r"^access_token: ") as caught:
        KiteConfig(api_key="key", access_token="hush hush")
    assert "hush" not in str(caught.value)
