"""What is in the repository, and what must never be."""

import doctest
import importlib
import pkgutil
import re
import subprocess
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import patang
import patang.kite

ROOT = Path(__file__).parents[3]
LARGEST_BYTES = 500_000

# Put together from parts, so that this file does not hold what it looks for.
UNFINISHED = re.compile(
    r"\b(" + "|".join(["TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK"]) + r")\b"
    "|Not" + "Implemented" + "Error|not " + "implemented|in a " + "real (?:system|implementation)"
    "|simplified " + "version"
)
ONE_MACHINE = re.compile(
    r"/(?:" + "|".join(["ro" + "ot", "ho" + "me/\\w", "Us" + "ers/\\w", "wo" + "rk/"]) + r")"
    r"|(?:index-url|find-links|registry)\s*[=:]|pypi\." + r"org|files\.python" + "hosted"
)


def tracked() -> list[Path]:
    """Every file that git knows, that still exists."""
    run = subprocess.run(
        ["git", "-C", str(ROOT), "ls-files", "-z"], capture_output=True, text=True, check=False
    )
    if run.returncode != 0:  # an unpacked source distribution has no git
        ours = (path for path in ROOT.rglob("*") if ".venv" not in path.parts)
        found = [path for path in ours if "node_modules" not in path.parts]
        return [path for path in found if path.is_file() and "__pycache__" not in path.parts]
    paths = [ROOT / name for name in run.stdout.split("\0") if name]
    return [path for path in paths if path.is_file()]


def lines_of(path: Path) -> list[str]:
    """The lines of a text file; none for binary files."""
    raw = path.read_bytes()
    return [] if b"\0" in raw else raw.decode("utf-8").splitlines()


def findings(pattern: re.Pattern[str], paths: list[Path]) -> list[str]:
    return [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()[:80]}"
        for path in paths
        for number, line in enumerate(lines_of(path), start=1)
        if pattern.search(line)
    ]


def test_nothing_is_unfinished() -> None:
    assert findings(UNFINISHED, [path for path in tracked() if path.name != "LICENSE"]) == []


def test_no_file_names_one_machine_or_a_package_index() -> None:
    assert findings(ONE_MACHINE, tracked()) == []


@pytest.mark.parametrize(
    ("pattern", "line"),
    [
        (UNFINISHED, "# TO" + "DO: later"),
        (UNFINISHED, "raise Not" + "ImplementedError"),
        (ONE_MACHINE, "open('/ho" + "me/someone/kite.db')"),
        (ONE_MACHINE, "--index" + "-url=https://mirror"),
    ],
)
def test_what_must_not_be_there_is_noticed(pattern: re.Pattern[str], line: str) -> None:
    assert pattern.search(line)


def test_no_large_file_is_tracked() -> None:
    assert [path.name for path in tracked() if path.stat().st_size > LARGEST_BYTES] == []


def test_text_files_end_with_one_newline_and_no_trailing_blanks() -> None:
    exempt = {".csv", ".json", ".packet", ".bin"}
    untidy = []
    for path in tracked():
        raw = path.read_bytes()
        if path.suffix in exempt or b"\0" in raw or not raw:
            continue
        blanks = any(re.search(rb"[ \t]+$", line) for line in raw.splitlines())
        if blanks or not raw.endswith(b"\n") or raw.endswith(b"\n\n") or b"\r" in raw:
            untidy.append(path.relative_to(ROOT).as_posix())
    assert untidy == []


def test_scripts_are_executable() -> None:
    scripts = [ROOT / ".ci" / "run", *(ROOT / "tools").iterdir()]
    assert [path.name for path in scripts if not path.stat().st_mode & 0o100] == []


def pins() -> dict[str, str]:
    """Canonical package name -> exact version, from constraints.txt."""
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    requirements = [Requirement(line) for line in lines if line and not line.startswith("#")]
    found = {}
    for requirement in requirements:
        (specifier,) = requirement.specifier
        assert specifier.operator == "==", requirement
        assert requirement.url is None, requirement
        found[canonicalize_name(requirement.name)] = specifier.version
    assert len(found) == len(requirements)
    return found


def declared() -> list[Requirement]:
    """Every requirement of pyproject.toml, with those of the extras."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"].values()
    texts = [*project["dependencies"], *(text for extra in extras for text in extra)]
    return [each for each in map(Requirement, texts) if each.name != "patang"]


@pytest.mark.parametrize("requirement", declared(), ids=lambda each: each.name)
def test_requirement_is_pinned_within_its_range(requirement: Requirement) -> None:
    version = pins().get(canonicalize_name(requirement.name))
    assert version is not None
    assert requirement.specifier.contains(version)


def test_constraints_are_sorted_and_leave_out_patang() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    versions = [line for line in lines if not line.startswith("#")]
    assert versions == sorted(versions, key=str.upper)
    assert not any(line.lower().startswith("patang=") for line in versions)


def modules() -> list[str]:
    return [
        entry.name
        for entry in pkgutil.walk_packages(patang.__path__, "patang.")
        if not entry.name.endswith("__main__")
    ]


@pytest.mark.parametrize("name", modules())
def test_examples_in_docstrings_run(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def test_public_names_change_only_on_purpose() -> None:
    # A change here is a change of the public face: say so in CHANGELOG.md.
    assert patang.__version__
    assert {"Kite", "KiteFeed"} <= set(patang.kite.__all__)


def test_package_is_marked_as_typed() -> None:
    assert (ROOT / "src" / "patang" / "py.typed").exists()
