"""``gtt``, ``history`` and ``instruments search`` against a server that answers as Kite's pages."""

import csv
import io
import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar
from urllib.parse import parse_qs, urlsplit

import pytest

from patang.cli.app import COMMANDS, main
from patang.config.environment import Environment
from patang.config.profile import Profile
from patang.config.profiles import add_profile
from patang.domain.enums import Mode
from patang.domain.secret import Secret
from patang.storage.key_chain import KeyChain
from patang.storage.vault import SavedSession, Vault

Run = Callable[..., tuple[int, str, str]]

TRIGGERS = [
    {
        "id": 112127, "user_id": "AB1234", "parent_trigger": None, "type": "two-leg",
        "created_at": "2026-11-12 13:25:16", "updated_at": "2026-11-12 13:25:16",
        "expires_at": "2027-11-12 13:25:16", "status": "active",
        "condition": {
            "exchange": "NSE", "last_price": 1450.1, "tradingsymbol": "INFY",
            "trigger_values": [1400.5, 1500.25],
        },
        "orders": [
            {"exchange": "NSE", "tradingsymbol": "INFY", "product": "CNC", "order_type": "LIMIT",
             "transaction_type": "SELL", "quantity": 1200, "price": price, "result": None}
            for price in (1399.5, 1501)
        ],
        "meta": {},
    },
    {
        "id": 105099, "user_id": "AB1234", "parent_trigger": None, "type": "single",
        "created_at": "2026-11-02 10:00:00", "updated_at": "2026-11-03 10:00:00",
        "expires_at": "2027-11-02 10:00:00", "status": "triggered",
        "condition": {
            "exchange": "NSE", "last_price": 190.3, "tradingsymbol": "RAIN",
            "trigger_values": [200],
        },
        "orders": [
            {"exchange": "NSE", "tradingsymbol": "RAIN", "product": "CNC", "order_type": "LIMIT",
             "transaction_type": "BUY", "quantity": 1, "price": 201,
             "result": {"order_result": {"status": "failed", "order_id": "",
                                         "rejection_reason": "Funds are short"}}}
        ],
        "meta": None,
    },
]  # fmt: skip
CANDLES = [
    ["2026-11-19T09:15:00+0530", 1704.5, 1705, 1699.25, 1702.8, 123499],
    ["2026-11-19T09:16:00+0530", 1702, 1702.05, 1698.15, 1698.15, 58947],
]
DUMP = (
    "instrument_token,exchange_token,tradingsymbol,name,last_price,expiry,strike,tick_size,"
    "lot_size,instrument_type,segment,exchange\n"
    "408065,1594,INFY,INFOSYS,0,,0,0.1,1,EQ,NSE,NSE\n"
    "2953217,11536,TCS,TATA CONSULTANCY,0,,0,0.1,1,EQ,NSE,NSE\n"
)


