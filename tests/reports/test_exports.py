import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import shapely
import xarray as xr
from compliance_checker.runner import CheckSuite

from configs import Location, Region, load_region
from reports.exports.geojson import write_geojson
from reports.exports.netcdf import write_netcdf
from reports.exports.provenance import write_provenance
from reports.exports.table import (
    BESIDE,
    COLUMNS,
    ORDER,
    forecast_table,
    read_forecast_csv,
    write_csv,
)
from reports.view.outlook import FILL, overall_colour


def test_table_has_the_declared_columns_and_order(made):
    table = forecast_table(made(n_places=3).forecast)
    assert tuple(table.columns) == COLUMNS
    assert table[ORDER].equals(table[ORDER].sort_values(ORDER).reset_index(drop=True))


def test_every_number_is_the_datasets(made):
    forecast = made(n_places=2).forecast
    table = forecast_table(forecast)
    for cell in range(forecast.sizes["cell"]):
        for level in (1, 2, 3):
            one = forecast.isel(cell=cell, init_time=0).sel(level=level)
            rows = table[(table.hazard == str(one.hazard.values)) & (table.level == level)]
            rows = rows[
                (rows.lead_days == int(one.lead_days)) & (rows.window_days == int(one.window_days))
            ]
            if (one.verdict.values == "").all():
                assert rows.empty
                continue
            np.testing.assert_array_equal(rows.probability, one.probability)
            np.testing.assert_array_equal(rows.normal_probability, one.normal_probability)
            assert list(rows.verdict) == list(one.verdict.values)
            assert list(rows.colour) == list(one.colour.values)
            assert (rows.valid == pd.Timestamp(one.valid_time.values)).all()


def test_not_assessed_rows_stay_and_inapplicable_cells_have_none(made):
    forecast = made(hazards=("drought",), silent=("drought",)).forecast
    forecast["verdict"][:] = np.where(forecast["verdict"] == "", "", "not assessed")
    table = forecast_table(forecast)
    assert len(table) == 3 * 3  # three leads with their one window, three levels
    assert (table.verdict == "not assessed").all() and table.probability.isna().all()


@pytest.mark.usefixtures("without_paper")
def test_csv_is_plain(made, tmp_path: Path):
    made(n_places=2, silent=("heat",)).publish(tmp_path / "day")
    raw = (tmp_path / "day" / "forecast.csv").read_bytes()
    assert b"\r" not in raw and raw.endswith(b"\n") and not raw.startswith(b"\xef")
    lines = raw.decode().splitlines()
    assert lines[0] == ",".join((*COLUMNS, *BESIDE))
    assert {",".join(line.split(",")[-3:]) for line in lines[1:]} == {"Berkane,,", "Saïdia,,"}
    heat = next(line for line in lines if ",heat," in line).split(",")
    assert heat[4] == "2003-06-12" and heat[8] == heat[9] == ""
    flood = next(line for line in lines if ",flash_flood," in line).split(",")
    assert len(flood[8].partition(".")[2]) == 4


@pytest.mark.parametrize("ids", [["NA", "nan"], ["null", ""], ['a,"b"', "é\nx"], ["=1+1", "'-a"]])
def test_csv_reads_back_as_it_was(made, tmp_path: Path, ids):
    forecast = made(n_places=2).forecast.assign_coords(location=ids)
    forecast["data_until"][:3] = np.datetime64("NaT", "ns")
    table = forecast_table(forecast)
    write_csv(table, tmp_path / "forecast.csv")
    pd.testing.assert_frame_equal(read_forecast_csv(tmp_path / "forecast.csv"), table)


def test_a_foreign_file_is_refused(tmp_path: Path):
    (tmp_path / "forecast.csv").write_text("time,value\n1,2\n")
    with pytest.raises(ValueError, match="found columns"):
        read_forecast_csv(tmp_path / "forecast.csv")


def test_provenance_does_not_depend_on_the_order_of_its_keys(tmp_path: Path):
    write_provenance({"b": 1, "a": {"y": "é", "x": None}}, tmp_path / "one")
    write_provenance({"a": {"x": None, "y": "é"}, "b": 1}, tmp_path / "two")
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    assert json.loads((tmp_path / "one").read_text(encoding="utf-8"))["a"]["y"] == "é"
    with pytest.raises(ValueError, match="JSON"):
        write_provenance({"a": float("nan")}, tmp_path / "three")


ALL = ("heat", "flash_flood", "river_flood", "drought")


