"""Changes of the forecast model are found, and only these."""

from __future__ import annotations

import numpy as np
import xarray as xr
from province import CHANGE, Province

from models.postprocessing.model_changes import find_model_changes, model_changes
from models.postprocessing.screening import calibrate_on

DAY = np.timedelta64(1, "D")


def test_a_change_of_the_forecast_model_is_found_and_only_that(
    archive: dict[str, xr.Dataset],
) -> None:
    for name in ("air_temperature_max", "air_temperature_min"):
        changes = find_model_changes(archive[name])
        assert len(changes) == 1
        assert abs(changes[0] - CHANGE.astype("datetime64[ns]")) <= 30 * DAY
        before = archive[name].sel(init_time=slice(None, CHANGE - DAY))
        assert find_model_changes(before) == []


def test_a_new_model_has_a_bias_of_its_own_and_is_silent_until_it_is_known(
    province: Province, archive: dict[str, xr.Dataset]
) -> None:
    """The old model errs by -0.9 degC in the mean at lead 0, the new by +0.5.

    The bias is what is added, so the mean over locations moves.
    """
    maximum = {"air_temperature_max": archive["air_temperature_max"]}
    bias = {}
    for day in ("2010-06-09", "2010-07-01", "2011-06-10"):
        month = (int(day[5:7]),)
        calibration = calibrate_on(
            maximum, province.observations, np.datetime64(day), changes=[CHANGE], months=month
        )
        bias[day] = calibration.by_variable["air_temperature_max"]["bias"].sel(horizon=0).values
    assert np.isnan(bias["2010-07-01"]).all()
    truly = [
        maximum["air_temperature_max"].sel(init_time=part, horizon=0)
        for part in (slice(None, CHANGE - DAY), slice(CHANGE, None))
    ]
    right = [(part["observed"] - part["mean"]).mean("init_time").values for part in truly]
    np.testing.assert_allclose(bias["2010-06-09"], right[0], atol=0.35)
    np.testing.assert_allclose(bias["2011-06-10"], right[1], atol=0.35)
    assert np.abs(right[1] - right[0]).mean() > 0.8


def test_rain_is_asked_for_changes_only_where_it_is_alone(archive: dict[str, xr.Dataset]) -> None:
    clear = {name: archive[name] for name in ("air_temperature_max", "precipitation")}
    assert model_changes(clear) == find_model_changes(archive["air_temperature_max"])
