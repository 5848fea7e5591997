"""Evidence for SDG targets 11.5 and 13.1 and for target G of the Sendai Framework, year by year.

Figures that a warning system can give by itself. None of them is the indicator: deaths, missing and
affected people, which 11.5.1 and 13.1.1 count, come from the civil protection.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import pandas as pd

from configs import Region
from reports.view.track_record import DID_NOT, HAPPENED, MISSED, RETRACTED

GUIDANCE = (
    "UNDRR, Technical Guidance for Monitoring and Reporting on Progress in Achieving the Global "
    "Targets of the Sendai Framework, 2017"
)
METADATA = "UN Statistics Division, SDG Indicator Metadata"
COLUMNS = (
    "region", "year", "framework", "indicator", "measure", "hazard", "value", "unit", "definition",
    "source", "label",
)  # fmt: skip


@dataclass(frozen=True)
class Measure:
    """A figure: of which indicator it is evidence, its unit, its definition, whence that is."""

    framework: str
    indicator: str
    unit: str
    definition: str
    source: str


MEASURES: Mapping[str, Measure] = {
    "people_covered": Measure(
        "Sendai", "G-3", "people",
        "People who live in places for which a report of the year gave the chance of a hazard, by "
        "the populations of the region file; that they read it is not known.",
        GUIDANCE,
    ),
    "population_share_covered": Measure(
        "Sendai", "G-3", "1",
        "people_covered over the people of all places of the region file.",
        GUIDANCE,
    ),
    "hazards_forecast": Measure(
        "Sendai", "G-2", "hazards",
        "Hazards for which a report of the year gave a chance at any place.",
        GUIDANCE,
    ),
    "days_with_report": Measure(
        "Sendai", "G-2", "days",
        "Days of the year on which a report was published and not retracted.",
        GUIDANCE,
    ),
    "warnings_issued": Measure(
        "Sendai", "G-3", "places and days",
        "Places and valid days for which a report not retracted gave a colour, yellow or worse, at "
        "any lead; each place and day counts once.",
        GUIDANCE,
    ),
    "people_reached": Measure(
        "Sendai", "G-3", "people",
        "People who live in places for which a warning was issued, each place counted once; that "
        "it reached each of them is not known.",
        GUIDANCE,
    ),
    "warnings_with_event": Measure(
        "Sendai", "G-2", "places and days",
        "Of warnings_issued those on whose day the event of the colour happened, by the hazard's "
        "own definition, in the measured record.",
        GUIDANCE,
    ),
    "warnings_without_event": Measure(
        "Sendai", "G-2", "places and days",
        "Of warnings_issued those on whose day the event of the colour did not happen; what is "
        "not known yet is in neither.",
        GUIDANCE,
    ),
    "events_without_warning": Measure(
        "Sendai", "G-2", "places and days",
        "Places and days on which the unusual event happened and the report of that day gave no "
        "colour for it.",
        GUIDANCE,
    ),
    "lead_time": Measure(
        "Sendai", "G-2", "days",
        "Mean, over warnings_with_event, of the longest lead at which a report gave the colour.",
        GUIDANCE,
    ),
    "impacts_told": Measure(
        "SDG", "11.5.1, 13.1.1", "reports",
        "Reports of officers and citizens of what happened; a pointer to where harm was, and no "
        "count of people.",
        METADATA,
    ),
}  # fmt: skip
"""What is told of each year, in the order of the table."""


def evidence_table(
    region: Region,
    issued: pd.DataFrame,
    days: Sequence[date],
    alerts: pd.DataFrame,
    impacts: pd.DataFrame,
    label: str = "",
) -> pd.DataFrame:
    """A row for each year, measure and hazard ("" for all together), see MEASURES.

    ``issued``: rows of forecast.csv of reports not retracted; ``days`` of these reports.
    ``alerts``: ``alerts_table`` of the same days. ``impacts``: day and hazard of what people saw. A
    figure that cannot be told, such as of people where the region file has no populations, is NaN.
    """
    known = {*issued["issued"].dt.year, *alerts["valid"].dt.year, *impacts["day"].dt.year}
    years = sorted(known | {day.year for day in days})
    rows = [
        {
            "region": region.name,
            "year": int(year),
            "framework": MEASURES[name].framework,
            "indicator": MEASURES[name].indicator,
            "measure": name,
            "hazard": hazard,
            "value": value,
            "unit": MEASURES[name].unit,
            "definition": MEASURES[name].definition,
            "source": MEASURES[name].source,
            "label": label,
        }
        for year in years
        for name, hazard, value in _of_year(int(year), region, issued, days, alerts, impacts)
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


Figure = tuple[str, str, float]


def _of_year(
    year: int,
    region: Region,
    issued: pd.DataFrame,
    days: Sequence[date],
    alerts: pd.DataFrame,
    impacts: pd.DataFrame,
) -> Iterator[Figure]:
    given = issued[(issued["issued"].dt.year == year) & issued["probability"].notna()]
    people = {place.id: place.population for place in region.locations}
    everyone = _people(people, people)
    covered = _people(people, set(given["location"]))
    yield "people_covered", "", covered
    yield "population_share_covered", "", covered / everyone if everyone else float("nan")
    yield "hazards_forecast", "", float(given["hazard"].nunique())
    yield "days_with_report", "", float(sum(day.year == year for day in days))
    mine = alerts[(alerts["valid"].dt.year == year) & (alerts["came"] != RETRACTED)]
    for hazard in ("", *sorted(set(mine["hazard"]))):
        rows = mine[mine["hazard"] == hazard] if hazard else mine
        yield from _of_alerts(hazard, rows, people)
    yield "impacts_told", "", float((impacts["day"].dt.year == year).sum())


def _of_alerts(
    hazard: str, alerts: pd.DataFrame, people: Mapping[str, int | None]
) -> Iterator[Figure]:
    """The figures of a hazard's alerts, or of all, whose valid days are in one year."""
    single = alerts[(alerts["window_days"] == 1) | (alerts["lead_days"] > 0)]
    given = single[single["came"] != MISSED]
    cells = given.groupby(["hazard", "location", "valid"])
    came = cells["came"].agg(set)
    hit = came.map(lambda kinds: HAPPENED in kinds).astype(bool)
    false = came.map(lambda kinds: HAPPENED not in kinds and DID_NOT in kinds).astype(bool)
    yield "warnings_issued", hazard, float(len(came))
    yield "people_reached", hazard, _people(people, set(given["location"]))
    yield "warnings_with_event", hazard, float(hit.sum())
    yield "warnings_without_event", hazard, float(false.sum())
    yield "events_without_warning", hazard, float((single["came"] == MISSED).sum())
    yield "lead_time", hazard, float(cells["lead_days"].max()[hit].mean())


def _people(population: Mapping[str, int | None], places: Any) -> float:
    """How many live in the places; NaN where of one of them it is not known."""
    counts = [population.get(place) for place in places]
    if not population or any(count is None for count in counts):
        return float("nan")
    return float(sum(count for count in counts if count is not None))
