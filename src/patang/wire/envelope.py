"""The JSON envelope around every answer but the CSV dumps, both ways.

A good answer is ``{"status":"success","data":...}``; a refusal has ``message`` and ``error_type``
and an HTTP status of 400 or more. The edge in front of Kite answers 502, 503 and 504 with HTML or
nothing at all, so an answer is never taken to be JSON before it has been read.
"""

import re
from typing import Any, Generic, TypeVar

import msgspec
from msgspec import UNSET, UnsetType

from patang.wire.errors import DataException, KiteError, NetworkException
from patang.wire.refusals import RateLimited, refusal_error
from patang.wire.row import decode_row
from patang.wire.rows import Document, encode_row, remember_source

T = TypeVar("T")

BODY_HEAD_CHARACTERS = 200
"""How much of an unreadable body an error quotes."""

_SECRET = re.compile(
    r"(token (?=\w+:)|\"?(?:\w*token|api_key|api_secret|checksum|password)\"?\s*[:=]\s*)"
    r"(\"[^\"]*\"?|[^\s&,<]+)"
)
# The edge says these when the request may never have reached Kite.
_UNREAD = {429: RateLimited, 503: NetworkException, 504: NetworkException}


class _Reply(msgspec.Struct, Generic[T]):
    status: str
    data: T | UnsetType = UNSET


class _Refusal(msgspec.Struct):
    status: str = ""
    message: str | None = None
    error_type: str | None = None


_refusals = msgspec.json.Decoder(_Refusal)
_decoders: dict[Any, msgspec.json.Decoder[Any]] = {}


def encode_success(value: object) -> bytes:
    """The success envelope around a row or any JSON value; ``Decimal`` becomes a JSON number."""
    return encode_row({"status": "success", "data": value})


def encode_error(error: KiteError) -> bytes:
    """The error envelope; send it with ``http_status(error)``."""
    return encode_row(
        {
            "status": "error",
            "message": error.message,
            "data": None,
            "error_type": error.error_type,
        }
    )


def http_status(error: KiteError) -> int:
    """The HTTP status an error travels with: its own, else the usual one of its type."""
    return error.status or error.default_status


def decode_success(
    status: int,
    content_type: str | None,
    body: bytes,
    type_: type[T],
    *,
    request_id: str | None = None,
) -> T:
    """The ``data`` of a good answer, as ``type_``.

    Raises:
        KiteError: of the wire's ``error_type``, when the answer is a refusal.
        NetworkException: no JSON, and the status says that Kite was not reached.
        DataException: no JSON, cut short, or not of the expected types.
    """
    if status < 400:
        try:
            reply = decode_row(_cached_decoder(type_), body)
        except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
            problem = str(error)
        else:
            if reply.status == "success" and reply.data is not UNSET:
                value: T = reply.data
                remember_source(value, Document(body), ("data",))
                return value
            problem = "no success envelope"
    else:
        problem = "no error envelope"
    raise _failure(status, content_type, body, problem, request_id)


def _failure(
    status: int, content_type: str | None, body: bytes, problem: str, request_id: str | None
) -> KiteError:
    """The error an answer stands for: the refusal it carries, or why it cannot be understood."""
    try:
        refusal = _refusals.decode(body)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        refusal = _Refusal()
    if refusal.status == "error" and (refusal.message or refusal.error_type):
        name = refusal.error_type or "GeneralException"
        message = refusal.message or f"Kite gave no reason (HTTP {status})."
        return refusal_error(name, message, status, request_id)
    cls: type[KiteError] = _UNREAD.get(status, DataException)
    kind = content_type or "no content type"
    message = f"HTTP {status}, {kind}: {problem}; body starts {body_head(body)!r}."
    return cls(message, status=status, request_id=request_id)


def body_head(body: bytes) -> str:
    """The first characters of a body on one line, with anything that looks secret taken out."""
    text = body[: 4 * BODY_HEAD_CHARACTERS].decode("utf-8", "replace")
    return _SECRET.sub(r"\1***", " ".join(text.split()))[:BODY_HEAD_CHARACTERS]


def _cached_decoder(type_: Any) -> msgspec.json.Decoder[Any]:
    # The types are the few of the endpoint table, so the cache needs no bound.
    decoder = _decoders.get(type_)
    if decoder is None:
        decoder = _decoders[type_] = msgspec.json.Decoder(_Reply[type_])
    return decoder
