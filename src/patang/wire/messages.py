"""The ticker's text frames: what a client asks for, and what the server says besides ticks.

Source: Kite Connect v3, WebSocket streaming.
"""

from typing import Any

import msgspec

from patang.domain.errors import PatangError
from patang.wire.row import decode_row
from patang.wire.rows import Document, Postback, encode_row, remember_source
from patang.wire.ticks import TickMode


class BadMessage(PatangError):
    """A client's text frame that is not a request."""


class Subscribe(msgspec.Struct, frozen=True):
    """Start these tokens; new ones begin in quote mode, known ones keep theirs."""

    tokens: tuple[int, ...]


class Unsubscribe(msgspec.Struct, frozen=True):
    """Stop these tokens."""

    tokens: tuple[int, ...]


class SetMode(msgspec.Struct, frozen=True):
    """Switch these tokens to a mode; an unknown token is subscribed too."""

    mode: TickMode
    tokens: tuple[int, ...]


Request = Subscribe | Unsubscribe | SetMode


class OrderUpdate(msgspec.Struct, frozen=True):
    """An order of the user changed, on whatever platform it was placed."""

    order: Postback


class ErrorText(msgspec.Struct, frozen=True):
    """The server refuses something, in free text; the connection lives on."""

    text: str


class BrokerMessage(msgspec.Struct, frozen=True):
    """A notice of the broker to the user."""

    text: str


class Other(msgspec.Struct, frozen=True):
    """A frame of another type, or one that cannot be read (``type`` may be empty)."""

    type: str
    raw: str


ServerText = OrderUpdate | ErrorText | BrokerMessage | Other


class _Call(msgspec.Struct):
    a: str
    v: msgspec.Raw


class _Text(msgspec.Struct):
    type: str
    data: msgspec.Raw = msgspec.Raw(b"null")


_calls = msgspec.json.Decoder(_Call)
_texts = msgspec.json.Decoder(_Text)
_token_lists = msgspec.json.Decoder(tuple[int, ...])
_mode_calls = msgspec.json.Decoder(tuple[TickMode, tuple[int, ...]])
_postbacks = msgspec.json.Decoder(Postback)


def encode_request(message: Request) -> str:
    """The text frame a client sends."""
    match message:
        case Subscribe(tokens):
            call: dict[str, Any] = {"a": "subscribe", "v": tokens}
        case Unsubscribe(tokens):
            call = {"a": "unsubscribe", "v": tokens}
        case SetMode(mode, tokens):
            call = {"a": "mode", "v": (mode, tokens)}
    return msgspec.json.encode(call).decode()


def decode_request(text: str | bytes) -> Request:
    """Read a client's text frame.

    Raises:
        BadMessage: no JSON, an unknown action, or tokens that are not 32-bit numbers.
    """
    try:
        call = _calls.decode(text)
        match call.a:
            case "subscribe":
                return Subscribe(_tokens(_token_lists.decode(call.v)))
            case "unsubscribe":
                return Unsubscribe(_tokens(_token_lists.decode(call.v)))
            case "mode":
                mode, tokens = _mode_calls.decode(call.v)
                return SetMode(mode, _tokens(tokens))
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise BadMessage(f"not a ticker request: {error}.") from error
    raise BadMessage(f"unknown action {call.a!r}.", "Known: subscribe, unsubscribe, mode.")


def _tokens(tokens: tuple[int, ...]) -> tuple[int, ...]:
    for token in tokens:
        if not 0 <= token < 1 << 32:
            raise BadMessage(f"token {token} does not fit 32 bits.")
    return tokens


def encode_text(message: ServerText) -> str:
    """The text frame a server sends; of ``Other`` its raw text."""
    match message:
        case OrderUpdate(order):
            return encode_row({"type": "order", "data": order}).decode()
        case ErrorText(text):
            return encode_row({"type": "error", "data": text}).decode()
        case BrokerMessage(text):
            return encode_row({"type": "message", "data": text}).decode()
        case Other(_, raw):
            return raw


def decode_text(text: str | bytes) -> ServerText:
    """Read a server's text frame. Never raises: what it cannot read comes back as ``Other``."""
    raw = text if isinstance(text, str) else text.decode("utf-8", "replace")
    try:
        frame = _texts.decode(raw)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return Other("", raw)
    try:
        match frame.type:
            case "order":
                order = decode_row(_postbacks, frame.data)
                remember_source(order, Document(bytes(frame.data)), ())
                return OrderUpdate(order)
            case "error":
                return ErrorText(_free_text(frame.data))
            case "message":
                return BrokerMessage(_free_text(frame.data))
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return Other(frame.type, raw)
    return Other(frame.type, raw)


def _free_text(raw: msgspec.Raw) -> str:
    """A string as it is; anything else as the JSON it came in."""
    value = msgspec.json.decode(raw)
    return value if isinstance(value, str) else bytes(raw).decode("utf-8", "replace")
