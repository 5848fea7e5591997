"""Open-Meteo's weather parameters: what each is called there, its unit, and our variable."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from configs import ConfigError
from configs.remarks import remark
from sources.common.grid import GridCell
from sources.common.http_messages import Request
from sources.common.open_meteo.responses import CellSeries
from sources.common.open_meteo.service import cells_request
from sources.common.series import DailySeries

MIN_HOURS = 23
"""Hours a day must have: a run holds no rain for the hour it begins."""

CORE = (
    DailySeries("temperature_2m_max", "°C", "air_temperature_max"),
    DailySeries("temperature_2m_min", "°C", "air_temperature_min"),
    DailySeries("temperature_2m_mean", "°C", "air_temperature_mean"),
    DailySeries("precipitation_sum", "mm", "precipitation"),
    DailySeries("et0_fao_evapotranspiration", "mm", "potential_evapotranspiration"),
    DailySeries("relative_humidity_2m_mean", "%", "relative_humidity"),
    DailySeries("wind_speed_10m_mean", "m/s", "wind_speed"),
)
LATER = (
    DailySeries("shortwave_radiation_sum", "MJ/m²", "surface_downwelling_shortwave"),
    DailySeries("soil_moisture_0_to_7cm_mean", "m³/m³", "soil_moisture"),
    DailySeries("surface_pressure_mean", "hPa", "air_pressure"),
)

Statistic = Callable[[np.ndarray], np.ndarray]
"""What becomes of an array (day, hour) along its hours."""


@dataclass(frozen=True)
class HourlySeries:
    """An hourly series of the service and the daily values made of it, by our variable."""

    parameter: str
    unit: str
    daily: Mapping[str, Statistic]


def _of_whole_days(function: Callable[..., np.ndarray]) -> Statistic:
    """The function of a day's hours, NaN where more than one is missing."""

    def apply(hours: np.ndarray) -> np.ndarray:
        whole = np.isfinite(hours).sum(axis=1) >= MIN_HOURS
        return np.where(whole, function(np.where(whole[:, None], hours, 0.0), axis=1), np.nan)

    return apply


MEAN, MAXIMUM, MINIMUM, SUM = (
    _of_whole_days(function) for function in (np.nanmean, np.nanmax, np.nanmin, np.nansum)
)
TEMPERATURE = HourlySeries(
    "temperature_2m",
    "°C",
    {"air_temperature_max": MAXIMUM, "air_temperature_mean": MEAN, "air_temperature_min": MINIMUM},
)
RAIN = HourlySeries("precipitation", "mm", {"precipitation": SUM})
FORECAST = (
    TEMPERATURE,
    RAIN,
    HourlySeries("relative_humidity_2m", "%", {"relative_humidity": MEAN}),
    HourlySeries("wind_speed_10m", "m/s", {"wind_speed": MEAN}),
)
OF_MEMBERS = (TEMPERATURE, RAIN)
"""Those of ensembles and of previous runs."""


# Zones that keep one offset of a part of an hour all year (IANA time zone database 2025b).
PART_HOUR_ZONES = {
    -9.5: "Pacific/Marquesas",
    3.5: "Asia/Tehran",
    4.5: "Asia/Kabul",
    5.5: "Asia/Kolkata",
    5.75: "Asia/Kathmandu",
    6.5: "Asia/Yangon",
    8.75: "Australia/Eucla",
    9.5: "Australia/Darwin",
}


def zone_name(offset: float) -> str:
    """The zone of fixed offset that the service knows: in Etc names the sign is turned round.

    Raises ConfigError where the service knows none.
    """
    if offset == round(offset):
        return "GMT" if offset == 0 else f"Etc/GMT{-round(offset):+d}"
    if offset not in PART_HOUR_ZONES:
        known = ", ".join(f"{hours:g}" for hours in PART_HOUR_ZONES)
        raise ConfigError(
            f"utc_offset: found {offset:g}, of which Open-Meteo knows no zone, expected whole "
            f"hours or one of {known}; take the nearest."
        )
    return PART_HOUR_ZONES[offset]


def weather_request(
    source: str,
    url: str,
    cells: Sequence[GridCell],
    what: str,
    offset: float,
    params: Mapping[str, str],
) -> Request:
    """A request for cells on the model's own grid, at their own mean height, in standard days."""
    fixed = {
        "elevation": ",".join("nan" for _ in cells),
        "cell_selection": "nearest",
        "timezone": zone_name(offset),
        "wind_speed_unit": "ms",
    }
    return cells_request(source, url, cells, what, {**fixed, **params})


def hourly_params(model: str, series: Sequence[HourlySeries]) -> dict[str, str]:
    """The parameters that ask for hourly series of a model."""
    return {"hourly": ",".join(hourly.parameter for hourly in series), "models": model}


def units_of(series: Sequence[HourlySeries]) -> dict[str, str]:
    """Parameter -> the unit it must come in."""
    return {hourly.parameter: hourly.unit for hourly in series}


def daily_of_hours(cell_series: CellSeries, hourly: Mapping[str, HourlySeries]) -> pd.DataFrame:
    """Daily values of hourly series (the response's name -> what it is): time and variables.

    Raises SourceUnavailable for a gap. A day's hours are those stamped 00:00 to 23:00, as in the
    service's own daily values; rain at a stamp fell in the hour before.
    """
    stamps = cell_series.stamps
    if (
        not len(stamps)
        or len(stamps) % 24
        or not stamps.equals(pd.date_range(stamps[0].normalize(), periods=len(stamps), freq="h"))
    ):
        raise cell_series.bad(remark("answer.hours"))
    table = pd.DataFrame({"time": stamps[::24]})
    for name, series in hourly.items():
        hours = cell_series.column(name).reshape(-1, 24)
        for variable, statistic in series.daily.items():
            table[variable] = statistic(hours)
    return table