def _like_a_models(forecast: xr.Dataset) -> xr.Dataset:
    """The forecast with all that a model's has beside: causes, quantiles, intervals, positions,
    and no newest day for some."""
    shape, n_cells = forecast["probability"].shape, forecast.sizes["cell"]
    n_places, rng = forecast.sizes["location"], np.random.default_rng(1)
    plain = forecast.drop_vars(
        [name for name in forecast.variables if {"cause", "quantile"} & set(forecast[name].dims)]
    )
    full = plain.assign(
        probability_low=forecast["probability"] * 0.5,
        probability_high=forecast["probability"] * 0 + 0.9,
        stage=(forecast["verdict"].dims, np.full(shape, "state", dtype=object)),
        contribution=(("cause", *forecast["probability"].dims), rng.normal(size=(2, *shape))),
        outlook=(
            ("quantile", "cell", "init_time", "location"),
            rng.normal(size=(3, n_cells, 1, n_places)),
        ),
        threshold=(("condition", *forecast["probability"].dims), rng.normal(size=(2, *shape))),
    )
    full = full.assign_coords(
        cause=np.array(["rain of the last days", "what else"], dtype=object),
        quantile=[0.05, 0.5, 0.95],
        condition=[1, 2],
        threshold_units=(
            ("condition", "cell"),
            np.array([["degC"] * n_cells, ["mm"] * n_cells], dtype=object),
        ),
        outlook_title=("cell", np.array(["Highest temperature"] * n_cells, dtype=object)),
        outlook_units=("cell", ["degC"] * n_cells),
        latitude=("location", np.linspace(30, 35, n_places)),
        longitude=("location", np.linspace(-3, 0, n_places)),
        elevation=("location", np.where(np.arange(n_places) == 0, np.nan, 5.0)),
    )
    full["data_until"][:3] = np.datetime64("NaT", "ns")
    return full


@pytest.mark.parametrize("n_places", [1, 16])
def test_netcdf_is_what_cf_asks(made, tmp_path: Path, n_places):
    """The compliance checker finds nothing wrong.

    What it recommends is another order of dimensions, which are the project's.
    """
    write_netcdf(
        _like_a_models(made(n_places=n_places, hazards=ALL).forecast), tmp_path / "forecast.nc"
    )
    suite = CheckSuite()
    suite.load_all_available_checkers()
    results, crashes = suite.run_all(
        suite.load_dataset(str(tmp_path / "forecast.nc")), ["cf:1.11"], []
    )["cf:1.11"]
    assert not crashes
    wrong = {
        (result.name, result.weight): result.msgs
        for result in results
        if result.value and result.value[0] < result.value[1]
    }
    assert set(wrong) == {("§2.4 Dimensions", suite.checkers["cf:1.11"].MEDIUM)}, wrong


def test_netcdf_reads_back_as_it_was_and_is_always_the_same(made, tmp_path: Path):
    forecast = _like_a_models(
        made(n_places=4, hazards=ALL, names=["é", "بركان", "c", "d"], label="EXERCISE").forecast
    )
    before = forecast.copy(deep=True)
    for name in ("one.nc", "two.nc"):
        write_netcdf(forecast, tmp_path / name)
    assert (tmp_path / "one.nc").read_bytes() == (tmp_path / "two.nc").read_bytes()
    xr.testing.assert_identical(forecast, before)
    with xr.open_dataset(tmp_path / "one.nc", engine="h5netcdf") as found:
        xr.testing.assert_equal(found, forecast)
        assert found["lead_days"].dtype == np.int64
        assert all(found[name].attrs["long_name"] for name in found.variables)
        assert found.attrs["Conventions"] == "CF-1.11" and found.attrs["label"] == "EXERCISE"
        pd.testing.assert_frame_equal(forecast_table(found), forecast_table(forecast))


def test_signs_that_no_file_can_hold_are_left_out_of_names(made, tmp_path: Path):
    one = made(n_places=3, names=["a\x00b", "half \ud800", "good"])
    write_netcdf(one.forecast, tmp_path / "forecast.nc")
    write_geojson(forecast_table(one.forecast), one.region, tmp_path / "forecast.geojson")
    with xr.open_dataset(tmp_path / "forecast.nc", engine="h5netcdf") as found:
        assert list(found["name"].values) == ["ab", "half ", "good"]
    called = {
        feature["properties"]["name"]
        for feature in _geojson(tmp_path / "forecast.geojson")["features"]
    }
    assert called == {"ab", "half ", "good"}


def _geojson(path: Path) -> dict:
    def refuse(name):
        raise AssertionError(f"{name} is no JSON")

    return json.loads(path.read_bytes(), parse_constant=refuse)


def test_geojson_has_the_numbers_of_the_csv(made, tmp_path: Path):
    one = made(n_places=3, hazards=ALL, silent=("heat",))
    one.forecast["data_until"][:3] = np.datetime64("NaT", "ns")
    table = forecast_table(one.forecast)
    write_csv(table, tmp_path / "forecast.csv")
    write_geojson(table, one.region, tmp_path / "forecast.geojson", "EXERCISE")
    found = _geojson(tmp_path / "forecast.geojson")
    assert (found["region"], found["issued"], found["label"]) == (
        "made-up",
        "2003-06-12",
        "EXERCISE",
    )
    assert found["note"] == "Indicative, not an official vigilance."
    rows = [
        {
            "region": "made-up",
            "level": level,
            **{name: one[name] for name in COLUMNS if name in one},
            **{name: one[f"{name}_{level}"] for name in BY_LEVEL},
        }
        for one in (feature["properties"] for feature in found["features"])
        for level in (1, 2, 3)
    ]
    again = pd.DataFrame(rows)[list(COLUMNS)].sort_values(ORDER).reset_index(drop=True)
    for name in ("issued", "valid", "data_until"):
        again[name] = pd.to_datetime(again[name]).astype("datetime64[ns]")
    again = again.astype({"probability": float, "normal_probability": float})
    pd.testing.assert_frame_equal(
        again, read_forecast_csv(tmp_path / "forecast.csv"), check_dtype=False
    )


