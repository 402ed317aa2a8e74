"""The SHA-256 checksums of login, refresh and postback: lower-case hex of plain concatenation.

Source: Kite Connect v3, user and postbacks.
"""

import hashlib
import hmac


def login_checksum(api_key: str, request_token: str, api_secret: str) -> str:
    """What ``POST /session/token`` carries.

    >>> login_checksum("key", "req", "sec")
    'e527c3f602010d1c045a863d2857aecf6ed755faf71f4b5984b76441448a2ef2'
    """
    return _hex_digest(api_key + request_token + api_secret)


def refresh_checksum(api_key: str, refresh_token: str, api_secret: str) -> str:
    """What ``POST /session/refresh_token`` carries."""
    return _hex_digest(api_key + refresh_token + api_secret)


def postback_checksum(order_id: str, order_timestamp: str, api_secret: str) -> str:
    """What a postback carries; ``order_timestamp`` exactly as in the payload."""
    return _hex_digest(order_id + order_timestamp + api_secret)


def is_same_checksum(given: str, expected: str) -> bool:
    """Compare in constant time, so that an answer's delay tells nothing."""
    return hmac.compare_digest(given.encode(), expected.encode())


def _hex_digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
