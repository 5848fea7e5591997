"""What a home holds longer than it is of use goes, and nothing that proves or grades."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from configs import Settings
from flows.tidy import COMPACT_DAYS, LEFTOVER_DAYS
from models.registry import Registry
from reports.storage.ledger import broken, entries

pytestmark = pytest.mark.timeout(900)

STAYS = {
    "forecast.csv",
    "forecast.nc",
    "scores.csv",
    "provenance.json",
    "report.en.html",
    "message.en.txt",
}


@pytest.fixture(scope="module")
def tidied(ready, prefect_server: None, tmp_path_factory: pytest.TempPathFactory):
    """A home with reports of 1, 92 and 400 days before the newest, and what tidying it said."""
    from flows.tidy import tidy_region

    home = Settings(Path(shutil.copytree(ready.settings.home, tmp_path_factory.mktemp("t") / "h")))
    folder = home.published / "smallville"
    for day in ("2004-12-31", "2004-10-01", "2003-11-27"):
        shutil.copytree(folder / "2005-01-01", folder / day)
        provenance = folder / day / "provenance.json"
        text = provenance.read_text(encoding="utf-8")
        provenance.write_text(
            text.replace('"issued": "2005-01-01"', f'"issued": "{day}"'), encoding="utf-8"
        )
        for page in (home.data / "print" / "smallville").glob("2005-01-01.*"):
            shutil.copy(page, page.with_name(page.name.replace("2005-01-01", day)))
    cache = home.data / "cache" / "open_meteo"
    cache.mkdir(parents=True)
    for name, days in (("old.json.gz", LEFTOVER_DAYS + 1), ("new.json.gz", 1)):
        (cache / name).write_bytes(b"kept")
        then = (datetime.now(UTC) - timedelta(days=days)).timestamp()
        os.utime(cache / name, (then, then))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CLIMATE_RISK_HOME", str(home.home))
        said = [tidy_region(str(ready.region.path), home) for _ in range(2)]
    return replace(ready, settings=home), said


def names(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_a_new_report_is_left_as_it_is(tidied, ready) -> None:
    home, _ = tidied
    folder = home.settings.published / "smallville"
    for day in ("2005-01-01", "2004-12-31"):
        assert names(folder / day) == names(ready.folder)
        page = (folder / day / "report.en.html").read_bytes()
        assert page == (ready.folder / "report.en.html").read_bytes()


def test_of_an_old_report_stays_what_proves_and_grades(tidied, ready) -> None:
    home, said = tidied
    folder = home.settings.published / "smallville"
    alerts = {name for name in names(ready.folder) if name.startswith("alerts/")}
    assert names(folder / "2004-10-01") == STAYS | {"details.en.html"} | alerts
    assert names(folder / "2003-11-27") == STAYS | alerts
    for name in ("forecast.csv", "forecast.nc", "scores.csv"):
        assert (folder / "2003-11-27" / name).read_bytes() == (ready.folder / name).read_bytes()
    gone = len(names(ready.folder)) * 2 - len(STAYS | alerts) * 2 - 1
    papers = len(list((ready.settings.data / "print" / "smallville").glob("2005-01-01.*")))
    assert papers and said[0].startswith(f"smallville: {gone + 2 * papers + 1} files")
    kept = {path.name[:10] for path in (home.settings.data / "print" / "smallville").iterdir()}
    assert kept == {"2005-01-01", "2004-12-31"}
    assert said[1].startswith("smallville: 0 files and 0.0 MB gone, 0 versions")


def test_no_page_links_to_a_file_that_is_gone(tidied) -> None:
    home, _ = tidied
    lost = []
    for page in home.settings.published.rglob("*.html"):
        html = page.read_text(encoding="utf-8")
        for target in re.findall(r'href="([^"#?:]+)[^":]*"', html):
            if not (page.parent / target).exists():
                lost.append((page.relative_to(home.settings.published).as_posix(), target))
    assert not lost
    old = home.settings.published / "smallville" / "2003-11-27" / "report.en.html"
    assert "This report on paper (PDF)" in old.read_text(encoding="utf-8"), "the words stay"


def test_the_ledger_is_true_of_what_is_kept(tidied) -> None:
    home, _ = tidied
    folder = home.settings.published / "smallville"
    assert len(entries(folder)) == 4 and broken(folder) == ""
    path = folder / "2003-11-27" / "forecast.csv"
    content = path.read_bytes()
    path.write_bytes(content + b"x")
    assert "2003-11-27/forecast.csv: found" in broken(folder)
    path.write_bytes(content)


def test_kept_answers_go_when_they_are_old(tidied) -> None:
    home, _ = tidied
    cache = home.settings.data / "cache" / "open_meteo"
    assert {path.name for path in cache.iterdir()} == {"new.json.gz"}


def test_the_first_daily_run_of_a_day_tidies_and_a_failure_only_degrades(
    ready, command: Callable, tmp_path: Path
) -> None:
    home = Settings(Path(shutil.copytree(ready.settings.home, tmp_path / "home")))
    said = command(home, "daily", ready.region.path)
    assert said.status == 0 and "\ntidied: " not in said.out, "it was when the report was made"
    marker = home.data / "tidied" / "smallville.json"
    told = json.loads(marker.read_text())
    long_ago = str(datetime.now(UTC).date() - timedelta(days=COMPACT_DAYS))
    marker.write_text(json.dumps({"day": long_ago, "compacted": long_ago}))
    said = command(home, "daily", ready.region.path)
    assert said.status == 0 and "\ntidied: 0 files, 0 versions, 0 snapshots (" in said.out
    assert json.loads(marker.read_text())["compacted"] >= told["day"]
    shutil.rmtree(marker.parent)
    marker.parent.write_text("a file in its way")
    said = command(home, "daily", ready.region.path)
    assert said.status == 3 and said.err.startswith("degraded: The home was not tidied, nothing")
    assert len(said.err.splitlines()) == 1 and "report.en.html" in said.out


def test_versions_that_nothing_needs_go_and_their_runs_stay(ready, tmp_path: Path) -> None:
    home = Settings(Path(shutil.copytree(ready.settings.home, tmp_path / "home")))
    registry = Registry(home)
    client, name = registry.client, "smallville-heat"
    first = client.get_model_version(name, "1")
    run = client.get_run(str(first.run_id))
    for number in range(2, 9):
        folder = Path(run.info.artifact_uri) / f"model{number}"
        folder.mkdir()
        (folder / "meta.json").write_text("{}")
        client.create_model_version(name, str(folder), run.info.run_id)
    client.set_model_version_tag(name, "7", "gate", "champion")
    client.set_registered_model_alias(name, "champion", "8")
    client.set_registered_model_alias(name, "candidate", "3")
    versions, files, _ = registry.forget(ready.region, {"heat": {"2"}}, 1)
    left = {str(one.version) for one in client.search_model_versions(f"name='{name}'")}
    # 1 passed the gate before 7 did: only one champion before the present one stays, and 7 is it
    assert (versions, left) == (4, {"2", "3", "7", "8"}) and files > 10
    there = {path.name for path in Path(run.info.artifact_uri).iterdir()}
    assert {"model2", "model3", "model7", "model8"} <= there and "model" not in there
    assert client.get_run(run.info.run_id).data.params == run.data.params