BY_LEVEL = ("probability", "normal_probability", "verdict")


def test_a_layer_for_each_day_has_a_feature_for_each_place(made, tmp_path: Path):
    one = made(n_places=3, hazards=("heat", "flash_flood", "drought"))
    table = forecast_table(one.forecast)
    write_geojson(table, one.region, tmp_path / "forecast.geojson")
    days = table[~((table["lead_days"] == 0) & (table["window_days"] > 1))]
    layers = sorted((tmp_path / "layers").iterdir())
    assert [path.stem for path in layers] == sorted({str(day.date()) for day in days["valid"]})
    for path in layers:
        layer = _geojson(path)
        assert layer["day"] == path.stem
        here = days[days["valid"] == path.stem]
        assert [feature["id"] for feature in layer["features"]] == sorted(set(here["location"]))
        for told in (feature["properties"] for feature in layer["features"]):
            assert all(not isinstance(value, dict | list) for value in told.values())
            rows = here[here["location"] == told["location"]]
            assert told["colour"] == overall_colour(rows["colour"])
            assert told["fill"] == FILL[told["colour"]]
            for row in rows[(rows["level"] == 1) & rows["probability"].notna()].itertuples():
                assert told[f"{row.hazard}_colour"] == row.colour
                assert told[f"{row.hazard}_probability"] == row.probability


def test_grey_is_not_below_yellow_in_a_layer():
    assert overall_colour(["green", "grey", ""]) == "grey"
    assert overall_colour(["green", "grey", "yellow"]) == "yellow"


def test_geojson_draws_what_is_known_of_a_place(made, tmp_path: Path):
    table = forecast_table(made(n_places=3).forecast)
    ids = dict(zip(["p00", "p01", "p02"], ["berkane", "chouihia", "x"], strict=True))
    berkane = load_region("berkane")
    write_geojson(
        table.assign(location=table["location"].map(ids)),
        berkane,
        tmp_path / "a",
        names={"x": "Port", "berkane": "no"},
    )
    write_geojson(
        table.assign(location=table["location"].map(ids)),
        berkane,
        tmp_path / "b",
        names={"x": "Port", "berkane": "no"},
    )
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    features = {
        feature["properties"]["location"]: feature
        for feature in _geojson(tmp_path / "a")["features"]
    }
    assert {name: (one["geometry"] or {}).get("type") for name, one in features.items()} == {
        "berkane": "Polygon", "chouihia": "MultiPolygon", "x": None
    }  # fmt: skip
    for name in ("berkane", "chouihia"):
        geometry = shapely.from_geojson(json.dumps(features[name]["geometry"]))
        assert (
            geometry.is_valid and shapely.get_parts(geometry)[0].exterior.is_ccw
        )  # RFC 7946, section 3.1.6
    assert (
        features["x"]["properties"]["name"] == "Port"
        and features["berkane"]["properties"]["name"] != "no"
        and features["berkane"]["properties"]["name_ar"] == "بركان"
    )
    point = Region(
        name="x",
        title="X",
        sources=("s",),
        locations=(Location(id="p00", latitude=3, longitude=-1),),
        path=tmp_path / "x",
    )
    write_geojson(table, point, tmp_path / "c")
    assert _geojson(tmp_path / "c")["features"][0]["geometry"] == {
        "type": "Point",
        "coordinates": [-1.0, 3.0],
    }


def test_hostile_names_stay_text_in_geojson(made, tmp_path: Path):
    names = ["<script>alert(1)</script>", "\"'\\ \u2028", "\u202eright", "long " * 40]
    one = made(n_places=4, names=names)
    write_geojson(forecast_table(one.forecast), one.region, tmp_path / "forecast.geojson")
    called = {
        feature["properties"]["name"]
        for feature in _geojson(tmp_path / "forecast.geojson")["features"]
    }
    assert called == set(names)


def test_the_order_of_coordinates_changes_no_byte_of_the_netcdf(made, tmp_path: Path):
    forecast = made(n_places=2).forecast
    for name, order in (("a.nc", sorted(forecast.coords)), ("b.nc", sorted(forecast.coords)[::-1])):
        shuffled = forecast.drop_vars(list(forecast.coords)).assign_coords(
            {coord: forecast[coord].variable for coord in order}
        )
        write_netcdf(shuffled, tmp_path / name)
    assert (tmp_path / "a.nc").read_bytes() == (tmp_path / "b.nc").read_bytes()
