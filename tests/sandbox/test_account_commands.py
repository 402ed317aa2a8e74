"""The account commands as a user types them: real processes, a real sandbox, real files."""

import csv
import io
import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
import requests

from patang.cli.app import main
from patang.config.environment import Environment
from patang.domain.enums import Mode
from patang.domain.secret import Secret
from patang.rules.ist import at_ist, format_ist
from patang.storage.key_chain import KeyChain
from patang.storage.vault import SavedSession, Vault

USERS = [{"user_id": "AB1234"}, {"user_id": "CD5678"}]
Result = subprocess.CompletedProcess[str]
Patang = Callable[..., Result]

# Stands in for a browser: follows the redirect to our callback, and keeps the page it sees.
BROWSER = """#!{python}
import sys, urllib.request
with urllib.request.urlopen(sys.argv[1]) as page:
    open({seen!r}, "wb").write(page.read())
"""


@pytest.fixture(scope="module")
def port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@pytest.fixture(scope="module")
def sandbox(start_sandbox, port):
    return start_sandbox(
        speed=0, rate_limits=False, users=USERS, redirect_url=f"http://127.0.0.1:{port}/"
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "config"


@pytest.fixture
def process(folder: Path) -> Patang:
    """Runs the command as a process of its own, with a configuration folder of its own."""
    bare = {name: value for name, value in os.environ.items() if "PATANG" not in name}

    def run(*arguments: str, stdin: str = "", **environment: str) -> Result:
        return subprocess.run(
            [sys.executable, "-m", "patang.cli", *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=30,
            env={**bare, "PATANG_CONFIG_DIR": str(folder), **environment},
            check=False,
        )

    return run


@pytest.fixture
def patang(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Patang:
    """Runs the command in this process, which starts faster; the sandbox has its own."""
    for name in [name for name in os.environ if "PATANG" in name]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PATANG_CONFIG_DIR", str(folder))

    def run(*arguments: str, stdin: str = "", **environment: str) -> Result:
        with monkeypatch.context() as patch:
            for name, value in environment.items():
                patch.setenv(name, value)
            patch.setattr("sys.stdin", io.StringIO(stdin))
            with pytest.raises(SystemExit) as end:
                main(list(arguments))
        printed = capsys.readouterr()
        assert isinstance(end.value.code, int)
        return subprocess.CompletedProcess(arguments, int(end.value.code), printed.out, printed.err)

    return run


@pytest.fixture
def toy(patang: Patang, sandbox) -> str:
    """A profile for the sandbox, without a session."""
    added = patang(
        *("profile", "add", "toy", "--mode", "sandbox"),
        *("--api-key", sandbox.api_key, "--root", sandbox.root),
    )
    assert added.returncode == 0, added.stderr
    return "toy"


def test_a_sandbox_with_a_certificate_is_trusted_by_its_ready_file(patang, start_sandbox, tmp_path):
    secure = start_sandbox(speed=0, rate_limits=False, tls_folder=str(tmp_path / "tls"))
    option = ("--sandbox", str(secure.ready_path))
    shown = patang("quote", "NSE:INFY", *option, "-o", "json")
    assert shown.returncode == 0, shown.stderr
    assert "2026-11-19 09:20:00 IST" in shown.stderr
    assert patang("status", *option).returncode == 0


def redirected(sandbox, user: str = "AB1234") -> str:
    """The address that a browser ends on, without the state that only the login knows."""
    return requests.get(
        f"{sandbox.ready['login_url']}&user_id={user}", allow_redirects=False, timeout=5
    ).headers["location"]


def logged_in(patang: Patang, sandbox, *more: str) -> Result:
    done = patang(
        "login", "--paste", *more, stdin=redirected(sandbox), PATANG_API_SECRET=sandbox.api_secret
    )
    assert done.returncode == 0, done.stderr
    return done


def fails(result: Result, code: int, *words: str) -> None:
    assert result.returncode == code, result.stderr
    assert "Traceback" not in result.stdout + result.stderr
    assert result.stdout == ""
    lines = [line for line in result.stderr.splitlines() if line.strip()]
    assert lines[-2].startswith("error: ")
    assert lines[-1].startswith("  fix: ")
    for word in words:
        assert word in result.stderr


def test_login_through_the_browser_then_status_then_logout(
    process: Patang, toy: str, sandbox, port: int, tmp_path: Path
) -> None:
    browser, seen = tmp_path / "browser", tmp_path / "seen.html"
    browser.write_text(BROWSER.format(python=sys.executable, seen=str(seen)))
    browser.chmod(0o700)

    done = process(
        *("login", "--port", str(port), "--timeout", "20"),
        BROWSER=f"{browser} %s",
        PATANG_API_SECRET=sandbox.api_secret,
    )
    assert done.returncode == 0, done.stderr
    assert "SANDBOX" in done.stdout
    assert "Logged in as AB1234" in done.stdout
    assert "2026-11-20 06:00:00 IST" in done.stdout
    assert "toy (SANDBOX): waiting" in done.stderr
    assert "redirect_params=state%3D" in done.stderr
    assert "Back to the terminal" in seen.read_text()

    status = process("status")
    assert status.returncode == 0, status.stderr
    for word in ("SANDBOX", "valid", "AB1234", "2026-11-20 06:00:00 IST (in 20 h 40 min)"):
        assert word in status.stdout

    assert "is ended" in process("logout").stdout
    fails(process("orders"), 4, "There is no session for toy", "patang login --profile toy")
    ended = process("status", "-o", "json")
    assert ended.returncode == 4
    assert json.loads(ended.stdout)["is_valid"] is False


def test_a_login_that_never_comes_back_says_what_to_check(
    patang: Patang, toy: str, sandbox, port: int
) -> None:
    late = patang(
        *("login", "--no-browser", "--port", str(port), "--timeout", "0.2"),
        PATANG_API_SECRET=sandbox.api_secret,
    )
    fails(late, 4, "did not come back", "--paste", f"http://127.0.0.1:{port}/")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        busy = patang(
            *("login", "--no-browser", "--port", str(taken.getsockname()[1])),
            PATANG_API_SECRET=sandbox.api_secret,
        )
    fails(busy, 3, "in use", "--paste")


def test_a_wrong_or_missing_secret_is_named_and_nothing_is_kept(
    patang: Patang, toy: str, sandbox, folder: Path
) -> None:
    wrong = patang("login", "--paste", stdin=redirected(sandbox), PATANG_API_SECRET="wrongsecret9")
    fails(wrong, 4, "checksum")
    assert "wrongsecret9" not in wrong.stderr
    fails(
        patang("login", "--paste", stdin=redirected(sandbox)), 2, "api_secret", "PATANG_API_SECRET"
    )
    fails(
        patang("login", "--paste", stdin="nonsense here", PATANG_API_SECRET=sandbox.api_secret),
        4,
        "neither",
    )
    assert not list(folder.glob("secrets/*"))


def test_a_kept_secret_serves_the_next_morning(patang: Patang, toy: str, sandbox) -> None:
    logged_in(patang, sandbox, "--save-secret")
    again = patang("login", "--paste", "-o", "json", stdin=redirected(sandbox, "CD5678"))
    assert again.returncode == 0, again.stderr
    assert json.loads(again.stdout)["user_id"] == "CD5678"
    assert "secret is removed" in patang("logout", "--forget-secret").stdout
    fails(patang("login", "--paste", stdin="x"), 2, "api_secret")


def test_files_are_private_and_encrypted(patang: Patang, toy: str, sandbox, folder: Path) -> None:
    logged_in(patang, sandbox, "--save-secret")
    kept = sorted(folder.glob("secrets/*"))
    assert [path.name for path in kept] == ["toy.api-secret.age", "toy.session.age"]
    if os.name == "posix":
        for path in (*kept, folder / "identity.txt"):
            assert path.stat().st_mode & 0o777 == 0o600
        assert folder.stat().st_mode & 0o777 == 0o700
        kept[1].chmod(0o644)
        fails(patang("orders"), 3, "open to others", "chmod 600")
    kept[1].chmod(0o600)
    kept[1].write_bytes(b"junk")
    fails(patang("orders"), 3, "no age file", "log in again")
    assert patang("logout", "--local").returncode == 0
    assert not kept[1].exists()


def test_no_secret_shows_in_any_output(patang: Patang, toy: str, sandbox, folder: Path) -> None:
    results = [logged_in(patang, sandbox, "--save-secret")]
    tokens = [session_in(folder).access_token.reveal()]
    tokens += [sandbox.access_token(user["user_id"]) for user in USERS]
    commands = ["status", "orders", "positions", "holdings", "funds", "profile list"]
    for command in [*commands, "quote NSE:INFY", "ohlc NSE:INFY", "quote NSE:NONE", "quote BAD"]:
        for output in ("table", "json"):
            results.append(patang(*command.split(), "-o", output))
    results.append(patang("logout"))
    results.append(patang("orders"))
    identity = (folder / "identity.txt").read_text().splitlines()[-1]
    shown = "".join(result.stdout + result.stderr for result in results)
    for secret in (*tokens, sandbox.api_secret, identity):
        assert secret not in shown
    plain = b"".join(
        path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != "identity.txt"
    )
    for secret in (*tokens, sandbox.api_secret, identity):
        assert secret.encode() not in plain


def session_in(folder: Path) -> SavedSession:
    session = vault_of(folder).session("toy")
    assert session is not None
    return session


def vault_of(folder: Path) -> Vault:
    environment = Environment.model_construct(
        config_dir=folder, secrets_key=None, secrets_key_file=None, credentials_directory=None
    )
    return Vault(folder, KeyChain(environment))


@pytest.fixture(scope="module")
def ready(start_sandbox) -> list[str]:
    """The option that needs no profile and no login, for a sandbox where nobody logs in."""
    own = start_sandbox(speed=0, rate_limits=False, users=USERS)
    return ["--sandbox", str(own.ready_path)]


def test_a_ready_file_is_enough(patang: Patang, start_sandbox, tmp_path: Path) -> None:
    own = start_sandbox(speed=0, rate_limits=False, users=USERS)
    with_file = ["--sandbox", str(own.ready_path)]
    table = patang("quote", "NSE:INFY", "NSE:NIFTY 50", *with_file)
    assert table.returncode == 0, table.stderr
    assert " SANDBOX " in table.stdout
    assert "2026-11-19 09:20:00 IST" in table.stdout
    assert table.stderr == ""
    login = patang("login", "--paste", *with_file, stdin=redirected(own))
    assert login.returncode == 0, login.stderr
    assert patang("status", *with_file).returncode == 0
    own.stop()
    fails(patang("orders", *with_file), 3, "ready file", "patang sandbox --ready-file")
    fails(patang("orders", *with_file, "--profile", "x"), 2, "--profile")
    junk = tmp_path / "junk.json"
    junk.write_text('{"root": "http://x", "api_secret": "hushhush"}')
    failed = patang("orders", "--sandbox", str(junk))
    fails(failed, 3, "no ready file")
    assert "hushhush" not in failed.stderr


def test_a_session_of_an_earlier_sandbox_on_the_port_is_forgotten(
    patang: Patang, start_sandbox, folder: Path
) -> None:
    own = start_sandbox(speed=0, rate_limits=False, users=USERS)
    with_file = ["--sandbox", str(own.ready_path)]
    assert patang("login", "--paste", *with_file, stdin=redirected(own)).returncode == 0
    assert patang("orders", *with_file).returncode == 0
    (kept,) = folder.glob("secrets/*")
    os.utime(kept, ns=(0, own.ready_path.stat().st_mtime_ns - 1))
    patang("orders", *with_file)
    assert not kept.exists()


def test_a_ready_file_cannot_lead_to_the_broker(patang: Patang, sandbox, tmp_path: Path) -> None:
    forged = tmp_path / "forged.json"
    document = {**sandbox.ready, "root": "https://api.kite.trade"}
    forged.write_text(json.dumps(document))
    fails(patang("orders", "--sandbox", str(forged)), 3, "Zerodha's own")


def test_rows_come_as_table_json_and_csv(patang: Patang, toy: str, sandbox, folder: Path) -> None:
    logged_in(patang, sandbox)
    token = session_in(folder).access_token.reveal()
    headers = {"Authorization": f"token {sandbox.api_key}:{token}"}
    order = {
        "exchange": "NSE", "tradingsymbol": "INFY", "transaction_type": "BUY", "quantity": 1500,
        "product": "MIS", "order_type": "LIMIT", "price": "1450.10", "validity": "DAY",
        "tag": "keepsake",
    }  # fmt: skip
    traded = order | {"price": "1600", "quantity": 10}
    for form in (order, traded):
        answer = requests.post(
            f"{sandbox.root}/orders/regular", data=form, headers=headers, timeout=5
        )
        assert answer.ok, answer.text

    table = patang("orders")
    assert "SANDBOX" in table.stdout
    for word in ("NSE:INFY", "1,500", "1,450.10", "OPEN", "COMPLETE", "keepsake"):
        assert word in table.stdout
    pending = patang("orders", "--pending", "-o", "csv")
    assert "SANDBOX" in pending.stderr
    (row,) = csv.DictReader(io.StringIO(pending.stdout))
    assert (row["instrument"], row["quantity"], row["price"]) == ("NSE:INFY", "1500", "1450.1")
    sent = requests.get(f"{sandbox.root}/orders", headers=headers, timeout=5).json()["data"]
    assert json.loads(patang("orders", "-o", "json").stdout) == sent

    positions = patang("positions")
    assert "NSE:INFY" in positions.stdout
    assert "P&L gross of charges  0.00" in positions.stdout
    assert "Available" in patang("funds").stdout
    for command in (["funds"], ["holdings"], ["positions", "--day"], ["ohlc", "NSE:INFY"]):
        assert patang(*command).returncode == 0
        assert json.loads(patang(*command, "-o", "json").stdout) is not None
        assert patang(*command, "-o", "csv").stdout.count(",") > 3


def test_a_session_that_the_server_flushed_means_exit_4(patang: Patang, toy: str, sandbox) -> None:
    logged_in(patang, sandbox)
    logged_in_elsewhere = requests.post(
        f"{sandbox.root}/session/token", data=exchange_form(sandbox), timeout=5
    )
    assert logged_in_elsewhere.ok
    fails(patang("funds"), 4, "refuses the session of toy", "patang login --profile toy")
    assert "refuses" in patang("status").stdout


def exchange_form(sandbox) -> dict[str, str]:
    from patang.wire.checksums import login_checksum

    token = sandbox.request_token("AB1234")
    checksum = login_checksum(sandbox.api_key, token, sandbox.api_secret)
    return {"api_key": sandbox.api_key, "request_token": token, "checksum": checksum}


def test_at_six_in_the_morning_the_session_is_over(process: Patang, start_sandbox) -> None:
    before_six_ns = at_ist(date(2026, 11, 20), 5, 59, 58)
    own = start_sandbox(speed=1000, users=USERS, start_ns=before_six_ns, rate_limits=False)
    result = process("orders", "--sandbox", str(own.ready_path))
    fails(result, 4, "refuses the session", "patang login --sandbox")


def test_a_live_session_past_its_time_is_refused_without_asking_anybody(
    patang: Patang, folder: Path
) -> None:
    added = patang("profile", "add", "home", "--mode", "live", "--api-key", "key123")
    assert " LIVE " in added.stdout
    fails(patang("orders"), 4, "no session for home", "patang login --profile home")
    expires_ns = at_ist(date(2020, 1, 2), 6, 0)
    vault_of(folder).save(
        SavedSession(
            profile="home",
            mode=Mode.LIVE,
            root="https://api.kite.trade",
            api_key="key123",
            user_id="AB1234",
            user_name="A B",
            access_token=Secret("t0ken"),
            login_ns=expires_ns - 1,
            expires_ns=expires_ns,
        )
    )
    ended = f"ended at {format_ist(expires_ns)} IST"
    fails(patang("orders"), 4, ended, "patang login --profile home")
    status = patang("status", "--offline")
    assert status.returncode == 4
    assert " LIVE " in status.stdout
    assert ended in status.stdout


def test_a_server_that_is_gone_means_exit_7(patang: Patang, start_sandbox, sandbox) -> None:
    own = start_sandbox(users=USERS)
    for name, root in (("gone", own.root), ("none", "http://127.0.0.1:9")):
        patang(
            *("profile", "add", name, "--mode", "sandbox"),
            *("--api-key", own.api_key, "--root", root),
        )
    login = patang(
        *("login", "--profile", "gone", "--paste"),
        stdin=redirected(own),
        PATANG_API_SECRET=own.api_secret,
    )
    assert login.returncode == 0, login.stderr
    own.stop()
    fails(patang("orders", "--profile", "gone"), 7, "no connection")
    fails(patang("logout", "--profile", "gone"), 7)
    assert patang("logout", "--profile", "gone", "--local").returncode == 0


def test_profiles_are_added_listed_and_chosen(patang: Patang, toy: str) -> None:
    listed = patang("profile", "list")
    assert "* toy" in " ".join(listed.stdout.split())
    assert "SANDBOX" in listed.stdout
    assert json.loads(patang("profile", "list", "-o", "json").stdout)["default"] == "toy"
    fails(patang("profile", "add", "toy", "--mode", "live", "--api-key", "k"), 3, "already")
    fails(patang("profile", "add", "x", "--mode", "paper", "--api-key", "k"), 2, "live or sandbox")
    fails(patang("profile", "add", "x", "--mode", "sandbox", "--api-key", "k"), 3, "needs root")
    patang("profile", "add", "home", "--mode", "live", "--api-key", "k")
    fails(patang("orders"), 3, "none was chosen", "home, toy")
    fails(patang("orders", PATANG_PROFILE="toy"), 4, "no session for toy")
    fails(patang("orders", "--profile", "away"), 3, "'away'")


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["quote"], "none given"),
        (["quote", "INFY"], "EXCHANGE:SYMBOL"),
        (["quote", "XYZ:INFY"], "unknown exchange"),
        (["orders", "-o", "xml"], "xml"),
        (["login", "--port", "0"], "65535"),
        (["login", "--timeout", "0"], "timeout"),
        (["profile", "add", "x"], "api-key"),
    ],
)
def test_wrong_usage_is_exit_2(
    patang: Patang, ready: list[str], arguments: list[str], complaint: str
) -> None:
    more = ready if arguments[0] != "profile" else []
    fails(patang(*arguments, *more), 2, complaint)


