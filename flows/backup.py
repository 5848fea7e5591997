"""A backup: the whole home in one file, and a home made from one.

The file is a tar archive, packed by gzip. Its first member, ``climate-risk-home.json``, tells the
layout of the home and the size and SHA-256 of every other member. Locks, passwords of servers,
half-written files and the paths of region files are not in it.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sqlite3
import tarfile
import tempfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from filelock import FileLock

from configs import RiskError, Settings, clock
from configs.disk import DiskRefused
from configs.sqlite_files import copy_database
from configs.whole_files import whole_file
from flows.home import (
    CHECKED,
    LAYOUT,
    RESTORING,
    STAMP,
    open_home,
    package_version,
)
from flows.run import acquired
from reports.storage.atomic import alone_in

FORMAT = 1
MANIFEST = "climate-risk-home.json"
PARTS = ("prefect", "mlruns", "published", "data", STAMP)
"""What a home is made of, in the order in which a restore puts it in place."""
DATABASES = ("mlruns/mlflow.db", "prefect/prefect.db")
MAX_MANIFEST = 256_000_000
"""Bytes of a manifest: that of two million files."""
DATABASE_WAIT = 60.0
"""Seconds that another process may hold a database locked."""
BROKEN = (tarfile.TarError, EOFError, zlib.error, ValueError, KeyError, TypeError)
"""What reading an archive raises that is none, or is damaged."""


class Made(NamedTuple):
    """What a backup holds: files, their bytes, the file's own size, and what was left out."""

    files: int
    bytes: int
    size: int
    left_out: tuple[str, ...]


@dataclass(frozen=True)
class Member:
    """A file in a backup."""

    size: int
    sha256: str


def kept(name: str) -> bool:
    """Whether a file of a home, named by its path from there, belongs into a backup."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or not path.parts or path.parts[0] not in PARTS:
        return False
    if path.parts[0] == "prefect":
        return name == "prefect/prefect.db"
    if path.parts[:2] in (("data", "locks"), ("data", "runs"), ("data", "regions")):
        return False
    half = any(part.startswith(".climate-risk-") for part in path.parts)
    half |= path.name.startswith(".") and path.name.endswith(".new")
    ours = path.parts[0] == "mlruns" and path.name in ("README.md", ".gitignore")
    return not (half or ours or path.name.endswith((".lock", "-wal", "-shm", "-journal")))


def back_up(settings: Settings, file: Path) -> Made:
    """Writes a backup of a home, whole or not at all, readable by its owner only.

    It waits for runs of every region, and they wait for it. Raises RiskError where there is no
    home, where ``file`` is another kind of file or lies inside the home's parts, and where a
    database cannot be read.
    """
    file = file.expanduser().absolute()
    _require_place(settings.home, file)
    open_home(settings)
    with ExitStack() as stack:
        _hold_all(settings, stack)
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=file.parent)))
        paths, left_out = _files(settings.home)
        left_out += _copy_databases(paths, scratch)
        members = {name: _member(path) for name, path in sorted(paths.items())}
        with whole_file(file, 0o600) as aside:
            _write(aside, paths, members)
            size = aside.stat().st_size
    return Made(len(paths), sum(one.size for one in members.values()), size, tuple(left_out))


def _require_place(home: Path, file: Path) -> None:
    inside = [part for part in PARTS if file.is_relative_to(home / part)]
    if inside:
        raise RiskError(
            f"file {file}: found it inside the home's {inside[0]}, expected a place outside of "
            "what is backed up; give another one."
        )
    if not file.parent.is_dir():
        raise RiskError(
            f"file {file}: found no folder {file.parent}, expected one; make it, then back up "
            "again."
        )
    if file.exists() and not _is_backup(file):
        raise RiskError(
            f"file {file}: found something that is no backup, expected a new name or an older "
            "backup to replace; give another name."
        )
    if not any(kept(name) for name in _walk(home, [])):
        raise RiskError(
            f"home {home}: found nothing to back up, expected a home that has run; set "
            "CLIMATE_RISK_HOME to it."
        )


def _is_backup(file: Path) -> bool:
    try:
        with tarfile.open(file, "r:gz") as archive:
            first = archive.next()
            return first is not None and first.name == MANIFEST
    except (*BROKEN, OSError):
        return False


def _hold_all(settings: Settings, stack: ExitStack) -> None:
    """Holds every lock of the home: of regions, of the registry, of stores, of published folders.

    A run takes them in this order too, so that neither waits for the other for ever.
    """
    store, published = settings.data / "store", settings.published
    names = {path.stem for path in (settings.data / "locks").glob("*.lock")}
    names |= {path.name for path in (*store.glob("*"), *published.glob("*")) if path.is_dir()}
    (settings.data / "locks").mkdir(parents=True, exist_ok=True)
    regions = sorted(name for name in names if not name.startswith("."))
    for name in regions:
        lock = FileLock(settings.data / "locks" / f"{name}.lock")
        stack.enter_context(acquired(lock, name))
    if settings.mlruns.is_dir():
        stack.enter_context(acquired(FileLock(settings.mlruns / "registry.lock"), "the registry"))
    for name in regions:
        if (store / name).is_dir():
            stack.enter_context(FileLock(store / f"{name}.lock"))
    for folder in (*(published / name for name in regions), published):
        if folder.is_dir():
            stack.enter_context(alone_in(folder))


def _walk(home: Path, links: list[str]) -> Iterator[str]:
    """Every file of a home's parts by its path from there; links are put into ``links``."""
    for part in PARTS:
        if (home / part).is_file():
            yield part
        for folder, folders, files in os.walk(home / part):
            for name in sorted([*files, *folders]):
                path = Path(folder) / name
                if path.is_symlink():
                    links.append(path.relative_to(home).as_posix())
                elif name in files and path.is_file():
                    yield path.relative_to(home).as_posix()


