"""Impacts: what officers tell and citizens report of what happened."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path

import xarray as xr

from configs import Region, RiskError, Settings
from data_contracts.impact_files import files_of, read_reports
from data_contracts.impacts import (
    OFFICER,
    Fault,
    Known,
    Told,
    add_impacts,
    folded,
    write_faults,
)
from data_contracts.tiled_store import open_store
from features.hazards import hazards
from flows.check import open_region
from flows.grading import marks_of
from flows.past import past_of
from flows.records import write_records
from flows.run import region_lock, today
from reports.view.areas import as_told


@dataclass(frozen=True)
class Collected:
    """What was brought in: how many impacts were new, the rows that are none, and their list."""

    new: int
    faults: tuple[Fault, ...]
    listed: Path


def known_places(region: Region, observations: xr.Dataset) -> dict[str, str]:
    """Ids and names of the region's places, as they are looked up -> id; of a grid its areas'."""
    told = as_told(region).locations
    pairs, ids = list[tuple[str, str]](), [one.id for one in told]
    if region.grid is None:  # what is observed of a grid are its cells
        observed = [str(place) for place in observations["location"].values]
        names = observations["name"].values if "name" in observations.coords else observed
        pairs += [(str(name), place) for name, place in zip(names, observed, strict=True)]
        ids += observed
    pairs += [(name, place.id) for place in told for name in place.names.values()]
    pairs += [(place, place) for place in ids]
    return {folded(name): place for name, place in pairs}


def known_here(region: Region, observations: xr.Dataset) -> Known:
    """What reports of the region are held against."""
    places = known_places(region, observations)
    return Known(region, tuple(hazards()), places, today(region, observations))


def collect(region: Region, settings: Settings, known: Known) -> Collected:
    """Bring in the reports of citizens that lie in the inbox; again changes nothing."""
    impacts, faults = [], list[Fault]()
    for path in files_of(region, settings):
        good, bad = read_reports(path, known)
        impacts += good
        faults += bad
    new = add_impacts(region, settings, impacts)
    return Collected(new, tuple(faults), write_faults(region, settings, faults))


def impact(name: str, told: Told | None = None) -> Collected:
    """Keep what an officer tells (None: nothing), and the reports of citizens in the inbox.

    The region's pages show it at once. Raises RiskError for what cannot be.
    """
    settings, region = Settings.from_environment(), open_region(name)
    with region_lock(region, settings):
        known = known_here(region, open_store(settings, region).observations())
        new = 0
        if told is not None:
            new = add_impacts(region, settings, [known.impact(told, OFFICER)])
        collected = collect(region, settings, known)
        write_records(past_of(region, settings), marks_of(region, settings))
    return Collected(new + collected.new, collected.faults, collected.listed)


def told_on(day: date, place: str, hazard: str, words: str, time: str, photo: str) -> Told:
    """What the command was given. Raises RiskError for an hour that is none."""
    moment = f"{day}T{time}" if time else day.isoformat()
    if not words.strip():
        raise RiskError("impact: found no words, expected what was seen; put it in quotes.")
    return Told(hazard, place, moment, words, photo)
