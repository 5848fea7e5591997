"""Files that are named by a hash of their bytes, so that what is read is what was written."""

from __future__ import annotations

import hashlib
from pathlib import Path

from configs.whole_files import write_whole


def write_hashed(folder: Path, name: str, suffix: str, content: bytes, replaced: str) -> Path:
    """Writes ``<folder>/<name>-<hash><suffix>``, whole or not at all.

    Then those of the folder that fit the pattern ``replaced`` are removed. Raises OSError.
    """
    path = folder / f"{name}-{digest(content)}{suffix}"
    write_whole(path, content)
    for other in set(folder.glob(replaced)) - {path}:
        other.unlink(missing_ok=True)
    return path


def read_hashed(folder: Path, name: str, suffix: str) -> bytes | None:
    """What ``write_hashed`` wrote, None where there is nothing or where its bytes are others."""
    for path in folder.glob(f"{name}-*{suffix}"):
        content = path.read_bytes()
        if path.name == f"{name}-{digest(content)}{suffix}":
            return content
    return None


def digest(content: bytes) -> str:
    """A hash of bytes, short enough for a file's name."""
    return hashlib.sha256(content).hexdigest()[:32]
