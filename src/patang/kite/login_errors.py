"""How a login can fail before Kite has anything to say about it."""

from patang.domain.errors import PatangError


class LoginFailed(PatangError):
    """There is no session. Nothing was changed; begin again."""


class LoginTimeout(LoginFailed):
    """The browser did not come back in time."""


class LoginRefused(LoginFailed):
    """What came back is not the end of the login that we began."""


class CallbackPortTaken(PatangError):
    """The port of the registered redirect URL is in use."""
