"""Where a forecast comes from, as JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from reports.text.xml import plain_text


def write_provenance(provenance: dict[str, Any], path: Path) -> None:
    """Write provenance.json with sorted keys, so that the same facts are the same bytes.

    Raises ValueError on NaN.
    """
    text = json.dumps(
        provenance, sort_keys=True, indent=2, ensure_ascii=False, allow_nan=False, default=str
    )
    path.write_text(plain_text(text) + "\n", encoding="utf-8", newline="\n")
