"""The file of a run: typed, and every mistake named with line, field and remedy."""

from decimal import Decimal
from pathlib import Path

import pytest

from patang.config.errors import ConfigInvalid
from patang.config.run_file import RunFile, parse_run_file, read_run_file
from patang.domain.enums import Interval, Mode, Product
from patang.domain.limits import RiskLimits

GOOD = """\
mode: sandbox
broker: sandbox
ready_file: ready.json
journal: runs/{date}.journal
instruments: [NSE:INFY, NSE:SBIN]
strategies:
  - path: my:Own
    instruments: [NSE:INFY]
    parameters: {fast: 5, name: x, share: 0.5, on: true}
    intervals: [5minute]
capital: 250000.50
square_off: 15:05
limits:
  max_order_value: 1000.25
  strategies:
    Own: {max_daily_loss: 500}
"""
HOME = Path("/srv/trading/run.yaml")


def parse(text: str) -> RunFile:
    return parse_run_file(text, HOME)


def test_every_value_is_typed() -> None:
    run = parse(GOOD)
    assert run.mode is Mode.SANDBOX
    assert run.journal == "/srv/trading/runs/{date}.journal"
    assert run.ready_file == "/srv/trading/ready.json"
    assert run.capital == Decimal("250000.5")
    assert run.product is Product.MIS
    (own,) = run.strategies
    assert own.parameters == {"fast": 5, "name": "x", "share": 0.5, "on": True}
    assert own.intervals == (Interval.MINUTE_5,)
    at = run.square_off_time
    assert at is not None
    assert (at.hour, at.minute) == (15, 5)


def test_limits_of_the_file_stand_over_the_usual_ones() -> None:
    usual = RiskLimits.of_capital(Decimal(250_000))
    limits = parse(GOOD).limits.over(usual)
    assert limits.max_order_value == Decimal("1000.25")
    assert limits.max_daily_loss == usual.max_daily_loss
    assert limits.strategies["Own"].max_daily_loss == Decimal(500)


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ("mode: sandbox\n", "", None, "mode: it is missing"),
        ("mode: sandbox", "mode: live", 1, "mode: a run through sandbox is not live"),
        ("mode: sandbox", "mode: hope", 1, "mode: Invalid enum value 'hope'"),
        ("broker: sandbox", "broker: kite", 1, "mode: a run through kite is not sandbox"),
        ("ready_file: ready.json\n", "", None, "ready_file: a sandbox is known"),
        ("journal:", "jrnl:", 4, "jrnl: this name is not known"),
        ("capital: 250000.50", "capital: -1", 11, "capital: -1 is not a positive amount"),
        ("capital: 250000.50", "capital: lots", 11, "capital: Invalid decimal"),
        ("square_off: 15:05", "square_off: 25:05", 12, "square_off: '25:05' is no time"),
        ("[NSE:INFY]", "[NSE:TCS]", 8, "strategies[0].instruments: NSE:TCS is not one of"),
        ("NSE:SBIN", "SBIN", 5, "instruments[1]"),
        ("  max_order_value: 1000.25", "  max_order: 1", 14, "limits.max_order: this name"),
        (
            "{max_daily_loss: 500}",
            "{max_day_loss_: 5}",
            16,
            "limits.strategies.Own.max_day_loss_",
        ),
        ("path: my:Own", "path: my:Own\n    colour: red", 8, "strategies[0].colour"),
        ("fast: 5", "fast: 5, fast: 6", 9, "strategies[0].parameters.fast: it stands twice"),
        ("max_order_value: 1000.25", "max_order_value: -5", None, "max_order_value"),
        ("[NSE:INFY, NSE:SBIN]", "[NSE:INFY, NSE:SBIN", None, "no YAML"),
    ],
)
def test_mistakes_are_named(old: str, new: str, line: int | None, words: str) -> None:
    assert old in GOOD
    with pytest.raises(ConfigInvalid) as refused:
        parse(GOOD.replace(old, new, 1))
    assert words in str(refused.value)
    assert refused.value.remedy
    if line is not None:
        assert f"run.yaml, line {line}:" in str(refused.value)


def test_strategies_have_names_of_their_own() -> None:
    with pytest.raises(ConfigInvalid, match="Own stands twice"):
        parse(GOOD.replace("strategies:\n", "strategies:\n  - path: other:Own\n", 1))


def test_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigInvalid, match="cannot be read"):
        read_run_file(tmp_path / "absent.yaml")


def test_example_of_the_documentation_is_good() -> None:
    page = (Path(__file__).parents[3] / "docs" / "run.md").read_text()
    example = page.partition("```yaml\n")[2].partition("```")[0]
    assert parse(example).limits.over(RiskLimits.of_capital(Decimal(500_000)))
