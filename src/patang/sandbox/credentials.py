"""Secrets of a pretend world: derived from its seed, so that runs repeat, shaped like Kite's."""

import hashlib
import string

_ALPHANUMERIC = string.ascii_letters + string.digits
_LOWER = string.ascii_lowercase + string.digits


def api_key(seed: int, app: int = 0) -> str:
    """The API key of an app of this world: 16 lower-case letters and digits."""
    return _derive(_LOWER, 16, seed, "api_key", app)


def api_secret(seed: int, app: int = 0) -> str:
    """The API secret that belongs to ``api_key``: 32 lower-case letters and digits."""
    return _derive(_LOWER, 32, seed, "api_secret", app)


def token(seed: int, kind: str, owner: str, number: int) -> str:
    """A request, access or public token: 32 letters and digits."""
    return _derive(_ALPHANUMERIC, 32, seed, kind, owner, number)


def _derive(alphabet: str, length: int, *parts: object) -> str:
    digest = hashlib.sha512("\x1f".join(str(part) for part in parts).encode()).digest()
    return "".join(alphabet[byte % len(alphabet)] for byte in digest[:length])
