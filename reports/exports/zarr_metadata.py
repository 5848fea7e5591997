"""What a Zarr group says of itself."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import zarr
from zarr.errors import ZarrUserWarning


def consolidate(path: Path) -> None:
    """Put the metadata of all of a group's arrays into its own, so that one read opens it."""
    with warnings.catch_warnings():  # of Zarr 3, whose own text has no word of it yet
        warnings.simplefilter("ignore", ZarrUserWarning)
        zarr.consolidate_metadata(path)


def put_notice(path: Path, notice: str) -> None:
    """Set the group's attribute ``notice``, or take it away where it is empty."""
    root = zarr.open_group(path, mode="r+", use_consolidated=False)
    root.attrs.put(with_notice(root.attrs.asdict(), notice))
    consolidate(path)


def with_notice(attributes: Mapping[str, Any], notice: str) -> dict[str, Any]:
    """Attributes with this ``notice``, or without any where it is empty."""
    others = {name: value for name, value in attributes.items() if name != "notice"}
    return others | ({"notice": notice} if notice else {})
