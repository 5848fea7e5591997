from datetime import date

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from configs import Region
from features.hazards import hazards
from models.baselines import log_odds
from models.explain import LIMITS, _through_the_chain
from models.predict import predict
from models.scores import COLUMNS
from models.train import Model

ISSUED = (date(2005, 6, 20), date(2004, 12, 4))


def scores_of(hazard: str, verdict: str, fallback: str) -> pd.DataFrame:
    rows = [
        (hazard, level, cell.lead_days, cell.window_days, verdict, fallback)
        for cell in hazards()[hazard].cells
        for level in (1, 2, 3)
    ]
    return pd.DataFrame(
        rows, columns=["hazard", "level", "lead_days", "window_days", "verdict", "fallback"]
    )


@pytest.fixture
def record(fitted_record: xr.Dataset) -> xr.Dataset:
    return fitted_record


@pytest.mark.parametrize("name", sorted(hazards()))
def test_causes_sum_to_the_published_log_odds(
    name: str, record: xr.Dataset, fitted_models: dict[str, Model], made_region: Region
) -> None:
    model = fitted_models[name]
    for verdict, fallback in (
        ("skilful", "persistence"),
        ("known", "persistence"),
        ("no better than usual", "climatology"),
    ):
        for issued in ISSUED:
            made = predict(
                {name: model}, scores_of(name, verdict, fallback), record, made_region, issued, {}
            )
            shown = np.isfinite(made["probability"].values)
            expected = (
                log_odds(made["probability"].values) - log_odds(made["normal_probability"].values)
            )[shown]
            assert made["contribution"].sum("cause").values[shown] == pytest.approx(
                expected, abs=1e-6
            )
            if fallback == "climatology":
                assert not made["contribution"].values[:, shown].any()


def test_a_number_from_what_is_known_is_explained_by_it(
    record: xr.Dataset, fitted_models: dict[str, Model], made_region: Region
) -> None:
    """What nesting and rounding changed is small beside the causes."""
    made = predict(
        {"heat": fitted_models["heat"]},
        scores_of("heat", "known", "persistence"),
        record,
        made_region,
        ISSUED[0],
        {},
    )
    level_1 = made["contribution"].sel(level=1)
    assert abs(level_1.sel(cause=LIMITS)).max() < 0.05 < abs(level_1.drop_sel(cause=LIMITS)).max()


def test_overlap_numbers_of_unassessed_levels_are_explained_too(
    record: xr.Dataset, fitted_models: dict[str, Model], made_region: Region
) -> None:
    made = predict(
        {"drought": fitted_models["drought"]},
        pd.DataFrame(columns=list(COLUMNS)),
        record,
        made_region,
        ISSUED[0],
        {},
    )
    shown = np.isfinite(made["probability"].values)
    assert (
        abs(made["contribution"].sel(cause="the weather already observed").values[shown]).max()
        > 0.1
    )


def test_a_single_step_is_not_reweighted() -> None:
    """Level 1 is one step, whose contributions stand as they are; level 2 adds up to the log-odds of the product."""
    rng = np.random.default_rng(0)
    steps, usual = rng.normal(size=(3, 4, 3, 1, 1)), rng.normal(-2, 1, size=(4, 3, 1, 1))
    made = _through_the_chain(steps, usual)
    assert made[:, :, 0] == pytest.approx(steps[:, :, 0])

    def chain(values: np.ndarray) -> np.ndarray:
        product = np.cumprod(1 / (1 + np.exp(-values)), axis=1)
        return np.log(product / (1 - product))

    assert made.sum(axis=0) == pytest.approx(
        chain(usual + steps.sum(axis=0)) - chain(usual), abs=1e-9
    )
