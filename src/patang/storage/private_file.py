"""Files that only their owner may read: written whole or not at all, and refused when opened up."""

import contextlib
import os
import secrets
import stat
import sys
from pathlib import Path

from patang.domain.errors import PatangError

_OWNER_ONLY = 0o600
_OTHERS = 0o077
_OTHERS_WRITE = 0o022


class SecretStorageError(PatangError):
    """Root of what can be wrong with secrets at rest."""


class UnsafePermissions(SecretStorageError):
    """Others than the owner may read, or could have replaced, a private file."""


class SecretFileUnusable(SecretStorageError):
    """A private file cannot be read or written."""


def write_private(path: Path, content: bytes, *, replace: bool = True) -> bool:
    """Put ``content`` at ``path`` in one step, mode 0600, in a folder made with 0700.

    Without ``replace`` a file that is there already stays, and the answer is False.

    Raises:
        UnsafePermissions: others may write into the folder.
        SecretFileUnusable: the system refuses.
    """
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _check_folder(path.parent)
        descriptor = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, _OWNER_ONLY)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            is_ours = _put_in_place(draft, path, replace=replace)
        finally:
            with contextlib.suppress(OSError):
                draft.unlink(missing_ok=True)
        _sync_folder(path.parent)
        return is_ours
    except OSError as error:
        raise _unusable(path, "written", error) from None


def read_private(path: Path, max_bytes: int) -> bytes | None:
    """The content of a private file, or None when there is no file.

    Raises:
        UnsafePermissions: the file or its folder is open to others, or somebody else's.
        SecretFileUnusable: no regular file, too large, or the system refuses.
    """
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    try:
        descriptor = os.open(path, flags | getattr(os, "O_BINARY", 0))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _unusable(path, "read", error) from None
    try:
        # The open file is judged, not its name: nothing can be swapped in between.
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise SecretFileUnusable(f"{path} is no regular file.", "Remove it and log in again.")
        _check_file(path, found)
        _check_folder(path.parent)
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            content = file.read(max_bytes + 1)
    except OSError as error:
        raise _unusable(path, "read", error) from None
    finally:
        os.close(descriptor)
    if len(content) > max_bytes:
        raise SecretFileUnusable(
            f"{path} is larger than {max_bytes} bytes, so it is not what Patang wrote.",
            "Remove it and log in again.",
        )
    return content


def remove_private(path: Path) -> bool:
    """Remove a private file; False when there was none.

    Raises:
        SecretFileUnusable: the system refuses.
    """
    try:
        path.unlink()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise _unusable(path, "removed", error) from None
    return True


def _put_in_place(draft: Path, path: Path, *, replace: bool) -> bool:
    if replace:
        draft.replace(path)
        return True
    try:
        os.link(draft, path)  # unlike a rename, this fails when somebody was faster
    except FileExistsError:
        return False
    return True


def _check_file(path: Path, found: os.stat_result) -> None:
    if sys.platform == "win32":  # modes mean nothing there; the user's profile folder is private
        return
    if found.st_uid != os.geteuid():
        raise UnsafePermissions(
            f"{path} belongs to another user (uid {found.st_uid}).",
            f"Run as its owner, or remove it and log in again: rm '{path}'",
        )
    if found.st_mode & _OTHERS:
        raise UnsafePermissions(
            f"{path} is open to others (mode {stat.S_IMODE(found.st_mode):04o}).",
            f"Close it: chmod 600 '{path}'. If others could read it, log out and in again.",
        )


def _check_folder(folder: Path) -> None:
    if sys.platform == "win32":
        return
    mode = folder.stat().st_mode
    if mode & _OTHERS_WRITE:
        raise UnsafePermissions(
            f"Others may replace files in {folder} (mode {stat.S_IMODE(mode):04o}).",
            f"Close it: chmod 700 '{folder}'",
        )


def _sync_folder(folder: Path) -> None:
    if sys.platform == "win32":  # a folder cannot be opened there
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _unusable(path: Path, verb: str, error: OSError) -> SecretFileUnusable:
    return SecretFileUnusable(
        f"{path} cannot be {verb}: {error.strerror}.",
        "Set PATANG_CONFIG_DIR to a folder of your own, or mend this one.",
    )
