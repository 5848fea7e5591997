import numpy as np
import pytest

from features.evapotranspiration import (
    extraterrestrial_radiation,
    hargreaves,
    penman_monteith,
    saturation_vapour_pressure,
    vapour_pressure_of,
    wind_at_2m,
)


def at(value: float) -> np.ndarray:
    """One day of one place."""
    return np.array([[value]])


def test_radiation_is_that_of_the_fao_worked_example() -> None:
    # FAO-56 example 8: 3 September at 20 degrees south, Ra = 32.2 MJ m-2 per day
    assert extraterrestrial_radiation(np.array([246]), np.array([-20.0]))[0, 0] == pytest.approx(
        32.2, abs=0.05
    )


def test_hargreaves_is_that_of_the_fao_worked_example() -> None:
    # FAO-56 example 20: Lyon, 45.72 N, July mean, Tmax 26.6, Tmin 14.8, ETo = 5.0 mm per day (Ra 40.6 on 15 July)
    found = hargreaves(at(26.6), at(14.8), at(20.7), np.array([196]), np.array([45.72]))
    assert found[0, 0] == pytest.approx(5.0, abs=0.05)


def test_penman_monteith_is_that_of_the_fao_worked_examples() -> None:
    # FAO-56 example 18: Uccle, 6 July, wind 10 km/h at 10 m, ea 1.409 kPa, Rs 22.07: ETo = 3.88 mm per day
    uccle = penman_monteith(
        at(21.5),
        at(12.3),
        at(1.409),
        wind_at_2m(at(10 / 3.6)),
        at(22.07),
        np.array([187]),
        [50.8],
        [100.0],
    )
    assert uccle[0, 0] == pytest.approx(3.88, abs=0.005)
    # FAO-56 example 17: Bangkok, April, ea 2.85 kPa, 2 m/s, Rs 22.65, soil heat 0.14: ETo = 5.72 mm per day
    place = {"latitude": np.array([13 + 44 / 60]), "elevation": np.array([2.0]), "soil_heat": 0.14}
    bangkok = penman_monteith(
        at(34.8), at(25.6), at(2.85), at(2.0), at(22.65), np.array([105]), **place
    )
    assert bangkok[0, 0] == pytest.approx(5.72, abs=0.005)


def test_vapour_pressure_and_wind_are_those_of_the_fao_worked_examples() -> None:
    # FAO-56 example 3: e(24.5) = 3.075 and e(15) = 1.705 kPa; example 14: 3.2 m/s at 10 m are 2.4 m/s at 2 m
    assert saturation_vapour_pressure(np.array([24.5, 15.0])).tolist() == pytest.approx(
        [3.075, 1.705], abs=0.0015
    )
    assert wind_at_2m(np.array(3.2)) == pytest.approx(2.4, abs=0.05)
    # half of the mean of the two
    assert vapour_pressure_of(np.array(50.0), np.array(24.5), np.array(15.0)) == pytest.approx(
        1.195, abs=0.001
    )


def test_evapotranspiration_is_never_negative_and_missing_stays_missing() -> None:
    frost = penman_monteith(
        at(-20.0), at(-30.0), at(0.05), at(0.0), at(1.7), np.array([1]), [60.0], [0.0]
    )
    assert frost[0, 0] == 0.0
    dark = penman_monteith(
        at(-20.0), at(-30.0), at(0.05), at(3.0), at(0.0), np.array([1]), [80.0], [0.0]
    )
    assert np.isnan(dark[0, 0])
    assert np.isnan(
        penman_monteith(
            at(20.0), at(np.nan), at(1.0), at(1.0), at(20.0), np.array([180]), [35.0], [0.0]
        )[0, 0]
    )
    # a minimum above the maximum and a frosty mean: nothing evaporates, nothing fails
    assert hargreaves(at(10.0), at(12.0), at(11.0), np.array([180]), np.array([35.0]))[0, 0] == 0.0
    assert (
        hargreaves(at(-20.0), at(-30.0), at(-25.0), np.array([180]), np.array([35.0]))[0, 0] == 0.0
    )
