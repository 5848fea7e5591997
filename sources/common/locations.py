"""A batch's locations: the region's, with what the region file says of them."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Sequence

import pandas as pd

from configs import Location, Region, RiskError
from data_contracts.batch import LOCATION_COLUMNS


def name_of(location: Location) -> str:
    """What a location is called: in English, else in its first language, else its id."""
    return location.names.get("en") or next(iter(location.names.values()), location.id)


def locations_of(region: Region) -> pd.DataFrame:
    """All of the region's locations, as a Batch's ``locations``."""
    return locations_table(region, [location.id for location in region.locations])


def locations_table(region: Region, ids: Collection[str]) -> pd.DataFrame:
    """A Batch's ``locations``: those of ``ids`` that the region lists, in its order, then others.

    What the region file does not say is NaN, and the name of a location is then its id.
    """
    listed = {location.id: location for location in region.locations}
    wanted = set(ids)
    order = [name for name in listed if name in wanted] + sorted(wanted - set(listed))
    rows = [
        (name, name_of(known), known.latitude, known.longitude, known.elevation)
        if (known := listed.get(name))
        else (name, name, None, None, None)
        for name in order
    ]
    types = dict.fromkeys(LOCATION_COLUMNS[:2], "str") | dict.fromkeys(
        LOCATION_COLUMNS[2:], "float64"
    )
    return pd.DataFrame(rows, columns=list(LOCATION_COLUMNS)).astype(types)


def require_known(region: Region, ids: Sequence[str], source: str, cure: str) -> None:
    """Raises RiskError where the region lists locations and one of ``ids`` is not among them."""
    listed = [location.id for location in region.locations]
    for name in ids if listed else ():
        if name not in listed:
            hint = nearest(name, listed)
            raise RiskError(f"{source}: unknown location {name!r}, {hint}; {cure}.")


def nearest(name: str, listed: Sequence[str]) -> str:
    """What a location's id may have meant: the nearest of those listed, else some of them."""
    near = difflib.get_close_matches(name, listed, n=1, cutoff=0.5)
    if near:
        return f"did you mean {near[0]!r}"
    return f"expected one of {', '.join(listed[:5])}{', ...' if len(listed) > 5 else ''}"
