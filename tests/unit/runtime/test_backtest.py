"""A backtest: days one after the other, fills that follow decisions, books that add up."""

import json
from datetime import date
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from patang.cli.app import main
from patang.domain.errors import InvalidValue
from patang.domain.instrument import InstrumentId
from patang.domain.market import Bar
from patang.domain.messages import Signal
from patang.engine.strategy import Strategy, View
from patang.rules.ist import at_ist, format_ist
from patang.runtime.backtest import BacktestReport, BacktestSettings, run_backtest
from patang.runtime.backtest_data import generated, recording_of
from patang.runtime.replay import replay
from patang.simulator.tape.recording import Recording

DAY = date(2026, 11, 18)
SPAN = ["--from", "2026-11-18", "--to", "2026-11-18"]
CAPITAL = Decimal(1_000_000)
ME = "tests.unit.runtime.test_backtest"
SEEN: list[tuple[str, int, float]] = []


class BuyOnThird(Strategy):
    """Buys ten on the third bar of a day, and keeps them to the square-off."""

    def __init__(self) -> None:
        self.bars = 0

    def on_bar(self, view: View, bar: Bar) -> Signal | None:
        self.bars += 1
        SEEN.append((format_ist(bar.start_ns), len(view.bars(bar.instrument, 100)), bar.close))
        return Signal(instrument=bar.instrument, target=10) if self.bars == 3 else None


class Fails(Strategy):
    """Cannot deal with bars."""

    def on_bar(self, view: View, bar: Bar) -> None:
        raise RuntimeError("no bars, please")


def minutes(path: Path, days: list[date], count: int = 10, first: int = 1500) -> Path:
    lines = ["time,instrument,open,high,low,close,volume"]
    for day in days:
        for number in range(count):
            price = first + 2 * number
            lines.append(
                f"{at_ist(day, 9, 15 + number)},NSE:INFY,"
                f"{price},{price + 2},{price - 1},{price + 1},4000"
            )
        # The last minutes of the day, in which positions are squared off.
        for minute in range(5):
            lines.append(f"{at_ist(day, 15, 5 + minute)},NSE:INFY,1600,1601,1599,1600,4000")
    path.write_text("\n".join(lines) + "\n")
    return path


def one_hour() -> Recording:
    past = generated(5, DAY, DAY, [InstrumentId("NSE:INFY")])
    (name,) = past.events
    end_ns = at_ist(DAY, 10, 15)
    shown = tuple(one for one in past.events[name] if one.time_ns < end_ns)
    return msgspec.structs.replace(past, events={name: shown})


def play(recording: Recording, *paths: str, folder: Path | None = None) -> BacktestReport:
    settings = BacktestSettings(strategies=paths, capital=CAPITAL, journal_folder=folder)
    return run_backtest(settings, recording)


def test_order_of_bar_trades_at_the_prices_after_it(tmp_path: Path) -> None:
    tape = minutes(tmp_path / "m.csv", [DAY])
    report = play(recording_of(tape, 1, DAY, DAY), f"{ME}:BuyOnThird")
    assert not report.alarms, report.alarms
    assert not report.denied_by_code
    (trade,) = report.trades
    # The third bar (09:17) ends with 1505; the one after it opens at 1506, offered a tick above.
    assert format_ist(trade.entry_ns) == "2026-11-18 09:18:00"
    assert trade.entry_price == Decimal("1506.1")
    assert report.fills == 2
    assert report.days[0].left_open == {}


def test_result_is_what_the_trades_earned(tmp_path: Path) -> None:
    tape = minutes(tmp_path / "m.csv", [DAY])
    report = play(recording_of(tape, 1, DAY, DAY), f"{ME}:BuyOnThird")
    (trade,) = report.trades
    assert trade.gross == (trade.exit_price - trade.entry_price) * 10
    assert report.charges > 0
    assert report.net_pnl == (trade.gross - trade.charges).quantize(Decimal("0.01"))
    assert report.end_capital == CAPITAL + report.net_pnl
    assert report.performance.end_equity == report.end_capital


