"""The track record: each alert that was issued, what came of it, and what people saw.

A cell of a forecast is an alert where it has a colour. What came of it is the event of the colour's
level, by the hazard's own definition: yellow 1, orange 2, red 3.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from reports.text.formatting import COLOUR_WORDS
from reports.text.language import Language, mark
from reports.view.outlook import RISING, hazard_title

HAPPENED, DID_NOT, UNKNOWN = "happened", "did not happen", "not known yet"
RETRACTED, MISSED, UNTOLD = "retracted", "missed", "cannot be told"
WHAT_CAME = {
    HAPPENED: mark("happened"),
    DID_NOT: mark("did not happen"),
    UNKNOWN: mark("not known yet"),
    RETRACTED: mark("retracted"),
    MISSED: mark("happened without an alert"),
    UNTOLD: mark("cannot be told: no observation, or its model is gone"),
}
COLOURED = tuple(RISING[1:])
LEVELS = {colour: level for level, colour in enumerate(COLOURED, start=1)}
COLUMNS = (
    "issued", "hazard", "location", "valid", "lead_days", "window_days", "colour", "probability",
    "came", "impacts",
)  # fmt: skip
"""Columns of ``alerts_table``, which track-record.csv has too."""


def alerts_table(
    held: pd.DataFrame, retracted: pd.DataFrame, impacts: pd.DataFrame
) -> pd.DataFrame:
    """A row for each coloured cell that was issued and each event without a colour, newest first.

    ``held``: rows of forecast.csv with ``outcome`` and ``state`` (see models.verification.marks);
    ``retracted``: those of retracted reports.
    ``impacts``: day (datetime64), location and hazard of what people saw. ``probability`` is that
    of the colour's level, ``came`` one of WHAT_CAME, ``impacts`` how many were told of its days.
    An event is missed where the report of its day gave its place no colour for that day.
    """
    alerts = pd.concat(
        [
            _coloured(held).assign(came=_came),
            _coloured(retracted).assign(came=RETRACTED),
            _missed(held).assign(came=MISSED),
        ],
        ignore_index=True,
    )
    return _ordered(alerts.assign(impacts=_told_of(alerts, impacts)))


def _ordered(alerts: pd.DataFrame) -> pd.DataFrame:
    order = ["issued", "hazard", "location", "lead_days", "window_days"]
    ordered = alerts.sort_values(order, ascending=[False, True, True, True, True], kind="stable")
    return ordered[list(COLUMNS)].reset_index(drop=True)


def _missed(held: pd.DataFrame) -> pd.DataFrame:
    today = held[(held["lead_days"] == 0) & (held["window_days"] == 1) & (held["level"] == 1)]
    without = today[(today["outcome"] == 1) & ~today["colour"].isin(COLOURED)]
    return without.assign(colour="")


def _single(rows: pd.DataFrame) -> pd.DataFrame:
    """Cells of one day, and an index's: no windows of days."""
    return rows[(rows["window_days"] == 1) | (rows["lead_days"] > 0)]


def _coloured(rows: pd.DataFrame) -> pd.DataFrame:
    return rows[rows["level"] == rows["colour"].map(LEVELS)]


def _came(rows: pd.DataFrame) -> np.ndarray:
    outcome, state = rows["outcome"], rows["state"]
    known = [outcome == 1, outcome == 0, state == "ungradable"]
    return np.select(known, [HAPPENED, DID_NOT, UNTOLD], UNKNOWN)


def _told_of(alerts: pd.DataFrame, impacts: pd.DataFrame) -> list[int]:
    """How many impacts lie on the days of each alert."""
    if not len(impacts):
        return [0] * len(alerts)
    counted = impacts.groupby(["hazard", "location", "day"]).size().to_dict()
    return [
        sum(counted.get((row["hazard"], row["location"], day), 0) for day in _days(row))
        for row in alerts.to_dict("records")
    ]


def _days(row: Mapping[Hashable, Any]) -> Sequence[pd.Timestamp]:
    """The days from the valid one on that a cell speaks of; of an index, the valid day."""
    length = row["window_days"] if row["lead_days"] == 0 else 1
    return [row["valid"] + pd.Timedelta(days=number) for number in range(length)]


@dataclass(frozen=True)
class IssuedAlerts:
    """A hazard's alerts of one issue day, as text: how many, what came of them.

    ``missed``: places with the unusual event that day and no colour. ``colour`` "" for none.
    """

    day: date
    hazard: str
    colour: str
    colour_word: str
    shown: str
    happened: str
    did_not: str
    unknown: str
    missed: str
    impacts: str
    retracted: bool


def issued_alerts(alerts: pd.DataFrame, lang: Language) -> tuple[IssuedAlerts, ...]:
    """A row for each issue day and hazard that had an alert or missed an event, newest first.

    Cells of single days and of indices; windows count in track-record.csv alone.
    """
    single = _single(alerts)
    by_day = {
        (pd.Timestamp(str(issued)), str(hazard)): rows
        for (issued, hazard), rows in single.groupby(["issued", "hazard"])
    }
    keys = sorted(by_day, key=lambda key: (-key[0].value, key[1]))
    return tuple(_issued(*key, by_day[key], lang) for key in keys)


