"""Answers of services that will never change, kept as files below the home's data."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from configs.whole_files import write_whole


def cache_folder(data: Path, source: str) -> Path:
    """Where a source keeps answers, below the home's data."""
    return data / "cache" / source


def answer_path(folder: Path, url: str, params: Mapping[str, str]) -> Path:
    """The file of an answer, named by the address and what is asked, never by a secret."""
    asked = json.dumps([url, sorted(params.items())])
    return folder / f"{hashlib.sha256(asked.encode()).hexdigest()[:40]}.json.gz"


def read_answer(path: Path | None) -> Any:
    """A kept answer, or None. A damaged file is as good as none."""
    if path is None:
        return None
    try:
        return json.loads(gzip.decompress(path.read_bytes()))
    except (OSError, EOFError, ValueError):
        return None


def keep_answer(path: Path, body: Any) -> None:
    """Writes an answer, whole or not at all."""
    write_whole(path, gzip.compress(json.dumps(body).encode(), compresslevel=6, mtime=0))
