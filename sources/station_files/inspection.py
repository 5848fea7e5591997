"""An inbox looked at for ``climate-risk check``: everything that is wrong, and what to write."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from configs import Region, RiskError, Settings
from sources.station_files import listed_places, read_files
from sources.station_files.inbox import InboxFile, inbox_of, kind_of, suffix_of
from sources.station_files.joining import known_ids, located
from sources.station_files.kinds import LOCATIONS, FilesRefused, GridWithoutPlaces
from sources.station_files.options import NAME
from sources.station_files.proposals import Proposal, is_proposable, propose
from sources.station_files.templates import files_of, templates, unused_patterns

MOST = 25
"""Files for which a proposal is made; the others are written like these."""


@dataclass(frozen=True)
class Inspection:
    """What an inbox holds: how many files, what is wrong, what is in doubt, and a block to paste.

    ``known``: files of a format that has a name; ``left``: what is wrong even with the block.
    """

    folder: Path
    count: int
    problems: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()
    block: str = ""
    known: tuple[str, ...] = ()
    left: tuple[str, ...] = ()


def inspect(region: Region, settings: Settings) -> Inspection:
    """The region's inbox. Raises RiskError where there is none, or the options are wrong."""
    formats = files_of(region)
    inbox = inbox_of(region, settings, formats)
    problems = list(inbox.problems)
    listed = listed_places(region, inbox, problems)
    records, refused = read_files(inbox, listed)
    known = known_ids(region, listed, [each.table for each in records.values()])
    for path, record in records.items():
        try:
            located(record, known, len(listed) > 0)
        except RiskError as error:
            refused[path] = FilesRefused([str(error)])
    names = [file.path.name for file in inbox.files] + [path.name for path in inbox.passed_over]
    problems += unused_patterns(names, formats, region)
    places = _places_of_grids(region, list(refused.values()))
    listed = _with_coordinates(listed, places)
    proposals = _proposals(inbox.files, inbox.passed_over, listed, region.day_offset)
    cured = {each.file.path: each for each in proposals if each.problems == ()}
    for path, refusal in refused.items():
        named = path in cured and "format" in cured[path].keys
        named &= not isinstance(refusal, GridWithoutPlaces)  # places are to be written too
        problems += [_unsaid(cured[path])] if named else refusal.problems
    doubts = [_doubt(each) for each in proposals if each.file.path not in refused]
    left = [problem for each in proposals for problem in each.problems]
    return Inspection(
        inbox.folder,
        len(inbox.files),
        tuple(dict.fromkeys(problems)),
        tuple(doubts),
        block_of(region, proposals, places),
        tuple(_known(each) for each in proposals if "format" in each.keys),
        tuple(dict.fromkeys(left)),
    )


def _proposals(
    files: Sequence[InboxFile], passed_over: Sequence[Path], listed: pd.DataFrame, offset: float
) -> list[Proposal]:
    """What to write for files that are refused, in doubt, or passed over though they are known."""
    texts = [InboxFile(path, kind_of(path.name), None, offset) for path in passed_over]
    wanted = [file for file in files if file.kind is not LOCATIONS]
    wanted += [file for file in texts if suffix_of(file.path) != ".md" and is_proposable(file)]
    proposals = [propose(file, listed) for file in wanted[:MOST]]
    return [each for each in proposals if each is not None]


def _known(proposal: Proposal) -> str:
    name = str(proposal.keys["format"])
    return f"{proposal.file.path.name} is known by its header: {templates()[name].title}"


def _unsaid(proposal: Proposal) -> str:
    """The problem of a file that the name of its format cures, without a word on each column."""
    title = templates()[str(proposal.keys["format"])].title
    return (
        f"{proposal.file.path}: found {title}, expected columns and units as they are here, or the "
        "format in the region file; paste the block below."
    )


def _doubt(proposal: Proposal) -> str:
    name, keys = proposal.file.path.name, proposal.keys
    parts = [f"{column} seems to be in {unit}" for column, unit in keys.get("units", {}).items()]
    parts += [f"{mark} seems to stand for missing" for mark in keys.get("missing", ())]
    return f"{name}: {'; '.join(parts) or 'it can be read'}."


def _places_of_grids(region: Region, errors: Sequence[FilesRefused]) -> list[dict[str, Any]]:
    """The region file's locations with the middle of the grid for coordinates that are missing."""
    grids = [error for error in errors if isinstance(error, GridWithoutPlaces)]
    if not grids:
        return []
    middle = {"latitude": grids[0].latitude, "longitude": grids[0].longitude}
    listed = [place.model_dump(mode="json", exclude_defaults=True) for place in region.locations]
    return [{**place, **middle} for place in listed or [{"id": region.name}]]


def _with_coordinates(listed: pd.DataFrame, places: list[dict[str, Any]]) -> pd.DataFrame:
    if not places:
        return listed
    return pd.DataFrame(places).rename(columns={"id": "location"})


def block_of(
    region: Region, proposals: Sequence[Proposal], places: Sequence[dict[str, Any]] = ()
) -> str:
    """Keys of the region file with the proposals in them, as YAML; or nothing.

    ``locations``, where places need coordinates, and ``source_options``.
    """
    keys: dict[str, Any] = {"locations": list(places)} if places else {}
    if proposals:
        keys["source_options"] = _options(region, proposals)
    if not keys:
        return ""
    shown: str = yaml.safe_dump(
        keys, allow_unicode=True, sort_keys=False, default_flow_style=None, width=96
    )
    return shown


def _options(region: Region, proposals: Sequence[Proposal]) -> dict[str, Any]:
    options: dict[str, Any] = {**region.source_options}
    own = dict(options.get(NAME, {}))
    given = own.get("files")
    files = dict(given) if isinstance(given, dict) else {}
    options[NAME] = {**own, "files": files | _patterns(proposals)}
    return options


def _patterns(proposals: Sequence[Proposal]) -> dict[str, dict[str, Any]]:
    """Files that are written alike under one pattern of their suffix, others by their names."""
    by_suffix: dict[str, list[Proposal]] = {}
    for each in proposals:
        by_suffix.setdefault(each.file.path.suffix, []).append(each)
    patterns: dict[str, dict[str, Any]] = {}
    for suffix, some in by_suffix.items():
        alike = all(each.keys == some[0].keys for each in some)
        if len(some) > 1 and alike:
            patterns[f"*{suffix}"] = some[0].keys
        else:
            patterns |= {each.file.path.name: each.keys for each in some}
    return patterns