def _issued(issued: pd.Timestamp, hazard: str, rows: pd.DataFrame, lang: Language) -> IssuedAlerts:
    counts = rows["came"].value_counts().to_dict()
    alerts = rows[rows["came"] != MISSED]
    worst = max(alerts["colour"], key=RISING.index, default="")
    return IssuedAlerts(
        issued.date(),
        hazard_title(hazard, lang),
        worst,
        lang.say(COLOUR_WORDS[worst]) if worst else "–",
        lang.number(len(alerts)),
        lang.number(counts.get(HAPPENED, 0)),
        lang.number(counts.get(DID_NOT, 0)),
        lang.number(counts.get(UNKNOWN, 0)),
        lang.number(counts.get(MISSED, 0)),
        lang.number(int(rows["impacts"].sum())),
        bool(counts.get(RETRACTED)),
    )


@dataclass(frozen=True)
class HazardSum:
    """What all alerts of a hazard came to, in a sentence."""

    title: str
    sentence: str


def sums(alerts: pd.DataFrame, lang: Language) -> tuple[HazardSum, ...]:
    """A sentence for each hazard with an alert; windows count in none.

    Nor do retracted reports, and alerts of which nobody can tell what came.
    """
    given = _single(alerts[~alerts["came"].isin([MISSED, RETRACTED, UNTOLD])])
    return tuple(_sum(str(name), rows, lang) for name, rows in given.groupby("hazard", sort=True))


def _sum(name: str, rows: pd.DataFrame, lang: Language) -> HazardSum:
    counts = rows["came"].value_counts().to_dict()
    values = {
        key: lang.number(counts.get(came, 0))
        for key, came in (("happened", HAPPENED), ("false", DID_NOT), ("unknown", UNKNOWN))
    }
    sentence = lang.say_many(
        "{n} alert for a place and day: {happened} came true, {false} did not, {unknown} are not "
        "known yet.",
        "{n} alerts for a place and day: {happened} came true, {false} did not, {unknown} are not "
        "known yet.",
        len(rows),
        **values,
    )
    return HazardSum(hazard_title(name, lang), sentence)


@dataclass(frozen=True)
class SeenImpact:
    """What was seen on a day, beside what was forecast of that day and what was measured."""

    day: date
    time: str
    place: str
    hazard: str
    words: str
    photo: str
    forecast: str
    came: str


def seen_impacts(
    impacts: pd.DataFrame,
    held: pd.DataFrame,
    alerts: pd.DataFrame,
    names: Mapping[str, str],
    lang: Language,
) -> tuple[SeenImpact, ...]:
    """The impacts, newest first. ``names``: location id -> name in the language.

    Beside each is what ``held`` says of its day, and of days before those, what ``alerts`` does.
    """
    first = _single(held[(held["level"] == 1) & held["valid"].isin(impacts["day"])])
    first, single = first.assign(came=_came), _single(alerts[alerts["valid"].isin(impacts["day"])])
    keys = ["hazard", "location", "valid"]
    by_cell = {key: rows for table in (single, first) for key, rows in table.groupby(keys)}
    newest = impacts.sort_values(["day", "time"], ascending=False, kind="stable")
    return tuple(
        _seen(row, by_cell.get((row["hazard"], row["location"], row["day"])), names, lang)
        for row in newest.to_dict("records")
    )


def _seen(
    row: Mapping[Hashable, Any],
    forecasts: pd.DataFrame | None,
    names: Mapping[str, str],
    lang: Language,
) -> SeenImpact:
    forecast, came = lang.say("no forecast of that day, or no alert"), UNKNOWN
    if forecasts is not None:
        forecast = _forecast_of(forecasts, lang)
        came = str(forecasts["came"].iloc[0])
    return SeenImpact(
        pd.Timestamp(row["day"]).date(),
        str(row["time"]),
        names.get(str(row["location"]), str(row["location"])),
        hazard_title(str(row["hazard"]), lang),
        str(row["words"]),
        str(row["photo"]),
        forecast,
        lang.say(WHAT_CAME[came]),
    )


def _forecast_of(forecasts: pd.DataFrame, lang: Language) -> str:
    """The newest forecast's colour of a day, and since how many days ahead there was one."""
    colour = str(forecasts.sort_values("lead_days")["colour"].iloc[0])
    word = lang.say(COLOUR_WORDS[colour]) if colour in COLOUR_WORDS else lang.say("No colour")
    coloured = forecasts[forecasts["colour"].isin(COLOURED)]
    if not len(coloured):
        return lang.say("{colour}, and no alert before", colour=word)
    lead = int(coloured["lead_days"].max())
    since = lang.say("on the day itself")
    if lead:
        since = lang.say_many("{n} day ahead", "{n} days ahead", lead)
    return lang.say("{colour}; first alert {ahead}", colour=word, ahead=since)


def by_year(rows: Sequence[IssuedAlerts]) -> list[tuple[int, list[IssuedAlerts]]]:
    """The rows, newest first, by year."""
    years: dict[int, list[IssuedAlerts]] = {}
    for row in rows:
        years.setdefault(row.day.year, []).append(row)
    return list(years.items())
