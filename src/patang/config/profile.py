"""A profile: how one account of Kite is reached. Mode, addresses, key of the app."""

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from patang.domain.enums import Mode
from patang.domain.errors import InvalidValue
from patang.wire.addresses import (
    LOGIN_URL,
    REST_ROOT,
    TICKER_ROOT,
    checked_root,
    is_broker_root,
)

DEFAULT_REDIRECT_PORT = 5010


class Profile(BaseModel):
    """How one account is reached. ``mode`` has no default, and it must agree with the addresses.

    ``redirect_port`` is the port of 127.0.0.1 in the app's registered redirect URL. Access tokens
    and the API secret are no settings: they are kept encrypted (docs/login.md).
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    mode: Literal[Mode.LIVE, Mode.SANDBOX]
    api_key: str = Field(pattern=r"^[A-Za-z0-9]{1,64}$")
    root: str = ""
    ws: str = ""
    login_url: str = ""
    redirect_port: int = Field(default=DEFAULT_REDIRECT_PORT, ge=1, le=65_535)

    @field_validator("root", "login_url")
    @classmethod
    def _check_http(cls, address: str) -> str:
        return _checked(address, "http")

    @field_validator("ws")
    @classmethod
    def _check_ws(cls, address: str) -> str:
        return _checked(address, "ws")

    @model_validator(mode="before")
    @classmethod
    def _fill_addresses(cls, values: object) -> object:
        """Live needs no address, and a sandbox only its root: the rest follows."""
        if not isinstance(values, dict):
            return values
        root = values.get("root")
        match str(values.get("mode")):
            case Mode.LIVE:
                usual = {"root": REST_ROOT, "ws": TICKER_ROOT, "login_url": LOGIN_URL}
            case Mode.SANDBOX if isinstance(root, str):
                bare = root.rstrip("/")
                usual = {
                    "ws": f"ws{bare.removeprefix('http')}",
                    "login_url": f"{bare}/connect/login",
                }
            case _:
                usual = {}
        return usual | values

    @model_validator(mode="after")
    def _agree(self) -> Self:
        for name in ("root", "ws", "login_url"):
            address = getattr(self, name)
            if not address:
                raise ValueError(f"mode {self.mode} needs {name}")
            if is_broker_root(address) is not (self.mode is Mode.LIVE):
                whose = "is Zerodha's own" if is_broker_root(address) else "is not Zerodha's"
                raise ValueError(f"mode is {self.mode}, but the address in {name} {whose}")
        return self


def _checked(address: str, plain_scheme: str) -> str:
    if not address:
        return address
    try:
        return checked_root(address, plain_scheme)
    except InvalidValue as error:
        # The cause may quote the address, and an address may hold a password.
        raise ValueError("this is no address of a server: write scheme, host and port") from error
