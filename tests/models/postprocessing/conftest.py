"""A province and its archive that tests of the post-processing share."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from province import Province, make

from models.postprocessing.calibration import Calibration
from models.postprocessing.forecast_pairs import pair_archive
from models.postprocessing.screening import calibrate_on


@pytest.fixture(scope="session")
def province() -> Province:
    return make(81_001)


@pytest.fixture(scope="session")
def archive(province: Province) -> dict[str, xr.Dataset]:
    return pair_archive(province.forecasts, province.observations)


@pytest.fixture(scope="session")
def july(province: Province, archive: dict[str, xr.Dataset]) -> Calibration:
    return calibrate_on(archive, province.observations, np.datetime64("2012-07-01"), months=(7,))
