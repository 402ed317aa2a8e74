"""Private files: whole, 0600, and refused when anybody else could have touched them."""

import os
import stat
import sys
from pathlib import Path

import pytest

from patang.storage.private_file import (
    SecretFileUnusable,
    UnsafePermissions,
    read_private,
    remove_private,
    write_private,
)

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no file modes")


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_file_is_its_owners_alone_whatever_the_umask(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "key"
    before = os.umask(0)
    try:
        assert write_private(path, b"first")
        assert write_private(path, b"second")
    finally:
        os.umask(before)
    assert read_private(path, 10) == b"second"
    assert mode_of(path) == 0o600
    assert mode_of(path.parent) == 0o700
    assert os.listdir(path.parent) == ["key"]


def test_without_replacing_the_first_one_stays(tmp_path: Path) -> None:
    path = tmp_path / "key"
    assert write_private(path, b"first", replace=False)
    assert not write_private(path, b"second", replace=False)
    assert read_private(path, 10) == b"first"
    assert os.listdir(tmp_path) == ["key"]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644, 0o666, 0o610])
def test_a_file_that_others_may_touch_is_refused_with_the_remedy(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "key"
    write_private(path, b"secret")
    path.chmod(mode)
    with pytest.raises(UnsafePermissions) as failure:
        read_private(path, 10)
    assert f"chmod 600 '{path}'" in failure.value.remedy
    assert f"{mode:04o}" in failure.value.cause


def test_a_folder_that_others_may_write_to_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "open" / "key"
    write_private(path, b"secret")
    path.parent.chmod(0o777)
    with pytest.raises(UnsafePermissions, match="chmod 700"):
        read_private(path, 10)
    with pytest.raises(UnsafePermissions, match="chmod 700"):
        write_private(path, b"other")
    path.parent.chmod(0o700)
    assert read_private(path, 10) == b"secret"


def test_no_file_is_none_and_removing_it_is_no_error(tmp_path: Path) -> None:
    assert read_private(tmp_path / "none", 10) is None
    assert not remove_private(tmp_path / "none")
    write_private(tmp_path / "some", b"x")
    assert remove_private(tmp_path / "some")


def test_what_is_no_file_of_ours_is_refused(tmp_path: Path) -> None:
    target, link, pipe = tmp_path / "target", tmp_path / "link", tmp_path / "pipe"
    write_private(target, b"x")
    link.symlink_to(target)
    os.mkfifo(pipe, 0o600)
    for path in (link, pipe, tmp_path):
        with pytest.raises(SecretFileUnusable):
            read_private(path, 10)
    write_private(tmp_path / "large", b"x" * 11)
    with pytest.raises(SecretFileUnusable, match="larger than 10"):
        read_private(tmp_path / "large", 10)


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(SecretFileUnusable, match="cannot be written") as failure:
        write_private(tmp_path / "file" / "key", b"x")
    assert "PATANG_CONFIG_DIR" in failure.value.remedy
    with pytest.raises(SecretFileUnusable):
        remove_private(tmp_path / "file" / "key")
    (tmp_path / "full").mkdir(mode=0o700)
    with pytest.raises(SecretFileUnusable):
        write_private(tmp_path / "full", b"x")
    assert sorted(os.listdir(tmp_path)) == ["file", "full"]
