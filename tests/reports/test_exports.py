import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from reports.exports import COLUMNS, ORDER, forecast_table, read_forecast_csv, write_csv, write_provenance


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
            rows = rows[(rows.lead_days == int(one.lead_days)) & (rows.window_days == int(one.window_days))]
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


def test_csv_is_plain(made, tmp_path: Path):
    made(n_places=2, silent=("heat",)).publish(tmp_path / "day")
    raw = (tmp_path / "day" / "forecast.csv").read_bytes()
    assert b"\r" not in raw and raw.endswith(b"\n") and not raw.startswith(b"\xef")
    lines = raw.decode().splitlines()
    assert lines[0] == ",".join(COLUMNS)
    heat = next(line for line in lines if ",heat," in line).split(",")
    assert heat[4] == "2003-06-12" and heat[8] == heat[9] == ""
    flood = next(line for line in lines if ",flash_flood," in line).split(",")
    assert len(flood[8].partition(".")[2]) == 4


@pytest.mark.parametrize("ids", [["NA", "nan"], ["null", ""], ['a,"b"', "é\nx"]])
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
