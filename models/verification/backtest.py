"""Backtest: expanding yearly folds with a gap between training and test.

What is tested in a year was learnt before it. Everything is refitted every third year.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr

from configs import Region, RiskError
from configs.remarks import Remark, remark
from features.build import NO_OPTIONS, build_outcome, delays_of, measured, options_for
from features.hazards import Hazard, Options
from models import remarks
from models.forecasting import forecasters
from models.postprocessing.probabilities import (
    EventContext,
    pairs_for_hazard,
    rolling_event_probabilities,
)
from models.postprocessing.rolling_stacking import add_combined
from models.publishing import publish, yearly_weights
from models.training import DIMS, Model, TrainingSet, build_training_set, train_model
from models.verification.outcomes import margins_for

MIN_YEARS = 15
"""Years of record: fewer leave too few test years for a verdict."""
MIN_VALID = 0.8
"""Share of a test year's issue days that must have an outcome."""
MAX_FIRST = 0.6
"""Share of the record that the first training takes at most."""
RETRAIN_YEARS = 3
"""Years after which everything is refitted; every year costs three times as much."""
SEARCH_GROWTH = 1.5
"""How many times as long a record is, when boosting rounds are chosen anew."""
WEATHER_YEARS = 8
"""The newest test years, with weather forecasts; older ones are of other forecast models."""


class TooShort(RiskError):
    """A record with fewer years than a backtest needs."""


def reasons_missing(
    hazard: Hazard, observations: xr.Dataset, options: Options = NO_OPTIONS
) -> Remark | None:
    """Why a hazard cannot be assessed on this record; None where it can, at some place."""
    lacking = [
        name
        for name in hazard.requires
        if name not in observations or not bool(np.isfinite(observations[name]).any())
    ]
    if lacking:
        return remarks.variables_missing(lacking)
    if hazard.unfit is None or measured(hazard, observations, options).any():
        return None
    return next(why for why in hazard.unfit(observations, options) if why is not None)


def record_years(observations: xr.Dataset) -> float:
    """Length of the record in years, first day to last."""
    return observations.sizes["time"] / 365.25


def require_years(observations: xr.Dataset, region: Region) -> None:
    """Raises TooShort when the record is shorter than a backtest needs."""
    if round(record_years(observations), 1) < MIN_YEARS:
        years = round(record_years(observations), 1)
        raise TooShort(remark("record.short", region=region.name, years=years, least=MIN_YEARS))


def test_years(hazard: Hazard, observations: xr.Dataset) -> list[int]:
    """Calendar years a fold may test: complete ones after the first training.

    The first training takes the hazard's ``first_years``, at most MAX_FIRST of the record.
    """
    times = pd.DatetimeIndex(observations["time"].values)
    years = min(hazard.backtesting.first_years, MAX_FIRST * record_years(observations))
    first = times[0] + pd.Timedelta(days=365.25 * years)
    return [
        year
        for year in range(times[0].year, times[-1].year + 1)
        if pd.Timestamp(year, 1, 1) >= first - pd.Timedelta(days=2)
    ]


@dataclass(frozen=True)
class Fold:
    """One test year: the model learnt before it, and the issue days scored with what happened.

    The model is of a record that ends at least ``gap_days`` before the test year. ``outcome``
    (cell, level, init_time, location) holds 1, 0, or NaN where nothing is scored.
    """

    hazard: Hazard
    training: TrainingSet
    model: Model
    observations: xr.Dataset
    outcome: xr.DataArray
    delays: Mapping[str, int]
    options: Options

    @property
    def year(self) -> int:
        """The calendar year tested."""
        return int(self.outcome["init_time"].dt.year.values[0])

    def predictions(self, archive: Mapping[str, xr.Dataset]) -> xr.Dataset:
        """Every forecaster's probability and the outcome, NaN where nothing is scored.

        ``weather`` where ``archive``, pairs of weather forecasts and observations, allows it.
        """
        issue_days = self.outcome["init_time"].values
        predicted = forecasters(
            self.model, self.observations, issue_days, self.delays, self.options
        ).drop_vars("days_late")
        if archive:
            predicted = predicted.assign(weather=(self.outcome.dims, self.weather(archive)))
        predicted = predicted.where(np.isfinite(self.outcome.values))
        outcome = (self.outcome.dims, self.outcome.values)
        return predicted.assign(outcome=outcome).astype(np.float32)

    def weather(self, archive: Mapping[str, xr.Dataset]) -> np.ndarray:
        """The weather model's probability by rolling origin, NaN where it has none."""
        days = self.outcome["init_time"].values
        context = EventContext(self.hazard, self.observations, self.model.normals, self.options)
        return rolling_event_probabilities(context, archive, days).values


