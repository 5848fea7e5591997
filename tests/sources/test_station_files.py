"""Station files: what is read, and one sentence with the cure for everything that cannot be."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from configs import Location, Region, RiskError, Settings, load_region
from data_contracts.batch import Batch, FetchRequest
from data_contracts.store import Store
from sources import sources_of
from sources.station_files import SOURCE

HEAD = "time,location,air_temperature_max,precipitation\n"
ROWS = "2001-01-01,a,20.5,0\n2001-01-02,a,21,3.2\n"
GOOD = HEAD + ROWS
PLAIN = "time,precipitation\n2001-01-01,1\n2001-01-02,2\n"
SPREAD = (
    "init_time,lead_days,location,precipitation,precipitation_spread\n"
    "2001-01-01,0,a,1,0.5\n2001-01-01,1,a,2,\n2001-01-02,0,a,0,0\n"
)
ISSUED = "init_time,lead_days,location,precipitation\n2001-01-01,0,a,1\n2001-01-01,1,a,2\n"


def read(
    folder: Path, files: dict[str, str | bytes], locations: tuple[Location, ...] = ()
) -> Batch:
    """Fetch a region whose inbox holds these files."""
    inbox = folder / "inbox"
    inbox.mkdir(exist_ok=True)
    for name, text in files.items():
        (inbox / name).write_bytes(text.encode() if isinstance(text, str) else text)
    path = folder / "somewhere.yaml"
    region = Region(
        name="somewhere",
        title="Somewhere",
        sources=("station_files",),
        inbox="inbox",
        locations=locations,
        path=path,
    )
    return SOURCE.fetch(FetchRequest(region, Settings(folder)))


WRONG = {
    "empty file": ({"o.csv": ""}, "o.csv: the file is empty"),
    "blank file": ({"o.csv": "\n \n"}, "o.csv: the file is empty"),
    "header only": ({"o.csv": HEAD}, "no rows below the header"),
    "no CSV": ({"README.md": "hello"}, "holds no file of observations"),
    "a negative spread": (
        {"o.csv": GOOD, "forecasts.csv": SPREAD + "2001-01-02,1,a,2,-0.1\n"},
        "line 5, precipitation_spread: found '-0.1', expected a standard deviation, 0 or more",
    ),
    "a spread without its mean": (
        {"o.csv": GOOD, "forecasts.csv": SPREAD + "2001-01-02,1,a,,0.1\n"},
        "line 5, precipitation_spread: found '0.1', expected precipitation beside it, or nothing",
    ),
    "a spread of another variable": (
        {
            "o.csv": GOOD,
            "forecasts.csv": SPREAD.replace("n_spread", "n").replace(
                ",precipitation,", ",river_level_spread,"
            ),
        },
        "river_level_spread has no mean, expected a column 'river_level' beside it; add it",
    ),
    "a spread alone": (
        {"o.csv": GOOD, "forecasts.csv": ISSUED.replace("precipitation", "precipitation_spread")},
        "precipitation_spread has no mean, expected a column 'precipitation' beside it",
    ),
    "a spread beside members": (
        {
            "o.csv": GOOD,
            "forecasts.csv": SPREAD.replace("location,", "location,member,").replace(
                ",a,", ",a,0,"
            ),
        },
        "found the columns 'member' and 'precipitation_spread', expected members or their mean",
    ),
    "a spread that was observed": (
        {"o.csv": "time,precipitation,precipitation_spread\n2001-01-01,1,1\n"},
        "unknown column 'precipitation_spread', did you mean 'precipitation'?",
    ),
    "forecasts alone": ({"forecasts.csv": ISSUED}, "holds no file of observations"),
    "another format": (
        {"o.csv": GOOD, "p.xlsx": "PK"},
        "p.xlsx: found a .xlsx file, expected CSV, Parquet or NetCDF; save it",
    ),
    "not Parquet": (
        {"o.csv": GOOD, "p.parquet": "PAR1"},
        "p.parquet: it cannot be read as Parquet",
    ),
    "not NetCDF": ({"o.csv": GOOD, "p.nc": "hello"}, "p.nc: it cannot be read as NetCDF"),
    "no time column": (
        {"o.csv": "location,precipitation\na,1\n"},
        "there is no `time` column, found 'location', 'precipitation'; add it",
    ),
    "a date column": (
        {"o.csv": "Date,precipitation\n2001-01-01,1\n"},
        "no `time` column, found 'Date', 'precipitation'; rename 'Date'",
    ),
    "no variable": ({"o.csv": "time,location\n2001-01-01,a\n"}, "there is no variable in it"),
    "unknown column": (
        {"o.csv": "time,precipitaton\n2001-01-01,1\n"},
        "unknown column 'precipitaton', did you mean 'precipitation'?",
    ),
    "usual name": (
        {"o.csv": "time,Tmax\n2001-01-01,1\n"},
        "unknown column 'Tmax', did you mean 'air_temperature_max'?",
    ),
    "strange column": (
        {"o.csv": "time,precipitation,qqq\n2001-01-01,1,1\n"},
        "unknown column 'qqq', expected one of time, location",
    ),
    "nameless column": (
        {"o.csv": "time,precipitation,\n2001-01-01,1,1\n"},
        "the header has an empty field",
    ),
    "column twice": (
        {"o.csv": "time,precipitation,precipitation\n2001-01-01,1,1\n"},
        "the column 'precipitation' stands twice",
    ),
    "not a day": (
        {"o.csv": GOOD + "2001-02-30,a,1,1\n"},
        "line 4, time: found '2001-02-30', expected a date such as 2001-01-31",
    ),
    "line after blanks": (
        {"o.csv": HEAD + "\n" + ROWS + "\n\nnever,a,1,1\n"},
        "line 7, time: found 'never'",
    ),
    "day and hour": (
        {"o.csv": HEAD + "2001-01-01T06:00,a,1,1\n"},
        "line 2, time: found '2001-01-01T06:00', expected .* without an hour",
    ),
    "midnight in a zone": (
        {"o.csv": HEAD + "2001-01-01T00:00:00Z,a,1,1\n"},
        "'2001-01-01T00:00:00Z', expected a date .* or a zone",
    ),
    "another order": (
        {"o.csv": HEAD + "31/01/2001,a,1,1\n"},
        "found '31/01/2001', expected a date such as 2001-01-31",
    ),
    "compact date": ({"o.csv": HEAD + "20010131,a,1,1\n"}, "found '20010131', expected a date"),
    "no date": ({"o.csv": HEAD + ",a,1,1\n"}, "line 2, time: found ''"),
    "a word": (
        {"o.csv": GOOD + "2001-01-03,a,1,trace\n"},
        "line 4, precipitation: found 'trace', expected a number",
    ),
    "decimal comma": (
        {"o.csv": GOOD + '2001-01-03,a,1,"1,5"\n'},
        "line 4, precipitation: found '1,5', expected a decimal point",
    ),
    "comma unquoted": ({"o.csv": GOOD + "2001-01-03,a,1,1,5\n"}, "line 4 has 5 fields, expected 4"),
    "short line": (
        {"o.csv": HEAD + "\n" + ROWS + "2001-01-03,a\n"},
        "line 5 has 2 fields, expected 4",
    ),
    "open quote": ({"o.csv": GOOD + '2001-01-03,"a,1,1\n'}, "o.csv: "),
    "semicolons": (
        {"o.csv": "time;precipitation\n2001-01-01;1,5\n"},
        "separated by semicolons, expected commas",
    ),
    "tabs": (
        {"o.csv": "time\tprecipitation\n2001-01-01\t1\n"},
        "separated by tabs, expected commas",
    ),
    "Latin-1": (
        {"o.csv": (HEAD + "2001-01-01,Béni,1,1\n").encode("latin-1")},
        "line 2 is not UTF-8",
    ),
    "UTF-16 without its mark": ({"o.csv": GOOD.encode("utf-16-le")}, "bytes that are not text"),
    "binary": ({"o.csv": b"time,\0\0\n"}, "bytes that are not text"),
    "duplicate": (
        {"o.csv": HEAD + ROWS + "2001-01-01,a,20.5,0\n"},
        "lines 2 and 4 are both for 2001-01-01, a, expected one",
    ),
    "empty place": (
        {"o.csv": HEAD + "2001-01-01,,1,1\n"},
        "line 2, location: found '', expected a name of 1 to 200",
    ),
    "long place": (
        {"o.csv": HEAD + f"2001-01-01,{'x' * 201},1,1\n"},
        "expected a name of 1 to 200 characters",
    ),
    "files differ": (
        {"o.csv": GOOD, "p.csv": HEAD + "2001-01-02,a,21,4\n2001-01-03,a,21,4\n"},
        r"o.csv and .*p.csv differ: precipitation at 2001-01-02, a is 3.2 in one and 4 in "
        r"the other",
    ),
    "which place": (
        {"o.csv": GOOD + "2001-01-01,b,1,1\n", "p.csv": PLAIN},
        r"p.csv: there is no `location` column, .* 2 places \(a, b\)",
    ),
    "negative lead": (
        {"o.csv": GOOD, "forecasts.csv": ISSUED + "2001-01-01,-1,a,2\n"},
        "line 4, lead_days: found '-1', expected a whole",
    ),
    "half a lead": (
        {"o.csv": GOOD, "forecasts.csv": ISSUED + "2001-01-01,1.5,a,2\n"},
        "lead_days: found '1.5'",
    ),
    "no lead": (
        {"o.csv": GOOD, "forecasts.csv": "init_time,precipitation\n2001-01-01,1\n"},
        "no `lead_days` column",
    ),
    "forecast twice": (
        {"o.csv": GOOD, "forecasts.csv": ISSUED + "2001-01-01,1,a,2\n"},
        "3 and 4 are both for init_time 2001-01-01, lead",
    ),
    "place twice": (
        {"o.csv": GOOD, "locations.csv": "location\na\na\n"},
        "locations.csv: lines 2 and 3 are both for a",
    ),
    "place unlisted": (
        {"o.csv": HEAD + "2001-01-01,berkan,1,1\n", "locations.csv": "location\nberkane\n"},
        "o.csv: unknown location 'berkan', did you mean 'berkane'?",
    ),
    "bad latitude": (
        {"o.csv": GOOD, "locations.csv": "location,latitude\na,36N\n"},
        "line 2, latitude: found '36N', expected a number",
    ),
}


@pytest.mark.parametrize(("files", "sentence"), WRONG.values(), ids=WRONG.keys())
def test_bad_input_is_told_in_one_sentence(
    tmp_path: Path, files: dict[str, str | bytes], sentence: str
) -> None:
    with pytest.raises(RiskError, match=sentence) as caught:
        read(tmp_path, files)
    assert "\n" not in str(caught.value)
    assert str(caught.value).endswith((".", "?"))


def test_a_missing_inbox_is_named_with_its_cure(tmp_path: Path) -> None:
    region = Region(
        name="somewhere", title="S", sources=("station_files",), path=tmp_path / "somewhere.yaml"
    )
    with pytest.raises(
        RiskError,
        match=r"data/inbox/somewhere does not exist; put CSV, Parquet or NetCDF files there or "
        r"set `inbox:`",
    ):
        SOURCE.fetch(FetchRequest(region, Settings(tmp_path)))
    with pytest.raises(RiskError, match="is a file, expected a folder"):
        (tmp_path / "o.csv").write_text(GOOD)
        SOURCE.fetch(FetchRequest(region.model_copy(update={"inbox": "o.csv"}), Settings(tmp_path)))


FINE = {
    "plain": GOOD,
    "byte order mark": b"\xef\xbb\xbf" + GOOD.encode(),
    "CRLF": GOOD.replace("\n", "\r\n"),
    "no last line end": GOOD.rstrip("\n"),
    "blank lines": "\n" + GOOD.replace("\n", "\n\n"),
    "quoted": '"time","location","air_temperature_max","precipitation"\n"2001-01-01","a","20.5",'
    '"0"\n"2001-01-02","a","21","3.2"\n',
    "spaces": GOOD.replace(",", " , "),
    "midnight": GOOD.replace("2001-01-01", "2001-01-01 00:00:00").replace(
        "2001-01-02", "2001-01-02T00:00"
    ),
    "other columns first": "precipitation,location,time,air_temperature_max\n0,a,2001-01-01,20.5\n"
    "3.2,a,2001-01-02,21\n",
    "rows in disorder": HEAD + "2001-01-02,a,21,3.2\n2001-01-01,a,20.5,0\n",
    "exponents": GOOD.replace("20.5", "2.05e1"),
}


@pytest.mark.parametrize("text", FINE.values(), ids=FINE.keys())
def test_the_same_record_is_read_however_it_is_written(tmp_path: Path, text: str | bytes) -> None:
    table = read(tmp_path, {"o.csv": text}).observations
    assert table["time"].dt.strftime("%Y-%m-%d").tolist() == ["2001-01-01", "2001-01-02"]
    assert table["location"].tolist() == ["a", "a"]
    assert table["air_temperature_max"].tolist() == [20.5, 21.0]
    assert table["precipitation"].tolist() == [0.0, 3.2]


def test_missing_values_are_nan_however_they_are_written(tmp_path: Path) -> None:
    rows = "".join(
        f"2001-01-{day:02d},{mark}\n"
        for day, mark in enumerate(["", "NA", "NaN", "nan", "null", " ", "N/A"], 1)
    )
    table = read(tmp_path, {"o.csv": "time,precipitation\n" + rows}).observations
    assert table["precipitation"].isna().all()
    assert len(table) == 7


def test_a_future_day_and_an_old_one_are_fine(tmp_path: Path) -> None:
    table = read(
        tmp_path, {"o.csv": "time,precipitation\n2101-01-01,1\n1850-01-01,1\n"}
    ).observations
    assert table["time"].dt.year.tolist() == [1850, 2101]


def test_files_overlap_where_they_agree(tmp_path: Path) -> None:
    other = "time,location,precipitation,wind_speed\n2001-01-02,a,3.2,5\n2001-01-03,a,1,6\n"
    table = read(tmp_path, {"o.csv": GOOD, "p.CSV": other}).observations
    assert table["precipitation"].tolist() == [0.0, 3.2, 1.0]
    assert table["wind_speed"].fillna(-1).tolist() == [-1, 5, 6]
    assert table["air_temperature_max"].fillna(-1).tolist() == [20.5, 21.0, -1]


PLACES = (
    Location(id="a", names={"fr": "Ville", "en": "Town"}, latitude=10.0),
    Location(id="c", longitude=3.0),
)
LISTED = "location,name,latitude,longitude,elevation\na,Old,1,2,3\n"
Files = dict[str, str | bytes]
WHICH_PLACE: dict[str, tuple[Files, tuple[Location, ...], list[str]]] = {
    "the region's name": ({"o.csv": PLAIN}, (), ["somewhere"]),
    "the one the region file lists": ({"o.csv": PLAIN}, PLACES[:1], ["a"]),
    "the one locations.csv lists": ({"o.csv": PLAIN, "locations.csv": LISTED}, (), ["a"]),
    "the one other files name": (
        {"o.csv": PLAIN, "p.csv": "time,location,wind_speed\n2001-01-01,b,1\n"},
        (),
        ["b"],
    ),
    "ids are text": ({"o.csv": HEAD + "2001-01-01,007,1,1\n"}, (), ["007"]),
}


@pytest.mark.parametrize(
    ("files", "locations", "places"), WHICH_PLACE.values(), ids=WHICH_PLACE.keys()
)
def test_a_record_without_places_is_of(
    tmp_path: Path, files: Files, locations: tuple[Location, ...], places: list[str]
) -> None:
    batch = read(tmp_path, files, locations)
    assert batch.locations["location"].tolist() == places
    assert batch.observations["location"].unique().tolist() == places


def test_the_region_file_wins_over_locations_csv_field_by_field(tmp_path: Path) -> None:
    places = read(
        tmp_path, {"o.csv": GOOD + "2001-01-01,c,1,1\n", "locations.csv": LISTED}, PLACES
    ).locations.set_index("location")
    assert places.loc["a"].to_dict() == {
        "name": "Town",
        "latitude": 10.0,
        "longitude": 2.0,
        "elevation": 3.0,
    }
    assert places.loc["c", "name"] == "c"  # no name anywhere: the id
    assert places.loc["c", "longitude"] == 3.0
    assert pd.isna(places.loc["c", "latitude"])


def test_a_place_the_region_does_not_list_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(
        RiskError, match="unknown location 'zz', expected one of a, c; Rename it, or add it"
    ):
        read(tmp_path, {"o.csv": GOOD + "2001-01-01,zz,1,1\n"}, PLACES)


def test_unicode_ids_and_names_are_kept(tmp_path: Path) -> None:
    name = "بركان" * 40
    batch = read(
        tmp_path,
        {
            "o.csv": HEAD + f"2001-01-01,{name},1,1\n",
            "locations.csv": f"location,name\n{name},Saïdia\n",
        },
    )
    assert batch.observations["location"].tolist() == [name]
    assert batch.locations["name"].tolist() == ["Saïdia"]


def test_forecasts_are_read_as_issued(tmp_path: Path) -> None:
    members = (
        "init_time,lead_days,location,member,precipitation\n2001-01-03,0,a,3,1\n2001-01-03,"
        "0,a,4,2\n"
    )
    table = read(
        tmp_path, {"o.csv": GOOD, "forecasts.csv": ISSUED, "forecasts_more.csv": members}
    ).forecasts
    assert table.columns.tolist() == [
        "init_time",
        "lead_days",
        "location",
        "member",
        "precipitation",
    ]
    assert table["member"].tolist() == [-1, -1, 3, 4]
    assert table["lead_days"].tolist() == [0, 1, 0, 0]
    assert table["precipitation"].tolist() == [1, 2, 1, 2]


def test_mean_and_spread_are_rows_of_their_own(tmp_path: Path) -> None:
    """Member -1 is the mean, -2 the standard deviation; a mean may stand without a spread."""
    table = read(tmp_path, {"o.csv": GOOD, "forecasts.csv": SPREAD}).forecasts
    shown = table.assign(init_time=table["init_time"].dt.day)
    assert shown.to_numpy().tolist() == [
        [1, 0, "a", -2, 0.5],
        [1, 0, "a", -1, 1.0],
        [1, 1, "a", -1, 2.0],
        [2, 0, "a", -2, 0.0],
        [2, 0, "a", -1, 0.0],
    ]


def test_mean_and_spread_pass_the_contract_and_are_kept_as_they_were_issued(tmp_path: Path) -> None:
    """Of temperatures too, whose spreads are in no order: Tmin's may be wider than Tmax's."""
    runs = (
        "init_time,lead_days,location,air_temperature_max,air_temperature_max_spread,"
        "air_temperature_min,air_temperature_min_spread\n"
        "2001-01-01,0,a,20,0.8,10,1.5\n2001-01-02,0,a,21,,11,0\n"
    )
    batch = read(tmp_path, {"o.csv": GOOD, "forecasts.csv": runs})
    region = Region(name="somewhere", title="S", sources=("station_files",), path=tmp_path / "s")
    store = Store(Settings(tmp_path), region)
    assert store.ingest(SOURCE, batch).withheld.empty
    kept = store.forecasts()
    assert kept is not None
    assert kept["member"].values.tolist() == [-2, -1]
    nan = float("nan")
    np.testing.assert_allclose(kept["air_temperature_max"].values[:, 0, 0], [[0.8, 20], [nan, 21]])
    np.testing.assert_allclose(kept["air_temperature_min"].values[:, 0, 0], [[1.5, 10], [0, 11]])
    again = store.ingest(SOURCE, batch)
    assert not again.changed


def test_files_that_tell_the_same_spread_agree_and_others_differ(tmp_path: Path) -> None:
    files = {"o.csv": GOOD, "forecasts.csv": SPREAD, "forecasts_again.csv": SPREAD}
    assert len(read(tmp_path, files).forecasts) == 5
    with pytest.raises(
        RiskError,
        match="differ: precipitation_spread at init_time 2001-01-01, lead_days 0, a is 0.5",
    ):
        read(tmp_path, files | {"forecasts_again.csv": SPREAD.replace(",0.5", ",0.6")})


def test_a_region_without_forecasts_has_an_empty_table(tmp_path: Path) -> None:
    assert read(tmp_path, {"o.csv": GOOD}).forecasts.empty


def test_the_tunis_record_is_whole() -> None:
    region = load_region("tunis")
    batch = sources_of(region)[0].fetch(FetchRequest(region, Settings(Path("/nowhere"))))
    assert len(batch.observations) == 8552
    assert batch.observations.notna().all(axis=None)
    # 1979-01-01 to 2002-05-31 without a gap.
    assert (batch.observations["time"].diff().dropna() == pd.Timedelta(days=1)).all()
    place = batch.locations.iloc[0].to_dict()
    assert place == {
        "location": "tunis",
        "name": "Tunis",
        "latitude": 36.85,
        "longitude": 10.23,
        "elevation": 4.0,
    }


def test_the_tunis_record_is_the_published_one(shared: Path) -> None:
    region = load_region("tunis")
    ours = SOURCE.fetch(FetchRequest(region, Settings(Path("/nowhere")))).observations
    theirs = pd.read_csv(shared / "stations" / "tunis" / "observations.csv", parse_dates=["time"])
    pd.testing.assert_frame_equal(ours, theirs[ours.columns], check_dtype=False)
