"""The Icechunk repository of one region: opened only where it is whole, written by one at a time.

A new repository is made aside and appears whole. A commit writes the snapshot, seals it, and only
then makes it the newest, so that a process killed at any moment leaves the newest as it was.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import icechunk
from filelock import FileLock

from configs import RiskError
from configs.whole_files import write_whole
from data_contracts.refusals import NothingStored, damaged, explained, newer
from data_contracts.seals import SEALS, broken_part, read_seal, write_seal

# Icechunk warns on stdout that local commits must not be concurrent; the file lock sees to that.
icechunk.set_logs_filter("error")

MAIN = "main"
REF = Path("refs") / f"branch.{MAIN}" / "ref.json"
SETTINGS = "config.yaml"
"""Icechunk's own settings, which need not be there: ``_config`` gives them at each opening."""
FORMAT = 1
"""The version of Icechunk's files that is read here, a byte in the head of each of them."""
MAGIC = "ICE🧊CHUNK".encode()
VERSION_BYTE = len(MAGIC) + 24
DATA_FOLDERS = ("chunks", "manifests", "transactions", "refs", SEALS)
HEADS = 8
"""Snapshots whose head is looked at for the version: rot in one of them is no other version."""


@dataclass(frozen=True)
class Repository:
    """Where a region's data lies. Every method raises StoreUnusable where that cannot be used."""

    region: str
    path: Path

    def open(self) -> icechunk.Repository:
        """The repository. Raises NothingStored where there is none yet.

        Looks first: opening Icechunk would create the folder.
        """
        if not self.exists():
            raise NothingStored(
                f"region {self.region!r}: nothing is stored yet, run `climate-risk pull "
                f"{self.region}` first."
            )
        with explained(self.region, self.path):
            if _is_newer(self.path):
                raise newer(self.region, self.path)
            if not (self.path / REF).is_file():
                raise damaged(self.region, self.path, f"no {REF}, half of it is missing")
            return icechunk.Repository.open(_storage(self.path), config=_config())

    def exists(self) -> bool:
        """Whether anything was ever stored.

        A folder that an earlier version began and left with Icechunk's empty first snapshot is
        nothing.
        """
        if not self.path.is_dir():
            return self.path.exists()
        begun = any(next((self.path / folder).rglob("*"), None) for folder in DATA_FOLDERS)
        return begun or (self.path / "repo").exists() or len(_snapshots(self.path, 2)) > 1

    def tip(self) -> str:
        """Id of the newest snapshot.

        96 bits in 20 digits of base 32: the last digit holds one, so that it is 0 or G. Icechunk
        takes others for the same snapshot, whose seal would not be found.
        """
        with explained(self.region, self.path):
            reference = (self.path / REF).read_text(encoding="ascii")
            match = re.fullmatch(r'\{"snapshot":"([0-9A-Z]{19}[0G])"\}', reference)
            if match is None:
                raise damaged(self.region, self.path, f"{REF} without a snapshot")
            return match[1]

    def session(self, snapshot: str | None = None) -> icechunk.Session:
        """A read-only session at a snapshot (default: the newest) whose files are whole."""
        repository = self.open()
        tip = self.tip()
        identity = snapshot or tip
        known = any(
            (self.path / folder / _plain(identity)).is_file() for folder in ("snapshots", SEALS)
        )
        if not known and identity != tip:
            raise RiskError(
                f"region {self.region!r}: the store has no snapshot {snapshot!r}, expected one "
                f"such as {tip}."
            )
        self.verify(repository, identity)
        with explained(self.region, self.path):
            return repository.readonly_session(snapshot_id=identity)

    def verify(self, repository: icechunk.Repository, snapshot: str) -> icechunk.SnapshotInfo:
        """What Icechunk knows of a snapshot, once its own files are as they were sealed."""
        with explained(self.region, self.path):
            seal = read_seal(self.path, snapshot)
            if seal and (part := broken_part(self.path, seal)):
                raise damaged(self.region, self.path, f"{part} changed or missing")
            return repository.lookup_snapshot(snapshot)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Holds the lock of the one writer; the kernel frees that of a process that dies."""
        lock = FileLock(self.path.with_suffix(".lock"))
        with explained(self.region, self.path.parent):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            lock.acquire()
        try:
            yield
        finally:
            lock.release()

    @contextmanager
    def writing(self) -> Iterator[icechunk.Repository]:
        """The repository for the one writer at a time; it is made where there is none."""
        with self.locked():
            if not self.exists():
                with explained(self.region, self.path):
                    _create(self.path)
            yield self.open()

    def writable(self, repository: icechunk.Repository) -> icechunk.Session:
        """A session on the newest snapshot, whose files are whole."""
        self.verify(repository, self.tip())
        with explained(self.region, self.path):
            return repository.writable_session(MAIN)

    def commit(
        self,
        repository: icechunk.Repository,
        session: icechunk.Session,
        message: str,
        metadata: dict[str, Any],
    ) -> str:
        """Id of the session's changes as the newest snapshot, which it becomes once sealed."""
        with explained(self.region, self.path):
            before = session.snapshot_id
            snapshot = session.flush(message, metadata)
            self.seal(repository.lookup_snapshot(snapshot))
            repository.reset_branch(MAIN, snapshot, from_snapshot_id=before)
        return snapshot

    def point_at(self, snapshot: str) -> None:
        """Makes a snapshot the newest, whatever is the newest now or is not."""
        body = json.dumps({"snapshot": snapshot}, separators=(",", ":"))
        write_whole(self.path / REF, body)

    def seal(self, info: icechunk.SnapshotInfo) -> None:
        """Seals a snapshot as its files are now."""
        _seal(self.path, info)


