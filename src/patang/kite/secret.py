"""Where the client's users find ``Secret``; it lives in the domain, for storage needs it too."""

from patang.domain.secret import Secret

__all__ = ["Secret"]
