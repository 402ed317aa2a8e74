"""TA-Lib one value at a time agrees with TA-Lib on the whole series."""

import numpy as np
import pytest
import talib

from patang.domain.errors import InvalidValue
from patang.engine.indicators import Indicator

CLOSES = [100 + 7 * np.sin(n / 5) + n / 50 for n in range(200)]
HIGHS = [close + 1.5 for close in CLOSES]
LOWS = [close - 2.5 for close in CLOSES]


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("EMA", {"timeperiod": 9}),
        ("SMA", {"timeperiod": 20}),
        ("RSI", {"timeperiod": 14}),
        ("STDDEV", {"timeperiod": 10}),
    ],
)
def test_streaming_equals_batch(name: str, parameters: dict[str, int]):
    indicator = Indicator(name, **parameters)
    streamed = [indicator.update(close) for close in CLOSES]
    batch = getattr(talib, name)(np.array(CLOSES), **parameters)
    assert [value is None for value in streamed] == list(np.isnan(batch))
    seen = [value for value in streamed if value is not None]
    assert seen == pytest.approx(batch[~np.isnan(batch)], rel=1e-12)


def test_an_indicator_of_three_inputs():
    indicator = Indicator("ATR", timeperiod=14)
    streamed = [indicator.update(*row) for row in zip(HIGHS, LOWS, CLOSES, strict=True)]
    batch = talib.ATR(np.array(HIGHS), np.array(LOWS), np.array(CLOSES), timeperiod=14)
    assert streamed[-1] == pytest.approx(batch[-1], rel=1e-12)


def test_all_outputs_are_kept():
    bands = Indicator("BBANDS", timeperiod=20)
    for close in CLOSES:
        bands.update(close)
    upper, middle, lower = bands.outputs
    assert upper > middle > lower


def test_unknown_names_and_parameters_are_refused():
    with pytest.raises(InvalidValue, match="NOPE"):
        Indicator("NOPE")
    with pytest.raises(InvalidValue, match="EMA"):
        Indicator("EMA", timeperiod=-5)
    with pytest.raises(InvalidValue, match="EMA"):
        Indicator("EMA", perid=5)
