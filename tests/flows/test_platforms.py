"""A run hands its forecast to the city's platform, and is not stopped by one that is down."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "sources"))

from ngsi_ld_broker import Broker, serve_broker

from configs import Settings
from reports.exports.weather_alerts import SEVERITIES


def give_yellow_the_day_before(region: Path) -> None:
    """A report of the day before that coloured floods, which stand while p is above 0."""
    shutil.copytree(region / "2005-01-01", region / "2004-12-31")
    path = region / "2004-12-31" / "forecast.csv"
    table = pd.read_csv(path)
    table = table[(table["hazard"] == "flash_flood") & (table["window_days"] == 1)]
    told = {"colour": "yellow", "issued": "2004-12-31", "lead_days": table["lead_days"] + 1}
    table.assign(**told).to_csv(path, index=False, lineterminator="\n", float_format="%.4f")


def test_a_run_hands_over_what_it_coloured_and_a_platform_that_is_down_only_degrades_it(
    ready, command: Callable, tmp_path: Path
) -> None:
    settings = Settings(tmp_path / "home")
    shutil.copytree(ready.settings.home, settings.home)
    shutil.copytree(ready.region.path.parent, tmp_path / "region")
    path = tmp_path / "region" / ready.region.path.name
    plain = path.read_text() + "colours: {flash_flood: {yellow: {1: 0.0}}}\n"
    give_yellow_the_day_before(settings.published / "smallville")
    path.write_text(plain + "publish_to: {ngsi_ld: {url: 'http://127.0.0.1:1/v1'}}\n")

    said = command(settings, "forecast", path)
    assert said.status == 3
    assert "ngsi_ld did not take the forecast of" in said.err and "no connection" in said.err
    table = pd.read_csv(settings.published / "smallville/2005-01-01/forecast.csv")
    coloured = table[table["colour"].isin(SEVERITIES)]
    assert len(coloured)

    with serve_broker(Broker()) as broker:
        path.write_text(plain + f"publish_to: {{ngsi_ld: {{url: '{broker.url}'}}}}\n")
        said = command(settings, "forecast", path)
        assert said.status == 0, said.err
        cells = coloured.groupby(["hazard", "lead_days", "window_days"]).ngroups
        assert len(broker.entities) == cells
        severities = {entity["severity"]["value"] for entity in broker.entities.values()}
        assert severities == {SEVERITIES[colour] for colour in set(coloured["colour"])}

        command(settings, "retract", path, "2005-01-01", "--reason", "A test.")
        assert broker.entities == {}


def test_the_same_day_again_hands_over_what_a_platform_did_not_take(
    ready,
    command: Callable,
    paper: Callable[[str], bytes],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The report itself is whole, and is not made again."""
    monkeypatch.setattr("reports.render.papers.pdf_of", paper)  # as ``ready`` was made
    settings = Settings(tmp_path / "home")
    shutil.copytree(ready.settings.home, settings.home)
    shutil.copytree(ready.region.path.parent, tmp_path / "region")
    path = tmp_path / "region" / ready.region.path.name
    give_yellow_the_day_before(settings.published / "smallville")
    with serve_broker(Broker(statuses=[400])) as broker:
        with path.open("a") as file:
            file.write("colours: {flash_flood: {yellow: {1: 0.0}}}\n")
            file.write(f"publish_to: {{ngsi_ld: {{url: '{broker.url}'}}}}\n")
        said = command(settings, "daily", path)
        assert said.status == 3 and "run it again to hand it over" in said.err
        assert broker.entities == {}
        said = command(settings, "daily", path)
        assert said.status == 0, said.err
        assert "\npublished: " not in said.out and broker.entities
