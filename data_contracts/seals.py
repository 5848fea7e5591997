"""Seals: what a snapshot's files were when they were written, so that rot in them is noticed.

Icechunk's chunks carry checksums (``groups.CHECKED``), its own files none. A seal,
<store>/seals/<snapshot>, holds the SHA-256 of a snapshot's files. A snapshot becomes the newest one
only once it is sealed. Those of versions before have no seal.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from configs.whole_files import write_whole

SEALS = "seals"
SINGLE = ("snapshots", "transactions")
"""Folders that hold one file a snapshot, of its name."""


@dataclass(frozen=True)
class Seal:
    """A snapshot, where it stands in history, and the SHA-256 of its files.

    ``manifests``: their names. ``digests``: of the snapshot, its transaction log and of all
    manifests together.
    """

    snapshot: str
    parent: str | None
    written: str
    message: str
    manifests: tuple[str, ...]
    digests: dict[str, str]


def write_seal(
    store: Path,
    snapshot: str,
    parent: str | None,
    written: str,
    message: str,
    manifests: Iterable[str],
) -> None:
    """Seals a snapshot, whole or not at all."""
    names = tuple(sorted(manifests))
    seal = Seal(snapshot, parent, written, message, names, _digests(store, snapshot, names))
    body = json.dumps(asdict(seal), sort_keys=True)
    write_whole(store / SEALS / snapshot, f"{body}\n{_sha(body.encode())}\n")


def sealed_names(store: Path) -> set[str]:
    """The snapshots that have a seal, whole or not."""
    return {path.name for path in (store / SEALS).glob("*") if not path.suffix}


def read_seal(store: Path, snapshot: str) -> Seal | None:
    """A snapshot's seal; None where it has none. Raises ValueError for a damaged one."""
    path = store / SEALS / snapshot
    if not path.is_file():
        return None
    wrong = f"the seal of snapshot {snapshot} changed"
    try:
        text = path.read_bytes().decode("ascii")
        body, digest, rest = text.split("\n")
    except ValueError:
        raise ValueError(wrong) from None
    if digest != _sha(body.encode()) or rest:
        raise ValueError(wrong)
    fields = json.loads(body)
    return Seal(**fields | {"manifests": tuple(fields["manifests"])})


def broken_part(store: Path, seal: Seal) -> str:
    """The first part of a sealed snapshot that is not as it was sealed; empty where all are."""
    now = _digests(store, seal.snapshot, seal.manifests)
    broken = [part for part, digest in seal.digests.items() if now.get(part) != digest]
    return broken[0] if broken else ""


def seals_of(store: Path) -> list[Seal]:
    """The whole seals of a store, the newest snapshot first."""
    seals = []
    for name in sealed_names(store):
        try:
            seal = read_seal(store, name)
        except ValueError:
            continue
        seals += [seal] if seal else []
    return sorted(seals, key=lambda seal: seal.written, reverse=True)


def _digests(store: Path, snapshot: str, manifests: Iterable[str]) -> dict[str, str]:
    """Part -> SHA-256, "" for a file that is missing."""
    parts = {f"{folder}/{snapshot}": [store / folder / snapshot] for folder in SINGLE}
    parts["its manifests"] = [store / "manifests" / name for name in manifests]
    return {part: _sha_of(paths) for part, paths in parts.items()}


def _sha_of(paths: Iterable[Path]) -> str:
    try:
        return _sha(b"".join(_sha(path.read_bytes()).encode() for path in paths))
    except FileNotFoundError:
        return ""


def _sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
