"""What keeps a sandbox from starting."""

from patang.domain.errors import PatangError


class PortUnavailable(PatangError):
    """The sandbox cannot listen on the port it was given."""


class ReadyFileUnwritable(PatangError):
    """The file that tells clients where the sandbox listens cannot be written."""
