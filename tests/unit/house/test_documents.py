"""The documents keep their promises: links lead somewhere, names exist, commands run."""

import importlib
import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

import patang
from patang.cli.exits import Exit
from patang.engine.refusals import Refusal

ROOT = Path(__file__).parents[3]
DOCUMENTS = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
RECORDS = sorted((ROOT / "docs" / "adr").glob("*.md"))
RECORD_SECTIONS = [
    "Context",
    "Decision",
    "What we gave up",
    "How we would notice being wrong",
]
LINK = re.compile(r"\[[^\]]+\]\(([^)\s]+)\)")
BLOCK = re.compile(r"^```(\w+)[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def anchor_of(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def broken_links(document: Path, text: str) -> list[str]:
    """Links of a document whose file or heading is missing; web addresses are not followed."""
    broken = []
    for link in LINK.findall(text):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (document.parent / path).resolve() if path else document
        if not target.exists():
            broken.append(link)
        elif anchor:
            headings = re.findall(r"^#+ (.+)$", target.read_text(encoding="utf-8"), re.MULTILINE)
            if anchor not in map(anchor_of, headings):
                broken.append(link)
    return broken


def shell_lines(language: str) -> list[str]:
    """The commands of the README's blocks of one language, without comments."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    blocks = [body for name, body in BLOCK.findall(text) if name == language]
    lines = [line.partition(" #")[0].strip() for body in blocks for line in body.splitlines()]
    return [line for line in lines if line]


def installed(arguments: list[str]) -> subprocess.CompletedProcess[str]:
    """Run ``patang`` with the arguments, as the entry point would."""
    program = "import sys; from patang.cli.app import main; sys.exit(main())"
    return subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, text=True, timeout=60
    )


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_every_link_leads_somewhere(document: Path) -> None:
    assert broken_links(document, document.read_text(encoding="utf-8")) == []


def test_a_broken_link_is_noticed() -> None:
    text = "[a](nowhere.md) [b](docs/seeds.md#nothing) [c](docs/seeds.md#seed-000-an-async-client)"
    assert broken_links(ROOT / "README.md", text) == ["nowhere.md", "docs/seeds.md#nothing"]


def test_records_are_numbered_without_gap() -> None:
    assert [path.name[:4] for path in RECORDS] == [f"{n:04d}" for n in range(1, len(RECORDS) + 1)]


@pytest.mark.parametrize("record", RECORDS, ids=lambda path: path.stem)
def test_record_is_under_a_page_and_says_what_was_given_up(record: Path) -> None:
    text = record.read_text(encoding="utf-8")
    assert text.startswith(f"# {record.name[:4]} ")
    assert re.search(r"^Date: \d{4}-\d\d-\d\d\. Status: \w+", text, re.MULTILINE)
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == RECORD_SECTIONS
    assert len(text.splitlines()) <= 60


def test_every_record_stands_in_the_list_of_the_architecture() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    for record in RECORDS:
        title = record.read_text(encoding="utf-8").partition("\n")[0].removeprefix("# ")
        assert f"- [{title}](adr/{record.name})" in text


def test_every_room_stands_in_the_architecture() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    rooms = {path.parent.name for path in (ROOT / "src" / "patang").glob("*/__init__.py")}
    assert {room for room in rooms if f"| `{room}` |" not in text} == set()


def exists(dotted: str) -> bool:
    """Whether a dotted name of the package leads to a module, or to a name within one."""
    parts = dotted.split(".")
    for length in range(len(parts), 0, -1):
        try:
            target: object = importlib.import_module(".".join(parts[:length]))
        except ModuleNotFoundError:
            continue
        for name in parts[length:]:
            if not hasattr(target, name):
                return False
            target = getattr(target, name)
        return True
    return False


@pytest.mark.parametrize(
    "dotted",
    sorted(
        set(
            re.findall(
                r"`(patang(?:\.\w+)+)", (ROOT / "docs" / "seeds.md").read_text(encoding="utf-8")
            )
        )
    ),
)
def test_home_of_a_seed_name_exists(dotted: str) -> None:
    assert exists(dotted)


def test_home_that_does_not_exist_is_noticed() -> None:
    assert not exists("patang.domain.order.Ordure")


def test_tables_in_the_documents_are_those_of_the_code() -> None:
    run = subprocess.run(
        [sys.executable, ROOT / "tools" / "write_tables.py", "--check"],
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr


def test_every_refusal_of_the_risk_gate_is_documented() -> None:
    text = (ROOT / "docs" / "risk.md").read_text(encoding="utf-8")
    assert sorted(re.findall(r"^\| `([A-Z_]+)` \|", text, re.MULTILINE)) == sorted(Refusal)


def test_changelog_is_ordered_and_speaks_of_known_kinds_of_change() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    releases = re.findall(r"^## \[(.+?)\](?: - (\d{4}-\d\d-\d\d))?$", text, re.MULTILINE)
    assert releases[0] == ("Unreleased", "")
    assert all(date for _, date in releases[1:])
    assert all(newer[1] > older[1] for newer, older in pairwise(releases[1:]))
    kinds = set(re.findall(r"^### (.+)$", text, re.MULTILINE))
    assert kinds <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
    assert re.findall(r"^- ", text, re.MULTILINE)


def test_readme_names_the_two_commands_of_a_fresh_clone() -> None:
    assert {"make demo", "make test"} <= set(shell_lines("sh"))


def test_readme_uses_only_targets_that_make_knows() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))
    used = {line.split()[1] for line in shell_lines("sh") if line.startswith("make ")}
    assert used <= targets


@pytest.mark.parametrize(
    "line", sorted({line for line in shell_lines("sh") if line.startswith("patang ")})
)
def test_command_of_the_readme_has_help_and_knows_its_options(line: str) -> None:
    words = line.split()
    if "--version" in words or "--help" in words:
        run = installed(words[1:])
        assert run.returncode == 0, run.stderr
        return
    run = installed([words[1], "--help"])
    assert run.returncode == 0, run.stderr
    options = [word for word in words[2:] if word.startswith("-")]
    assert [option for option in options if option not in run.stdout] == []


@pytest.mark.parametrize(
    "block",
    [
        body
        for name, body in BLOCK.findall((ROOT / "README.md").read_text(encoding="utf-8"))
        if name == "python"
    ],
    ids=lambda body: body.splitlines()[0],
)
def test_python_of_the_readme_runs(block: str) -> None:
    names: dict[str, object] = {"__name__": "readme"}
    exec(compile(block, "README.md", "exec"), names)
    assert len(block.splitlines()) < 20


def test_version_is_told_once() -> None:
    run = installed(["--version"])
    assert run.stdout.split()[-1:] == [patang.__version__], run.stderr


def test_exit_codes_are_documented() -> None:
    text = (ROOT / "docs" / "exit-codes.md").read_text(encoding="utf-8")
    documented = {int(code) for code in re.findall(r"^\| (\d+) \|", text, re.MULTILINE)}
    assert documented == {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 130}
    assert {int(code) for code in Exit} <= documented
