"""What a region's record is told from: its observations, its champions and their backtests."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date

import pandas as pd
import xarray as xr

from configs import Region, Settings
from data_contracts.tiled_store import open_store
from flows.kept import kept_tables
from flows.run import known_before, today
from flows.train import assess, available_hazards, champions_of, out_of_fold_of
from models.registry import Champion, Registry
from models.verification.contingency import contingency_table
from models.verification.reliability import reliability_table
from models.verification.weather_scores import Assessment
from sources import is_exercise


@dataclass(frozen=True)
class Past:
    """What a region's record is told from, on an issue day. Observations from it on are not read.

    ``champions`` by hazard say what an event is and hold the backtests.
    """

    region: Region
    settings: Settings
    issued: date
    observations: xr.Dataset
    champions: dict[str, Champion]
    assessment: Assessment

    @property
    def label(self) -> str:
        """EXERCISE where the record is made up, else empty."""
        return "EXERCISE" if is_exercise(self.region) else ""

    @property
    def backtests(self) -> dict[str, xr.Dataset]:
        """The champions' out-of-fold predictions by hazard."""
        return out_of_fold_of(self.champions)


def past_of(region: Region, settings: Settings) -> Past:
    """What the region's record is told from today. Raises RiskError without a stored record."""
    observations = open_store(settings, region).observations()
    issued = today(region, observations)
    known = known_before(observations, issued)
    possible = available_hazards(known, region)
    champions = champions_of(region, Registry(settings), possible.hazards, known)
    assessment = assessment_of(region, settings, champions, possible.missing)
    return Past(region, settings, issued, known, champions, assessment)


def assessment_of(
    region: Region,
    settings: Settings,
    champions: dict[str, Champion],
    missing: Collection[str],
) -> Assessment:
    """The scores of the champions' backtests, all hazards of the region together.

    ``missing``: hazards of the region besides, which cannot be assessed. Worked out once, see
    ``kept_tables``.
    """
    tested = out_of_fold_of(champions)
    untested = sorted({*champions, *missing} - {*tested})

    def work() -> tuple[pd.DataFrame, pd.DataFrame]:
        made = assess(tested, region, untested)
        return made.state, made.weather

    names, also = ("scores-state", "scores-weather"), " ".join(untested)
    return Assessment(*kept_tables(settings, region, names, (tested, also), work))


def colours_of(
    region: Region, settings: Settings, champions: dict[str, Champion], assessment: Assessment
) -> dict[str, pd.DataFrame] | None:
    """What the report's colours and chances came to in past years, by name of the table.

    None where nothing was backtested. Worked out once, see ``kept_tables``.
    """
    tested = out_of_fold_of(champions)
    if not tested:
        return None

    def work() -> tuple[pd.DataFrame, pd.DataFrame]:
        return contingency_table(tested, assessment.state, region), reliability_table(tested)

    names = ("colours", "reliability")
    return dict(zip(names, kept_tables(settings, region, names, (tested, ""), work), strict=True))
