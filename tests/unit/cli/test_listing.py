"""Rows for people and programs: Indian grouping, marks with signs, and the mode in sight."""

from decimal import Decimal
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from patang.cli.account import Account
from patang.cli.listing import Column, Format, Kind, Listing, badge, percent, show, written
from patang.cli.output import one_line
from patang.config.environment import Environment
from patang.config.profile import Profile
from patang.domain.enums import Mode
from patang.kite import Kite
from patang.kite.saved import SavedAccount
from patang.storage.key_chain import KeyChain
from patang.storage.vault import Vault

LISTING = Listing(
    title="Things",
    columns=(
        Column("name", "Name"),
        Column("count", "Count", Kind.QUANTITY),
        Column("price", "Price", Kind.PRICE),
        Column("pnl", "P&L", Kind.CHANGE),
    ),
    rows=[("NSE:INFY", 1234567, Decimal("1450.10"), Decimal("-12345.5")), ("x", None, None, None)],
    document=[{"name": "NSE:INFY"}],
    totals=[("Sum", Decimal("12345678"), Kind.CHANGE)],
)


def account(folder: Path, mode: Mode) -> Account:
    root = {} if mode is Mode.LIVE else {"root": "http://127.0.0.1:8000"}
    environment = Environment.model_construct(config_dir=folder)
    keys = KeyChain(environment)
    profile = Profile.model_validate({"mode": mode.value, "api_key": "key", **root})
    target = SavedAccount(
        name="home",
        profile=profile,
        vault=Vault(folder, keys),
        keys=keys,
        environment=environment,
        option="--profile home",
    )
    return Account(target=target, kite=Kite("key"), now_ns=1_767_589_213_000_000_000)


@pytest.mark.parametrize(
    ("cell", "kind", "text"),
    [
        (1234567, Kind.QUANTITY, "12,34,567"),
        (-75, Kind.QUANTITY, "-75"),
        (Decimal("1450.1"), Kind.PRICE, "1,450.10"),
        (Decimal("83.2275"), Kind.PRICE, "83.2275"),
        (Decimal("100"), Kind.PRICE, "100.00"),
        (Decimal("12345678.5"), Kind.MONEY, "1,23,45,678.50"),
        (Decimal("950"), Kind.CHANGE, "+950.00 ▲"),
        (Decimal("-0.5"), Kind.CHANGE, "-0.50 ▼"),
        (Decimal(0), Kind.CHANGE, "0.00  "),
        (Decimal("-1.234"), Kind.PERCENT, "-1.23% ▼"),
        ("[red]text[/]", Kind.TEXT, "[red]text[/]"),
        (None, Kind.MONEY, "-"),
    ],
)
def test_values_are_written_as_india_reads_them(cell, kind: Kind, text: str) -> None:
    assert written(cell, kind).plain == text


def test_a_percentage_of_nothing_is_none() -> None:
    assert percent(Decimal(1), Decimal(3)) == Decimal("33.33")
    assert percent(Decimal(1), Decimal(0)) is None


@pytest.mark.parametrize(("mode", "colour"), [(Mode.LIVE, "41"), (Mode.SANDBOX, "43")])
def test_live_is_red_and_the_sandbox_yellow(mode: Mode, colour: str) -> None:
    page = StringIO()
    Console(file=page, force_terminal=True, color_system="standard", no_color=False).print(
        badge(mode)
    )
    assert f" {mode.value.upper()} " in page.getvalue()
    assert colour in page.getvalue().partition("m")[0].split(";")


@pytest.mark.parametrize("mode", [Mode.LIVE, Mode.SANDBOX])
def test_the_mode_is_in_sight_in_every_format(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], mode: Mode
) -> None:
    shown = {}
    for output in Format:
        show(account(tmp_path, mode), LISTING, output)
        shown[output] = capsys.readouterr()
    word = mode.value.upper()
    assert word in shown[Format.TABLE].out.splitlines()[0]
    assert "2026-01-05 10:30:13 IST" in shown[Format.TABLE].out.splitlines()[0]
    for output in (Format.JSON, Format.CSV):
        assert word in shown[output].err
        assert word not in shown[output].out
    assert (
        shown[Format.CSV].out == "name,count,price,pnl\nNSE:INFY,1234567,1450.10,-12345.5\nx,,,\n"
    )


def test_a_table_has_its_totals_and_says_when_it_is_empty(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    live = account(tmp_path, Mode.LIVE)
    show(live, LISTING, Format.TABLE)
    assert "Sum  +1,23,45,678.00 ▲" in capsys.readouterr().out
    show(live, Listing(title="T", columns=(), rows=(), document=[], empty="None."), Format.TABLE)
    assert "None." in capsys.readouterr().out


def test_what_does_not_fit_is_named_and_the_rest_stays_whole(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    columns = (
        Column("time", "Time", Kind.CLOCK),
        Column("name", "Name"),
        *(Column(f"more{n}", f"Wide{n}", is_minor=True) for n in range(4)),
        Column("never", "Never"),
    )
    rows = [("2026-11-20 09:15:00", "NSE:INFY", *(letter * 15 for letter in "abcd"), None)]
    wide = Listing(title="T", columns=columns, rows=rows, document=[])
    monkeypatch.setattr(
        "patang.cli.listing.people_console", lambda: Console(width=60, highlight=False)
    )
    show(account(tmp_path, Mode.SANDBOX), wide, Format.TABLE)
    shown = capsys.readouterr().out
    assert "09:15:00  NSE:INFY  aaaaaaaaaaaaaaa  bbbbbbbbbbbbbbb" in shown
    assert "No room for: Wide2, Wide3." in shown
    assert "ccc" not in shown
    assert "Never" not in shown
    assert "2026-11-20" not in shown
    show(account(tmp_path, Mode.SANDBOX), wide, Format.CSV)
    assert "2026-11-20 09:15:00" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("two\nlines\tand  more", "two lines and more"),
        ("\x1b[31mred\x07", "?[31mred?"),
        ("नमस्ते", "नमस्ते"),
        ("‮reversed", "?reversed"),
    ],
)
def test_a_servers_text_cannot_move_the_terminal(text: str, shown: str) -> None:
    assert one_line(text) == shown
    assert written(text, Kind.TEXT).plain == shown
