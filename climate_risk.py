"""The public names: from a region to observations, features, a model, probabilities and scores.

Everything here calls one function of the packages and holds no science of its own. A notebook
needs no other import:

    import climate_risk as cr

    tunis = cr.load_region("tunis")
    observations = cr.load_observations(tunis)
    model = cr.fit("heat", observations, tunis)
    cr.predict(model, observations, tunis)

Arrays are ``xarray`` objects, tables are ``pandas.DataFrame``. Days are the region's standard
days. Units are those of ``variables``; probabilities are between 0 and 1. Missing is NaN.
An error that a reader can cure is a ``RiskError`` with one sentence: what was found, what
was expected, and the cure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, TypeAlias, cast

import configs
from configs import Region, RiskError, Settings

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import xarray as xr

    from features.hazards import Hazard, Options
    from models.training import Model

    Days: TypeAlias = str | np.datetime64 | pd.Timestamp | list[str] | np.ndarray | pd.DatetimeIndex

__all__ = [
    "Region",
    "RiskError",
    "backtest",
    "build_features",
    "fit",
    "hazards",
    "load_observations",
    "load_region",
    "model_store",
    "predict",
    "regions",
    "score",
    "to_table",
    "variables",
]


def regions() -> list[str]:
    """List the regions that come with the project.

    Returns:
        Their names, each good for ``load_region``.
    """
    return configs.region_names()


def load_region(name: str | Path) -> Region:
    """Read a region file.

    Args:
        name: A name of ``regions``, or the path of a YAML file.

    Returns:
        The region, checked and frozen: its ``locations``, ``sources``, ``warm_season`` and
        ``reference_period``, and the ``path`` it was read from.

    Raises:
        RiskError: There is no such file (near names are suggested), or it has a wrong key or value.
    """
    return configs.load_region(name)


def variables() -> pd.DataFrame:
    """Show the variables table: every quantity that the project knows.

    Returns:
        One row a variable, with ``units``, ``low`` and ``high`` (a value outside cannot be real,
        in ``units``), ``meaning``, ``cell_methods`` (what a day's value is) and CF's
        ``standard_name``. The index is the variable's name.
    """
    import pandas as pd

    from data_contracts.variables import VARIABLES

    return pd.DataFrame([asdict(row) for row in VARIABLES.values()]).set_index("name")


def hazards() -> dict[str, Hazard]:
    """List the hazards.

    Returns:
        Each hazard's declaration by its name: ``requires`` and ``uses`` are the variables it
        reads, ``cells`` the leads and windows in days, ``features`` its predictors.
    """
    from features.hazards import hazards as declared

    return declared()


def load_observations(region: Region, home: str | Path | None = None) -> xr.Dataset:
    """Pull a region's record through its sources, the contract and a store.

    Of a grid it is the record of the cells that models learn from, see docs/scaling.md.

    Args:
        region: What ``load_region`` returned.
        home: The folder of a home, whose store keeps what was pulled. By default the store is
            temporary. Give a home for sources that ask a service, so that a day is asked for once.

    Returns:
        Dims ``(time, location)``, float32, one variable a quantity in the units of
        ``variables``; each has the attribute ``delay_days``, the days by which it lags the
        issue day. Coordinates: ``latitude``, ``longitude``, ``elevation``, ``name``.

    Raises:
        SourceUnavailable: A source does not answer; another try may help.
        ContractBroken: A batch breaks the contract; nothing of it is stored.
        RiskError: Anything else that its reader can cure.
    """
    if home is not None:
        return _pull(region, Settings(Path(home).expanduser().resolve()))
    with TemporaryDirectory() as scratch:
        return _pull(region, Settings(Path(scratch)))


def _pull(region: Region, settings: Settings) -> xr.Dataset:
    from data_contracts.store import Store
    from data_contracts.tiled_store import open_store
    from sources import sources_of

    whole = open_store(settings, region)
    parts = [whole] if isinstance(whole, Store) else [whole.tiles[name] for name in whole.learning]
    for store in parts:
        for source in sources_of(store.region):
            store.ingest(source, source.fetch(store.fetch_request(source.name)))
    return whole.observations().load()


def build_features(
    hazard: str | Hazard,
    observations: xr.Dataset,
    region: Region,
    issued: Days | None = None,
    model: Model | None = None,
) -> xr.Dataset:
    """Compute a hazard's predictors as they were known on the morning of each issue day.

    Args:
        hazard: A name of ``hazards``, or the declaration itself.
        observations: What ``load_observations`` returned.
        region: The same region.
        issued: One issue day or several. By default every day of the record.
        model: Take the normals of this model. By default they are learnt from the region's
            reference period.

    Returns:
        Dims ``(init_time, location)``, and ``(init_time, cell, location)`` for predictors that
        differ by lead; float32, Dask-backed (``.compute()`` reads it). ``cell`` carries
        ``lead_days`` and ``window_days``. Nothing published after an issue day is read for it.

    Raises:
        RiskError: No hazard has that name.
    """
    from features.build import build_features as build
    from features.build import delays_of

    declared, options = _hazard(hazard), _options(hazard, region, observations)
    normals = _normals(declared, observations, region, options) if model is None else model.normals
    days = observations["time"].values if issued is None else _days(issued)
    return build(declared, observations, normals, days, delays_of(observations), options)


def fit(hazard: str | Hazard, observations: xr.Dataset, region: Region) -> Model:
    """Learn a hazard's forecasters from the whole record.

    Args:
        hazard: A name of ``hazards``, or the declaration itself.
        observations: What ``load_observations`` returned; 15 years or more.
        region: The same region. Its ``reference_period`` gives the normals.

    Returns:
        The model: climatology, persistence and the state model of all levels and leads, with its
        ``normals``. ``meta`` says what it learnt from.

    Raises:
        RiskError: No hazard has that name, or the record lacks a variable that it requires.
    """
    from features.build import options_for
    from models.training import fit_model
    from models.verification.backtest import reasons_missing

    declared = _hazard(hazard)
    if reason := reasons_missing(
        declared, observations, options_for(declared, region, observations)
    ):
        raise RiskError(f"hazard {declared.name}: {reason}; add it to the region's sources.")
    return fit_model(declared, observations, region)


def predict(
    model: Model,
    observations: xr.Dataset,
    region: Region,
    issued: Days | None = None,
    backtested: xr.Dataset | None = None,
) -> pd.DataFrame:
    """Give every forecaster's probability for one issue day or several.

    Live runs and backtests call the same function with the same delays: a value that was not yet
    published on the morning of the issue day is not read.

    Args:
        model: What ``fit`` returned.
        observations: The record; it may be longer than the one learnt from.
        region: The same region.
        issued: One issue day or several. By default the day after the newest observation.
        backtested: What ``backtest`` returned for the hazard. With it the column
            ``published`` weighs the forecasters by their past years; without it by their first
            weights.

    Returns:
        One row an issue day, location, level (1 unusual, 2 severe, 3 extreme), lead and window:
        ``issued``, ``valid`` (the day spoken of; of a window ahead, its first day), ``location``,
        ``hazard``, ``level``, ``lead_days``, ``window_days``, ``days_late`` (0: the newest value
        was at hand, -1: the climatology stands), then a probability from 0 to 1 for each
        forecaster: ``model``, ``persistence``, ``climatology``, ``climatology_smoothed``,
        ``overlap`` (drought and floods) and ``published``. A cell that cannot be on that day has
        no row.
    """
    import numpy as np

    from features.build import delays_of, existing
    from models.forecasting import forecasters
    from models.publishing import live_weights, publish

    declared, options = _hazard(model.hazard), _options(model.hazard, region, observations)
    newest = observations["time"].values[-1:]
    days = newest + np.timedelta64(1, "D") if issued is None else _days(issued)
    forecasts = forecasters(model, observations, days, delays_of(observations), options)
    number = publish(live_weights(declared, backtested), forecasts)
    there = existing(declared, observations, days, model.normals, options) == 1
    forecasts = forecasts.assign(published=(forecasts["model"].dims, number)).where(
        forecasts["days_late"].copy(data=there)
    )
    table = forecasts.to_dataframe().dropna(subset="days_late").reset_index()
    valid = table["init_time"] + table["lead_days"].to_numpy().astype("timedelta64[D]")
    table = table.rename(columns={"init_time": "issued"}).assign(hazard=model.hazard, valid=valid)
    keys = ["issued", "valid", "location", "hazard", "level", "lead_days", "window_days"]
    rest = [name for name in ("days_late", *forecasts.data_vars) if name in table]
    table = table[list(dict.fromkeys([*keys, *rest]))].astype({"days_late": int})
    return table.sort_values(
        ["issued", "location", "window_days", "lead_days", "level"]
    ).reset_index(drop=True)


def backtest(hazard: str | Hazard, observations: xr.Dataset, region: Region) -> xr.Dataset:
    """Test a hazard's forecasters on years that they have not seen.

    Each test year is forecast by a model of the years before it; everything is learnt anew, the
    normals too. It takes minutes.

    Args:
        hazard: A name of ``hazards``, or the declaration itself.
        observations: What ``load_observations`` returned; 15 years or more.
        region: The same region.

    Returns:
        Dims ``(cell, level, init_time, location)``, float32: the probability of ``model``,
        ``persistence``, ``climatology``, ``climatology_smoothed`` and ``published``, and
        ``outcome`` (1, 0). NaN where nothing is scored.

    Raises:
        TooShort: The record has fewer than 15 years, or no year is observed well enough.
        RiskError: No hazard has that name, or the record lacks a variable that it requires.
    """
    from features.build import options_for
    from models.verification.backtest import backtest as test
    from models.verification.backtest import reasons_missing

    declared = _hazard(hazard)
    if reason := reasons_missing(
        declared, observations, options_for(declared, region, observations)
    ):
        raise RiskError(f"hazard {declared.name}: {reason}; add it to the region's sources.")
    return test(declared, observations, region)


def score(backtested: xr.Dataset | Mapping[str, xr.Dataset], region: Region) -> pd.DataFrame:
    """Score backtests and say what may be claimed of them.

    Args:
        backtested: What ``backtest`` returned, of one hazard or of several by name. Give all
            hazards of a region together: false discoveries are limited over all of them.
        region: The same region.

    Returns:
        One row a hazard, level, lead and window, as in ``scores.csv``: counts (``n``,
        ``n_events``, ``n_event_years``), Brier scores, ``bss_climatology`` and
        ``bss_persistence`` with 95 % intervals (0 is the baseline, 1 is perfect), ``roc_area``,
        ``reliability``, ``resolution`` and ``verdict``.
    """
    from models.verification.scores import assess

    named = cast("Mapping[str, xr.Dataset]", backtested)
    if "outcome" in named:  # one Dataset, which maps names to its variables
        one = cast("xr.Dataset", backtested)
        named = {str(one.attrs["hazard"]): one}
    return assess(named, region, {})


def model_store(home: str | Path | None = None) -> str:
    """Open a home's model store for MLflow.

    A model is registered there as ``<region>-<hazard>``; the alias ``champion`` names the version
    that makes forecasts, ``candidate`` the newest that waits. Paths are mended where the home was
    moved.

    Args:
        home: The folder of a home. By default ``CLIMATE_RISK_HOME``, else the checkout.

    Returns:
        The address for ``mlflow.set_tracking_uri``.

    Raises:
        RiskError: The store cannot be opened, read or written.
    """
    from models.registry import Registry
    from models.registry.database import quieten

    quieten()
    settings = Settings(Path(home).expanduser().resolve()) if home else Settings.from_environment()
    return f"sqlite:///{Registry(settings).database}"


def to_table(observations: xr.Dataset) -> pd.DataFrame:
    """Lay observations out as the table that a registered model's ``predict`` takes in MLflow.

    Args:
        observations: What ``load_observations`` returned.

    Returns:
        One row a day and location: ``time``, ``location``, then one column a variable.
    """
    table = observations[list(observations.data_vars)].reset_coords(drop=True)
    return table.to_dataframe().reset_index().astype({"location": str})


def _hazard(hazard: str | Hazard) -> Hazard:
    if not isinstance(hazard, str):
        return hazard
    known = hazards()
    if hazard not in known:
        raise RiskError(f"hazard {hazard!r}: there is none, expected one of {', '.join(known)}.")
    return known[hazard]


def _options(hazard: str | Hazard, region: Region, observations: xr.Dataset) -> Options:
    from features.build import options_for

    return options_for(_hazard(hazard), region, observations)


def _normals(
    hazard: Hazard, observations: xr.Dataset, region: Region, options: Options
) -> xr.Dataset:
    from models.training import learn_normals, reference_years

    first, last = reference_years(region, observations)
    reference = observations.sel(time=slice(f"{first}-01-01", f"{last}-12-31"))
    return learn_normals(hazard, reference, options)


def _days(issued: Days) -> np.ndarray:
    import numpy as np
    import pandas as pd

    return np.atleast_1d(np.asarray(pd.to_datetime(issued), dtype="datetime64[ns]"))
