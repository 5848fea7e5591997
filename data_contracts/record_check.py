"""A batch's observations through the rules table: what is refused, withheld, flagged, and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd

from configs.geodesy import distance
from configs.remarks import Remark, remark, text
from data_contracts.background import Background, rows_for_rules
from data_contracts.expectations import places_suite, validate
from data_contracts.record import Finding, shown
from data_contracts.rules import RULES, Consequence, Rule
from data_contracts.tables import no_cells

COORDINATES = ("latitude", "longitude")

MAX_REMARKS = 3
"""Remarks on one rule in a pull; of more the number is told."""

RECENT_DAYS = 31
"""Before the newest day: what is withheld there degrades a run, what is older is a note."""


class Ruled(NamedTuple):
    """A table after the rules: its values, its withheld and flagged cells, and what is said.

    ``breaches``: what refuses the batch. ``remarks``: on cells withheld of the newest days,
    which degrade a run; ``notes``: on older and on flagged ones.
    """

    table: pd.DataFrame
    withheld: pd.DataFrame
    flagged: pd.DataFrame
    breaches: list[str]
    remarks: list[Remark]
    notes: list[Remark]


@dataclass(frozen=True, eq=False)
class _Broken:
    """A finding of a rule, and the numbers of its rows in the table: int (row,)."""

    rule: Rule
    finding: Finding
    rows: np.ndarray


def follow_rules(
    table: pd.DataFrame, locations: pd.DataFrame, background: Background, may_refuse: bool
) -> Ruled:
    """Holds observations against the rules table, those that withhold first.

    ``may_refuse``: whether a rule that refuses does so; else its cells are withheld.
    """
    every = list(RULES.values())
    broken = _broken(table, locations, background, every)
    bad = [one for one in broken if one.rule.withholds]
    refused = [one for one in bad if may_refuse and one.rule.consequence == Consequence.REFUSE]
    if refused:
        breaches = [text(one.finding.words).rstrip(".") for one in refused[:MAX_REMARKS]]
        return Ruled(table, no_cells(), no_cells(), breaches, [], [])
    withheld = _cells(table, bad)
    doubts = [one for one in broken if not one.rule.withholds]
    if bad:
        table = table.copy()
        for one in bad:
            table.loc[table.index[one.rows], one.finding.variable] = np.nan
        milder = [rule for rule in every if not rule.withholds]
        doubts = _broken(table, locations, background, milder)
    flagged = [one for one in doubts if one.rule.consequence == Consequence.FLAG]
    recent, past = _by_age(table, bad)
    notes = [*_remarks(past), *_remarks(flagged)]
    return Ruled(table, withheld, _cells(table, doubts), [], _remarks(recent), notes)


def _by_age(table: pd.DataFrame, broken: Sequence[_Broken]) -> tuple[list[_Broken], list[_Broken]]:
    """What reaches into the newest RECENT_DAYS days of the table, and the rest, newest first."""
    last = {one: table["time"].iloc[one.rows].max() for one in broken}
    begin = table["time"].max() - pd.Timedelta(days=RECENT_DAYS)
    ordered = sorted(broken, key=last.__getitem__, reverse=True)
    recent = [one for one in ordered if last[one] > begin]
    return recent, ordered[len(recent) :]


def _broken(
    table: pd.DataFrame, locations: pd.DataFrame, background: Background, rules: Sequence[Rule]
) -> list[_Broken]:
    """What of the delivered rows breaks the rules, a row a rule, variable and place."""
    from data_contracts.record_expectations import rule_suite

    rows = rows_for_rules(table, locations, background)
    failed = validate(rows, [*rule_suite(rules)])
    if not failed:
        return []
    numbers = _row_numbers(rows, len(table))
    broken = []
    for expectation, result in failed:
        for finding in result["details"]["findings"]:
            mine = numbers[finding.days, finding.place]
            if (mine >= 0).any():
                broken.append(_Broken(RULES[expectation.rule], finding, mine[mine >= 0]))
    return broken


def _row_numbers(rows: pd.DataFrame, count: int) -> np.ndarray:
    """Which of the first ``count`` rows each (day, place) is, as ``record_of`` numbers them.

    -1 where none is.
    """
    days, day = np.unique(rows["time"].to_numpy("datetime64[D]"), return_inverse=True)
    place, places = pd.factorize(rows["location"])
    numbers = np.full((len(days), len(places)), -1)
    numbers[day[:count], place[:count]] = np.arange(count)
    return numbers


def _cells(table: pd.DataFrame, broken: Sequence[_Broken]) -> pd.DataFrame:
    """The cells as lists keep them: those of one rule before those of the next, each once."""
    parts = [no_cells()]
    for one in broken:
        cells, name = table.iloc[one.rows], one.finding.variable
        parts.append(
            pd.DataFrame(
                {
                    "source": "",
                    "variable": name,
                    "time": cells["time"].to_numpy(),
                    "location": cells["location"].array,
                    "value": cells[name].to_numpy(np.float64),
                    "rule": one.rule.sentence,
                }
            )
        )
    listed = pd.concat(parts, ignore_index=True)
    keys = ["variable", "time", "location", "value"]
    return listed.dropna(subset=["value"]).drop_duplicates(keys, ignore_index=True)


def _remarks(broken: Sequence[_Broken]) -> list[Remark]:
    """What is said of each rule that is broken: the first cases, and how many more there are."""
    remarks = []
    for rule in RULES.values():
        cases = [one for one in broken if one.rule is rule]
        remarks += [one.finding.words for one in cases[:MAX_REMARKS]]
        if len(cases) > MAX_REMARKS:
            title = remark(f"rule.title_{rule.name}")
            remarks.append(remark("rule.more", n=len(cases) - MAX_REMARKS, rule=title))
    return remarks


def place_notes(locations: pd.DataFrame, background: Background) -> list[Remark]:
    """What is odd of places: one that moved, one whose sun is hours from its clock."""
    places = locations[["location", "latitude", "longitude"]].astype(
        {"latitude": "float64", "longitude": "float64"}
    )
    places = places.assign(moved_km=np.nan, hours_from_zone=np.nan)
    if len(background.locations):
        places["moved_km"] = _moved(places, background.locations)
    if background.zone_hours is not None:
        hours = places["longitude"] / 15 - background.zone_hours
        places["hours_from_zone"] = (hours + 12) % 24 - 12
    notes = []
    for expectation, result in validate(places, places_suite()):
        for row in places.iloc[result["unexpected_index_list"]].head(MAX_REMARKS).itertuples():
            if expectation.column == "moved_km":
                notes.append(remark("rule.moved", place=str(row.location), km=round(row.moved_km)))
            else:
                notes.append(
                    remark(
                        "rule.clock",
                        place=str(row.location),
                        longitude=shown(row.longitude),
                        hours=shown(abs(row.hours_from_zone), 2),
                    )
                )
    return notes


def _moved(places: pd.DataFrame, stored: pd.DataFrame) -> pd.Series:
    """Distance in km of each place from where it is stored."""
    before = stored.drop_duplicates("location").set_index("location")
    was = [places["location"].map(before[name].astype("float64")) for name in COORDINATES]
    now = [places[name] for name in COORDINATES]
    north, east, other_north, other_east = map(np.asarray, (*now, *was))
    return pd.Series(distance((north, east), (other_north, other_east)), index=places.index)
