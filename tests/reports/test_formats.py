"""One run in all its formats: every number in every file is the same."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from pypdf import PdfReader

from configs import load_region
from reports.exports import read_forecast_csv
from reports.language import language_of
from reports.markup import read_xml
from reports.wording import brief

HAZARDS = ("heat", "flash_flood", "river_flood", "drought")
KEY = ["location", "hazard", "level", "lead_days", "window_days"]
NUMBERS = ["probability", "normal_probability"]


@pytest.fixture(scope="module")
def region():
    return load_region("berkane")


@pytest.fixture
def folder(made, region, tmp_path: Path) -> Path:
    ids = [place.id for place in region.locations]
    one = made(n_places=len(ids), hazards=HAZARDS)
    history = {name: past.assign_coords(location=ids) for name, past in one.history.items()}
    return replace(one, region=region, forecast=one.forecast.assign_coords(location=ids), history=history).publish(tmp_path / "day")


def of_netcdf(path: Path) -> pd.DataFrame:
    with xr.open_dataset(path, engine="h5netcdf") as data:
        rows = data[NUMBERS].isel(init_time=0).to_dataframe().reset_index()
    return rows.assign(lead_days=rows["lead_days"].astype(int), window_days=rows["window_days"].astype(int))


def of_geojson(path: Path) -> pd.DataFrame:
    features = json.loads(path.read_text(encoding="utf-8"))["features"]
    return pd.DataFrame([{"location": one["properties"]["id"], **row} for one in features for row in one["properties"]["forecast"]])


def of_page(html: str) -> dict[tuple[str, str, int, int], list[str]]:
    """The numbers of each cell of the tables by hazard, place, lead and window: chances by level shown, then the usual one."""
    found = {}
    for hazard, table in re.findall(r'<table class="days[^"]*" data-hazard="(\w+)">(.*?)</table>', html, re.DOTALL):
        for place, row in re.findall(r'<tr data-location="([^"]+)">(.*?)</tr>', table, re.DOTALL):
            for lead, window, cell in re.findall(r'<td [^>]*data-lead="(\d+)" data-window="(\d+)">(.*?)</td>', row, re.DOTALL):
                found[hazard, place, int(lead), int(window)] = re.findall(r'<data value="([^"]*)">', cell)
    return found


def test_every_number_is_the_same_in_every_format(folder: Path) -> None:
    table = read_forecast_csv(folder / "forecast.csv")
    wanted = table.set_index(KEY)[NUMBERS]
    for found in (of_netcdf(folder / "forecast.nc"), of_geojson(folder / "forecast.geojson")):
        there = found.set_index(KEY)[NUMBERS].astype(float).reindex(wanted.index)
        np.testing.assert_array_equal(there.to_numpy().round(4), wanted.to_numpy())
    pages = {tag: of_page((folder / f"report.{tag}.html").read_text(encoding="utf-8")) for tag in ("en", "fr", "ar")}
    assert pages["en"] == pages["fr"] == pages["ar"] and len(pages["en"]) == 16 * (12 + 9 + 9 + 3)
    for (hazard, place, lead, window), said in pages["en"].items():
        rows = wanted.loc[(place, hazard, slice(None), lead, window)]
        chances = [f"{p:.4f}" for p in rows["probability"]][: len(said) - 1]
        assert said == [*chances, f"{rows['normal_probability'].iloc[0]:.4f}"]


def test_alerts_carry_the_highest_chance_of_their_colour(folder: Path) -> None:
    table = read_forecast_csv(folder / "forecast.csv")
    files = sorted((folder / "alerts").glob("*.xml"))
    assert files
    for path in files:
        root = read_xml(path.read_bytes())
        assert root is not None
        space = root.tag.split("}")[0] + "}"
        infos = root.findall(f"{space}info")
        told = {one.findtext(f"{space}valueName"): one.findtext(f"{space}value") for one in infos[0].findall(f"{space}parameter")}
        places = {one.findtext(f"{space}geocode/{space}value") for one in infos[0].findall(f"{space}area")}
        rows = table.query("hazard == @told['hazard'] and colour == @told['colour'] and level == @level", local_dict={
            "told": told, "level": int(told["level"] or 0)})  # fmt: skip
        assert float(told["probability"] or "nan") == rows[rows["location"].isin(places)]["probability"].max()
        assert len(infos) == 3


def test_the_pdf_holds_every_chance_of_the_table(folder: Path) -> None:
    table = read_forecast_csv(folder / "forecast.csv")
    text = "".join("".join(page.extract_text() for page in PdfReader(BytesIO((folder / "report.fr.pdf").read_bytes())).pages).split())
    lang = language_of("fr", "Africa/Casablanca")
    counted: dict[str, int] = {}
    for row in table.query("level == 1 and probability == probability").itertuples():
        said = "".join(brief(row.probability, lang).split())
        counted[said] = counted.get(said, 0) + 1
    assert {said: n for said, n in counted.items() if text.count(said) < n} == {}
