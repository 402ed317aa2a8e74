"""What can be wrong with settings. Values are never quoted: one of them may be a secret."""

from pydantic import ValidationError

from patang.domain.errors import PatangError


class ConfigInvalid(PatangError):
    """A setting is missing, unknown or holds what it must not hold. ``field`` names it."""

    def __init__(self, field: str, cause: str, remedy: str = "") -> None:
        self.field = field
        super().__init__(f"{field}: {cause}", remedy)


_SECRET_FIELDS = frozenset(
    {"api_secret", "access_token", "password", "totp_secret", "user_password"}
)


def first_failure(error: ValidationError, source: str) -> ConfigInvalid:
    """The first of pydantic's complaints, in our words and without the value."""
    complaint = error.errors(include_url=False, include_input=False, include_context=False)[0]
    path = [str(step) for step in complaint["loc"]]
    field = ".".join(path) or source
    if path and path[-1] in _SECRET_FIELDS:
        return ConfigInvalid(
            field,
            f"a secret does not belong in {source}.",
            "Remove it there and revoke it if others could read it; `patang login` asks for it.",
        )
    match complaint["type"]:
        case "missing":
            cause = f"it is missing in {source}."
        case "extra_forbidden":
            cause = f"{source} may not hold this name."
        case _:
            cause = f"{complaint['msg'].removeprefix('Value error, ')} (in {source})."
    return ConfigInvalid(field, cause, "docs/login.md shows what a profile holds.")
