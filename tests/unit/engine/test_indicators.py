"""TA-Lib one value at a time agrees with TA-Lib on the whole series."""

import numpy as np
import pytest
import talib

from patang.domain.errors import InvalidValue, InvariantBroken
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


@pytest.mark.parametrize("fed", [0, 5, 120])
@pytest.mark.parametrize(
    ("name", "columns", "parameters"),
    [
        ("EMA", (CLOSES,), {"timeperiod": 9}),
        ("ATR", (HIGHS, LOWS, CLOSES), {"timeperiod": 14}),
        ("BBANDS", (CLOSES,), {"timeperiod": 20}),
    ],
)
def test_made_again_of_what_it_was_fed_it_goes_on_to_the_last_bit(
    name: str, columns: tuple[list[float], ...], parameters: dict[str, int], fed: int
):
    first, second = Indicator(name, **parameters), Indicator.__new__(Indicator)
    rows = list(zip(*columns, strict=True))
    for row in rows[:fed]:
        first.update(*row)
    second.__setstate__(first.__getstate__())
    assert second.outputs == first.outputs
    for row in rows[fed:]:
        assert second.update(*row) == first.update(*row)
    assert second.outputs == first.outputs


def test_one_that_was_fed_more_than_is_kept_cannot_be_made_again(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("patang.engine.indicators._INPUTS_KEPT", 100)
    average = Indicator("EMA", timeperiod=9)
    for close in CLOSES:
        average.update(close)
    with pytest.raises(InvariantBroken, match="more than is kept"):
        average.__getstate__()
    assert average.value is not None
