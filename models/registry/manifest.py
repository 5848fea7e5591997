"""The manifest of a model's folder: the SHA-256 of every file, so that damage is noticed."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from configs.remarks import Remark, remark, text

MANIFEST = "manifest.json"
UNLISTED = (MANIFEST, "registered_model_meta")
"""Files at the top of the folder that it does not list; MLflow writes the second on each load."""


class Damaged(ValueError):
    """Files of a model that are not what was registered."""

    def __init__(self, remark: Remark) -> None:
        super().__init__(text(remark))
        self.remark = remark


def write_manifest(folder: Path) -> str:
    """Write manifest.json, the SHA-256 of every file in ``folder``; returns the manifest's own."""
    text = json.dumps(_hashes(folder), indent=1, sort_keys=True) + "\n"
    (folder / MANIFEST).write_text(text)
    return hashlib.sha256(text.encode()).hexdigest()


def check_manifest(folder: Path, expected: str | None) -> None:
    """Raise Damaged unless ``folder`` holds exactly the files its manifest lists.

    ``expected`` is the manifest's own hash.
    """
    path = folder / MANIFEST
    if not path.is_file():
        raise Damaged(remark("model.file_missing", file=MANIFEST))
    if expected is not None and hashlib.sha256(path.read_bytes()).hexdigest() != expected:
        raise Damaged(remark("model.file_other", file=MANIFEST))
    listed, present = json.loads(path.read_text()), _hashes(folder)
    wrong = sorted(
        name for name in listed.keys() | present.keys() if listed.get(name) != present.get(name)
    )
    if wrong:
        state = "missing" if wrong[0] not in present else "changed"
        raise Damaged(remark(f"model.file_{state}", file=wrong[0]))


def _hashes(folder: Path) -> dict[str, str]:
    files = {
        path.relative_to(folder).as_posix(): path
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
    return {
        name: hashlib.sha256(path.read_bytes()).hexdigest()
        for name, path in files.items()
        if name not in UNLISTED
    }
