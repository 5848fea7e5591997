"""A file that readers see either as it was or as it is, whatever kills the process that writes."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def write_whole(path: Path, content: str | bytes) -> None:
    """Writes a file, text in UTF-8, whole or not at all, and makes its folder.

    The content is written to ``.<name>.new`` beside it and on the disk before it takes the name.
    Writers of one file wait for each other. What a killed one left the next one takes over.
    Raises OSError where the disk refuses; the file is then as it was.
    """
    with whole_file(path) as aside, aside.open("wb") as file:
        file.write(content.encode() if isinstance(content, str) else content)


@contextmanager
def whole_file(path: Path, mode: int = 0o666) -> Iterator[Path]:
    """The file beside it that the block fills by its name, as ``write_whole`` does.

    It is empty at first. ``mode``: who may read and write it, less what the umask takes.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.new")
    with _held(aside, mode) as handle:
        try:
            os.truncate(handle, 0)
            yield aside
            os.fsync(handle)
            os.replace(aside, path)
        except BaseException:
            aside.unlink(missing_ok=True)
            raise


@contextmanager
def _held(path: Path, mode: int) -> Iterator[int]:
    """A handle of the file at ``path``, which no other writer holds; it is made if need be."""
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, mode)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            if _is_at(handle, path):
                yield handle
                return
        finally:
            os.close(handle)


def _is_at(handle: int, path: Path) -> bool:
    """Whether a file still has its name: the writer before may have given it another."""
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except FileNotFoundError:
        return False