class Handler(BaseHTTPRequestHandler):
    """A few routes; everything asked is written down."""

    asked: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.asked.append(self.path)
        path = urlsplit(self.path).path
        if path.startswith("/instruments/historical/"):
            candles = [[*row, 7] for row in CANDLES] if "oi=1" in self.path else CANDLES
            self.answer({"status": "success", "data": {"candles": candles}})
        elif path.startswith("/instruments"):
            self.answer(DUMP, "text/csv")
        elif path == "/gtt/triggers":
            self.answer({"status": "success", "data": TRIGGERS})
        elif path == "/quote":
            refusal = {"status": "error", "message": "Insufficient permission for that call.",
                       "error_type": "PermissionException"}  # fmt: skip
            self.answer(refusal, status=403)
        elif path == "/clock":
            self.answer({"now_ns": 1_795_060_200_000_000_000, "speed": 1.0})
        else:
            self.send_error(404)

    def answer(self, document: object, kind: str = "application/json", status: int = 200) -> None:
        body = (document if isinstance(document, str) else json.dumps(document)).encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        thread = threading.Thread(target=listening.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{listening.server_port}"
        listening.shutdown()
        thread.join()


@pytest.fixture
def run(
    server: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Run:
    environment = Environment.model_construct(
        config_dir=tmp_path, secrets_key=None, secrets_key_file=None, credentials_directory=None
    )
    add_profile(tmp_path, "toy", Profile(mode=Mode.SANDBOX, api_key="key", root=server))
    Vault(tmp_path, KeyChain(environment)).save(
        SavedSession(
            profile="toy",
            mode=Mode.SANDBOX,
            root=server,
            api_key="key",
            user_id="AB1234",
            user_name="A B",
            access_token=Secret("t0ken"),
            login_ns=0,
            expires_ns=1,
        )
    )
    monkeypatch.setenv("PATANG_CONFIG_DIR", str(tmp_path))
    monkeypatch.delenv("PATANG_PROFILE", raising=False)

    def command(*arguments: str) -> tuple[int, str, str]:
        Handler.asked.clear()
        with pytest.raises(SystemExit) as end:
            main(list(arguments))
        printed = capsys.readouterr()
        return int(end.value.code or 0), printed.out, printed.err

    return command


def last_query() -> dict[str, list[str]]:
    return parse_qs(urlsplit(Handler.asked[-1]).query)


def test_triggers_have_a_line_for_each_leg_and_tell_the_orders_fate(run: Run) -> None:
    code, out, err = run("gtt")
    assert (code, err) == (0, "")
    assert " SANDBOX " in out
    for word in ("1,400.50", "1,500.25", "1,200", "two-leg", "failed Funds are short", "triggered"):
        assert word in out
    code, out, err = run("gtt", "--active", "-o", "csv")
    rows = list(csv.DictReader(io.StringIO(out)))
    assert [(row["id"], row["trigger_value"], row["price"]) for row in rows] == [
        ("112127", "1400.5", "1399.5"),
        ("112127", "1500.25", "1501"),
    ]
    assert "SANDBOX" in err
    assert json.loads(run("gtt", "-o", "json")[1]) == TRIGGERS


def test_candles_come_as_the_server_sent_them(run: Run) -> None:
    code, out, err = run("history", "NSE:INFY", "--interval", "minute", "--days", "2")
    assert (code, err) == (0, "")
    assert "/instruments/historical/408065/minute" in Handler.asked[-1]
    # Until now, in the server's time, and from two days before.
    assert last_query()["from"] == ["2026-11-17"]
    assert last_query()["to"] == ["2026-11-19 09:20:00"]
    for word in ("2026-11-19 09:15:00", "1,704.50", "1,23,499"):
        assert word in out
    code, out, _ = run("history", "NSE:INFY", "--from", "2026-11-18", "--to", "2026-11-19", "-o",
                       "json")  # fmt: skip
    assert json.loads(out) == {"candles": CANDLES}
    assert last_query()["from"] == ["2026-11-18"]
    assert last_query()["oi"] == ["0"]
    code, out, _ = run("history", "NSE:INFY", "--oi", "-o", "csv")
    assert out.splitlines()[0] == "timestamp,open,high,low,close,volume,oi"
    assert out.splitlines()[1] == "2026-11-19 09:15:00,1704.5,1705.0,1699.25,1702.8,123499,7"


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["INFY"], "EXCHANGE:SYMBOL"),
        (["NSE:NONE"], "NONE"),
        (["NSE:INFY", "--interval", "week"], "interval"),
        (["NSE:INFY", "--from", "yesterday"], "from_date"),
        (["NSE:INFY", "--to", "soon"], "_date"),
        (["NSE:INFY", "--from", "2026-11-19", "--to", "2026-11-18"], "before"),
        (["NSE:INFY", "--days", "0"], "1 to 2000"),
    ],
)
def test_a_wrong_question_is_named_before_it_is_asked(
    run: Run, arguments: list[str], complaint: str
) -> None:
    code, out, err = run("history", *arguments)
    assert (code, out) == (2, "")
    assert complaint in err
    assert not any("historical" in path for path in Handler.asked)


def test_a_plan_without_market_data_is_told_as_such(run: Run) -> None:
    code, out, err = run("quote", "NSE:INFY")
    assert (code, out) == (6, "")
    assert "Insufficient permission" in err
    assert "plan" in err


def test_instruments_are_found_by_what_a_person_types(run: Run) -> None:
    code, out, err = run("instruments", "search", "infy", "--exchange", "NSE")
    assert (code, err) == (0, "")
    for word in ("NSE:INFY", "INFOSYS", "408065", "exact"):
        assert word in out
    assert "NSE:TCS" not in out
    (found,) = json.loads(run("instruments", "search", "tata", "consultancy", "-o", "json")[1])
    assert (found["instrument"], found["token"]) == ("NSE:TCS", 2953217)
    code, out, _ = run("instruments", "search", "zzzzqqq")
    assert code == 0
    assert "Nothing is like that" in out
    code, _, err = run("instruments", "search")
    assert (code, "none given" in err) == (2, True)


@pytest.mark.parametrize("command", ["gtt", "history", "instruments search"])
def test_help_shows_examples(run: Run, command: str) -> None:
    code, out, _ = run(*command.split(), "--help")
    assert code == 0
    assert "For example" in out
    assert f"patang {command}" in out


def test_the_list_of_commands_says_what_each_is_for() -> None:
    shown = subprocess.run(
        [sys.executable, "-m", "patang.cli", "--help"], capture_output=True, text=True, check=True
    )
    words = " ".join(shown.stdout.replace("│", " ").split())
    for name, (_, summary) in COMMANDS.items():
        assert f"{name} {summary}" in words
