"""The messages that each of the made-up outlooks sends, and that every format says the same."""

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest
import xarray as xr
from cap_chain import Chain, blocks, one, parameters, parts_of, read, said
from outlook_cases import Case, cases, issue_day

from configs import Settings
from reports import publish, write_index
from reports.exports.chain import cancel_alerts
from reports.exports.table import read_published
from reports.storage.archive import ALERTS
from reports.view.outlook import hazard_outlooks, named_locations, rank

CASES = cases()
DAY = timedelta(days=1)
CHAINS: dict[str, list[list[str]]] = {
    "quiet": [[]],
    "one commune red": [["Alert heat: red saidia 07-09"]],
    "heat rising": [
        ["Alert heat: yellow berkane 07-10/07-11"],
        ["Alert heat: orange madagh 07-10/07-11", "Update heat: orange berkane 07-10/07-11"],
        ["Update heat: red berkane 07-10/07-11", "carried heat: orange madagh 07-10/07-11"],
    ],
    "forecasts lost": [
        ["Alert heat: orange berkane 07-11/07-12", "Alert heat: orange madagh 07-11/07-12"],
        [
            "Update heat: orange berkane 07-11/07-12 since 07-08",
            "Update heat: orange madagh 07-11/07-12 since 07-08",
        ],
    ],
    "drought deep and unassessed": [
        [
            "Alert drought: red everywhere 05-10/08-07, red everywhere 06-09/09-06, "
            "red everywhere 07-09/10-06"
        ]
    ],
    "flood today": [
        [
            "Alert flash_flood: red berkane 07-09, orange berkane 07-08",
            "Alert flash_flood: yellow madagh+saidia 07-08",
        ]
    ],
    "all grey": [[]],
    "out of season": [[]],
    "two hazards": [
        [
            "Alert flash_flood: orange madagh 07-10",
            "Alert heat: yellow rislane 07-15/07-16",
            "Alert heat: yellow saidia 07-08/07-09",
        ]
    ],
    "retracted": [
        ["Alert heat: orange berkane 07-11/07-12", "Alert heat: orange madagh 07-11/07-12"]
    ],
}


def sent(made: dict[str, str], carried: dict[str, str], case: Case) -> list[str]:
    """A line for each message: its type, hazard and parts."""
    everywhere = "+".join(place.id for place in case.region.locations)
    lines = []
    for text in made.values():
        root = read(text)
        kind = "carried" if text in carried.values() else one(root, "msgType")
        hazard = one(root, "identifier").split(".")[1]
        parts = ", ".join(blocks(root)).replace(everywhere, "everywhere")
        lines.append(f"{kind} {hazard}: {parts}")
    return sorted(lines)


@pytest.mark.parametrize("name", CASES)
def test_each_outlook_sends_its_chain(name: str, schema, shapes, tmp_path: Path) -> None:
    case = CASES[name]
    chain, found, before = Chain(case.region, shapes, schema, tmp_path), [], {}
    for table in case.tables:
        made = chain.of_table(table)
        found.append(sent(made, before, case))
        before = made
    assert found == CHAINS[name]


def test_a_retracted_outlook_cancels_all_that_it_sent(schema, shapes, tmp_path: Path) -> None:
    case = CASES["retracted"]
    chain = Chain(case.region, shapes, schema, tmp_path)
    made = chain.of_table(case.tables[0])
    noon = datetime.combine(case.issued, datetime.min.time(), UTC) + timedelta(hours=12)
    assert chain.before
    ended = cancel_alerts(chain.before, case.retraction, noon, case.issued)
    roots = [read(text) for text in ended.values()]
    assert {one(root, "msgType") for root in roots} == {"Cancel"} and len(roots) == len(made)
    assert all(case.retraction in one(root, "note") for root in roots)


def test_a_drought_is_of_the_same_windows_on_the_page_and_in_its_alert(
    schema, shapes, tmp_path: Path
) -> None:
    case = CASES["drought deep and unassessed"]
    (table,) = case.tables
    names = named_locations({}, case.region)
    (drought,) = [one for one in hazard_outlooks(table, names, (5, 10)) if one.name == "drought"]
    page = {
        (str(slot.valid - timedelta(days=(slot.window_days or 0) - 1)), str(slot.valid))
        for slot in drought.slots
    }
    made = Chain(case.region, shapes, schema, tmp_path).of_table(table)
    infos = [infos[0] for infos in parts_of(read(made["drought-red.xml"]))]
    told = [parameters(info) for info in infos]
    assert {(values["first_day"], values["last_day"]) for values in told} == page
    for info, values in zip(infos, told, strict=True):
        assert one(info, "onset")[:10] == values["first_day"]
        assert one(info, "expires")[:10] == str(pd.Timestamp(values["last_day"]).date() + DAY)