def _files(home: Path) -> tuple[dict[str, Path], list[str]]:
    """The files that belong into a backup by name, and what is left out of it, a line each."""
    links: list[str] = []
    paths = {name: home / name for name in _walk(home, links) if kept(name)}
    return paths, [f"{name}: it is a link" for name in links if kept(name)]


def _copy_databases(paths: dict[str, Path], scratch: Path) -> list[str]:
    """Puts whole copies in the place of the databases, which others may be writing.

    Prefect's is left out where it cannot be read, since nothing but the list of runs is in it.
    """
    left_out = []
    for name in DATABASES:
        if name not in paths:
            continue
        copy = scratch / name.replace("/", "-")
        try:
            copy_database(paths[name], copy, DATABASE_WAIT)
        except sqlite3.Error as error:
            if name == DATABASES[0]:
                raise RiskError(
                    f"model registry {paths[name]}: found that SQLite cannot copy it ({error}), "
                    "expected MLflow's database; where another process has it locked wait for "
                    "that, else run climate-risk daily, which mends it, then back up again."
                ) from None
            left_out.append(f"{name}: SQLite cannot copy it ({error})")
            del paths[name]
            continue
        times = paths[name].stat()
        os.utime(copy, ns=(times.st_atime_ns, times.st_mtime_ns))
        paths[name] = copy
    return left_out


def _member(path: Path) -> Member:
    content = path.read_bytes()
    return Member(len(content), hashlib.sha256(content).hexdigest())


def _write(aside: Path, paths: Mapping[str, Path], members: Mapping[str, Member]) -> None:
    manifest = {
        "format": FORMAT,
        "layout": LAYOUT,
        "package": package_version(),
        "made": clock.now().isoformat(timespec="seconds"),
        "files": {name: asdict(one) for name, one in members.items()},
    }
    now = clock.now().timestamp()
    with tarfile.open(aside, "w:gz", compresslevel=4) as archive:
        _add(archive, MANIFEST, json.dumps(manifest, sort_keys=True).encode(), now)
        for name, one in members.items():
            content = paths[name].read_bytes()
            if hashlib.sha256(content).hexdigest() != one.sha256:
                raise RiskError(
                    f"file {paths[name]}: found that it changed while it was backed up, expected "
                    "that only climate-risk writes there; back up again."
                )
            _add(archive, name, content, paths[name].stat().st_mtime)


def _add(archive: tarfile.TarFile, name: str, content: bytes, written: float) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mtime, member.mode = len(content), written, 0o644
    archive.addfile(member, BytesIO(content))


def restore(file: Path, settings: Settings) -> int:
    """Makes a home from a backup; returns how many files it has.

    Everything is unpacked aside and checked before anything is put in place. Raises RiskError where
    the home holds anything, and for a file that is no backup, is damaged, holds what no home has,
    or was made by a later version; the home is then as it was.
    """
    home = settings.home
    aside = home / RESTORING
    if not (aside / CHECKED).is_file():
        _require_empty(home)
        _unpack_aside(file.expanduser(), aside)
    count = sum(1 for name in _walk(aside, []) if kept(name))
    for part in PARTS:
        _move(aside / part, home / part)
    shutil.rmtree(aside)
    return count


