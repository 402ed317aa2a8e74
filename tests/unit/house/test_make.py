"""make finds a Python that suits, and says what to do when there is none."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
SYSTEM = ("sh", "env", "rm", "cat")


@pytest.fixture
def path_of(tmp_path: Path) -> Path:
    """A folder to use as PATH that holds a shell and no Python."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in SYSTEM:
        for place in (Path("/bin"), Path("/usr/bin")):
            if (place / name).exists():
                (folder / name).symlink_to(place / name)
                break
    return folder


def add_python(folder: Path, name: str, answer: str) -> None:
    """A Python of that name which gives ``answer`` to the question whether it suits."""
    script = f"#!{folder}/sh\ncat >{folder}/asked\necho {answer}\n"
    (folder / name).write_text(script, encoding="utf-8")
    (folder / name).chmod(0o755)


def make_environment(
    path: Path, target: Path, wanted: str = ""
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [path / "sh", ROOT / "tools" / "make-environment", target, wanted],
        env={"PATH": str(path)},
        capture_output=True,
        text=True,
    )


def test_no_python_at_all_is_told_with_the_remedy(path_of: Path, tmp_path: Path) -> None:
    run = make_environment(path_of, tmp_path / "venv")
    assert run.returncode == 3
    assert "no usable Python of 3.11 to 3.14" in run.stderr
    assert "apt install python3" in run.stderr


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ("old", "python3 (too old)"),
        ("new", "python3 (too new)"),
        ("bare", "python3 lacks its venv module. On Debian or Ubuntu: sudo apt install"),
    ],
)
def test_unsuitable_python_is_named(path_of: Path, tmp_path: Path, answer: str, words: str) -> None:
    add_python(path_of, "python3", answer)
    run = make_environment(path_of, tmp_path / "venv")
    assert run.returncode == 3
    assert words in run.stderr
    assert "make demo PYTHON=" in run.stderr


def test_shim_that_only_complains_is_passed_over(path_of: Path, tmp_path: Path) -> None:
    (path_of / "python3").write_text(f"#!{path_of}/sh\nexit 127\n", encoding="utf-8")
    (path_of / "python3").chmod(0o755)
    (path_of / "python3.12").symlink_to(sys.executable)
    run = make_environment(path_of, tmp_path / "a folder")
    assert run.returncode == 0, run.stderr
    assert "(python3.12)" in run.stdout
    assert (tmp_path / "a folder" / "bin" / "python").exists()


def test_named_python_is_the_only_one_asked(path_of: Path, tmp_path: Path) -> None:
    (path_of / "python3").symlink_to(sys.executable)
    add_python(path_of, "mine", "old")
    run = make_environment(path_of, tmp_path / "venv", wanted="mine")
    assert run.returncode == 3
    assert "mine (too old)" in run.stderr


def test_continuous_integration_runs_the_command_of_the_readme() -> None:
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert "make test" in script
    assert "export CI=true" in script


@pytest.mark.parametrize(
    "code",
    [
        "def test_later():\n    pytest.skip('no database here')\n",
        "pytest.importorskip('a_library_nobody_has')\n\ndef test_later():\n    pass\n",
    ],
    ids=["test", "module"],
)
def test_what_is_skipped_fails_under_ci_only(tmp_path: Path, code: str) -> None:
    (tmp_path / "test_skipping.py").write_text(
        f"import pytest\n\ndef test_now():\n    pass\n\n{code}"
    )
    results = [
        subprocess.run(
            [sys.executable, "-m", "pytest", "-p", "conftest", "--rootdir", tmp_path, tmp_path],
            cwd=tmp_path,
            env={
                **os.environ,
                "PYTHONPATH": str(ROOT / "tests"),
                "CI": under_ci,
                "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            },
            capture_output=True,
            text=True,
        )
        for under_ci in ("true", "")
    ]
    strict, lenient = results
    assert "every test must run" in strict.stdout
    assert strict.returncode not in {0, 5}
    assert lenient.returncode in {0, 5}  # 5: nothing was collected