@pytest.mark.parametrize(
    "command",
    ["login", "logout", "status", "quote", "ohlc", "orders", "positions", "holdings", "funds",
     "profile add", "profile list"],
)  # fmt: skip
def test_every_command_shows_examples(patang: Patang, command: str) -> None:
    shown = patang(*command.split(), "--help")
    assert shown.returncode == 0
    assert f"patang {command}" in shown.stdout
    assert "For example" in shown.stdout


def test_without_colour_the_marks_remain(process: Patang, ready: list[str]) -> None:
    plain = process("quote", "NSE:INFY", *ready, NO_COLOR="1", FORCE_COLOR="1", TERM="xterm")
    coloured = process("quote", "NSE:INFY", *ready, FORCE_COLOR="1", TERM="xterm-256color")
    assert plain.returncode == coloured.returncode == 0, plain.stderr
    assert "\x1b[32m" in coloured.stdout or "\x1b[31m" in coloured.stdout
    assert "\x1b[32m" not in plain.stdout
    assert "\x1b[31m" not in plain.stdout
    assert "▲" in plain.stdout or "▼" in plain.stdout


def test_a_terminal_without_the_marks_still_has_the_signs(
    process: Patang, ready: list[str]
) -> None:
    shown = process("quote", "NSE:INFY", *ready, PYTHONIOENCODING="ascii")
    assert shown.returncode == 0, shown.stderr
    assert "%" in shown.stdout
    assert shown.stdout.isascii()


def test_a_login_without_standard_input_says_what_is_missing(
    process: Patang, ready: list[str], folder: Path
) -> None:
    for redirect in ("<&-", "</dev/null"):
        failed = subprocess.run(
            ["sh", "-c", f'exec "$0" -m patang.cli login --paste "$@" {redirect}', sys.executable,
             *ready],
            capture_output=True,
            text=True,
            timeout=30,
            env={**os.environ, "PATANG_CONFIG_DIR": str(folder)},
            check=False,
        )  # fmt: skip
        fails(failed, 4, "neither")
