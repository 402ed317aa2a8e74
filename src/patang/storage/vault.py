"""Sessions and API secrets at rest: one small age file for each, readable by its owner only."""

from pathlib import Path
from typing import Any, TypeVar

import msgspec

from patang.domain.enums import Mode
from patang.domain.secret import Secret
from patang.storage.key_chain import KeyChain
from patang.storage.private_file import (
    SecretStorageError,
    read_private,
    remove_private,
    write_private,
)

SECRETS_FOLDER = "secrets"
_MAX_BYTES = 64 * 1024


class SecretFileCorrupt(SecretStorageError):
    """A file is cut, altered, or was never written by Patang."""


class WrongKey(SecretStorageError):
    """A file was encrypted for another key than the chain finds now."""


class SavedSession(msgspec.Struct, frozen=True, kw_only=True, tag="patang-session-1"):
    """A login. ``expires_ns`` is the next 06:00 IST after ``login_ns``, both UTC venue time."""

    profile: str
    mode: Mode
    root: str
    api_key: str
    user_id: str
    user_name: str
    access_token: Secret
    login_ns: int
    expires_ns: int


class SavedApiSecret(msgspec.Struct, frozen=True, kw_only=True, tag="patang-api-secret-1"):
    """The secret of an app, which ``patang login`` needs each morning."""

    profile: str
    api_key: str
    api_secret: Secret


Kept = TypeVar("Kept", SavedSession, SavedApiSecret)


class Vault:
    """The encrypted files of one configuration folder; they are in ``folder``."""

    def __init__(self, folder: Path, keys: KeyChain) -> None:
        self.folder = folder / SECRETS_FOLDER
        self._keys = keys

    def save(self, kept: SavedSession | SavedApiSecret) -> Path:
        """Encrypt and write in one step; returns the file.

        Raises:
            SecretStorageError: there is no usable key, or the file cannot be written.
        """
        import pyrage

        path = self._path(type(kept), kept.profile)
        identity = pyrage.x25519.Identity.from_str(self._keys.find_or_create().identity.reveal())
        plain = msgspec.json.encode(kept, enc_hook=_reveal)
        write_private(path, pyrage.encrypt(plain, [identity.to_public()]))
        return path

    def session(self, profile: str) -> SavedSession | None:
        """The saved session of a profile; raises ``SecretStorageError``."""
        return self._read(SavedSession, profile)

    def api_secret(self, profile: str) -> SavedApiSecret | None:
        """The saved API secret of a profile; raises ``SecretStorageError``."""
        return self._read(SavedApiSecret, profile)

    def remove_session(self, profile: str) -> bool:
        """Forget a session, readable or not; False when there was none."""
        return remove_private(self._path(SavedSession, profile))

    def remove_session_before(self, profile: str, at_ns: int) -> bool:
        """Forget a session that was written before a moment of this machine's clock."""
        path = self._path(SavedSession, profile)
        try:
            is_older = path.stat().st_mtime_ns < at_ns
        except OSError:
            return False
        return is_older and remove_private(path)

    def remove_api_secret(self, profile: str) -> bool:
        """Forget an API secret, readable or not; False when there was none."""
        return remove_private(self._path(SavedApiSecret, profile))

    def _read(self, kind: type[Kept], profile: str) -> Kept | None:
        path = self._path(kind, profile)
        sealed = read_private(path, _MAX_BYTES)
        if sealed is None:
            return None
        plain = self._decrypt(path, sealed)
        try:
            kept = msgspec.json.decode(plain, type=kind, dec_hook=_hide)
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            pass
        else:
            if kept.profile == profile:
                return kept
        # Raised out here: a decoder's error may quote what it decoded.
        raise SecretFileCorrupt(
            f"{path} holds something else than the {_noun(kind)} of {profile!r}.", _again(path)
        )

    def _decrypt(self, path: Path, sealed: bytes) -> bytes:
        import pyrage

        key = self._keys.find()
        if key is None:
            raise WrongKey(f"The key to {path} is gone.", _again(path))
        identity = pyrage.x25519.Identity.from_str(key.identity.reveal())
        try:
            return bytes(pyrage.decrypt(sealed, [identity]))
        except pyrage.DecryptError as error:
            is_other_key = "no matching keys" in str(error).lower()
        if is_other_key:
            raise WrongKey(
                f"{path} was encrypted for another key than that of {key.origin}.",
                f"Give the key it was made with, or begin anew: rm '{path}'",
            )
        raise SecretFileCorrupt(f"{path} is cut or altered, or no age file.", _again(path))

    def _path(self, kind: type, profile: str) -> Path:
        suffix = "session" if kind is SavedSession else "api-secret"
        return self.folder / f"{profile}.{suffix}.age"


def _noun(kind: type) -> str:
    return "session" if kind is SavedSession else "API secret"


def _again(path: Path) -> str:
    return f"Remove it and log in again: rm '{path}'"


def _reveal(value: Any) -> str:
    if isinstance(value, Secret):
        return value.reveal()
    raise TypeError(f"a {type(value).__name__} is not stored.")


def _hide(kind: type, value: Any) -> Secret:
    if kind is Secret and isinstance(value, str) and value:
        return Secret(value)
    raise ValueError("not a secret")
