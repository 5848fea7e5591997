"""Upkeep of a store: is it whole, made whole again, put back to a snapshot, freed of leftovers."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import icechunk
import numpy as np
import zarr

from configs import RiskError
from data_contracts.fingerprints import ATTRIBUTE
from data_contracts.groups import has_checksum, root_of
from data_contracts.refusals import StoreUnusable, damaged, explained
from data_contracts.repository import MAIN, REF, SETTINGS, Repository
from data_contracts.seals import SEALS, Seal, broken_part, read_seal, sealed_names, seals_of
from data_contracts.variables import VARIABLES

REPLACED, REPORTED = "replaced-", "reported-"
"""Begin the tags of a snapshot that was the newest until another was restored, and of one that a
report names."""

Chunks = dict[str, Iterable[Sequence[int]] | None]
"""Numbers of chunks by the path of their array; None for all of an array."""


@dataclass(frozen=True)
class Snapshot:
    """A snapshot in a list. ``written``: UTC. ``message``: which source it is of."""

    id: str
    written: datetime
    message: str


@dataclass(frozen=True)
class Condition:
    """What a look at everything that a store holds brought.

    ``snapshots``: newest first. ``problems``: a sentence each. ``unsealed``: how many snapshots
    have no seal, such as those of versions before. ``unchecked``: how many arrays of the newest one
    are without checksums.
    """

    snapshots: tuple[Snapshot, ...]
    problems: tuple[str, ...]
    unsealed: int
    unchecked: int


def snapshots_of(repository: Repository) -> list[Snapshot]:
    """All snapshots of the newest one's history, newest first, without Icechunk's empty first."""
    opened, tip = repository.open(), repository.tip()
    with explained(repository.region, repository.path):
        return [
            Snapshot(info.id, info.written_at, info.message)
            for info in opened.ancestry(snapshot_id=tip)
            if info.parent_id is not None
        ]


def check_store(repository: Repository) -> Condition:
    """Reads every file that the store's history needs. Raises NothingStored."""
    repository.open()
    problems: list[str] = []
    known: list[Snapshot] = []
    try:
        known = snapshots_of(repository)
    except StoreUnusable as error:
        problems.append(str(error))
        known = [_of_seal(seal) for seal in seals_of(repository.path)]
    sealed = sealed_names(repository.path)
    problems += filter(None, (_problem_of_files(repository, name) for name in sealed))
    unsealed = sum(snapshot.id not in sealed for snapshot in known)
    unchecked = 0
    if known and not problems:
        unchecked, problems = _read_everything(repository, known)
    return Condition(tuple(known), tuple(dict.fromkeys(problems)), unsealed, unchecked)


def _of_seal(seal: Seal) -> Snapshot:
    return Snapshot(seal.snapshot, datetime.fromisoformat(seal.written), seal.message)


def _problem_of_files(repository: Repository, snapshot: str) -> str:
    """What is wrong with the own files of a snapshot that has a seal."""
    try:
        seal = read_seal(repository.path, snapshot)
    except ValueError as error:
        return str(damaged(repository.region, repository.path, str(error)))
    part = broken_part(repository.path, seal) if seal else ""
    wrong = f"{part} of snapshot {snapshot} changed or missing"
    return str(damaged(repository.region, repository.path, wrong)) if part else ""


def _read_everything(repository: Repository, snapshots: list[Snapshot]) -> tuple[int, list[str]]:
    """How many arrays of the newest snapshot have no checksums, and what does not read.

    Of a snapshot before, the chunks that the next one replaced: the others it shares with that.
    """
    newest, opened = snapshots[0], repository.open()
    problems = [problem for _, problem in broken_arrays(repository, newest.id)]
    for after, snapshot in pairwise(snapshots):
        with explained(repository.region, repository.path):
            diff = opened.diff(from_snapshot_id=snapshot.id, to_snapshot_id=after.id)
        replaced: Chunks = {path.strip("/"): every for path, every in diff.updated_chunks.items()}
        replaced |= dict.fromkeys((path.strip("/") for path in diff.deleted_arrays), None)
        broken = broken_arrays(repository, snapshot.id, replaced)
        problems += [problem for _, problem in broken]
    arrays = arrays_of(repository.session(newest.id))
    unchecked = [path for path, array in arrays if not has_checksum(array)]
    return len(unchecked), problems


def arrays_of(session: icechunk.Session) -> list[tuple[str, zarr.Array[Any]]]:
    """Every array of a snapshot with its path."""
    root = root_of(session)
    members = () if root is None else root.members(max_depth=None)
    return [(path, array) for path, array in members if isinstance(array, zarr.Array)]