def _require_empty(home: Path) -> None:
    there = next((name for name in _walk(home, []) if kept(name)), None)
    if home.exists() and not home.is_dir():
        there = "a file"
    if there:
        raise RiskError(
            f"home {home}: found {there} there, expected an empty one; restore into another folder "
            "with --into, or move this one away."
        )


@contextmanager
def _explained(file: Path) -> Iterator[None]:
    """Raises RiskError for whatever a file is that is no whole backup."""
    try:
        yield
    except BROKEN as error:
        raise damaged(file, str(error) or type(error).__name__) from None
    except OSError as error:
        if error.errno is not None:
            raise
        raise damaged(file, str(error)) from None  # of gzip: the disk's have a number


def damaged(file: Path, what: str) -> RiskError:
    """The error for a file that is no whole backup. ``what``: what was found in it."""
    return RiskError(
        f"backup {file}: found {' '.join(what.split())[:200]}, expected a whole file made by "
        "climate-risk backup; take another copy, nothing was restored."
    )


def _unpack_aside(file: Path, aside: Path) -> None:
    if not file.is_file():
        raise RiskError(
            f"backup {file}: found no such file, expected one made by climate-risk backup; give "
            "its path."
        )
    made_here = [folder for folder in (aside.parent, *aside.parent.parents) if not folder.exists()]
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(parents=True)
    try:
        with _explained(file), tarfile.open(file, "r:gz") as archive:
            members = _manifest(file, archive)
            _require_room(aside, members)
            while member := archive.next():
                _unpack(file, archive, member, members, aside)
            if members:
                raise damaged(file, f"no file {min(members)} in it")
        os.sync()
        (aside / CHECKED).touch()
    except BaseException:
        shutil.rmtree(aside, ignore_errors=True)
        for folder in made_here:
            with suppress(OSError):
                folder.rmdir()
        raise


def _manifest(file: Path, archive: tarfile.TarFile) -> dict[str, Member]:
    """The files that a backup says it holds."""
    first = archive.next()
    content = archive.extractfile(first) if first and first.name == MANIFEST else None
    if first is None or content is None or first.size > MAX_MANIFEST:
        raise damaged(file, f"no {MANIFEST} at its beginning")
    manifest: dict[str, Any] = json.loads(content.read())
    if int(manifest["format"]) > FORMAT or int(manifest["layout"]) > LAYOUT:
        raise RiskError(
            f"backup {file}: found one of climate-risk {str(manifest['package'])[:40]}, newer than "
            f"this, expected layout {LAYOUT} at most; install that version, nothing was restored."
        )
    members = {
        name: Member(int(one["size"]), str(one["sha256"]))
        for name, one in manifest["files"].items()
    }
    if strange := next((name for name in members if not kept(name)), None):
        raise damaged(file, f"{strange!r} in it, which is no file of a home")
    return members


def _require_room(aside: Path, members: Mapping[str, Member]) -> None:
    needed = sum(one.size for one in members.values())
    if shutil.disk_usage(aside).free < needed:
        raise DiskRefused(
            f"{aside.parent}: found less than {needed / 1e6:,.0f} MB of room on its disk, expected "
            "that much for the backup; make room there, then restore again."
        )


def _unpack(
    file: Path,
    archive: tarfile.TarFile,
    member: tarfile.TarInfo,
    members: dict[str, Member],
    aside: Path,
) -> None:
    """Unpacks a member that the manifest names, and takes it off there once it is as told."""
    listed = members.pop(member.name, None)
    if listed is None or not member.isreg() or member.size != listed.size:
        kind = "a file" if member.isreg() else "a link or device"
        raise damaged(file, f"{kind} {member.name!r} in it that its list does not tell of")
    archive.extract(member, aside, filter="data")
    if _member(aside / member.name) != listed:
        raise damaged(file, f"{member.name} with other bytes than its list tells")


def _move(source: Path, target: Path) -> None:
    """Puts a file or folder in place; a folder that exists keeps what else it holds."""
    if not source.exists():
        return
    if source.is_dir() and target.is_dir():
        for child in sorted(source.iterdir()):
            _move(child, target / child.name)
        source.rmdir()
    else:
        source.rename(target)
