import numpy as np
import pytest

from features.evapotranspiration import extraterrestrial_radiation, hargreaves


def at(value: float) -> np.ndarray:
    """One day of one place."""
    return np.array([[value]])


def test_radiation_is_that_of_the_fao_worked_example() -> None:
    # FAO-56 example 8: 3 September at 20 degrees south, Ra = 32.2 MJ m-2 per day
    assert extraterrestrial_radiation(np.array([246]), np.array([-20.0]))[0, 0] == pytest.approx(
        32.2, abs=0.05
    )


def test_hargreaves_is_that_of_the_fao_worked_example() -> None:
    # FAO-56 example 20: Lyon, 45.72 N, July mean, Tmax 26.6, Tmin 14.8, ETo = 5.0 mm per day (Ra
    # 40.6 on 15 July)
    found = hargreaves(at(26.6), at(14.8), at(20.7), np.array([196]), np.array([45.72]))
    assert found[0, 0] == pytest.approx(5.0, abs=0.05)


def test_evapotranspiration_is_never_negative() -> None:
    # a minimum above the maximum and a frosty mean: nothing evaporates, nothing fails
    assert hargreaves(at(10.0), at(12.0), at(11.0), np.array([180]), np.array([35.0]))[0, 0] == 0.0
    assert (
        hargreaves(at(-20.0), at(-30.0), at(-25.0), np.array([180]), np.array([35.0]))[0, 0] == 0.0
    )
