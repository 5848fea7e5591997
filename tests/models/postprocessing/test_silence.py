"""Forecasts that are silent say why, also in an archive's first year."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

import numpy as np
import pytest
import xarray as xr
from province import CHANGE, Province, make

from configs.messages import MESSAGES
from configs.remarks import Remark, from_json, names_in, remark, text
from models.postprocessing.forecast_pairs import pair_archive
from models.postprocessing.screening import calibrate_on, screen, silent_columns
from models.postprocessing.silence import (
    TEMPORARY,
    QualityFlag,
    any_temporary,
    describe_flags,
)
from models.postprocessing.trajectories import prepare_runs, sample_trajectories

NAME = "air_temperature_max"
BEGIN = np.datetime64("2009-03-01")


@pytest.fixture(scope="module")
def province() -> Province:
    return make(83_101, ids=("plain", "coast"), first=BEGIN, until=np.datetime64("2010-12-31"))


@pytest.fixture(scope="module")
def archive(province: Province) -> dict[str, xr.Dataset]:
    return pair_archive(province.forecasts, province.observations, [NAME])


def said(messages: Iterable[Remark]) -> list[str]:
    return [text(message) for message in messages]


def test_every_reason_ends_a_sentence() -> None:
    values = {"n": 3, "least": 30, "day": date(2026, 3, 1), "unit": "Kelvin"}
    codes = [code for code in MESSAGES if code.startswith("weather.")]
    about_flags = {"left_out", "lead", "leads", "places", "many_places"}
    for code in codes:
        if code.removeprefix("weather.") in about_flags:
            continue
        reason = remark(code, **{name: values[name] for name in names_in(code)})
        assert said(describe_flags([QualityFlag(NAME, 2, "a", reason)])) == [
            f"Forecasts of air temperature max, lead 2, at a, are left out: {reason}."
        ]


def test_numbers_of_days_are_told_as_a_range_over_leads_and_places() -> None:
    few = [
        QualityFlag(NAME, lead, place, remark("weather.few_days", n=80 - lead, day=day, least=90))
        for lead in (0, 1)
        for place, day in (("a", date(2026, 3, 2)), ("b", date(2026, 3, 1)))
    ]
    assert said(describe_flags(few)) == [
        "Forecasts of air temperature max, leads 0, 1, at a, b, are left out: "
        "there are 79-80 days of them with observations since 2026-03-01, 90 are needed."
    ]


def test_units_are_told_apart() -> None:
    two = [
        QualityFlag(NAME, n, "a", remark("weather.unit", unit=u))
        for n, u in enumerate(("Kelvin", "mm"))
    ]
    assert len(describe_flags(two)) == 2


def test_only_what_days_may_cure_is_passing() -> None:
    assert {"weather.few_days", "weather.thin_season", "weather.new_model"} == TEMPORARY
    few = remark("weather.few_days", n=1, day=date(2026, 3, 1), least=90)
    assert any_temporary([QualityFlag(NAME, 0, "a", few)])
    lasting = [
        QualityFlag(NAME, lead, "a", remark(f"weather.{key}"))
        for lead, key in enumerate(("constant", "never"))
    ]
    assert not any_temporary(lasting)


def silences(
    province: Province, archive: dict[str, xr.Dataset], day: np.datetime64
) -> list[QualityFlag]:
    month = int(day.astype("datetime64[M]").astype(int) % 12 + 1)
    calibration = calibrate_on(archive, province.observations, day, months=(month,))
    screened = screen(archive, province.observations, day)
    return [*screened.flags, *silent_columns(calibration, screened.usable, month, screened.today)]


@pytest.mark.parametrize(
    "first",
    [
        "2009-03-20",
        "2009-05-20",
        "2009-06-01",
        "2009-06-28",
        "2009-07-01",
        "2009-10-01",
        "2010-02-01",
        "2010-07-01",
    ],
)
def test_each_lead_speaks_or_says_why_in_a_young_archive(
    province: Province, archive: dict[str, xr.Dataset], first: str
) -> None:
    """Runs on or after 1 March 2009; a lead that no run reaches that day is no silence."""
    day = np.datetime64(first, "ns")
    month = int(day.astype("datetime64[M]").astype(int) % 12 + 1)
    calibration = calibrate_on(archive, province.observations, day, months=(month,))
    flagged = {(flag.horizon, flag.location) for flag in silences(province, archive, day)}
    if NAME not in calibration.by_variable:
        assert len(flagged) == 22
        return
    drawn = sample_trajectories(
        calibration, prepare_runs(calibration, archive[NAME], np.array([day])), np.array([day])
    )[0, 0]
    forecast = {
        (lead, str(place))
        for lead in range(11)
        for place, value in zip(archive[NAME]["location"].values, drawn[lead], strict=True)
        if np.isfinite(value)
    }
    assert forecast | flagged == {
        (lead, place) for lead in range(11) for place in ("plain", "coast")
    }


def test_the_first_leads_speak_after_ninety_days_and_all_soon_after(
    province: Province, archive: dict[str, xr.Dataset]
) -> None:
    """On 5 June, 96 days on, leads 0 to 3 have 90 days or more (less a lost run); all by 20 June.

    Within 45 days of mid-July, say, there are next to none of them by 1 July: all days stand in.
    """
    for first, longest in (("2009-06-05", 3), ("2009-06-20", 10), ("2009-07-01", 10)):
        day = np.datetime64(first, "ns")
        calibration = calibrate_on(archive, province.observations, day, months=(int(first[5:7]),))
        drawn = sample_trajectories(
            calibration, prepare_runs(calibration, archive[NAME], np.array([day])), np.array([day])
        )[0, 0]
        assert np.isfinite(drawn[: longest + 1]).all(), first
    assert not calibration.meta["settled"]


def test_too_few_days_are_told_with_their_number_and_since_when(
    province: Province, archive: dict[str, xr.Dataset]
) -> None:
    calibration = calibrate_on(
        archive, province.observations, np.datetime64("2009-05-20"), months=(5,)
    )
    (sentence,) = said(map(from_json, calibration.meta["left_out"]))
    assert sentence.startswith(
        "Forecasts of air temperature max, leads 0, 1, 2, 3, 4, 5, 6, 7, 8, "
    )
    assert sentence.endswith("days of them with observations since 2009-03-01, 90 are needed.")


def test_a_new_forecast_model_is_told(province: Province, archive: dict[str, xr.Dataset]) -> None:
    """21 days of lead 0 by 1 July, 11 of lead 10 (as many less as there were lost runs)."""
    day = np.datetime64("2010-07-01")
    calibration = calibrate_on(archive, province.observations, day, changes=[CHANGE], months=(7,))
    (sentence,) = said(map(from_json, calibration.meta["left_out"]))
    assert "changed on 2010-06-10 and there are 11-21 days of the new one" in sentence
    assert not calibration.meta["settled"]


def test_an_ended_winter_says_that_its_season_is_thin(
    province: Province, archive: dict[str, xr.Dataset]
) -> None:
    """Runs of March to June tell nothing of November."""
    ended = {NAME: archive[NAME].sel(init_time=slice(None, "2009-06-30"))}
    calibration = calibrate_on(
        ended, province.observations, np.datetime64("2009-11-01"), months=(11,)
    )
    (sentence,) = said(map(from_json, calibration.meta["left_out"]))
    assert "there are 0 days of them with observations near this time of year, 30 are" in sentence
    assert np.isnan(calibration.by_variable[NAME]["score"].values).all()
