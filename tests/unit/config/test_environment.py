"""What is read from the environment, and that nothing of it shows."""

from pathlib import Path

import pytest

from patang.config.environment import CREDENTIAL_NAME, read_environment

NAMES = ("CONFIG_DIR", "SECRETS_KEY", "SECRETS_KEY_FILE", "API_SECRET")


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [*(f"PATANG_{each}" for each in NAMES), "CREDENTIALS_DIRECTORY"]:
        monkeypatch.delenv(name, raising=False)


def test_an_empty_environment_means_the_users_own_folder() -> None:
    environment = read_environment()
    assert environment.secrets_key is None
    assert environment.config_folder.name == "patang"


def test_the_folder_can_be_given(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATANG_CONFIG_DIR", str(tmp_path))
    assert read_environment().config_folder == tmp_path


def test_a_named_key_file_goes_before_a_credential(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    credential = tmp_path / CREDENTIAL_NAME
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert credential not in read_environment().credential_files
    credential.write_text("key")
    assert read_environment().credential_files[0] == credential
    monkeypatch.setenv("PATANG_SECRETS_KEY_FILE", str(tmp_path / "other"))
    assert read_environment().credential_files == (tmp_path / "other",)


def test_secrets_hide_themselves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATANG_SECRETS_KEY", "AGE-SECRET-KEY-1HUSH")
    monkeypatch.setenv("PATANG_API_SECRET", "hushhush")
    environment = read_environment()
    assert environment.api_secret is not None
    assert environment.api_secret.get_secret_value() == "hushhush"
    assert "hush" not in f"{environment!r} {environment}".lower()
