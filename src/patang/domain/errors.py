"""The root of every error Patang raises, and the ones that belong to no single floor."""


class PatangError(Exception):
    """Root of all errors raised on purpose.

    ``cause`` says what is wrong, ``remedy`` what the reader can do about it. Both are one line.
    """

    def __init__(self, cause: str, remedy: str = "") -> None:
        self.cause = cause
        self.remedy = remedy
        super().__init__(f"{cause} {remedy}".strip())


class InvalidValue(PatangError, ValueError):
    """A field holds a value it must not hold. ``field`` names it."""

    def __init__(self, field: str, cause: str, remedy: str = "") -> None:
        self.field = field
        super().__init__(f"{field}: {cause}", remedy)


class MissingExtra(PatangError, ImportError):
    """An optional dependency is not installed."""

    def __init__(self, feature: str, extra: str) -> None:
        self.extra = extra
        super().__init__(
            f"{feature} needs the optional extra '{extra}', which is not installed.",
            f"Install it with: pip install 'patang[{extra}]'",
        )


class IllegalTransition(PatangError):
    """Code asked an order to make a move that the transition table does not hold."""


class InvariantBroken(PatangError):
    """A rule that must always hold does not: a defect in Patang, never the world's fault."""
