"""The order in which the key to the secrets is looked for, and what each source may hold."""

import os
import sys
import types
from pathlib import Path

import pytest
from pydantic import SecretStr
from pyrage import x25519

from patang.config.environment import Environment
from patang.storage.key_chain import Key, KeyChain, KeyUnusable
from patang.storage.private_file import SecretFileUnusable, UnsafePermissions


def identity() -> str:
    return str(x25519.Identity.generate())


def environment(folder: Path, **given: object) -> Environment:
    """An environment that the test machine's own does not reach."""
    return Environment.model_construct(
        **{
            "config_dir": folder,
            "secrets_key": None,
            "secrets_key_file": None,
            "api_secret": None,
            "credentials_directory": None,
            **given,
        }
    )


class Ring(types.ModuleType):
    """A stand-in for the keyring library, which is an extra and needs a desktop."""

    def __init__(self, *, works: bool = True, keeps: bool = True) -> None:
        super().__init__("keyring")
        self.errors = types.ModuleType("keyring.errors")
        self.errors.KeyringError = type("KeyringError", (Exception,), {})  # type: ignore[attr-defined]
        self.kept: dict[tuple[str, str], str] = {}
        self.works, self.keeps = works, keeps

    def get_password(self, service: str, account: str) -> str | None:
        self._fail_unless_working()
        return self.kept.get((service, account))

    def set_password(self, service: str, account: str, text: str) -> None:
        self._fail_unless_working()
        if self.keeps:
            self.kept[service, account] = text

    def _fail_unless_working(self) -> None:
        if not self.works:
            raise self.errors.KeyringError("no backend")


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch):
    def put(ring: Ring | None) -> Ring | None:
        monkeypatch.setitem(sys.modules, "keyring", ring)
        monkeypatch.setitem(sys.modules, "keyring.errors", ring.errors if ring else None)
        return ring

    put(None)
    return put


def found(chain: KeyChain) -> Key:
    key = chain.find()
    assert key is not None
    return key


def test_environment_then_credential_then_keyring_then_file(tmp_path: Path, install) -> None:
    texts = {name: identity() for name in ("environment", "credential", "keyring")}
    file_key = KeyChain(environment(tmp_path)).find_or_create()
    credential = tmp_path / "credential"
    credential.write_text(f"# from the service manager\n{texts['credential']}\n")
    ring = install(Ring())

    assert found(KeyChain(environment(tmp_path))) == file_key
    ring.kept["patang", "age-identity"] = texts["keyring"]
    assert found(KeyChain(environment(tmp_path))).identity.reveal() == texts["keyring"]
    with_credential = environment(tmp_path, secrets_key_file=credential)
    assert found(KeyChain(with_credential)).identity.reveal() == texts["credential"]
    with_all = environment(
        tmp_path, secrets_key_file=credential, secrets_key=SecretStr(texts["environment"])
    )
    assert found(KeyChain(with_all)).identity.reveal() == texts["environment"]


def test_a_first_key_goes_to_a_private_file_and_stays(tmp_path: Path, install) -> None:
    chain = KeyChain(environment(tmp_path / "config"))
    assert chain.find() is None
    made = chain.find_or_create()
    path = tmp_path / "config" / "identity.txt"
    assert str(path) in made.origin
    assert path.stat().st_mode & 0o777 == 0o600
    assert chain.find_or_create() == found(chain) == made


def test_a_first_key_goes_to_a_keyring_that_works(tmp_path: Path, install) -> None:
    ring = install(Ring())
    made = KeyChain(environment(tmp_path)).find_or_create()
    assert made.origin == "the keyring"
    assert list(ring.kept.values()) == [made.identity.reveal()]
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("ring", [Ring(works=False), Ring(keeps=False)], ids=["none", "null"])
def test_a_keyring_that_does_not_work_is_passed_over(tmp_path: Path, install, ring: Ring) -> None:
    install(ring)
    made = KeyChain(environment(tmp_path)).find_or_create()
    assert "identity.txt" in made.origin
    assert found(KeyChain(environment(tmp_path))) == made


@pytest.mark.parametrize("text", ["", "hush", "AGE-SECRET-KEY-1HUSH", "two\nlines", "\x00"])
def test_a_source_that_holds_no_identity_is_named_and_not_repeated(
    tmp_path: Path, install, text: str
) -> None:
    with pytest.raises(KeyUnusable, match="PATANG_SECRETS_KEY") as failure:
        KeyChain(environment(tmp_path, secrets_key=SecretStr(text))).find()
    assert "hush" not in f"{failure.value!r}".lower()
    assert failure.value.__cause__ is failure.value.__context__ is None
    path = tmp_path / "identity.txt"
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(KeyUnusable, match=r"identity\.txt"):
        KeyChain(environment(tmp_path)).find()


def test_an_identity_file_that_others_can_read_is_refused(tmp_path: Path, install) -> None:
    chain = KeyChain(environment(tmp_path))
    chain.find_or_create()
    (tmp_path / "identity.txt").chmod(0o644)
    with pytest.raises(UnsafePermissions, match="chmod 600"):
        chain.find_or_create()


def test_a_credential_file_that_is_not_there_is_named(tmp_path: Path, install) -> None:
    missing = environment(tmp_path, secrets_key_file=tmp_path / "missing")
    with pytest.raises(SecretFileUnusable, match="missing"):
        KeyChain(missing).find()


def test_a_key_hides_itself(tmp_path: Path, install) -> None:
    key = KeyChain(environment(tmp_path)).find_or_create()
    assert key.identity.reveal() not in f"{key!r} {key}"


def test_of_two_that_make_a_first_key_at_once_one_is_kept_by_both(
    tmp_path: Path, install, monkeypatch: pytest.MonkeyPatch
) -> None:
    rivals: list[Key] = []

    class Slow:
        """Makes an identity while another process makes and writes its own."""

        from_str = staticmethod(x25519.Identity.from_str)

        @staticmethod
        def generate() -> x25519.Identity:
            monkeypatch.undo()
            rivals.append(KeyChain(environment(tmp_path)).find_or_create())
            return x25519.Identity.generate()

    monkeypatch.setattr(x25519, "Identity", Slow)
    ours = KeyChain(environment(tmp_path)).find_or_create()
    assert [ours] == rivals
    assert found(KeyChain(environment(tmp_path))) == ours
