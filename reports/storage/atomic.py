"""A folder that appears whole or not at all, whatever kills the process that writes it."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import shutil
from collections.abc import Callable, Container, Iterator, Sequence
from contextlib import contextmanager
from fnmatch import fnmatchcase
from pathlib import Path

from configs import RiskError

PREFIX = ".climate-risk-"
NEW, OLD = f"{PREFIX}new-", f"{PREFIX}old-"
_EXCHANGE = 2  # RENAME_EXCHANGE of renameat2(2)
_AT_FDCWD = -100


def publish_folder(
    folder: Path, write: Callable[[Path], None], mark: str, ours: Sequence[str] = ()
) -> Path:
    """Let ``write`` fill a folder aside, then put it at ``folder`` in one step; returns ``folder``.

    One that exists is left alone when its content is equal, else exchanged. Files in it that
    ``write`` did not make are kept, unless their name matches one of ``ours`` (as "report.*"): then
    they would contradict what it made, and go; a subfolder that ``write`` makes is its own, and
    takes the place of the one there, whole. Raises RiskError when ``folder`` holds files but not
    ``mark``, since then it is not ours to replace.
    """
    folder = Path(os.path.abspath(folder))
    folder.parent.mkdir(parents=True, exist_ok=True)
    with alone_in(folder.parent):
        _clean(folder.parent)
        _refuse_foreign(folder, mark)
        aside = folder.parent / f"{NEW}{folder.name}"
        aside.mkdir()
        write(aside)
        if _holds(folder, aside, ours):
            shutil.rmtree(aside)
        else:
            _keep_others(folder, aside, ours)
            _sync(aside)
            _put(aside, folder)
    return folder


@contextmanager
def alone_in(parent: Path) -> Iterator[None]:
    """One writer at a time in a folder; the kernel frees the lock of a killed one."""
    handle = os.open(parent / ".climate-risk.lock", os.O_RDWR | os.O_CREAT, 0o666)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _clean(parent: Path) -> None:
    """Remove what a killed publisher left.

    A folder it had moved away and not yet replaced comes back.
    """
    for leftover in sorted(parent.glob(f"{PREFIX}*")):
        home = parent / leftover.name.removeprefix(OLD)
        if leftover.name.startswith(OLD) and not home.exists():
            os.rename(leftover, home)
        else:
            shutil.rmtree(leftover, ignore_errors=True)


def _refuse_foreign(folder: Path, mark: str) -> None:
    if folder.exists() and not folder.is_dir():
        raise RiskError(f"{folder}: found a file, expected a folder to publish to; choose another.")
    if folder.is_dir() and any(folder.iterdir()) and not (folder / mark).is_file():
        raise RiskError(
            f"{folder}: found files but no {mark}, expected an empty folder or a report's; "
            "choose another."
        )


def _holds(folder: Path, aside: Path, ours: Sequence[str]) -> bool:
    """Whether ``folder`` holds every file of ``aside`` with the same bytes.

    And nothing else in its subfolders, and nothing else that is ours.
    """
    written = list(aside.iterdir())
    return all(_same(folder / item.name, item) for item in written) and not _left(
        folder, {item.name for item in written}, ours
    )


def _left(folder: Path, written: Container[str], ours: Sequence[str]) -> set[str]:
    """Names in a folder that are ours and were not made again."""
    names = [item.name for item in folder.iterdir()] if folder.is_dir() else []
    return {
        name
        for name in names
        if name not in written and any(fnmatchcase(name, pattern) for pattern in ours)
    }


def _same(first: Path, second: Path) -> bool:
    if first.is_symlink() or first.is_dir() != second.is_dir() or not first.exists():
        return False
    if not first.is_dir():
        return first.read_bytes() == second.read_bytes()
    names = {path.name for path in first.iterdir()}
    return names == {path.name for path in second.iterdir()} and all(
        _same(first / name, second / name) for name in names
    )


def _keep_others(folder: Path, aside: Path, ours: Sequence[str]) -> None:
    gone = _left(folder, (), ours)
    for item in folder.iterdir() if folder.is_dir() else ():
        target = aside / item.name
        if target.exists() or item.name in gone:
            continue
        if item.is_dir() and not item.is_symlink():
            shutil.copytree(item, target, symlinks=True)
        else:
            shutil.copy2(item, target, follow_symlinks=False)


def _sync(folder: Path) -> None:
    """Flush a folder and all in it to the disk.

    A power cut after the rename then finds them whole.
    """
    for path in [
        *sorted(
            item
            for item in folder.rglob("*")
            if (item.is_file() or item.is_dir()) and not item.is_symlink()
        ),
        folder,
    ]:
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _put(aside: Path, folder: Path) -> None:
    if not folder.exists():
        os.rename(aside, folder)
    elif _exchange(aside, folder):
        shutil.rmtree(aside)
    else:
        old = folder.parent / f"{OLD}{folder.name}"
        os.rename(folder, old)
        os.rename(aside, folder)
        shutil.rmtree(old)
    handle = os.open(folder.parent, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _exchange(first: Path, second: Path) -> bool:
    """Swap two names in one step; False where the system or its file system cannot."""
    renameat2 = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if renameat2 is None:
        return False
    if renameat2(_AT_FDCWD, os.fsencode(first), _AT_FDCWD, os.fsencode(second), _EXCHANGE) == 0:
        return True
    code = ctypes.get_errno()
    if code in (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP):
        return False
    raise OSError(code, os.strerror(code), str(second))
