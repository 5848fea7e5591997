"""A file is written whole or not at all, whoever writes it at the same time or is killed."""

from __future__ import annotations

import multiprocessing
import os
import resource
import signal
import stat
import threading
from pathlib import Path

import pytest

from configs.whole_files import write_whole


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_file_is_made_with_its_folder_and_replaced(tmp_path: Path) -> None:
    path = tmp_path / "new" / "note.txt"
    for content in ("été\n", b"\xff\x00", ""):
        write_whole(path, content)
        assert path.read_bytes() == (content if isinstance(content, bytes) else content.encode())
    assert names(path.parent) == {"note.txt"}


def test_a_file_may_be_read_by_whom_the_umask_lets(tmp_path: Path) -> None:
    """A web server of another user reads what is published."""
    before = os.umask(0o027)
    try:
        write_whole(tmp_path / "note", "text")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "note").stat().st_mode) == 0o640


def test_readers_see_one_whole_file_while_many_write(tmp_path: Path) -> None:
    path = tmp_path / "note"
    contents = {letter * 200_000 for letter in "abcd"}
    write_whole(path, "a" * 200_000)
    failures: list[BaseException] = []

    def write(content: str) -> None:
        try:
            for _ in range(10):
                write_whole(path, content)
        except BaseException as error:
            failures.append(error)

    writers = [threading.Thread(target=write, args=(content,)) for content in contents]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        assert path.read_text() in contents
    for writer in writers:
        writer.join()
    assert failures == [] and names(tmp_path) == {"note"}


def _killed_while_writing(path: Path) -> None:
    os.fsync = lambda handle: os.kill(os.getpid(), signal.SIGKILL)
    write_whole(path, "longer than what comes after it")


def test_a_killed_writer_leaves_the_file_as_it_was_and_the_next_one_clears_up(
    tmp_path: Path,
) -> None:
    path = tmp_path / "note"
    write_whole(path, "before")
    killed = multiprocessing.get_context("fork").Process(target=_killed_while_writing, args=(path,))
    killed.start()
    killed.join()
    assert killed.exitcode == -signal.SIGKILL
    assert path.read_text() == "before" and names(tmp_path) == {"note", ".note.new"}
    write_whole(path, "after")
    assert path.read_text() == "after" and names(tmp_path) == {"note"}


def test_a_disk_that_refuses_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "note"
    write_whole(path, "before")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            write_whole(path, "x" * 100_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, ignored)
    assert path.read_text() == "before" and names(tmp_path) == {"note"}
