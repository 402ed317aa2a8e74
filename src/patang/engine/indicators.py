"""Indicators, one value at a time: a small adapter over TA-Lib's streaming handles.

The streaming and the batch forms of TA-Lib agree bit for bit, so a strategy sees the same numbers
in a backtest and live. Needs the extra ``ta``.
"""

from array import array
from collections import deque
from collections.abc import Mapping
from typing import Any

from patang.domain.errors import InvalidValue, InvariantBroken, MissingExtra
from patang.domain.market import Bar

_INPUTS_KEPT = 200_000
"""Numbers, some 1.6 MB: a day of ticks. A backtest of years does not need to be taken up."""
_BAR_COLUMNS = ("open", "high", "low", "close", "volume")


class Indicator:
    """One TA-Lib function fed bar by bar (or tick by tick).

    ``name`` is TA-Lib's (``EMA``, ``RSI``, ``ATR``, ``BBANDS``, ...), parameters are its keywords.
    ``update`` takes the function's inputs in TA-Lib's order, for most a close, for ``ATR`` high,
    low and close; ``take`` picks them from a bar. It answers the function's first output, or None
    until there is history enough; ``value`` keeps it, ``outputs`` holds all of them (BBANDS: upper,
    middle, lower).

    Raises:
        MissingExtra: TA-Lib is not installed.
        InvalidValue: TA-Lib has no such function or refuses a parameter.
    """

    def __init__(self, name: str, **parameters: float) -> None:
        try:
            import talib  # heavy, and an extra: only a run that uses an indicator pays for it
            from talib import abstract, stream
        except ImportError as error:
            raise MissingExtra(f"The indicator {name}", "ta") from error
        self.name = name
        self.outputs: tuple[float, ...] = ()
        self._open: Any = getattr(stream, name, None)
        if self._open is None:
            raise InvalidValue("indicator", f"TA-Lib has no function {name!r}.")
        try:
            function: Any = abstract.Function(name, **parameters)  # type: ignore[attr-defined] # untyped part
            lookback: int = function.lookback
        except Exception as error:  # TA-Lib raises bare Exception for bad parameters
            raise InvalidValue(f"indicator {name}", f"{error}") from error
        unknown = [each for each in parameters if each not in function.parameters]
        if unknown:
            known = ", ".join(function.parameters) or "none"
            raise InvalidValue(
                f"indicator {name}", f"no parameter {unknown[0]!r}.", f"Has: {known}."
            )
        if lookback < 0:  # how TA-Lib says that a parameter is out of range
            raise InvalidValue(f"indicator {name}", f"{parameters} is out of range.")
        self._insufficient: type[Exception] = talib._ta_lib.InsufficientHistory  # type: ignore[attr-defined]
        self._parameters = parameters
        self._inputs: array[float] | None = array("d")
        self._columns = _columns(function.input_names)
        self._width = max(len(self._columns), 1)
        self._history: deque[tuple[float, ...]] = deque(maxlen=10 * (lookback + 1))
        self._handle: Any = None

    def update(self, *inputs: float) -> float | None:
        """Feed the next value (or high, low, close ...); return the newest first output."""
        if self._inputs is not None:
            self._inputs.extend(inputs)
            if len(self._inputs) > _INPUTS_KEPT or len(inputs) != self._width:
                self._inputs = None
        if self._handle is not None:
            value = self._handle.update(*inputs)
        else:
            self._history.append(inputs)
            self._handle = self._begin()
            if self._handle is None:
                return None
            value = self._handle.value
        self.outputs = value if isinstance(value, tuple) else (value,)
        return self.outputs[0]

    @property
    def value(self) -> float | None:
        """The newest first output; None until there is history enough."""
        return self.outputs[0] if self.outputs else None

    def take(self, bar: Bar) -> float | None:
        """Feed what the function needs of a finished bar; return the newest first output."""
        return self.update(*[float(getattr(bar, column)) for column in self._columns])

    def check_bars(self) -> None:
        """Raise ``InvalidValue`` where the function needs what bars do not have (MAVP)."""
        strange = [column for column in self._columns if column not in _BAR_COLUMNS]
        if strange:
            raise InvalidValue(f"indicator {self.name}", f"bars have no {strange[0]}.")

    def __getstate__(self) -> tuple[str, dict[str, float], int, list[float]]:
        """What it was made of and fed with: TA-Lib's own state is out of reach.

        Raises:
            InvariantBroken: it was fed with more than is kept.
        """
        if self._inputs is None:
            raise InvariantBroken(f"{self.name} was fed more than is kept ({_INPUTS_KEPT}).")
        return self.name, self._parameters, self._width, list(self._inputs)

    def __setstate__(self, state: tuple[str, dict[str, float], int, list[float]]) -> None:
        """Be made and fed again, which gives the same to the last bit."""
        name, parameters, width, inputs = state
        self.__init__(name, **parameters)  # type: ignore[misc] # this very class, not yet made
        for start in range(0, len(inputs), width):
            self.update(*inputs[start : start + width])

    def _begin(self) -> Any:
        import numpy as np

        columns = [
            np.array(column, dtype=np.float64) for column in zip(*self._history, strict=True)
        ]
        try:
            handle = self._open(*columns, **self._parameters)
        except self._insufficient:
            return None
        self._history.clear()
        return handle


def _columns(inputs: Mapping[str, str | list[str]]) -> tuple[str, ...]:
    """The columns of a bar that a function reads, in its own order.

    TA-Lib names them itself: ``price: close``, ``prices: [high, low, close]``.
    """
    columns: list[str] = []
    for wanted in inputs.values():
        columns += [wanted] if isinstance(wanted, str) else list(wanted)
    return tuple(columns)
