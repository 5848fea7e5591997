"""What the data contract says of a region's record: by rule and place, a sentence, a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

import pandas as pd
import xarray as xr
from prefect.artifacts import create_table_artifact

import reports
from configs import Region
from configs.remarks import Remark, remark
from data_contracts.rules import RULE_OF_SENTENCE
from data_contracts.tiled_store import AnyStore
from features.build import options_for
from features.hazards import hazards

NEWEST_DAYS = 7
"""Days before the issue day whose withheld values a reader must know of."""

RANGE = "range"
"""The rules of the variables table: ranges and the order of temperatures."""

Row = Mapping[str, Any]


def by_rule(store: AnyStore, snapshot: str | None = None) -> list[Row]:
    """What is withheld or in doubt now: a row a source, rule, variable and place.

    Keys source, rule, variable, location, used (whether the values are used), n, first, last.
    """
    parts = [
        cells.assign(rule=[_code(sentence) for sentence in cells["rule"]], used=used)
        for cells, used in ((store.withheld(snapshot), False), (store.flagged(snapshot), True))
    ]
    cells = pd.concat(parts, ignore_index=True)
    keys = ["source", "rule", "variable", "location", "used"]
    groups = cells.groupby(keys, sort=True)["time"].agg(["size", "min", "max"]).reset_index()
    return [
        {key: row[key] for key in keys[:4]}
        | {"used": bool(row["used"]), "n": int(row["size"])}
        | {"first": f"{row['min']:%Y-%m-%d}", "last": f"{row['max']:%Y-%m-%d}"}
        for row in groups.to_dict("records")
    ]


def _code(sentence: str) -> str:
    rule = RULE_OF_SENTENCE.get(sentence)
    return rule.name if rule else RANGE


def show_artifact(store: AnyStore) -> None:
    """Puts what is withheld or in doubt beside the run, where Prefect shows it."""
    create_table_artifact(
        key=f"data-quality-{store.region.name}",
        table=[dict(row) for row in by_rule(store)],
        description=f"Values of {store.region.name} that are withheld, or in doubt and used.",
    )


def checked_record(store: AnyStore, observations: xr.Dataset, snapshot: str) -> Remark:
    """The sentence of the report on the record: how many values passed, are withheld, in doubt."""
    passed = sum(int(values.count()) for values in observations.data_vars.values())
    withheld, flagged = len(store.withheld(snapshot)), len(store.flagged(snapshot))
    return remark("record.checked", passed=passed, withheld=withheld, flagged=flagged)


def newest_withheld(
    store: AnyStore, observations: xr.Dataset, issued: date, snapshot: str
) -> tuple[Remark, ...]:
    """The message on places whose newest values are withheld, and that no other source gives."""
    cells = store.withheld(snapshot)
    first = pd.Timestamp(issued - timedelta(days=NEWEST_DAYS))
    cells = cells[(cells["time"] >= first) & (cells["time"] < pd.Timestamp(issued))]
    missing = [cell for cell in cells.itertuples() if not _is_known(observations, cell)]
    if not missing:
        return ()
    variables = tuple(
        remark("word", title=name) for name in sorted({str(cell.variable) for cell in missing})
    )
    places = tuple(sorted({str(cell.location) for cell in missing}))
    return (remark("record.newest_withheld", variables=variables, places=places),)


def _is_known(observations: xr.Dataset, cell: Any) -> bool:
    """Whether another source has a value where one is withheld."""
    try:
        value = observations[cell.variable].sel(time=cell.time, location=cell.location)
    except KeyError:
        return False
    return bool(value.notnull())


def unfit_places(observations: xr.Dataset, region: Region, names: Sequence[str]) -> list[Remark]:
    """The places at which a hazard is not assessed though it is elsewhere, and why.

    ``names``: of the hazards that are assessed.
    """
    remarks = []
    for hazard in (hazards()[name] for name in names):
        if hazard.unfit is None:
            continue
        whys = hazard.unfit(observations, options_for(hazard, region, observations))
        remarks += [
            remark("record.unfit", hazard=hazard.title, place=str(place), reason=why)
            for place, why in zip(observations["location"].values, whys, strict=True)
            if why is not None
        ]
    return remarks


def write_page(store: AnyStore, rows: Sequence[Row], summary: Remark, issued: date) -> None:
    """Writes the page on the data's quality beside the published reports.

    ``rows``: of ``by_rule``. ``summary``: of ``checked_record``.
    """
    reports.write_data_quality(store.region, rows, summary, issued, store.settings)
