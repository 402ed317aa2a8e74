"""The pure floors are pure: what import-linter cannot see is read from the syntax tree."""

import ast
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PACKAGE = ROOT / "src" / "patang"
PURE_ROOMS = ("domain", "rules", "wire", "engine", "simulator", "examples")
SOURCES = sorted(PACKAGE.rglob("*.py"))
PURE_SOURCES = [path for path in SOURCES if path.relative_to(PACKAGE).parts[0] in PURE_ROOMS]

# Calls that read a clock, a source of chance, the environment, a file or the terminal.
IMPURE_CALLS = re.compile(
    r"(\w+\.)*(datetime|date)\.(now|utcnow|today)"
    r"|time\.\w+|random\.\w+|secrets\.\w+|uuid\.\w+|os\.\w+|open|print|input|getenv|urlopen"
)
IMPURE_IMPORTS = frozenset(
    """_thread aiohttp asyncio concurrent contextvars fcntl getpass http logging multiprocessing os
    queue random sched secrets select selectors shutil signal socket socketserver sqlite3 ssl
    subprocess tempfile threading time uuid""".split()
)


def contracts() -> list[dict[str, object]]:
    configuration = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    found: list[dict[str, object]] = configuration["tool"]["importlinter"]["contracts"]
    return found


def layers() -> list[str]:
    (contract,) = [each for each in contracts() if each.get("containers") == ["patang"]]
    rooms = contract["layers"]
    assert isinstance(rooms, list)
    return [room.strip("() ") for line in rooms for room in re.split(r"[|:]", line)]


def impurities(tree: ast.AST) -> list[str]:
    """Every impure import, call and asynchronous construct of a module, with its line."""
    found = []
    for node in ast.walk(tree):
        line = getattr(node, "lineno", 0)
        match node:
            case ast.Import(names=names):
                roots = {each.name.partition(".")[0] for each in names}
                found += [f"{line}: import {root}" for root in sorted(roots & IMPURE_IMPORTS)]
            case ast.ImportFrom(module=str(module)):
                if module.partition(".")[0] in IMPURE_IMPORTS or module == "urllib.request":
                    found.append(f"{line}: from {module} import")
            case ast.AsyncFunctionDef() | ast.AsyncFor() | ast.AsyncWith() | ast.Await():
                found.append(f"{line}: {type(node).__name__}")
            case ast.Call(func=function) if IMPURE_CALLS.fullmatch(ast.unparse(function)):
                found.append(f"{line}: {ast.unparse(function)}()")
    return found


@pytest.mark.parametrize(
    "path", PURE_SOURCES, ids=lambda path: path.relative_to(PACKAGE).as_posix()
)
def test_pure_floor_reads_no_clock_chance_file_or_socket(path: Path) -> None:
    assert impurities(ast.parse(path.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize(
    "code",
    [
        "import asyncio",
        "import os.path",
        "from time import monotonic_ns",
        "from urllib.request import urlopen",
        "async def turn(): ...",
        "datetime.now(IST)",
        "datetime.datetime.now()",
        "date.today()",
        "open('journal')",
        "print(1)",
    ],
)
def test_impurity_is_noticed(code: str) -> None:
    assert len(impurities(ast.parse(code))) == 1


@pytest.mark.parametrize(
    "code", ["view.now_ns", "clock.now_ns()", "from urllib.parse import urlencode", "book.open_(1)"]
)
def test_pure_code_is_left_alone(code: str) -> None:
    assert impurities(ast.parse(code)) == []


def test_every_room_has_a_floor() -> None:
    rooms = {path.name for path in PACKAGE.iterdir() if (path / "__init__.py").exists()}
    assert rooms <= set(layers())


def test_examples_stand_above_the_engine_and_below_what_runs_them() -> None:
    order = layers()
    assert order.index("runtime") < order.index("examples") < order.index("engine")


def test_every_pure_room_is_in_the_purity_contract() -> None:
    (pure,) = [each for each in contracts() if "pure floors" in str(each["name"]).lower()]
    rooms = {f"patang.{room}" for room in PURE_ROOMS if (PACKAGE / room / "__init__.py").exists()}
    sources = pure["source_modules"]
    assert isinstance(sources, list)
    assert rooms <= set(sources)


@pytest.mark.parametrize(
    ("room", "module", "code", "complaint"),
    [
        ("attic", "__init__.py", "", "attic"),
        ("domain", "upward.py", "import patang.engine.bars", "patang.domain.upward"),
        ("engine", "waiting.py", "import asyncio", "patang.engine.waiting -> asyncio"),
        ("kite", "sweep.py", "import threading", "patang.kite.sweep -> threading"),
    ],
)
def test_contracts_notice_a_planted_breach(
    tmp_path: Path, room: str, module: str, code: str, complaint: str
) -> None:
    shutil.copytree(PACKAGE, tmp_path / "patang", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "patang" / room).mkdir(exist_ok=True)
    (tmp_path / "patang" / room / module).write_text(f'"""Planted."""\n{code}\n')
    program = (
        "import sys; from importlinter.cli import lint_imports_command; lint_imports_command()"
    )
    run = subprocess.run(
        [sys.executable, "-c", program, "--no-cache", "--config", str(ROOT / "pyproject.toml")],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert run.returncode == 1, run.stdout + run.stderr
    assert complaint in run.stdout


def test_relative_imports_are_absent() -> None:
    relative = [
        path.name
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and node.level
    ]
    assert relative == []


@pytest.mark.parametrize(
    ("statement", "absent"),
    [
        ("import patang", {"msgspec", "asyncio"}),
        (
            "from patang.kite import Kite, KiteFeed",
            """sqlite3 sqlalchemy pyrage keyring pandas numpy numba talib polars fastapi starlette
            uvicorn rich cyclopts patang.engine patang.runtime patang.storage patang.sandbox
            patang.simulator""".split(),
        ),
        (
            "import patang.engine.engine",
            {"asyncio", "socket", "sqlite3", "aiohttp", "numpy", "talib"},
        ),
        ("import patang.cli.app", {"numpy", "pandas", "talib", "uvicorn", "starlette"}),
    ],
)
def test_import_loads_nothing_heavy(statement: str, absent: set[str]) -> None:
    program = f"import sys; {statement}; print(*sorted(set({sorted(absent)}) & set(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert run.stdout.split() == []
