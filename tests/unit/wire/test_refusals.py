import pytest

from patang.wire.envelope import decode_success, encode_error
from patang.wire.errors import (
    GeneralException,
    HoldingException,
    InputException,
    KiteError,
    NetworkException,
    PermissionException,
)
from patang.wire.refusals import (
    AddressNotAllowed,
    AuthorisationNeeded,
    NoMarketData,
    RateLimited,
    refusal_error,
)

IP = "IP (10.0.0.7) is not allowed to place orders for this app. Update allowed IPs."


@pytest.mark.parametrize(
    ("status", "error_type", "message", "kind", "parent"),
    [
        (429, "NetworkException", "Too many requests", RateLimited, NetworkException),
        (429, "GeneralException", "Maximum allowed order requests exceeded.", RateLimited,
         NetworkException),
        (403, "PermissionException", "Insufficient permission for that call.", NoMarketData,
         PermissionException),
        (403, "PermissionException", IP, AddressNotAllowed, PermissionException),
        (400, "InputException", IP, AddressNotAllowed, PermissionException),
        (403, "PermissionException", "No IPs configured for this app. Add one.",
         AddressNotAllowed, PermissionException),
        (428, "HoldingException", "10 quantity needs authorisation at depository.",
         AuthorisationNeeded, HoldingException),
        (403, "PermissionException", "The user is not enabled for the app.", PermissionException,
         KiteError),
        (400, "InputException", "Tick size for this script is 0.05.", InputException, KiteError),
        (400, "NovelException", "What is this?", GeneralException, KiteError),
    ],
)  # fmt: skip
def test_a_refusal_is_of_the_kind_that_says_what_to_do(status, error_type, message, kind, parent):
    sent = GeneralException(message, status=status, error_type=error_type)
    with pytest.raises(KiteError) as failure:
        decode_success(status, "application/json", encode_error(sent), bool, request_id="r-1")
    error = failure.value
    assert type(error) is kind
    assert isinstance(error, parent)
    assert (error.status, error.message, error.error_type) == (status, message, error_type)
    assert error.request_id == "r-1"
    assert bool(error.remedy) == hasattr(kind, "advice")


def test_a_rate_limit_in_html_is_a_rate_limit_too():
    with pytest.raises(RateLimited, match="<html>"):
        decode_success(429, "text/html", b"<html>slow down</html>", bool)


def test_a_slice_without_a_status_has_none():
    assert refusal_error("MarginException", "Insufficient funds.", None).status is None
