"""The watch tells of each problem once and once of its end, and good runs give a sign of life."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

sys.path.insert(0, str(Path(__file__).parents[1] / "sources"))

from notification_servers import Webhook, serve_webhook

from configs import Settings
from flows.heartbeat import beat, last_beat
from flows.watch import watch
from flows.watching import look
from sources.common.notifications import NOTIFY, OPERATOR

START = datetime(2026, 6, 1, 8, tzinfo=UTC)


@pytest.fixture
def hour(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """A function that sets the clock to so many hours after START."""

    def set_clock(hours: float) -> None:
        monkeypatch.setattr("configs.clock.now", lambda: START + timedelta(hours=hours))

    set_clock(0)
    return set_clock


def break_it(settings: Settings) -> None:
    """No report of today."""
    folder = settings.published / "smallville"
    (folder / "2005-01-01").rename(folder / ".2005-01-01")


def mend_it(settings: Settings) -> None:
    folder = settings.published / "smallville"
    (folder / ".2005-01-01").rename(folder / "2005-01-01")


def test_a_problem_is_told_once_and_once_when_it_is_over(
    told_home: Settings, hour: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serve_webhook(Webhook()) as webhook, serve_webhook(Webhook()) as officers:
        monkeypatch.setenv(OPERATOR, webhook.address)
        monkeypatch.setenv(NOTIFY, officers.address)
        assert look((), told_home).exit_status == 0
        assert webhook.taken == []
        break_it(told_home)
        for at in (1, 2, 3):
            hour(at)
            assert look((), told_home).exit_status == 1
        assert len(webhook.taken) == 1
        mend_it(told_home)
        hour(4)
        assert look((), told_home).exit_status == 0
        assert len(webhook.taken) == 1  # it may come back
        hour(5)
        look((), told_home)
        hour(6)
        look((), told_home)
    begin, end = webhook.taken
    assert begin["title"] == "climate-risk: problems 1 new (smallville.report)"
    assert "Problem: smallville.report: none was published yet" in begin["message"]
    assert "No usable report of today: smallville." in begin["message"]
    assert end["title"] == "climate-risk: problems 1 over (smallville.report)"
    assert "All is well." in end["message"]
    assert officers.taken == []


def test_one_that_comes_back_within_an_hour_is_the_same(
    told_home: Settings, hour: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serve_webhook(Webhook()) as webhook:
        monkeypatch.setenv(NOTIFY, webhook.address)
        break_it(told_home)
        look((), told_home)
        for n in (1, 2):  # there and gone every quarter of an hour
            hour(n / 2)
            mend_it(told_home)
            look((), told_home)
            hour(n / 2 + 0.25)
            break_it(told_home)
            look((), told_home)
        assert len(webhook.taken) == 1


def test_an_address_that_was_down_is_told_with_the_next_look(
    told_home: Settings, hour: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serve_webhook(Webhook(statuses=[500])) as one, serve_webhook(Webhook()) as other:
        monkeypatch.setenv(NOTIFY, f"{one.address} {other.address}")
        break_it(told_home)
        (unheard,) = look((), told_home).unheard
        assert str(unheard) == (
            "Address 1 of CLIMATE_RISK_NOTIFY (json) did not take the notification of the watch "
            "(HTTP 500); the next watch sends it again."
        )
        assert look((), told_home).unheard == ()
        assert (len(one.taken), len(other.taken)) == (1, 1)


def test_regions_that_were_not_looked_at_are_neither_new_nor_over(
    ready, told_home: Settings, hour: Callable, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    files = shutil.copytree(told_home.home.parent / "files", tmp_path / "elsewhere")
    path = Path(files) / "elseville.yaml"
    text = (Path(files) / "smallville.yaml").read_text()
    path.write_text(text.replace("name: small", "name: else"))
    with serve_webhook(Webhook()) as webhook:
        monkeypatch.setenv(NOTIFY, webhook.address)
        break_it(told_home)
        look((), told_home)
        for at in (2, 4):
            hour(at)
            look([str(path)], told_home)
    assert [part["title"] for part in webhook.taken] == [
        "climate-risk: problems 1 new (smallville.report)",
        "climate-risk: problems 2 new (elseville.data)",
    ]


def test_the_flow_and_the_command_say_what_the_look_came_to(
    told_home: Settings, command: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The flow as the schedule calls it, through a real server."""
    said = command(told_home, "watch")
    assert (said.status, said.out.strip(), said.err) == (0, "All is well.", "")
    state = watch([], return_state=True)
    assert (state.name, state.message) == ("Completed", "All is well.")
    break_it(told_home)
    monkeypatch.setenv(NOTIFY, "odd://t0ken")
    state = watch([], return_state=True)
    assert state.name == "Degraded" and "smallville.report: none was published" in state.message
    assert "t0ken" not in state.message
    said = command(told_home, "watch")
    assert said.status == 1 and "FAIL  smallville.report" in said.out
    assert "Address 1 of CLIMATE_RISK_NOTIFY (unknown)" in said.err and "t0ken" not in said.err


def test_metrics_are_what_prometheus_reads(
    told_home: Settings, hour: Callable, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "collector" / "climate_risk.prom"
    monkeypatch.setenv("CLIMATE_RISK_METRICS_FILE", str(path))
    beat("smallville", told_home)
    look((), told_home)
    families = {one.name: one.samples for one in text_string_to_metric_families(path.read_text())}
    values = {name: [sample.value for sample in samples] for name, samples in families.items()}
    assert values["climate_risk_status"] == [0.0]
    assert values["climate_risk_data_age_days"] == [1.0]
    assert values["climate_risk_last_good_run_timestamp_seconds"] == [START.timestamp()]
    assert values["climate_risk_home_bytes"][0] > 100_000
    labels = families["climate_risk_data_overdue_days"][0].labels
    assert labels == {"region": "smallville", "source": "station_files"}


def test_a_good_run_gives_a_sign_of_life_and_writes_metrics(
    ready, command: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog
) -> None:
    settings = Settings(tmp_path / "home")
    shutil.copytree(ready.settings.home, settings.home)
    metrics = tmp_path / "m.prom"
    monkeypatch.setenv("CLIMATE_RISK_METRICS_FILE", str(metrics))
    assert last_beat("smallville", settings) is not None  # of the run of ``ready``
    with serve_webhook(Webhook(statuses=[200, 500])) as webhook:
        monkeypatch.setenv("CLIMATE_RISK_PING_URL", f"{webhook.url}/ping/s3cret-uuid")
        shutil.rmtree(settings.data / "alive")
        assert command(settings, "daily", ready.region.path).status == 0
        assert webhook.asked == ["/ping/s3cret-uuid"]
        beat("smallville", settings)  # answered 500
        assert len(webhook.asked) == 2
    beat("smallville", settings)  # nobody there
    told = [record.getMessage() for record in caplog.records if "PING" in record.getMessage()]
    assert told == [
        "the address in CLIMATE_RISK_PING_URL did not answer (HTTPStatusError)",
        "the address in CLIMATE_RISK_PING_URL did not answer (ConnectError)",
    ]
    assert last_beat("smallville", settings) is not None
    assert "climate_risk_status" in metrics.read_text()


def test_a_run_that_publishes_nothing_gives_none(
    ready, command: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(tmp_path / "home")
    files = shutil.copytree(ready.region.path.parent, tmp_path / "files")
    (files / "inbox" / "record.csv").write_text("nonsense\n")
    assert command(settings, "daily", files / "smallville.yaml").status == 1
    assert last_beat("smallville", settings) is None
