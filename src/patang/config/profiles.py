"""Profiles: which account a command speaks to. Layers: command line, environment, file."""

import json
import re
import tomllib
from pathlib import Path

from pydantic import ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    TomlConfigSettingsSource,
)

from patang.config.errors import ConfigInvalid, first_failure
from patang.config.profile import Profile
from patang.domain.enums import Mode

PROFILES_FILE = "profiles.toml"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}")


class Profiles(BaseSettings):
    """Every profile, and the name of the one that is used when none is asked for.

    ``PATANG_PROFILE`` names one; ``PATANG_PROFILES__HOME__API_KEY`` sets a field of one.
    """

    model_config = SettingsConfigDict(
        env_prefix="PATANG_",
        env_nested_delimiter="__",
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        env_ignore_empty=True,
    )

    profile: str | None = None
    profiles: dict[str, Profile] = {}

    def chosen(self) -> tuple[str, Profile]:
        """The profile to use and its name.

        Raises:
            ConfigInvalid: there is none, several and no choice, or not the one asked for.
        """
        known = ", ".join(sorted(self.profiles))
        if self.profile is not None:
            if self.profile in self.profiles:
                return self.profile, self.profiles[self.profile]
            raise ConfigInvalid(
                "profile",
                f"there is no profile {self.profile!r}.",
                f"Known: {known}." if known else _HOW_TO_BEGIN,
            )
        if not self.profiles:
            raise ConfigInvalid("profile", "no profile is set up.", _HOW_TO_BEGIN)
        if len(self.profiles) > 1:
            raise ConfigInvalid(
                "profile",
                "there are several and none was chosen.",
                f"Add --profile with one of {known}, or set PATANG_PROFILE.",
            )
        ((name, config),) = self.profiles.items()
        return name, config


_HOW_TO_BEGIN = (
    "Make one with `patang profile add NAME --api-key KEY --mode live`, "
    "or give --sandbox READY_FILE."
)


def read_profiles(folder: Path, profile: str | None = None) -> Profiles:
    """All profiles of a configuration folder; ``profile`` overrides the choice.

    Raises:
        ConfigInvalid: the file is unreadable or no TOML, or a field is wrong.
    """
    path = folder / PROFILES_FILE

    class Layered(Profiles):
        """Command line over environment over file; no dotenv and no folder of secrets."""

        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            init_settings: PydanticBaseSettingsSource,
            env_settings: PydanticBaseSettingsSource,
            dotenv_settings: PydanticBaseSettingsSource,
            file_secret_settings: PydanticBaseSettingsSource,
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, path)

    try:
        found = Layered() if profile is None else Layered(profile=profile)
    except ValidationError as error:
        raise first_failure(error, str(path)) from None
    except SettingsError:
        raise ConfigInvalid(
            "PATANG_PROFILES",
            "the environment variable is no JSON object.",
            "Unset it, or set single fields, as in PATANG_PROFILES__HOME__API_KEY.",
        ) from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigInvalid(
            PROFILES_FILE, f"{_where(error)} is no TOML ({path}).", "Mend or remove the file."
        ) from None
    except (OSError, UnicodeDecodeError):
        raise ConfigInvalid(
            PROFILES_FILE, f"it cannot be read ({path}).", "Mend or remove the file."
        ) from None
    for name in found.profiles:
        checked_name(name)
    return found


def checked_name(name: str) -> str:
    """A profile's name, which also names files; raises ``ConfigInvalid``."""
    if not _NAME.fullmatch(name):
        raise ConfigInvalid(
            "profile",
            f"{name[:60]!r} is no name of a profile.",
            "Use at most 40 letters, digits, '-' and '_', beginning with a letter or digit.",
        )
    return name


def profile_text(name: str, config: Profile) -> str:
    """The section of ``profiles.toml`` that says what ``config`` holds; defaults are left out."""
    bare = Profile(mode=config.mode, api_key=config.api_key, root=config.root)
    told = {"mode", "api_key"} | ({"root"} if config.mode is Mode.SANDBOX else set())
    lines = [
        f"{field} = {json.dumps(value)}"
        for field, value in config.model_dump(mode="json").items()
        if field in told or value != getattr(bare, field)
    ]
    return "\n".join([f"[profiles.{checked_name(name)}]", *lines]) + "\n"


def add_profile(folder: Path, name: str, profile: Profile) -> Path:
    """Append a profile to the file of a configuration folder, in one step; returns the file.

    Raises:
        ConfigInvalid: the name is taken or no name, or the file cannot be written.
    """
    path = folder / PROFILES_FILE
    section = profile_text(name, profile)
    if name in read_profiles(folder).profiles:
        raise ConfigInvalid(
            "profile", f"there is a profile {name!r} already.", f"Change it in {path}."
        )
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        before = path.read_text(encoding="utf-8") if path.exists() else ""
        draft = path.with_name(f".{path.name}.new")
        joint = "\n" if before else ""
        draft.write_text(f"{before}{joint}{section}", encoding="utf-8")
        draft.replace(path)
    except OSError as error:
        raise ConfigInvalid(
            PROFILES_FILE,
            f"{path} cannot be written: {error.strerror}.",
            "Set PATANG_CONFIG_DIR to a folder of your own.",
        ) from None
    return path


def _where(error: tomllib.TOMLDecodeError) -> str:
    found = re.search(r"line \d+", str(error))
    return found.group() if found else "its end"