def backtest(
    hazard: Hazard, observations: xr.Dataset, region: Region, forecasts: xr.Dataset | None = None
) -> xr.Dataset:
    """Out-of-fold predictions of every forecaster beside what happened, for all test years.

    Dataset (cell, level, init_time, location): ``model``, ``persistence``, ``climatology``,
    ``climatology_smoothed``, ``published``, ``outcome`` and, where the hazard has one, ``overlap``;
    float32, NaN where there was nothing to score. Where ``forecasts``, as Store.forecasts gives
    them, cover any of the newest WEATHER_YEARS test years, also ``weather``, the weather model's,
    ``both`` and ``published_with_weather``. Raises TooShort.
    """
    require_years(observations, region)
    observations = observations.load()
    archive = pairs_for_hazard(hazard, forecasts, observations)
    since = (test_years(hazard, observations) or [0])[-WEATHER_YEARS:][0]
    tested = [
        fold.predictions(archive if fold.year >= since else {})
        for fold in folds(hazard, observations, region)
    ]
    if not tested:
        share, name = f"{MIN_VALID:.0%}", hazard.title.lower()
        raise TooShort(remark("record.gaps", region=region.name, share=share, hazard=name))
    options = options_for(hazard, region, observations)
    out_of_fold = joined(hazard, tested, delays_of(observations)).assign_attrs(
        warm_season=list(options.warm_season)
    )
    if "weather" not in out_of_fold or not np.isfinite(out_of_fold["weather"].values).any():
        return out_of_fold.drop_vars("weather", errors="ignore")
    return add_combined(hazard, out_of_fold)


def joined(hazard: Hazard, tested: Sequence[xr.Dataset], delays: Mapping[str, int]) -> xr.Dataset:
    """The test years' predictions one after the other, with the ``published`` probability."""
    together = xr.concat(tested, dim="init_time")
    published = publish(yearly_weights(hazard, together), together)
    return together.assign(published=(DIMS, published.astype(np.float32))).assign_attrs(
        hazard=hazard.name, delay_days=max(delays[name] for name in hazard.requires)
    )


def folds(hazard: Hazard, observations: xr.Dataset, region: Region) -> Iterator[Fold]:
    """Every test year that is mostly observed; a model is learnt anew every RETRAIN_YEARS."""
    observations = observations.load()
    delays, options = delays_of(observations), options_for(hazard, region, observations)
    training, model, searched, learnt = None, None, 0, 0
    for year in test_years(hazard, observations):
        if model is None or training is None or year - learnt >= RETRAIN_YEARS:
            past = training_before(hazard, observations, year)
            training = build_training_set(hazard, past, past, delays, options)
            size = past.sizes["time"]
            search = model is None or size >= SEARCH_GROWTH * searched
            model, learnt = train_model(training, model, search), year
            searched = size if search else searched
        outcome = _outcome(hazard, model, observations, year, options)
        if outcome is not None:
            yield Fold(hazard, training, model, observations, outcome, delays, options)


def training_before(hazard: Hazard, observations: xr.Dataset, year: int) -> xr.Dataset:
    """What a model that is tested in ``year`` may learn from: until ``gap_days`` before it."""
    return observations.sel(
        time=slice(
            None, pd.Timestamp(year, 1, 1) - pd.Timedelta(days=hazard.backtesting.gap_days + 1)
        )
    )


def _outcome(
    hazard: Hazard, model: Model, observations: xr.Dataset, year: int, options: Options
) -> xr.DataArray | None:
    """What happened after the issue days of a test year; None where it is mostly unobserved."""
    first, last = pd.Timestamp(year, 1, 1), pd.Timestamp(year, 12, 31)
    margins = margins_for(hazard, model.normals, observations, first, last, options)
    outcome = build_outcome(hazard, margins, model.normals, options).sel(init_time=str(year))
    measured = ~np.isnan(margins.values).all(axis=(0, 1))
    issue_days = np.arange(f"{year}-01-01", f"{year + 1}-01-01", dtype="datetime64[D]")[
        :: hazard.backtesting.step_days
    ].astype("datetime64[ns]")
    outcome = outcome.sel(init_time=np.isin(outcome["init_time"].values, issue_days))
    expected = (hazard.applies(issue_days, model.normals, options) == 1)[..., measured].sum()
    valid = np.isfinite(outcome.values[:, 0])
    if not expected or valid.sum() < MIN_VALID * expected:
        return None
    return outcome.isel(init_time=valid.any(axis=(0, 2)))
