"""Sessions and API secrets at rest: only the right key opens them, and damage has a name."""

import os
from collections.abc import Iterator
from pathlib import Path

import pyrage
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr
from pyrage import x25519

from patang.config.environment import Environment
from patang.domain.enums import Mode
from patang.domain.secret import Secret
from patang.storage.key_chain import KeyChain
from patang.storage.private_file import SecretStorageError, UnsafePermissions
from patang.storage.vault import (
    SavedApiSecret,
    SavedSession,
    SecretFileCorrupt,
    Vault,
    WrongKey,
)

IDENTITY = x25519.Identity.generate()
TOKEN = "tOkEnOfThirtyTwoLettersAndDigits"
SESSION = SavedSession(
    profile="home",
    mode=Mode.SANDBOX,
    root="http://127.0.0.1:8000",
    api_key="key",
    user_id="AB1234",
    user_name="A B",
    access_token=Secret(TOKEN),
    login_ns=1,
    expires_ns=2,
)


def vault_in(folder: Path, identity: x25519.Identity = IDENTITY) -> Vault:
    given = Environment.model_construct(
        config_dir=folder,
        secrets_key=SecretStr(str(identity)),
        secrets_key_file=None,
        credentials_directory=None,
    )
    return Vault(folder, KeyChain(given))


@pytest.fixture
def vault(tmp_path: Path) -> Iterator[Vault]:
    return vault_in(tmp_path)


def test_what_is_saved_comes_back_equal(vault: Vault) -> None:
    kept = SavedApiSecret(profile="home", api_key="key", api_secret=Secret("shhh"))
    assert vault.session("home") is None
    assert vault.api_secret("home") is None
    vault.save(SESSION)
    vault.save(kept)
    assert vault.session("home") == SESSION
    assert vault.api_secret("home") == kept
    assert vault.session("away") is None


def test_the_file_is_private_and_shows_nothing(vault: Vault, tmp_path: Path) -> None:
    path = vault.save(SESSION)
    if os.name == "posix":
        assert path.stat().st_mode & 0o777 == 0o600
        assert path.parent.stat().st_mode & 0o777 == 0o700
    sealed = path.read_bytes()
    assert sealed.startswith(b"age-encryption.org/v1\n")
    for word in (TOKEN, "home", "AB1234", "127.0.0.1"):
        assert word.encode() not in sealed
    assert TOKEN not in f"{SESSION!r} {SESSION}"


def test_a_session_can_be_forgotten(vault: Vault) -> None:
    path = vault.save(SESSION)
    path.write_bytes(b"damaged")
    assert vault.remove_session("home")
    assert not vault.remove_session("home")
    assert vault.session("home") is None
    assert not vault.remove_api_secret("home")


def test_a_session_of_an_earlier_time_can_be_forgotten(vault: Vault) -> None:
    assert not vault.remove_session_before("home", 1 << 62)
    written_ns = vault.save(SESSION).stat().st_mtime_ns
    assert not vault.remove_session_before("home", written_ns)
    assert vault.session("home") == SESSION
    assert vault.remove_session_before("home", written_ns + 1)
    assert vault.session("home") is None


def test_a_file_that_others_can_read_is_refused(vault: Vault) -> None:
    vault.save(SESSION).chmod(0o640)
    with pytest.raises(UnsafePermissions, match="chmod 600"):
        vault.session("home")


def test_another_key_does_not_open_it(vault: Vault, tmp_path: Path) -> None:
    vault.save(SESSION)
    with pytest.raises(WrongKey, match="PATANG_SECRETS_KEY") as failure:
        vault_in(tmp_path, x25519.Identity.generate()).session("home")
    assert failure.value.remedy
    keyless = Environment.model_construct(
        config_dir=tmp_path, secrets_key=None, secrets_key_file=None, credentials_directory=None
    )
    with pytest.raises(WrongKey, match="is gone"):
        Vault(tmp_path, KeyChain(keyless)).session("home")


def test_a_file_of_another_profile_or_kind_is_not_taken(vault: Vault) -> None:
    path = vault.save(SESSION)
    path.rename(path.with_name("away.session.age"))
    with pytest.raises(SecretFileCorrupt, match="session of 'away'"):
        vault.session("away")
    path.with_name("away.session.age").rename(path.with_name("home.api-secret.age"))
    with pytest.raises(SecretFileCorrupt, match="API secret of 'home'"):
        vault.api_secret("home")


@pytest.mark.parametrize(
    "plain",
    [b"", b"{", b"null", b'{"type":"patang-session-9"}', b"\xff", b"[" * 5000, TOKEN.encode()],
)
def test_foreign_content_under_the_right_key_is_refused(vault: Vault, plain: bytes) -> None:
    path = vault.save(SESSION)
    path.write_bytes(pyrage.encrypt(plain, [IDENTITY.to_public()]))
    with pytest.raises(SecretFileCorrupt) as failure:
        vault.session("home")
    assert TOKEN not in repr(failure.value)
    assert failure.value.__context__ is None


@settings(max_examples=150, deadline=None)
@given(junk=st.binary(max_size=400), cut=st.integers(0, 400), flip=st.integers(0, 10_000))
def test_no_damage_is_anything_but_a_typed_error(
    tmp_path_factory: pytest.TempPathFactory, junk: bytes, cut: int, flip: int
) -> None:
    vault = vault_in(tmp_path_factory.getbasetemp() / "damaged")
    path = vault.save(SESSION)
    sealed = path.read_bytes()
    place = flip % len(sealed)
    altered = sealed[:place] + bytes([sealed[place] ^ (1 + flip % 255)]) + sealed[place + 1 :]
    for damaged in (junk, sealed[: min(cut, len(sealed) - 1)], altered, sealed + junk + b"x"):
        path.write_bytes(damaged)
        with pytest.raises(SecretStorageError) as failure:
            vault.session("home")
        assert TOKEN not in repr(failure.value)
        assert failure.value.__context__ is None
