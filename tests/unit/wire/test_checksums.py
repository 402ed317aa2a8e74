from patang.wire.checksums import (
    is_same_checksum,
    login_checksum,
    postback_checksum,
    refresh_checksum,
)


def test_the_login_vector():
    expected = "e527c3f602010d1c045a863d2857aecf6ed755faf71f4b5984b76441448a2ef2"
    assert login_checksum("key", "req", "sec") == expected
    assert refresh_checksum("key", "req", "sec") == expected


def test_the_postback_vector():
    assert postback_checksum("220303000308932", "2022-03-03 09:24:25", "sec") == (
        "c2a9e9c8115e914a84ce33cd71177a943813a50f92d50d599b05132742827596"
    )


def test_comparison_tells_equal_from_different():
    assert is_same_checksum("ab", "ab")
    assert not is_same_checksum("ab", "ac")
    assert not is_same_checksum("é", "ab")