def test_days_follow_each_other_with_capital_and_bars(tmp_path: Path) -> None:
    before = date(2026, 11, 17)
    tape = minutes(tmp_path / "m.csv", [before, DAY])
    SEEN.clear()
    report = play(recording_of(tape, 1, before, DAY), f"{ME}:BuyOnThird")
    assert [day.date for day in report.days] == [before, DAY]
    assert len(report.trades) == 2
    assert report.end_capital == CAPITAL + sum(day.net_pnl for day in report.days)
    # The first bar of the second day stands behind those of the first: fifteen of the tape, and
    # the minute in which the position was closed.
    first_of_second = next(one for one in SEEN if one[0] == f"{DAY} 09:15:00")
    assert first_of_second[1] == 17


def test_only_the_days_asked_for_are_played(tmp_path: Path) -> None:
    before = date(2026, 11, 17)
    tape = minutes(tmp_path / "m.csv", [before, DAY])
    report = play(recording_of(tape, 1, DAY, DAY), f"{ME}:BuyOnThird")
    assert [day.date for day in report.days] == [DAY]
    with pytest.raises(InvalidValue, match="nothing of these days") as refused:
        recording_of(tape, 1, date(2026, 11, 2), date(2026, 11, 3))
    assert refused.value.remedy == "It goes from 2026-11-17 to 2026-11-18."


def test_same_seed_gives_same_result_and_journals_replay_equal(tmp_path: Path) -> None:
    reports = []
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        reports.append(
            play(one_hour(), "patang.examples.ema_cross:EmaCross", folder=tmp_path / folder)
        )
    one, other = reports
    assert one.trades == other.trades
    assert one.trades
    journals = [tmp_path / folder / f"backtest-{DAY}.journal" for folder in ("a", "b")]
    results = [replay(path) for path in journals]
    assert [result.state_hash for result in results] == [one.days[0].state_hash] * 2
    assert all(result.commands_match for result in results)
    # What was asked for a journal does not change what happens.
    without = play(one_hour(), "patang.examples.ema_cross:EmaCross")
    assert without.days == one.days


def test_made_up_past_ends_before_the_world(tmp_path: Path) -> None:
    with pytest.raises(InvalidValue, match="ends on 2026-11-18"):
        recording_of(None, 1, DAY, date(2026, 11, 19))
    with pytest.raises(InvalidValue, match="no trading"):
        recording_of(None, 1, date(2026, 11, 14), date(2026, 11, 15))
    with pytest.raises(InvalidValue, match="before"):
        recording_of(None, 1, DAY, date(2026, 11, 17))


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as end:
        main(["backtest", *arguments])
    said = capsys.readouterr()
    return int(end.value.code or 0), said.out, said.err


def test_command_prints_one_document(
    tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    tape = minutes(tmp_path / "m.csv", [DAY])
    span = ["--from", str(DAY), "--to", str(DAY), "--data", str(tape), "-o", "json"]
    with pytest.raises(SystemExit) as end:
        main(["backtest", f"{ME}:BuyOnThird", *span])
    assert end.value.code == 0
    document = json.loads(capsysbinary.readouterr().out)
    assert document["trades"][0]["instrument"] == "NSE:INFY"
    assert Decimal(document["net_pnl"]) == Decimal(document["trades"][0]["net"]).quantize(
        Decimal("0.01")
    )


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (["--from", "yesterday", "--to", "2026-11-18"], 2, "--from: 'yesterday' is no day"),
        ([*SPAN, "--capital", "-1"], 2, "--capital"),
        ([*SPAN, "--instruments", "NSE:NO"], 2, "NSE:NO"),
        (
            ["--from", "2026-11-18", "--to", "2026-11-18", "--fill-model", "hope"],
            2,
            "queue-position",
        ),
        ([*SPAN, "--data", "absent.csv"], 3, "absent.csv"),
    ],
)
def test_wrong_options_are_named(
    options: list[str], code: int, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    ended, out, err = run(capsys, f"{ME}:BuyOnThird", *options)
    assert ended == code
    assert words in " ".join(err.split())
    assert out == ""


def test_strategy_that_fails_ends_the_command_with_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tape = minutes(tmp_path / "m.csv", [DAY])
    span = ["--from", str(DAY), "--to", str(DAY), "--data", str(tape)]
    ended, _, err = run(capsys, f"{ME}:Fails", *span)
    assert ended == 1
    assert "no bars, please" in err
