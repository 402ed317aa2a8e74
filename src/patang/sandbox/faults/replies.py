"""The answers that faults give instead of the exchange's."""

from http import HTTPStatus

from starlette.responses import Response

from patang.sandbox.apps import ip_refusal
from patang.sandbox.faults.menu import ErrorReply, RefuseIp, TimedOutReply
from patang.wire.envelope import encode_error
from patang.wire.errors import GeneralException, InputException, KiteError, PermissionException

_JSON = "application/json"

# By HTTP status: the type and the text that Kite sends with it.
# Source: kite-protocol reference, error model.
_USUAL: dict[int, tuple[str, str]] = {
    400: ("InputException", "Invalid request."),
    403: ("TokenException", "Incorrect `api_key` or `access_token`."),
    404: ("GeneralException", "Route not found"),
    405: ("GeneralException", "Method not allowed"),
    410: ("GeneralException", "The requested resource is gone."),
    428: ("HoldingException", "1 quantity needs authorisation at depository."),
    429: ("NetworkException", "Too many requests"),
    500: ("GeneralException", "Something unexpected happened. Please try again."),
    502: ("DataException", "The order system's answer could not be understood."),
    503: ("NetworkException", "The order system cannot be reached."),
    504: ("NetworkException", "The order system did not answer in time."),
}

TIMED_OUT = "Order request timed out. Please check the order book and confirm before placing again."
"""Source: kite-protocol reference, message catalogue: the order may still go through."""


def error_reply(fault: ErrorReply) -> Response:
    """The error of a fault's status, as JSON, as an HTML page or without a body."""
    if fault.body == "empty":
        return Response(b"", fault.status)
    if fault.body == "html":
        phrase = HTTPStatus(fault.status).phrase if fault.status in _PHRASED else "Error"
        title = f"{fault.status} {phrase}"
        page = (
            f"<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n"
            f"<center><h1>{title}</h1></center>\r\n<hr><center>cloudflare</center>\r\n"
            "</body>\r\n</html>\r\n"
        )
        return Response(page.encode(), fault.status, headers={"content-type": "text/html"})
    usual_type, usual_text = _USUAL.get(fault.status, _USUAL[500])
    error = GeneralException(
        fault.message or usual_text, error_type=fault.error_type or usual_type, status=fault.status
    )
    return _envelope(error, fault.status)


def timed_out_reply(_fault: TimedOutReply) -> Response:
    """400, and nobody knows whether the order went through."""
    return _envelope(InputException(TIMED_OUT), 400)


def ip_reply(fault: RefuseIp) -> Response:
    """403: this address may not place orders."""
    return _envelope(PermissionException(ip_refusal(fault.address)), 403)


def _envelope(error: KiteError, status: int) -> Response:
    return Response(encode_error(error), status, headers={"content-type": _JSON})


_PHRASED = frozenset(int(status) for status in HTTPStatus)
