"""The messages between the order gateway and its clients: JSON text frames, versioned.

One frame is one message, a JSON object with a ``type``, or an array of them (a batch).
docs/protocol.md says what each field means and who sends what when; the structs here are its
letter. Prices are JSON numbers in rupees with their exact digits, times ISO 8601 text in UTC.
"""

import hashlib
import hmac
from decimal import Decimal
from typing import Any, Final, TypeAlias, TypeVar

import msgspec

from patang.domain.enums import Exchange, Mode, OrderType, Product, Side, Validity, Variety
from patang.domain.errors import PatangError
from patang.domain.order import OrderStatus
from patang.domain.secret import Secret
from patang.wire.gtt_forms import GttType

VERSION: Final = 1
MAX_REQUEST_BYTES: Final = 64 * 1024
MAX_BATCH: Final = 100

Key = str
"""A request id: the idempotency key, 1-64 characters of letters, digits and ``._:-``."""


class Codes:
    """The codes of ERROR messages; docs/protocol.md says what each means and asks for."""

    BAD_MESSAGE = "BAD_MESSAGE"
    UNKNOWN_TYPE = "UNKNOWN_TYPE"
    VERSION = "VERSION"
    AUTH_FAILED = "AUTH_FAILED"
    AUTH_EXPIRED = "AUTH_EXPIRED"
    NOT_AUTHENTICATED = "NOT_AUTHENTICATED"
    FORBIDDEN = "FORBIDDEN"
    LIMIT_EXCEEDED = "LIMIT_EXCEEDED"
    RATE_LIMITED = "RATE_LIMITED"
    INVALID_FIELD = "INVALID_FIELD"
    KEY_REUSED = "KEY_REUSED"
    TAG_IN_USE = "TAG_IN_USE"
    NOT_FOUND = "NOT_FOUND"
    EXPIRED = "EXPIRED"
    VOIDED = "VOIDED"
    NOT_READY = "NOT_READY"
    LEDGER_FAILED = "LEDGER_FAILED"
    SESSION_FAILED = "SESSION_FAILED"


class CloseCode:
    """Why the gateway closed the connection, beside the WebSocket's own codes."""

    NOT_AUTHENTICATED = 4401
    SILENT = 4408
    REPLACED = 4409
    TOO_SLOW = 4413
    ABUSE = 4429


class Message(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="type", gc=False
):
    """Anything that travels."""


# From the client


class Auth(Message, frozen=True, tag="AUTH", forbid_unknown_fields=True):
    """The first message of a client. ``signature`` is the hex HMAC-SHA256 of ``auth_text``.

    ``stream`` and ``after`` resume: they name the stream and its last message that arrived.
    """

    version: int
    client_id: str
    nonce: str
    expires_at: str
    signature: str
    stream: str | None = None
    after: int | None = None


class Request(Message, frozen=True, forbid_unknown_fields=True):
    """What a client asks. The same ``request_id`` asks for the same thing, done once."""

    request_id: Key

    def __post_init__(self) -> None:
        if not 1 <= len(self.request_id) <= 64 or not _is_word(self.request_id):
            raise ValueError("request_id must be 1-64 letters, digits and ._:-")


class PlaceOrder(Request, frozen=True, tag="PLACE_ORDER"):
    """Place an order, once. After ``valid_until`` the gateway no longer does it."""

    exchange: Exchange
    symbol: str
    side: Side
    quantity: int
    product: Product
    order_type: OrderType = OrderType.LIMIT
    price: Decimal | None = None
    trigger_price: Decimal | None = None
    market_protection: Decimal | None = None
    validity: Validity = Validity.DAY
    variety: Variety = Variety.REGULAR
    tag: str | None = None
    strategy: str = ""
    reduces: bool = False
    reason: str = ""
    valid_until: str | None = None


class ModifyOrder(Request, frozen=True, tag="MODIFY_ORDER"):
    """Change a resting order; what is absent stays. ``quantity`` is the new total."""

    order_id: str
    quantity: int | None = None
    price: Decimal | None = None
    trigger_price: Decimal | None = None
    order_type: OrderType | None = None
    validity: Validity | None = None


class CancelOrder(Request, frozen=True, tag="CANCEL_ORDER"):
    """Ask for an order's end. Harmless when repeated."""

    order_id: str
    reason: str = ""


