"""The gateway's file: where it listens, and its clients. Secrets stand in files of their own."""

import re
import secrets
import tomllib
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path

import msgspec

from patang.domain.enums import Exchange
from patang.domain.errors import InvalidValue, PatangError
from patang.domain.secret import Secret
from patang.gateway.clients import Client, Permission, Scope
from patang.gateway.server import GatewaySettings
from patang.storage.private_file import read_private, write_private

_SECRET_MAX_BYTES = 1_024
_NAMES = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}")


class GatewayFileInvalid(PatangError):
    """The gateway's file cannot be read, or a field of it is wrong."""


class _ClientSection(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    permissions: frozenset[Permission] = frozenset({Permission.READ})
    scope: Scope = Scope.OWN
    strategies: frozenset[str] = frozenset()
    instruments: frozenset[str] = frozenset()
    max_order_quantity: int | None = None
    max_order_value: Decimal | None = None
    orders_per_second: int = 9
    orders_per_day: int = 3_000
    messages_per_second: int = 200
    max_subscriptions: int = 500


class _File(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    host: str = "127.0.0.1"
    port: int = 8443
    certificate: str | None = None
    private_key: str | None = None
    heartbeat_s: float = 5.0
    ledger: str = "gateway.ledger"
    exchanges: tuple[Exchange, ...] = (Exchange.NSE,)
    clients: dict[str, _ClientSection] = {}


class GatewayFile(msgspec.Struct, frozen=True, kw_only=True):
    """What the file says; paths in it are relative to its own folder."""

    settings: GatewaySettings
    ledger_path: Path
    exchanges: tuple[Exchange, ...]
    clients: dict[str, tuple[Client, Secret]]


def read_gateway_file(path: Path) -> GatewayFile:
    """Read and check the file, and each client's secret from ``<name>.secret`` beside it.

    Raises:
        GatewayFileInvalid: no such file, no TOML, a wrong field, no clients, or no secret.
        SecretStorageError: a secret is open to others.
    """
    try:
        text = path.read_text(encoding="utf-8")
        told = msgspec.convert(tomllib.loads(text), type=_File)
    except OSError as error:
        raise GatewayFileInvalid(f"{path} cannot be read: {error.strerror}.", _EXAMPLE) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
        raise GatewayFileInvalid(f"{path}: {error}.", _EXAMPLE) from error
    if not told.clients:
        raise GatewayFileInvalid(f"{path} names no clients.", _EXAMPLE)
    folder = path.absolute().parent
    try:
        return GatewayFile(
            settings=GatewaySettings(
                host=told.host,
                port=told.port,
                certificate=_beside(folder, told.certificate),
                private_key=_beside(folder, told.private_key),
                heartbeat_s=told.heartbeat_s,
            ),
            ledger_path=folder / told.ledger,
            exchanges=told.exchanges,
            clients={
                name: (_client(name, section), _secret(folder, name))
                for name, section in told.clients.items()
            },
        )
    except InvalidValue as error:
        raise GatewayFileInvalid(f"{path}: {error.cause}", error.remedy) from error


_EXAMPLE = "Begin with `patang gateway add-client NAME --config FILE`; docs/protocol.md shows one."


def add_client(path: Path, name: str, permissions: Iterable[Permission], scope: Scope) -> Path:
    """Append a client to the file, making it if need be, and a secret; returns the secret's path.

    Raises:
        GatewayFileInvalid: the name is none or is taken, or the file cannot be written.
        SecretStorageError: the secret cannot be kept privately.
    """
    if not _NAMES.fullmatch(name):
        cause = f"{name[:60]!r} is no name of a client."
        raise GatewayFileInvalid(cause, "Use at most 40 letters, digits, '-' and '_'.")
    try:
        before = path.read_text(encoding="utf-8") if path.exists() else ""
        told = msgspec.convert(tomllib.loads(before), type=_File)
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
        raise GatewayFileInvalid(f"{path}: {error}.", _EXAMPLE) from error
    if name in told.clients:
        raise GatewayFileInvalid(f"{path} has a client {name!r} already.", "Change it there.")
    wanted = ", ".join(f'"{each}"' for each in sorted(permissions))
    section = f'[clients.{name}]\npermissions = [{wanted}]\nscope = "{scope}"\n'
    secret_path = _secret_path(path.absolute().parent, name)
    if not write_private(secret_path, secrets.token_hex(32).encode(), replace=False):
        raise GatewayFileInvalid(f"{secret_path} is there already.", "Remove it first.")
    try:
        path.write_text(f"{before}\n{section}" if before else section, encoding="utf-8")
    except OSError as error:
        raise GatewayFileInvalid(f"{path} cannot be written: {error.strerror}.") from error
    return secret_path


def read_client_secret(path: Path) -> Secret:
    """A client's secret from its private file; raises as ``read_gateway_file``."""
    content = read_private(path, _SECRET_MAX_BYTES)
    if content is None:
        raise GatewayFileInvalid(
            f"{path} is not there.", "Make it with `patang gateway add-client`."
        )
    return Secret(content.decode("ascii", "replace").strip())


def _client(name: str, section: _ClientSection) -> Client:
    fields = msgspec.structs.asdict(section)
    return Client(client_id=name, **fields)


def _secret(folder: Path, name: str) -> Secret:
    return read_client_secret(_secret_path(folder, name))


def _secret_path(folder: Path, name: str) -> Path:
    return folder / f"{name}.secret"


def _beside(folder: Path, name: str | None) -> Path | None:
    return None if name is None else folder / name
