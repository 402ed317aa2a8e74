"""What a command may fail with before any server was asked."""

from patang.domain.errors import PatangError


class ReadyFileUnreadable(PatangError):
    """The file given with --sandbox is not a sandbox's ready file."""
