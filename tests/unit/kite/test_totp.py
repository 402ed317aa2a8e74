"""One-time codes: RFC 6238's numbers, and a door that does not open by itself."""

import pytest

from patang.domain.errors import InvalidValue
from patang.kite.totp import TotpCodes, TotpWarning

# RFC 6238, appendix B: the SHA-1 secret "12345678901234567890"; six digits instead of eight.
RFC_SECRET = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
RFC_CODES = {59: "287082", 1_111_111_109: "081804", 2_000_000_000: "279037"}


def codes(secret: str = RFC_SECRET) -> TotpCodes:
    with pytest.warns(TotpWarning, match="person"):
        return TotpCodes(secret, accept_risk=True)


@pytest.mark.parametrize(("second", "code"), RFC_CODES.items())
def test_codes_are_those_of_the_standard(second: int, code: str) -> None:
    assert codes().code(second * 10**9) == code
    assert codes("gezd gnbv gy3t qojq gezd-gnbv gy3t qojq ").code(second * 10**9) == code


def test_a_code_says_how_long_it_lasts() -> None:
    assert codes().seconds_left(59 * 10**9) == 1
    assert codes().seconds_left(60 * 10**9) == 30


def test_it_is_off_until_the_risk_is_accepted() -> None:
    with pytest.raises(InvalidValue, match="accept_risk"):
        TotpCodes(RFC_SECRET)


@pytest.mark.parametrize("secret", ["", "JBSWY3DPEHPK3PXP", "not base32 at all!", "1" * 32])
def test_a_short_or_wrong_secret_is_refused_and_not_repeated(secret: str) -> None:
    with pytest.warns(TotpWarning), pytest.raises(InvalidValue, match="totp_secret") as failure:
        TotpCodes(secret, accept_risk=True)
    assert not secret or secret not in repr(failure.value)


def test_it_does_not_show_its_secret() -> None:
    assert RFC_SECRET not in repr(codes())