def broken_arrays(
    repository: Repository, snapshot: str, chunks: Chunks | None = None
) -> Iterator[tuple[str, str]]:
    """The paths of a snapshot's arrays that do not read, each with a sentence.

    With ``chunks`` no others are read. The path is empty where the snapshot does not open.
    """
    try:
        arrays = arrays_of(repository.session(snapshot))
    except RiskError as error:
        yield "", str(error)
        return
    for path, array in arrays:
        if chunks is not None and path not in chunks:
            continue
        try:
            with explained(repository.region, repository.path):
                for block in _blocks(array, None if chunks is None else chunks[path]):
                    np.asarray(array[block])
        except StoreUnusable as error:
            yield path, str(error)


def _blocks(
    array: zarr.Array[Any], chunks: Iterable[Sequence[int]] | None = None
) -> Iterator[tuple[slice, ...]]:
    """The parts of an array that these ``chunks`` hold, by their numbers; all where None."""
    if chunks is None:
        chunks = np.ndindex(*array.cdata_shape)
    for numbers in chunks:
        yield tuple(
            slice(number * step, (number + 1) * step)
            for number, step in zip(numbers, array.chunks, strict=True)
        )


def restore(repository: Repository, snapshot: str) -> str:
    """Makes a snapshot the newest again; returns the one that was, which stays readable.

    Raises RiskError for a snapshot that the store does not have, or that is not whole.
    """
    with repository.writing() as opened:
        before = repository.tip()
        repository.session(snapshot)
        for _, problem in broken_arrays(repository, snapshot):
            raise StoreUnusable(problem)
        with explained(repository.region, repository.path):
            if before != snapshot and f"{REPLACED}{before}" not in opened.list_tags():
                opened.create_tag(f"{REPLACED}{before}", before)
            opened.reset_branch(MAIN, snapshot, from_snapshot_id=before)
    return before


def repair(repository: Repository) -> list[str]:
    """Makes the store whole again by what is whole in it; returns a sentence on each step.

    The newest snapshot that is whole becomes the newest. Where none is, what cannot be read is
    taken out of the newest that opens, so that the next pull brings it again. Snapshots that have
    no seal are sealed. Raises NothingStored, and StoreUnusable where nothing can be mended.
    """
    if not repository.exists():
        repository.open()
    with repository.locked():
        steps = _mend_settings(repository)
        candidates = _candidates(repository)
        steps += _mend_reference(repository, candidates)
        for snapshot in candidates:
            if next(broken_arrays(repository, snapshot), None) is None:
                steps += _made_newest(repository, snapshot)
                return steps + _forget_broken(repository) + _seal_all(repository)
        for snapshot in candidates:
            if names := _take_out_broken(repository, snapshot):
                cut = f"no snapshot is whole: took out {', '.join(names)}; pull brings it again"
                return [*steps, cut, *_forget_broken(repository), *_seal_all(repository)]
    raise StoreUnusable(
        f"region {repository.region!r}: the store {repository.path} cannot be mended, found no "
        "snapshot that reads, expected one; put the folder back from a copy, or move it away and "
        f"run `climate-risk pull {repository.region}`."
    )


def _mend_settings(repository: Repository) -> list[str]:
    """Takes away settings that Icechunk cannot read; it needs none."""
    path = repository.path / SETTINGS
    if path.exists() and (repository.path / REF).exists():
        try:
            repository.open()
        except StoreUnusable:
            path.unlink()
            return [f"{SETTINGS} taken away"]
    return []


def _mend_reference(repository: Repository, candidates: list[str]) -> list[str]:
    """Names a newest snapshot where none is named, so that Icechunk opens at all."""
    try:
        repository.tip()
    except StoreUnusable:
        return _made_newest(repository, candidates[0]) if candidates else []
    return []


def _candidates(repository: Repository) -> list[str]:
    """Snapshots that may become the newest, newest first: of its history, of seals, or by age."""
    try:
        return [each.id for each in snapshots_of(repository)]
    except StoreUnusable:
        seals = seals_of(repository.path)
        sealed = [seal.snapshot for seal in seals if seal.parent is not None]
        files = (repository.path / "snapshots").glob("*")
        by_age = sorted(files, key=lambda path: path.stat().st_mtime, reverse=True)
        empty = {seal.snapshot for seal in seals} or {path.name for path in by_age[-1:]}
        return sealed + [path.name for path in by_age if path.name not in empty]


def _made_newest(repository: Repository, snapshot: str) -> list[str]:
    try:
        if repository.tip() == snapshot:
            return []
    except StoreUnusable:
        pass
    repository.point_at(snapshot)
    return [f"snapshot {snapshot} is the newest now"]


def _forget_broken(repository: Repository) -> list[str]:
    """Takes away the snapshots beside the history whose own files are not as they were sealed.

    They cannot be read, and would be told as damage of a store that is whole again.
    """
    opened, history = repository.open(), {each.id for each in snapshots_of(repository)}
    beside = sealed_names(repository.path) - history
    broken = [name for name in sorted(beside) if _problem_of_files(repository, name)]
    with explained(repository.region, repository.path):
        for name in broken:
            for tag in opened.list_tags():
                if tag in (f"{REPLACED}{name}", f"{REPORTED}{name}"):
                    opened.delete_tag(tag)
            (repository.path / "snapshots" / name).unlink(missing_ok=True)
            (repository.path / SEALS / name).unlink()
    return [f"snapshot {name} cannot be read and is forgotten" for name in broken]


