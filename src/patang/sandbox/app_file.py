"""App files: the apps of a world, in TOML or JSON.

Two apps in TOML::

    [[apps]]
    api_key = "alpha"
    api_secret = "alphasecret"
    postback_url = "http://127.0.0.1:9000/postback"

    [[apps]]
    kind = "personal"
"""

import tomllib
from pathlib import Path

import msgspec

from patang.domain.errors import PatangError
from patang.sandbox.apps import AppKind, AppSettings


class AppFileInvalid(PatangError):
    """An app file cannot be read."""

    def __init__(self, cause: str) -> None:
        fields = ", ".join(AppSettings.__struct_fields__)
        kinds = " or ".join(AppKind)
        super().__init__(cause, f"Give [[apps]] tables of {fields}; a kind is {kinds}.")


class _AppFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    apps: tuple[AppSettings, ...]


def read_apps(path: Path) -> tuple[AppSettings, ...]:
    """The apps of a file, ``.json`` or TOML.

    Raises:
        AppFileInvalid: unreadable, not such a file, or without an app; it names file and field.
    """
    try:
        text = path.read_text(encoding="utf-8")
        document = msgspec.json.decode(text) if path.suffix == ".json" else tomllib.loads(text)
        apps = msgspec.convert(document, _AppFile).apps
    except OSError as error:
        raise AppFileInvalid(f"Cannot read {path}: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise AppFileInvalid(f"{path} is not UTF-8 text.") from error
    except (msgspec.DecodeError, tomllib.TOMLDecodeError) as error:
        raise AppFileInvalid(f"{path}: {str(error).rstrip('.')}.") from error
    if not apps:
        raise AppFileInvalid(f"{path}: there is no app in it.")
    return apps
