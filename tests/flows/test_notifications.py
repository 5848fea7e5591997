"""Officers are sent what changed, once, whatever fails on the way: real mail and web servers."""

from __future__ import annotations

import importlib.util
import json
import shutil
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "sources"))

from notification_servers import (
    PASSWORD,
    Mail,
    Webhook,
    closed_port,
    serve_mail,
    serve_webhook,
)

from configs import Location, Region, Settings
from configs.remarks import text
from flows import notifications
from flows.cli import main
from flows.notifications import notify
from sources.common.notifications import NOTIFY, region_variable


def made_up() -> ModuleType:
    """The maker of reports of tests/reports."""
    path = Path(__file__).parents[1] / "reports" / "conftest.py"
    spec = importlib.util.spec_from_file_location("made_up_reports", path)
    assert spec and spec.loader
    sys.modules[spec.name] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def days(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Reports of a region by what they are: orange, the same a day later, red, green."""
    made = made_up()
    settings = Settings(tmp_path_factory.mktemp("published"))
    known = settings.published / "made-up"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("reports.render.papers.pdf_of", made.no_paper)
        for day, colour in ((12, "orange"), (13, "orange"), (14, "red"), (15, "green")):
            issued = f"2003-06-{day}"
            one = made.make(1, ("heat",), issued, colour, languages=("fr", "en"))
            before = known / f"2003-06-{day - 1}" if day > 12 else None
            made.publish(
                *(one.forecast, one.scores, one.history, one.region, one.provenance),
                known / issued,
                before=before,
                settings=settings,
                now=datetime(2003, 6, day, 6, 30, tzinfo=UTC),
            )
    return {path.name: path for path in sorted(known.glob("2003-*"))}


@pytest.fixture
def region(write_record: Callable[..., Region], tmp_path: Path) -> Region:
    found = write_record(tmp_path, years=1, name="made-up")
    places = (Location(id="p00", names={"en": "Berkane"}),)
    return found.model_copy(update={"languages": ("fr", "en"), "locations": places})


@pytest.fixture
def day(days: dict[str, Path], home: Settings) -> Callable[[int], Path]:
    """A function that publishes the report of a day of June 2003."""

    def publish(number: int) -> Path:
        source = days[f"2003-06-{number}"]
        return shutil.copytree(source, home.published / "made-up" / source.name)

    return publish


def test_each_change_is_sent_once_and_nothing_where_nothing_changed(
    region: Region, home: Settings, day: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serve_mail(Mail()) as mail, serve_webhook(Webhook()) as webhook:
        monkeypatch.setenv(NOTIFY, mail.address())
        monkeypatch.setenv(region_variable("made-up"), webhook.address)
        for number in (12, 13, 14, 15):
            folder = day(number)
            assert notify(region, home, folder) == notify(region, home, folder) == ()
    subjects = [subject for subject, _ in mail.texts()]
    assert [part["title"] for part in webhook.taken] == subjects
    assert subjects == [
        "Made-Up, 12 juin : Chaleur : orange",
        "Made-Up, 13 juin : Chaleur : orange (autres jours ou lieux)",
        "Made-Up, 14 juin : Chaleur : rouge (avant : orange)",
        "Made-Up, 15 juin : Chaleur : n’atteint plus le jaune",
    ]


def test_an_address_that_fails_is_tried_again_and_stops_no_other(
    region: Region, home: Settings, day: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serve_mail(Mail()) as mail, serve_webhook(Webhook(statuses=[500, 500])) as webhook:
        monkeypatch.setenv(NOTIFY, f"{webhook.address} {mail.address()}")
        for number, status in ((12, 500), (12, 500), (12, None), (12, None)):
            folder = home.published / "made-up" / f"2003-06-{number}"
            said = notify(region, home, folder if folder.is_dir() else day(number))
            expected = (
                []
                if status is None
                else [
                    "Address 1 of CLIMATE_RISK_NOTIFY (json) did not take the notification of "
                    "2003-06-12 (HTTP 500); the report is published, the next run sends it again."
                ]
            )
            assert [text(one) for one in said] == expected
        assert (len(mail.messages), len(webhook.taken)) == (1, 1)


def test_a_kill_after_sending_sends_one_twice_and_loses_none(
    region: Region, home: Settings, day: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException): ...

    def kill(*_: object) -> None:
        raise Killed

    with serve_webhook(Webhook()) as one, serve_webhook(Webhook()) as other:
        monkeypatch.setenv(NOTIFY, f"{one.address} {other.address}")
        with monkeypatch.context() as patch, pytest.raises(Killed):
            patch.setattr(notifications, "write_whole", kill)
            notify(region, home, day(12))
        assert (len(one.taken), len(other.taken)) == (1, 0)
        folder = day(13)  # the next run comes a day later
        assert notify(region, home, folder) == notify(region, home, folder) == ()
        assert (len(one.taken), len(other.taken)) == (2, 1)


def test_late_reports_send_nothing(
    region: Region, home: Settings, day: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serve_webhook(Webhook()) as webhook:
        monkeypatch.setenv(NOTIFY, webhook.address)
        notify(region, home, day(12))
        day(14)  # red, but made after its day
        line = {"issued": "2003-06-14", "late": True}
        monkeypatch.setattr(notifications, "late_days", lambda _: frozenset({line["issued"]}))
        notify(region, home, day(15))
    assert "rouge" not in json.dumps([part["title"] for part in webhook.taken])


def test_a_note_and_a_retraction_are_sent_and_degrade_where_they_are_not(
    region: Region,
    home: Settings,
    day: Callable,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = day(12)
    monkeypatch.setattr("reports.render.papers.pdf_of", made_up().no_paper)
    with serve_webhook(Webhook()) as webhook:
        monkeypatch.setenv(NOTIFY, webhook.address)
        assert main(["note", str(region.path), "Wadi seen: dry."]) == 0
        assert main(["note", str(region.path), "Wadi seen: dry."]) == 0
        why = ["--reason", "The gauge was blocked."]
        assert main(["retract", str(region.path), folder.name, *why]) == 0
    said = [part["message"] for part in webhook.taken]
    assert len(said) == 2
    assert "Note of the duty officer, on the report of 12 June: Wadi seen: dry" in said[0]
    assert "The gauge was blocked." in said[1] and "Heat" not in said[1]
    assert main(["note", str(region.path), "Another."]) == 3
    told = capsys.readouterr().err
    assert "Address 1 of CLIMATE_RISK_NOTIFY (json) did not take" in told
    assert "no connection" in told and PASSWORD not in told


def test_a_run_sends_its_news_and_no_password_stays_in_its_home(
    ready, command: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a whole home after a run: reports, logs of Prefect, MLflow, what was remembered."""
    settings = Settings(tmp_path / "home")
    shutil.copytree(ready.settings.home, settings.home)
    shutil.copytree(ready.region.path.parent, tmp_path / "region")
    path = tmp_path / "region" / ready.region.path.name
    note = settings.data / "notes" / "smallville" / "2005-01-01.txt"
    note.parent.mkdir(parents=True)
    note.write_text("The wadi is dry.\n")
    with serve_mail(Mail()) as mail:
        wrong = mail.address("wr0ng-pass")
        monkeypatch.setenv(NOTIFY, f"{mail.address()} {wrong} odd://t0ken-of-it")
        monkeypatch.setenv("CLIMATE_RISK_PING_URL", f"http://{closed_port()}/uu1d-of-ping")
        said = command(settings, "daily", path)
        assert said.status == 3
        assert "degraded: Address 2 of CLIMATE_RISK_NOTIFY (mailto) did not take" in said.err
        assert "its user or its password is refused" in said.err
        assert "Address 3 of CLIMATE_RISK_NOTIFY (unknown)" in said.err
    assert "The wadi is dry." in mail.texts()[0][1]
    secrets = [PASSWORD, "wr0ng-pass", "t0ken-of-it", "uu1d-of-ping"]
    assert not [secret for secret in secrets if secret in said.out + said.err]
    held = [
        file
        for file in settings.home.rglob("*")
        if file.is_file()
        for secret in secrets
        if secret.encode() in file.read_bytes()
    ]
    assert held == []