@pytest.mark.parametrize("name", [name for name, days in CHAINS.items() if days[-1]])
def test_wmos_validator_takes_each_message(name: str, schema, shapes, tmp_path: Path) -> None:
    reason = "needs capvalidator, which make installs"
    capvalidator = pytest.importorskip("capvalidator", reason=reason)
    chain = Chain(CASES[name].region, shapes, schema, tmp_path)
    made = [text for table in CASES[name].tables for text in chain.of_table(table).values()]
    assert chain.before
    noon = datetime.combine(CASES[name].issued, datetime.min.time(), UTC) + timedelta(hours=12)
    made += cancel_alerts(chain.before, "It was wrong.", noon).values()
    for text in made:
        found = capvalidator.check_schema(text.encode())
        assert found.passed, found.message
    broken = made[0].replace("<severity>", "<severity>Very ", 1)
    assert not capvalidator.check_schema(broken.encode()).passed


@pytest.mark.usefixtures("without_paper")
def test_every_format_says_the_colour_that_stands(home: Settings) -> None:
    """The forecasts are lost: page, CSV, GeoJSON, NetCDF, alerts, index and feed say orange."""
    case = CASES["forecasts lost"]
    region, before, folder = case.region.model_copy(update={"languages": ("en",)}), None, Path()
    scores = pd.DataFrame(columns=["region", "hazard", "level", "lead_days", "window_days"])
    provenance = {
        "region": region.name,
        "title": region.title,
        "issued": "",
        "data_until": None,
        "snapshot": "A",
        "code_version": "1",
        "models": {},
        "sources": [],
        "withheld": 0,
        "missing": {},
        "degraded": [],
        "reference": "1991 to 2020",
    }
    for table, forecast in zip(case.tables, case.forecasts, strict=True):
        issued = issue_day(table).isoformat()
        folder = home.published / region.name / issued
        folder.parent.mkdir(parents=True, exist_ok=True)
        told = provenance | {"issued": issued}
        publish(forecast, scores, {}, region, told, folder, before=before, settings=home)
        before = folder
    table = read_published(folder)
    assert table is not None
    wanted = {
        (place, day) for place in ("berkane", "madagh") for day in ("2026-07-11", "2026-07-12")
    }

    def coloured(rows: pd.DataFrame) -> set[tuple[str, str]]:
        rows = rows[(rows["colour"] == "orange") & (rows["window_days"] == 1)]
        return {(str(row.location), str(row.valid)[:10]) for row in rows.itertuples()}

    assert coloured(table) == wanted
    assert {colour for colour in table["colour"] if rank(colour) > 0} == {"orange"}
    with xr.open_dataset(folder / "forecast.nc", engine="h5netcdf") as data:
        rows = data["colour"].to_dataframe().reset_index()
        orange = rows[(rows["colour"] == "orange") & (rows["window_days"] == 1)]
        days = orange["init_time"] + pd.to_timedelta(orange["lead_days"], "D")
    assert set(zip(orange["location"], days.dt.strftime("%Y-%m-%d"), strict=True)) == wanted
    geojson = (folder / "forecast.geojson").read_text(encoding="utf-8")
    assert geojson.count('"orange"') >= len(wanted)
    told = json.loads((folder / "provenance.json").read_text(encoding="utf-8"))
    (head,) = [head for head in told["headlines"] if head["hazard"] == "heat"]
    assert head["colour"] == "orange"
    assert "not confirmed since Wednesday 8 July" in head["sentence"]
    page = (folder / "report.en.html").read_text(encoding="utf-8")
    assert "not confirmed since Wednesday 8 July" in page
    texts = [path.read_text(encoding="utf-8") for path in sorted((folder / ALERTS).iterdir())]
    headlines = [line for text in texts for line in said(read(text), "headline")]
    assert len(headlines) == 2
    assert all(line.endswith("not confirmed since Wednesday 8 July") for line in headlines)
    front = write_index(home).read_text(encoding="utf-8")
    assert re.search(r'<li class="orange">.*?Heat: Orange</li>', front)
    feed = (home.published / "feed.xml").read_text(encoding="utf-8")
    assert "Orange: not confirmed since Wednesday 8 July" in feed and "in Berkane" in feed