def _take_out_broken(repository: Repository, snapshot: str) -> list[str]:
    """Commits a snapshot without what does not read in it; the names of that, none if unusable.

    Of weather forecasts only the chunks that do not read become NaN: no service has all of them
    again. Of all else the whole group goes.
    """
    broken = [path for path, _ in broken_arrays(repository, snapshot)]
    if not broken or "" in broken:
        return []
    repository.point_at(snapshot)
    opened = repository.open()
    session = repository.writable(opened)
    root = zarr.open_group(session.store, mode="a")
    values = [path for path in broken if "/forecasts/" in path and path.split("/")[-1] in VARIABLES]
    groups = sorted({path.rsplit("/", 1)[0] for path in broken if path not in values})
    for path in values:
        array = root[path]
        assert isinstance(array, zarr.Array)
        for block in _blocks(array):
            try:
                array[block]
            except (icechunk.IcechunkError, ValueError, RuntimeError, OSError):
                array[block] = np.nan
    for group in groups:
        del root[group]
    root.attrs[ATTRIBUTE] = {}
    repository.commit(opened, session, "repair", {"taken_out": [*groups, *values]})
    return [*groups, *values]


def _seal_all(repository: Repository) -> list[str]:
    """Seals every snapshot of the history that has no seal and whose arrays read."""
    opened, sealed = repository.open(), sealed_names(repository.path)
    without = [each.id for each in snapshots_of(repository) if each.id not in sealed]
    whole = [name for name in without if not any(broken_arrays(repository, name))]
    for name in whole:
        repository.seal(opened.lookup_snapshot(name))
    return [f"{len(whole)} snapshots sealed"] if whole else []


@dataclass(frozen=True)
class Compacted:
    """How many files were deleted, their bytes, and how many snapshots were forgotten."""

    files: int
    bytes: int
    snapshots: int

    def __add__(self, other: Compacted) -> Compacted:
        """Of both stores."""
        return Compacted(
            self.files + other.files, self.bytes + other.bytes, self.snapshots + other.snapshots
        )


def compact(
    repository: Repository,
    named: Collection[str],
    before: datetime | None = None,
    only_named: bool = False,
) -> Compacted:
    """Deletes files that no snapshot needs, such as those of killed writers; says how many.

    With a moment ``before``, snapshots older than that are forgotten too, but for the newest and
    those ``named``, such as reports name; those named in a compaction before are kept as well
    unless ``only_named``. Raises StoreUnusable for a store that is not whole, and then deletes
    nothing.
    """
    with repository.writing() as opened:
        if problems := check_store(repository).problems:
            raise StoreUnusable(problems[0])
        with explained(repository.region, repository.path):
            forgotten = 0
            if before is not None:
                _tag(repository, opened, named)
                if only_named:
                    _untag(opened, named)
                forgotten = len(_expired(repository, opened, before))
            summary = opened.garbage_collect(datetime.now(UTC))
            gone = summary.chunks_deleted + summary.manifests_deleted + summary.snapshots_deleted
            for snapshot in sealed_names(repository.path) - _on_disk(repository):
                (repository.path / SEALS / snapshot).unlink()
    return Compacted(gone, summary.bytes_deleted, forgotten)


def _expired(
    repository: Repository, opened: icechunk.Repository, before: datetime
) -> Collection[str]:
    """Forgets snapshots. A snapshot whose parent was forgotten is written anew, so that seals are
    taken off first, as a process killed in between must not leave any that is not true.
    """
    sealed = sealed_names(repository.path)
    for snapshot in sealed:
        (repository.path / SEALS / snapshot).unlink()
    expired = opened.expire_snapshots(before)
    for snapshot in sealed & _on_disk(repository):
        repository.seal(opened.lookup_snapshot(snapshot))
    return expired


def _on_disk(repository: Repository) -> set[str]:
    return {path.name for path in (repository.path / "snapshots").iterdir()}


def _tag(repository: Repository, opened: icechunk.Repository, named: Collection[str]) -> None:
    tags = opened.list_tags()
    for snapshot in set(named):
        tag = f"{REPORTED}{snapshot}"
        if tag not in tags and (repository.path / "snapshots" / snapshot).is_file():
            opened.create_tag(tag, snapshot)


def _untag(opened: icechunk.Repository, named: Collection[str]) -> None:
    """Takes the tags off that reports of before had set."""
    for tag in opened.list_tags():
        if tag.startswith(REPORTED) and tag.removeprefix(REPORTED) not in named:
            opened.delete_tag(tag)
