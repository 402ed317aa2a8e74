"""Keys, secrets and tokens as callers pass them, before anything is made of them."""

from patang.domain.errors import InvalidValue
from patang.kite.secret import Secret


def credential(field: str, given: str | Secret) -> str:
    """The text of a key, secret or token, for the wire.

    Raises:
        InvalidValue: it is empty, no text, or holds what cannot stand in a header. What it holds
            does not show.
    """
    text: object = given.reveal() if isinstance(given, Secret) else given
    if not isinstance(text, str) or not text:
        raise InvalidValue(field, "is empty or no text.")
    if not (text.isascii() and text.isprintable()) or " " in text:
        raise InvalidValue(
            field, "holds a space or another character that no such text has.", "Copy it again."
        )
    return text


def session_token(given: str | Secret | None) -> Secret | None:
    """An access token as a client keeps it; nothing is no session. Raises as ``credential``."""
    if given is None or not given:
        return None
    return Secret(credential("access_token", given))
