"""The environment variables that Patang reads, each once, with its type."""

from pathlib import Path

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from patang.config.errors import first_failure

CREDENTIAL_NAME = "patang_secrets_key"
"""Name of the systemd or Docker credential that holds the age identity."""

DOCKER_SECRETS = Path("/run/secrets")


class Environment(BaseSettings):
    """What the process was given from outside. Secrets hide themselves.

    ``PATANG_SECRETS_KEY`` is an age identity (``AGE-SECRET-KEY-1...``), and
    ``PATANG_SECRETS_KEY_FILE`` a file with one; ``CREDENTIALS_DIRECTORY`` is systemd's.
    ``PATANG_API_SECRET`` is the app's secret, used by ``patang login``.
    """

    model_config = SettingsConfigDict(
        env_prefix="PATANG_",
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
        env_ignore_empty=True,
    )

    config_dir: Path | None = None
    secrets_key: SecretStr | None = None
    secrets_key_file: Path | None = None
    api_secret: SecretStr | None = None
    credentials_directory: Path | None = Field(
        default=None, validation_alias="CREDENTIALS_DIRECTORY"
    )

    @property
    def config_folder(self) -> Path:
        """Where profiles and encrypted secrets are: ``PATANG_CONFIG_DIR``, or the user's own."""
        if self.config_dir is not None:
            return self.config_dir
        import platformdirs

        return platformdirs.user_config_path("patang", appauthor=False)

    @property
    def credential_files(self) -> tuple[Path, ...]:
        """Files in which a service may have been given the age identity, first choice first."""
        if self.secrets_key_file is not None:
            return (self.secrets_key_file,)
        folders = [self.credentials_directory, DOCKER_SECRETS]
        found = [folder / CREDENTIAL_NAME for folder in folders if folder is not None]
        return tuple(path for path in found if path.is_file())


def read_environment() -> Environment:
    """The environment as it is now.

    Raises:
        ConfigInvalid: a variable cannot hold what it holds.
    """
    try:
        return Environment()
    except ValidationError as error:
        raise first_failure(error, "the environment") from None
