"""Forecasts that are silent say why, also in an archive's first year."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from province import CHANGE, Made, make

from models.errors import silent
from models.paths import draw_paths, learn_by, read_archive, ready_runs, screen
from models.silence import PASSING, WORDS, Fault, Reason, because, passing, sentences

DAY = np.timedelta64(1, "D")
NAME = "air_temperature_max"
BEGIN = np.datetime64("2009-03-01")


@pytest.fixture(scope="module")
def made() -> Made:
    return make(83_101, ids=("plain", "coast"), first=BEGIN, until=np.datetime64("2010-12-31"))


@pytest.fixture(scope="module")
def archive(made: Made) -> dict[str, xr.Dataset]:
    return read_archive(made.forecasts, made.observations, [NAME])


def test_every_reason_ends_a_sentence() -> None:
    values = {"n": 3, "least": 30, "day": "2026-03-01", "unit": "Kelvin"}
    for key in WORDS:
        said = sentences([Fault(NAME, 2, "a", because(key, **values))])
        assert said == [
            f"Forecasts of air temperature max, lead 2, at a, are left out: {because(key, **values)}."
        ]
        assert "{" not in said[0]


def test_numbers_of_days_are_told_as_a_range_over_leads_and_places() -> None:
    few = [
        Fault(NAME, lead, place, because("few_days", n=80 - lead, day=day, least=90))
        for lead in (0, 1)
        for place, day in (("a", "2026-03-02"), ("b", "2026-03-01"))
    ]
    assert sentences(few) == [
        "Forecasts of air temperature max, leads 0, 1, at a, b, are left out: "
        "there are 79-80 days of them with observations since 2026-03-01, 90 are needed."
    ]


def test_units_are_told_apart() -> None:
    two = [Fault(NAME, n, "a", because("unit", unit=u)) for n, u in enumerate(("Kelvin", "mm"))]
    assert len(sentences(two)) == 2


def test_only_what_days_may_cure_is_passing() -> None:
    assert {"few_days", "thin_season", "new_model"} == PASSING
    assert passing([Fault(NAME, 0, "a", Reason("few_days"))])
    assert not passing([Fault(NAME, 0, "a", Reason("constant")), Fault(NAME, 1, "a", Reason("never"))])  # fmt: skip


def silences(made: Made, archive: dict[str, xr.Dataset], day: np.datetime64) -> list[Fault]:
    month = int(day.astype("datetime64[M]").astype(int) % 12 + 1)
    errors = learn_by(archive, made.observations, day, months=(month,))
    seen = screen(archive, made.observations, day)
    return [*seen.left_out, *silent(errors, seen.good, month, seen.today)]


@pytest.mark.parametrize("first", ["2009-03-20", "2009-05-20", "2009-06-01", "2009-06-28",
                                   "2009-07-01", "2009-10-01", "2010-02-01", "2010-07-01"])  # fmt: skip
def test_each_lead_speaks_or_says_why_in_a_young_archive(
    made: Made, archive: dict[str, xr.Dataset], first: str
) -> None:
    """Runs on or after 1 March 2009; a lead that no run reaches that day is no silence."""
    day = np.datetime64(first, "ns")
    month = int(day.astype("datetime64[M]").astype(int) % 12 + 1)
    errors = learn_by(archive, made.observations, day, months=(month,))
    told = {(fault.horizon, fault.location) for fault in silences(made, archive, day)}
    if NAME not in errors.learnt:
        assert len(told) == 22
        return
    drawn = draw_paths(errors, ready_runs(errors, archive[NAME], np.array([day])), np.array([day]))[
        0, 0
    ]
    spoken = {
        (lead, str(place))
        for lead in range(11)
        for place, value in zip(archive[NAME]["location"].values, drawn[lead], strict=True)
        if np.isfinite(value)
    }
    assert spoken | told == {(lead, place) for lead in range(11) for place in ("plain", "coast")}


def test_the_first_leads_speak_after_ninety_days_and_all_soon_after(
    made: Made, archive: dict[str, xr.Dataset]
) -> None:
    """On 5 June, 96 days on, leads 0 to 3 have 90 days or more (less a lost run); all by 20 June.

    Within 45 days of mid-July, say, there are next to none of them by 1 July: all days stand in.
    """
    for first, longest in (("2009-06-05", 3), ("2009-06-20", 10), ("2009-07-01", 10)):
        day = np.datetime64(first, "ns")
        errors = learn_by(archive, made.observations, day, months=(int(first[5:7]),))
        drawn = draw_paths(
            errors, ready_runs(errors, archive[NAME], np.array([day])), np.array([day])
        )[0, 0]
        assert np.isfinite(drawn[: longest + 1]).all(), first
    assert not errors.meta["settled"]


def test_too_few_days_are_told_with_their_number_and_since_when(
    made: Made, archive: dict[str, xr.Dataset]
) -> None:
    errors = learn_by(archive, made.observations, np.datetime64("2009-05-20"), months=(5,))
    (said,) = errors.meta["left_out"]
    assert said.startswith("Forecasts of air temperature max, leads 0, 1, 2, 3, 4, 5, 6, 7, 8, ")
    assert said.endswith("days of them with observations since 2009-03-01, 90 are needed.")


def test_a_new_forecast_model_is_told(made: Made, archive: dict[str, xr.Dataset]) -> None:
    """21 days of lead 0 by 1 July, 11 of lead 10 (as many less as there were lost runs)."""
    day = np.datetime64("2010-07-01")
    errors = learn_by(archive, made.observations, day, changes=[CHANGE], months=(7,))
    (said,) = errors.meta["left_out"]
    assert "changed on 2010-06-10 and there are 11-21 days of the new one" in said
    assert not errors.meta["settled"]


def test_an_ended_winter_says_that_its_season_is_thin(
    made: Made, archive: dict[str, xr.Dataset]
) -> None:
    """Runs of March to June tell nothing of November."""
    ended = {NAME: archive[NAME].sel(init_time=slice(None, "2009-06-30"))}
    errors = learn_by(ended, made.observations, np.datetime64("2009-11-01"), months=(11,))
    (said,) = errors.meta["left_out"]
    assert "there are 0 days of them with observations near this time of year, 30 are" in said
    assert np.isnan(errors.learnt[NAME]["score"].values).all()
