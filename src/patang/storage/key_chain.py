"""Where the key to the encrypted secrets comes from.

In this order: the environment, a credential file of systemd or Docker, the keyring of the desktop
where the extra ``keyring`` is installed and works, a private file in the configuration folder.
The key is an age identity (X25519), so that ``age -d -i identity.txt FILE`` reads what we wrote.
"""

from pathlib import Path
from typing import Any

import msgspec

from patang.config.environment import Environment
from patang.domain.secret import Secret
from patang.storage.private_file import (
    SecretFileUnusable,
    SecretStorageError,
    read_private,
    write_private,
)

IDENTITY_FILE = "identity.txt"
_SERVICE, _ACCOUNT = "patang", "age-identity"
_MAX_BYTES = 16 * 1024


class KeyUnusable(SecretStorageError):
    """A source that was given on purpose holds no age identity."""


class Key(msgspec.Struct, frozen=True):
    """An age identity, and where it came from in words for a person."""

    identity: Secret
    origin: str


class KeyChain:
    """Finds the key, or makes one where none is."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment

    def find(self) -> Key | None:
        """The first key of the chain.

        Raises:
            KeyUnusable: a source of the chain holds something else.
            UnsafePermissions: the identity file is open to others.
        """
        given = self._environment.secrets_key
        if given is not None:
            return _key(given.get_secret_value(), "PATANG_SECRETS_KEY")
        for path in self._environment.credential_files:
            return _key(_read_credential(path), f"the credential file {path}")
        kept = _from_keyring()
        if kept is not None:
            return _key(kept, "the keyring")
        content = read_private(self._identity_file, _MAX_BYTES)
        if content is None:
            return None
        return _key(content.decode("utf-8", "replace"), f"the file {self._identity_file}")

    def find_or_create(self) -> Key:
        """The first key of the chain; a new one, kept in keyring or file, where there is none.

        Raises:
            SecretStorageError: as ``find``, or the new key cannot be kept.
        """
        found = self.find()
        if found is not None:
            return found
        from pyrage import x25519

        identity = x25519.Identity.generate()
        text = str(identity)
        if _keep_in_keyring(text):
            return Key(Secret(text), "the keyring")
        lines = ["# The key to Patang's sessions: an age identity. Keep it to yourself."]
        lines += [f"# public key: {identity.to_public()}", text]
        write_private(self._identity_file, "\n".join([*lines, ""]).encode(), replace=False)
        # Read back: another process may have been faster, and its key is the key then.
        kept = self.find()
        if kept is None:
            raise SecretFileUnusable(f"{self._identity_file} vanished.", "Log in again.")
        return kept

    @property
    def _identity_file(self) -> Path:
        return self._environment.config_folder / IDENTITY_FILE


def _key(text: str, origin: str) -> Key:
    """The one identity in a text whose other lines are comments."""
    from pyrage import IdentityError, x25519

    lines = [line.strip() for line in text.splitlines()]
    identities = [line for line in lines if line and not line.startswith("#")]
    try:
        (identity,) = identities
        x25519.Identity.from_str(identity)
    except (ValueError, IdentityError):
        pass
    else:
        return Key(Secret(identity), origin)
    # Raised out here, so that no other error, which may quote the text, hangs on it.
    raise KeyUnusable(
        f"What {origin} holds is not one age identity (AGE-SECRET-KEY-1...).",
        "Make one with `age-keygen`, or leave the source out; sessions must then be made anew.",
    )


def _read_credential(path: Path) -> str:
    # Its permissions are the service manager's affair: Docker shows secrets with mode 0444.
    try:
        with path.open("rb") as file:
            return file.read(_MAX_BYTES).decode("utf-8", "replace")
    except OSError as error:
        reason = error.strerror
    raise SecretFileUnusable(
        f"The credential file {path} cannot be read: {reason}.",
        "Give PATANG_SECRETS_KEY_FILE, or the service's credential, a readable file.",
    )


def _keyring() -> Any:
    """The keyring library, or None without the extra."""
    try:
        import keyring
        import keyring.errors
    except ImportError:
        return None
    return keyring


def _from_keyring() -> str | None:
    keyring = _keyring()
    if keyring is None:
        return None
    try:
        kept: str | None = keyring.get_password(_SERVICE, _ACCOUNT)
    except keyring.errors.KeyringError:
        # A host without a desktop has no keyring at all, or a locked one: the file is next.
        return None
    return kept


def _keep_in_keyring(text: str) -> bool:
    keyring = _keyring()
    if keyring is None:
        return False
    try:
        keyring.set_password(_SERVICE, _ACCOUNT, text)
    except keyring.errors.KeyringError:
        return False
    return _from_keyring() == text  # the null back end takes everything and keeps nothing
