from datetime import date

import numpy as np
import pytest
import xarray as xr

from configs import Region
from features.hazards import hazards
from models.baselines import log_odds
from models.explain import CALENDAR, LIMITS, causes_of, through_the_chain
from models.predict import ForecastRequest, predict
from models.training import Model
from models.verification.weather_scores import Assessment

ISSUED = (date(2005, 6, 20), date(2004, 12, 4))


@pytest.fixture
def record(fitted_record: xr.Dataset) -> xr.Dataset:
    return fitted_record


@pytest.mark.parametrize("name", sorted(hazards()))
def test_causes_sum_to_the_published_log_odds(
    name: str,
    record: xr.Dataset,
    fitted_models: dict[str, Model],
    made_region: Region,
    unassessed: Assessment,
) -> None:
    late = record.sel(time=slice(None, "2005-06-17"))
    for part, issued in ((record, ISSUED[0]), (record, ISSUED[1]), (late, ISSUED[0])):
        made = predict(
            ForecastRequest(
                made_region,
                issued,
                part,
                models={name: fitted_models[name]},
                backtests={},
                assessment=unassessed,
            )
        )
        assert made["cause"].values.tolist() == causes_of(hazards()[name])
        shown = np.isfinite(made["probability"].values)
        expected = (
            log_odds(made["probability"].values) - log_odds(made["normal_probability"].values)
        )[shown]
        assert made["contribution"].sum("cause").values[shown] == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("name", sorted(hazards()))
def test_what_no_cause_claims_is_small_beside_the_causes(
    name: str,
    record: xr.Dataset,
    fitted_models: dict[str, Model],
    made_region: Region,
    unassessed: Assessment,
) -> None:
    made = predict(
        ForecastRequest(
            made_region,
            ISSUED[0],
            record,
            models={name: fitted_models[name]},
            backtests={},
            assessment=unassessed,
        )
    )
    level_1 = made["contribution"].sel(level=1)
    # rounding changes log-odds by half a unit of the last decimal over p (1 - p), about
    p, q = (made[name].sel(level=1) for name in ("probability", "normal_probability"))
    rounding = sum(0.00006 / (part * (1 - part)).clip(1e-4) for part in (p, q))
    assert (abs(level_1.sel(cause=LIMITS)) <= 0.02 + rounding).where(np.isfinite(p), True).all()
    assert abs(level_1.drop_sel(cause=[LIMITS, CALENDAR])).max() > 0.05


def test_an_ensemble_is_what_explains_a_drought(
    record: xr.Dataset,
    fitted_models: dict[str, Model],
    made_region: Region,
    unassessed: Assessment,
) -> None:
    made = predict(
        ForecastRequest(
            made_region,
            ISSUED[0],
            record,
            models={"drought": fitted_models["drought"]},
            backtests={},
            assessment=unassessed,
        )
    )
    shown = np.isfinite(made["probability"].values)
    observed = abs(made["contribution"].sel(cause="the weather already observed").values[shown])
    assert observed.max() > 0.1


def test_hot_days_before_make_heat_likelier_by_their_own_cause(
    record: xr.Dataset,
    fitted_models: dict[str, Model],
    made_region: Region,
    unassessed: Assessment,
) -> None:
    hot = record.copy(deep=True)
    hot["air_temperature_max"].values[record["time"].values >= np.datetime64("2005-06-18")] += 12

    def said(part: xr.Dataset) -> xr.Dataset:
        model = {"heat": fitted_models["heat"]}
        return predict(
            ForecastRequest(
                made_region, ISSUED[0], part, models=model, backtests={}, assessment=unassessed
            )
        ).isel(cell=0)

    before, after = said(record), said(hot)
    assert (after["probability"].sel(level=1) > before["probability"].sel(level=1)).all()
    change = (after["contribution"] - before["contribution"]).sel(level=1)
    causes = ["yesterday's temperature", "the running hot spell", "built-up heat"]
    assert (change.sel(cause=causes).sum("cause") > abs(change.sel(cause=CALENDAR))).all()


def test_a_single_step_is_not_reweighted() -> None:
    """Level 1 is one step, whose contributions stand; level 2 adds up to the product's log-odds."""
    rng = np.random.default_rng(0)
    steps, usual = rng.normal(size=(3, 4, 3, 1, 1)), rng.normal(-2, 1, size=(4, 3, 1, 1))
    made = through_the_chain(steps, usual)
    assert made[:, :, 0] == pytest.approx(steps[:, :, 0])

    def chain(values: np.ndarray) -> np.ndarray:
        product = np.cumprod(1 / (1 + np.exp(-values)), axis=1)
        return np.log(product / (1 - product))

    assert made.sum(axis=0) == pytest.approx(
        chain(usual + steps.sum(axis=0)) - chain(usual), abs=1e-9
    )
