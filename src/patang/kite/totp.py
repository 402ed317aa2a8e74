"""Time-based one-time codes, for a login plug-in of the user's own. Nothing in Patang uses this.

Whoever keeps password and TOTP secret on one machine has one factor, not two, and exchange rules
ask a person to log in once a day. So it is off until asked for by name, and warns then.
"""

import base64
import binascii
import warnings

from patang.domain.errors import InvalidValue
from patang.domain.market import NS_PER_SECOND
from patang.domain.secret import Secret

_STEP_SECONDS = 30
_MIN_BITS = 112


class TotpWarning(UserWarning):
    """The second factor was given to a program."""


class TotpCodes:
    """The codes an authenticator app would show for a base32 secret.

    Raises:
        InvalidValue: the secret is no base32, or shorter than the 112 bits of RFC 4226; or the
            risk was not accepted.
    """

    def __init__(self, secret: str | Secret, *, accept_risk: bool = False) -> None:
        if accept_risk is not True:
            raise InvalidValue(
                "accept_risk",
                "one machine that holds password and second factor has no second factor.",
                "Log in by hand each morning, or read docs/login.md and pass accept_risk=True.",
            )
        warnings.warn(
            "The TOTP secret is in a program's hands: Zerodha asks a person to log in each day.",
            TotpWarning,
            stacklevel=2,
        )
        self._secret = _normalised(Secret(secret))

    def __repr__(self) -> str:
        return "TotpCodes(***)"

    def code(self, now_ns: int) -> str:
        """The six digits of that moment (UTC nanoseconds)."""
        import pyotp

        return pyotp.TOTP(self._secret.reveal()).at(now_ns // NS_PER_SECOND)

    def seconds_left(self, now_ns: int) -> float:
        """How long the code of that moment stays good."""
        return _STEP_SECONDS - now_ns % (_STEP_SECONDS * NS_PER_SECOND) / NS_PER_SECOND


def _normalised(secret: Secret) -> Secret:
    text = "".join(secret.reveal().split()).replace("-", "").rstrip("=").upper()
    padded = text + "=" * (-len(text) % 8)
    try:
        bits = len(base64.b32decode(padded)) * 8
    except (binascii.Error, ValueError):
        bits = -1
    if bits >= _MIN_BITS:
        return Secret(text)
    cause = "it is no base32 text." if bits < 0 else f"it has {bits} bits; {_MIN_BITS} are needed."
    raise InvalidValue(
        "totp_secret", cause, "Copy the key that the broker showed with its QR code."
    )
