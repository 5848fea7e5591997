"""What the contract found: by rule and place, in the report's sentence, on the page, beside the
run."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from configs import Region, Settings, load_region
from configs.remarks import text
from data_contracts.store import Store
from flows.check import check
from flows.data_quality import by_rule, checked_record, newest_withheld, write_page
from sources import sources_of

TMAX = "air_temperature_max"


@pytest.fixture
def stuck(write_record: Callable[..., Region], tmp_path: Path) -> Region:
    """Three years of two places; the thermometer of one sticks for its last 14 days."""
    region = write_record(tmp_path, years=3, locations=("a", "b"))
    path = tmp_path / "inbox" / "record.csv"
    table = pd.read_csv(path)
    last = table.index[table["location"] == "b"][-14:]
    table.loc[last, TMAX] = 21.7
    table.to_csv(path, index=False)
    region.path.write_text(region.path.read_text() + "languages: [en, fr, ar]\n")
    return load_region(region.path)


def stored(region: Region, home: Settings) -> Store:
    store = Store(home, region)
    for source in sources_of(region):
        store.ingest(source, source.fetch(store.fetch_request(source.name)))
    return store


def test_what_was_found_is_told_by_rule_and_place_and_changes_what_is_published(
    stuck: Region, home: Settings
) -> None:
    store = stored(stuck, home)
    observations = store.observations()
    (row,) = by_rule(store)
    assert row == {
        "source": "station_files", "rule": "stuck", "variable": TMAX, "location": "b",
        "used": False, "n": 14, "first": "1992-12-18", "last": "1992-12-31",
    }  # fmt: skip
    whole = sum(int(values.count()) for values in observations.data_vars.values())
    said = text(checked_record(store, observations, store.snapshot()))
    assert f"{whole} values passed, 14 are withheld, 0 are in doubt" in said
    (remark,) = newest_withheld(store, observations, date(1993, 1, 1), store.snapshot())
    assert text(remark).startswith("The newest days of air_temperature_max are withheld at b;")
    assert newest_withheld(store, observations, date(1993, 3, 1), store.snapshot()) == ()
    summary = checked_record(store, observations, store.snapshot())
    write_page(store, by_rule(store), summary, date(1993, 1, 1))
    pages = {path.name: path.read_text() for path in (home.published / "data-docs").glob("*.html")}
    assert set(pages) == {"testland.html", "testland.fr.html", "testland.ar.html"}
    assert "A sensor that is stuck" in pages["testland.html"]
    assert "Capteur bloqué" in pages["testland.fr.html"]
    assert "مستشعر عالق" in pages["testland.ar.html"]


def test_what_is_mended_is_no_longer_listed(stuck: Region, home: Settings, tmp_path: Path) -> None:
    assert len(by_rule(stored(stuck, home))) == 1
    path = tmp_path / "inbox" / "record.csv"
    table = pd.read_csv(path)
    last = table.index[table["location"] == "b"][-14:]
    table.loc[last, TMAX] = [15.1 + number % 5 for number in range(14)]
    table.to_csv(path, index=False)
    assert by_rule(stored(stuck, home)) == []


def test_a_pull_is_degraded_by_what_is_withheld_and_shows_it_beside_the_run(
    command: Callable[..., Any], stuck: Region, home: Settings
) -> None:
    from prefect.client.orchestration import get_client

    said = command(home, "pull", stuck.path)
    assert said.status == 3
    assert f"degraded: {TMAX} of b is 21.7 on 14 days in a row from 1992-12-18 on" in said.err
    with get_client(sync_client=True) as client:
        artifacts = client.read_artifacts()
    ours = [one for one in artifacts if one.key == "data-quality-testland"]
    newest = max(ours, key=lambda one: one.created)
    assert json.loads(newest.data)[0]["rule"] == "stuck"


def test_values_in_doubt_are_used_and_told_without_degrading(
    command: Callable[..., Any], write_record: Callable[..., Region], tmp_path: Path, home: Settings
) -> None:
    region = write_record(tmp_path, years=3)
    path = tmp_path / "inbox" / "record.csv"
    table = pd.read_csv(path)
    table["precipitation"] /= 1000
    table.to_csv(path, index=False)
    said = command(home, "pull", region.path)
    assert said.status == 0 and "it looks like metres: multiply by 1000" in said.out
    assert [row["rule"] for row in by_rule(Store(home, region))] == ["unit"]


# the change of a sound record's rain, words that check says
DOUBTFUL = {
    "tenths": (lambda rain: rain * 10, "looks like tenths of a mm: divide by 10"),
    "metres": (lambda rain: rain / 1000, "looks like metres: multiply by 1000"),
    "inches": (lambda rain: rain / 25.4, "looks like inches: multiply by 25.4"),
}


@pytest.mark.parametrize(("change", "words"), DOUBTFUL.values(), ids=DOUBTFUL.keys())
def test_check_says_what_is_in_doubt(
    write_record: Callable[..., Region],
    tmp_path: Path,
    home: Settings,
    change: Callable[[pd.Series], pd.Series],
    words: str,
) -> None:
    region = write_record(tmp_path, years=3)
    path = tmp_path / "inbox" / "record.csv"
    table = pd.read_csv(path)
    table["precipitation"] = change(table["precipitation"])
    table.to_csv(path, index=False)
    (found,) = [one for one in check(str(region.path), home) if one.what.startswith("source")]
    assert words in found.fact and not found.problem