class GttLegFields(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The order that one trigger value places."""

    side: Side
    quantity: int
    product: Product
    order_type: OrderType = OrderType.LIMIT
    price: Decimal | None = None
    market_protection: Decimal | None = None


class GttFields(Request, frozen=True):
    """What a trigger is; ``orders[i]`` belongs to ``trigger_prices[i]``, the lower first."""

    trigger_type: GttType
    exchange: Exchange
    symbol: str
    trigger_prices: tuple[Decimal, ...]
    last_price: Decimal
    orders: tuple[GttLegFields, ...]


class PlaceGtt(GttFields, frozen=True, tag="PLACE_GTT"):
    """Place a good-till-triggered order, once."""


class ModifyGtt(GttFields, frozen=True, tag="MODIFY_GTT"):
    """Replace a trigger by what is given, all of it."""

    trigger_id: int


class CancelGtt(Request, frozen=True, tag="CANCEL_GTT"):
    """Delete a trigger."""

    trigger_id: int


class GetOrders(Request, frozen=True, tag="GET_ORDERS"):
    """The day's orders in their newest state."""


class GetTrades(Request, frozen=True, tag="GET_TRADES"):
    """The day's trades."""


class GetPositions(Request, frozen=True, tag="GET_POSITIONS"):
    """The account's net positions."""


class GetHoldings(Request, frozen=True, tag="GET_HOLDINGS"):
    """What lies in the account's demat."""


class GetFunds(Request, frozen=True, tag="GET_FUNDS"):
    """The cash that is available."""


class GetGtts(Request, frozen=True, tag="GET_GTTS"):
    """Triggers, as Kite lists them."""


class GetQuotes(Request, frozen=True, tag="GET_QUOTES"):
    """Quotes of up to 200 instruments, ``EXCHANGE:SYMBOL``, read once."""

    instruments: tuple[str, ...]


class GetRequest(Request, frozen=True, tag="GET_REQUEST"):
    """What became of an earlier request. With ``void``, one that never arrived never will."""

    of: Key
    void: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.of or not _is_word(self.of):
            raise ValueError("of must be 1-64 letters, digits and ._:-")


class GetBooks(Request, frozen=True, tag="GET_BOOKS"):
    """Read the broker's books anew and tell them whole, with the place in the stream."""


class Subscribe(Request, frozen=True, tag="SUBSCRIBE"):
    """Send quotes of these instruments too."""

    instruments: tuple[str, ...]


class Unsubscribe(Request, frozen=True, tag="UNSUBSCRIBE"):
    """Send quotes of these instruments no longer."""

    instruments: tuple[str, ...]


class Ack(Message, frozen=True, tag="ACK", forbid_unknown_fields=True):
    """Everything up to ``seq`` has arrived and need not be kept."""

    seq: int


class Heartbeat(Message, frozen=True, tag="HEARTBEAT"):
    """I am here. The gateway's carries the newest ``seq`` of the stream."""

    timestamp: str = ""
    seq: int | None = None


# From the gateway


class Hello(Message, frozen=True, tag="HELLO"):
    """The first message of the gateway: ``challenge`` goes into the signature."""

    version: int
    challenge: str
    timestamp: str
    heartbeat_s: float


class Authenticated(Message, frozen=True, tag="AUTHENTICATED"):
    """The client is known. ``resumed``: what came after ``after`` follows, nothing is missing.

    ``proof`` shows that the gateway holds the secret too. ``seq`` is the newest of the stream.
    """

    client_id: str
    proof: str
    stream: str
    seq: int
    resumed: bool
    mode: Mode
    user_id: str
    permissions: tuple[str, ...]
    timestamp: str


class Response(Message, frozen=True, tag="RESPONSE"):
    """What became of a request, as far as it is known; later news come as ORDER_UPDATE."""

    request_id: Key
    answers: str
    timestamp: str
    status: str = "OK"
    order_id: str | None = None
    exchange: str | None = None
    symbol: str | None = None
    side: Side | None = None
    quantity: int | None = None
    price: Decimal | None = None
    tag: str | None = None
    trigger_id: int | None = None
    code: str = ""
    message: str = ""
    result: msgspec.Raw = msgspec.Raw(b"")


class Error(Message, frozen=True, tag="ERROR"):
    """A message could not be acted on: nothing was sent to the broker because of it."""

    code: str
    message: str
    timestamp: str
    request_id: Key | None = None
    field: str | None = None


class Sequenced(Message, frozen=True):
    """A message of the stream: ``seq`` counts by one, and a resumed stream repeats none."""

    seq: int
    timestamp: str


class OrderUpdate(Sequenced, frozen=True, tag="ORDER_UPDATE"):
    """The newest state of an order. ``request_id`` stands on outcomes of the client's own."""

    order_id: str | None
    exchange: str
    symbol: str
    side: Side
    quantity: int
    filled_quantity: int
    price: Decimal | None
    status: OrderStatus
    tag: str | None = None
    request_id: Key | None = None
    exchange_timestamp: str | None = None
    code: str = ""
    message: str = ""
    reads: int | None = None


class Trade(Sequenced, frozen=True, tag="TRADE"):
    """One trade, told once. ``exchange_timestamp`` is when the exchange made it."""

    trade_id: str
    order_id: str
    exchange: str
    symbol: str
    side: Side
    quantity: int
    price: Decimal
    product: Product
    exchange_timestamp: str
    tag: str | None = None


class CancelRefused(Sequenced, frozen=True, tag="CANCEL_REFUSED"):
    """A cancel was refused, or its outcome is not known: the order is taken to be live."""

    request_id: Key
    order_id: str
    message: str


class GttTriggered(Sequenced, frozen=True, tag="GTT_TRIGGERED"):
    """A trigger is no longer active; ``order_ids`` are what it placed."""

    trigger_id: int
    exchange: str
    symbol: str
    status: str
    order_ids: tuple[str, ...] = ()
    message: str = ""


class QuoteLevel(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Price in rupees, units, number of orders."""

    price: float
    quantity: int
    orders: int


class Quote(Message, frozen=True, tag="QUOTE"):
    """The newest state of an instrument; a slow client misses states, never the newest."""

    exchange: str
    symbol: str
    price: float
    timestamp: str
    exchange_timestamp: str | None = None
    last_trade_timestamp: str | None = None
    quantity: int = 0
    average_price: float = 0.0
    volume: int = 0
    buy_quantity: int = 0
    sell_quantity: int = 0
    open: float = 0.0
    high: float = 0.0
    low: float = 0.0
    close: float = 0.0
    oi: int | None = None
    bids: tuple[QuoteLevel, ...] = ()
    asks: tuple[QuoteLevel, ...] = ()


# What a RESPONSE may hold as ``result``


class PositionFields(msgspec.Struct, frozen=True, kw_only=True):
    """A position; values in rupees, ``quantity`` short negative."""

    exchange: str
    symbol: str
    product: Product
    quantity: int
    buy_value: Decimal
    sell_value: Decimal


class BookedFields(msgspec.Struct, frozen=True, kw_only=True):
    """Units that the broker says were added today; short negative."""

    exchange: str
    symbol: str
    product: Product
    quantity: int


class Books(msgspec.Struct, frozen=True, kw_only=True):
    """The books as of ``seq``: what the stream tells later is not in them."""

    seq: int
    orders: tuple[OrderUpdate, ...]
    trades: tuple[Trade, ...]
    added_today: tuple[BookedFields, ...]


class RequestFate(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a request: ``UNKNOWN``, ``VOIDED``, ``PENDING``, or ``ANSWERED``."""

    fate: str
    response: Response | None = None


ClientMessage: TypeAlias = (
    Auth
    | PlaceOrder
    | ModifyOrder
    | CancelOrder
    | PlaceGtt
    | ModifyGtt
    | CancelGtt
    | GetOrders
    | GetTrades
    | GetPositions
    | GetHoldings
    | GetFunds
    | GetGtts
    | GetQuotes
    | GetRequest
    | GetBooks
    | Subscribe
    | Unsubscribe
    | Ack
    | Heartbeat
)
GatewayMessage: TypeAlias = (
    Hello
    | Authenticated
    | Response
    | Error
    | OrderUpdate
    | Trade
    | CancelRefused
    | GttTriggered
    | Quote
    | Heartbeat
)


class BadMessage(PatangError):
    """A frame, or one message of it, cannot be read. ``request_id`` where it could be."""

    def __init__(self, cause: str, *, request_id: str | None = None, kind: str = "") -> None:
        self.request_id = request_id
        self.kind = kind
        super().__init__(cause, "docs/protocol.md has the fields of every message.")


class UnknownType(BadMessage):
    """The message is of a type that this side does not know; ``kind`` names it."""


class _Peek(msgspec.Struct):
    type: str = ""
    request_id: str | None = None


_Decoded = TypeVar("_Decoded")
_encoder = msgspec.json.Encoder(decimal_format="number")
_from_client: msgspec.json.Decoder[ClientMessage] = msgspec.json.Decoder(ClientMessage)
_from_gateway: msgspec.json.Decoder[GatewayMessage] = msgspec.json.Decoder(GatewayMessage)
_peek = msgspec.json.Decoder(_Peek)
_batch = msgspec.json.Decoder(list[msgspec.Raw])
CLIENT_TYPES = frozenset(str(each.__struct_config__.tag) for each in ClientMessage.__args__)
GATEWAY_TYPES = frozenset(str(each.__struct_config__.tag) for each in GatewayMessage.__args__)


def encode(message: Any) -> bytes:
    """A message, or a struct of a ``result``, as JSON."""
    return _encoder.encode(message)


def join(payloads: list[bytes]) -> bytes:
    """Several messages as one frame; a single one stays as it is."""
    return payloads[0] if len(payloads) == 1 else b"[" + b",".join(payloads) + b"]"


def decode_client_frame(frame: bytes | str) -> list[ClientMessage | BadMessage]:
    """Every message of a frame from a client; what cannot be read stands as its error.

    Raises:
        BadMessage: the frame is no JSON, or a batch of more than ``MAX_BATCH``.
    """
    return _decode_frame(frame, _from_client, CLIENT_TYPES)


def decode_gateway_frame(frame: bytes | str) -> list[GatewayMessage | BadMessage]:
    """Every message of a frame from the gateway; see ``decode_client_frame``."""
    return _decode_frame(frame, _from_gateway, GATEWAY_TYPES)


def read_result(raw: msgspec.Raw, kind: type[_Decoded]) -> _Decoded:
    """A RESPONSE's ``result``; raises ``BadMessage``."""
    try:
        return msgspec.json.decode(raw, type=kind)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise BadMessage(f"the result cannot be read: {error}.") from error


def _decode_frame(
    frame: bytes | str, decoder: msgspec.json.Decoder[_Decoded], known: frozenset[str]
) -> list[_Decoded | BadMessage]:
    content = frame.encode("utf-8", "surrogatepass") if isinstance(frame, str) else frame
    parts: list[bytes | msgspec.Raw] = [content]
    if content.lstrip()[:1] == b"[":
        try:
            parts[:] = _batch.decode(content)
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            raise BadMessage(f"the frame is no JSON: {error}.") from error
    if len(parts) > MAX_BATCH:
        raise BadMessage(f"a batch of {len(parts)} messages; at most {MAX_BATCH} travel together.")
    messages: list[_Decoded | BadMessage] = []
    for part in parts:
        try:
            messages.append(decoder.decode(part))
        except (msgspec.MsgspecError, ValueError, RecursionError, ArithmeticError) as error:
            messages.append(_complaint(part, str(error), known))
    return messages


def _complaint(content: bytes | msgspec.Raw, cause: str, known: frozenset[str]) -> BadMessage:
    try:
        peek = _peek.decode(content)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return BadMessage(f"no message: {cause}.")
    request_id = peek.request_id if peek.request_id and _is_word(peek.request_id) else None
    if peek.type not in known:
        return UnknownType(
            f"{peek.type[:60]!r} is no type of message here.",
            request_id=request_id,
            kind=peek.type[:60],
        )
    return BadMessage(f"{peek.type}: {cause}.", request_id=request_id, kind=peek.type)


def _is_word(text: str) -> bool:
    return len(text) <= 64 and text.isascii() and all(c.isalnum() or c in "._:-" for c in text)


def auth_text(*, challenge: str, client_id: str, nonce: str, expires_at: str) -> bytes:
    """What a client signs to be let in."""
    lines = (f"patang-gateway/{VERSION}", "client", challenge, client_id, nonce, expires_at)
    return "\n".join(lines).encode()


def proof_text(*, challenge: str, client_id: str, nonce: str) -> bytes:
    """What the gateway signs to show who it is."""
    return "\n".join((f"patang-gateway/{VERSION}", "gateway", challenge, client_id, nonce)).encode()


def sign(secret: Secret, text: bytes) -> str:
    """Hex HMAC-SHA256 of ``text``."""
    return hmac.new(secret.reveal().encode(), text, hashlib.sha256).hexdigest()