def _seal(path: Path, info: icechunk.SnapshotInfo) -> None:
    manifests = [one.id for one in info.manifests]
    written = info.written_at.isoformat()
    write_seal(path, info.id, info.parent_id, written, info.message, manifests)


def _plain(snapshot: str) -> str:
    """A snapshot's id as a file's name, or one that no file has."""
    return snapshot if re.fullmatch(r"[0-9A-Z]{20}", snapshot) else "-"


def _create(path: Path) -> None:
    """Makes a repository aside, and puts it in its place whole."""
    aside = path.with_name(f".{path.name}.new")
    shutil.rmtree(aside, ignore_errors=True)
    repository = icechunk.Repository.create(_storage(aside), config=_config())
    _seal(aside, repository.lookup_snapshot(repository.lookup_branch(MAIN)))
    (aside / SETTINGS).unlink()
    if path.is_dir():
        shutil.rmtree(path)
    aside.rename(path)


def _is_newer(path: Path) -> bool:
    """Whether a later Icechunk wrote it, or its newest snapshot.

    Its format has a file ``repo``, or a higher number in the heads.
    """
    heads = [_version(each) for each in _snapshots(path, HEADS)]
    whole = _version(path / "repo") > FORMAT or (bool(heads) and min(heads) > FORMAT)
    return whole or _newest_is_newer(path)


def _newest_is_newer(path: Path) -> bool:
    """Whether a later Icechunk wrote the newest snapshot: one of rot is not as it was sealed."""
    try:
        newest = _plain(json.loads((path / REF).read_text(encoding="ascii"))["snapshot"])
        if _version(path / "snapshots" / newest) <= FORMAT:
            return False
        seal = read_seal(path, newest)
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return seal is None or not broken_part(path, seal)


def _snapshots(path: Path, most: int) -> list[Path]:
    return list(islice((path / "snapshots").glob("*"), most))


def _version(path: Path) -> int:
    """The version in the head of one of Icechunk's files; 0 where it is none."""
    if not path.is_file():
        return 0
    with path.open("rb") as file:
        head = file.read(VERSION_BYTE + 1)
    return head[VERSION_BYTE] if head.startswith(MAGIC) and len(head) > VERSION_BYTE else 0


def _storage(path: Path) -> icechunk.Storage:
    return icechunk.local_filesystem_storage(str(path))


def _config() -> icechunk.RepositoryConfig:
    """Nothing is read ahead in the background: it would complain of a folder moved meanwhile."""
    preload = icechunk.ManifestPreloadConfig(
        max_total_refs=0, preload_if=icechunk.ManifestPreloadCondition.false()
    )
    return icechunk.RepositoryConfig(manifest=icechunk.ManifestConfig(preload=preload))
