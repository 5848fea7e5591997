"""What the environment holds of keys and passwords stands in no file, table, log or line after it.

The services that are asked fail, and tell all that they were sent.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
import yaml
from loopback import listening

from configs import CHECKOUT, Region, Settings
from flows import pull

FOLDERS = ("configs", "data_contracts", "features", "flows", "models", "reports", "sources")
NO_SECRETS = frozenset({"CLIMATE_RISK_HOME", "CLIMATE_RISK_SERVES", "PREFECT_HOME"}) | frozenset(
    {"PREFECT_API_URL", "CLIMATE_RISK_METRICS_FILE", "CLIMATE_RISK_LOG", "CLIMATE_RISK_DASK"}
)
"""Variables that our code reads and that hold no secret."""
ONLY_LOOKED_FOR = frozenset(
    {"PREFECT_SERVER_DATABASE_CONNECTION_URL", "PREFECT_API_DATABASE_CONNECTION_URL"}
)
"""Prefect's own variables, which our code asks for only to know whether they are set."""
NAMED_BY_REGIONS = frozenset({"options.url_env", "variable"})
"""Where our code reads a variable whose name a region file gives."""

PASSWORD = "s3cr-{}-7f3a9c"
GIVEN = {
    "CLIMATE_RISK_OPEN_METEO_KEY": "{secret}",
    "CLIMATE_RISK_NOTIFY": "json://user:{secret}@127.0.0.1:9/x",
    "CLIMATE_RISK_NOTIFY_OPERATOR": "json://user:{secret}@127.0.0.1:9/x",
    "CLIMATE_RISK_NOTIFY_": "json://user:{secret}@127.0.0.1:9/x",
    "CLIMATE_RISK_PING_URL": "http://127.0.0.1:9/{secret}",
    "CITY_DATABASE_URL": "postgresql://user:{secret}@127.0.0.1:9/city",
    "SENSORS_TOKEN": "Bearer {secret}",
    "BROKER_TOKEN": "Bearer {secret}",
    "PLATFORM_TOKEN": "Bearer {secret}",
}
"""Every variable that holds a secret, and what it holds in the test."""


class Gossip(BaseHTTPRequestHandler):
    """Refuses everything, and repeats address and headers in its answer."""

    def answer(self) -> None:
        told = f"no: {self.path} {dict(self.headers)}".encode()
        self.send_response(400)
        self.send_header("Content-Length", str(len(told)))
        self.end_headers()
        self.wfile.write(told)

    do_GET = do_POST = do_PATCH = answer

    def log_message(self, *_: object) -> None: ...


def read_by_our_code() -> Iterator[str]:
    """What our code asks the environment for: names, or else the words that it asks with."""
    for folder in FOLDERS:
        for path in (CHECKOUT / folder).rglob("*.py"):
            yield from asked_in(ast.parse(path.read_text(encoding="utf-8")))


def asked_in(tree: ast.Module) -> Iterator[str]:
    constants = {
        target.id: node.value.value
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("os.environ.get", "os.getenv"):
            asked = node.args[0]
        elif isinstance(node, ast.Subscript) and ast.unparse(node.value) == "os.environ":
            if not isinstance(node.ctx, ast.Load):
                continue
            asked = node.slice
        else:
            continue
        if isinstance(asked, ast.Constant):
            yield str(asked.value)
        elif isinstance(asked, ast.JoinedStr) and isinstance(asked.values[0], ast.Constant):
            yield str(asked.values[0].value)
        else:
            words = ast.unparse(asked)
            yield str(constants.get(words, words))


def test_the_list_of_secrets_is_whole() -> None:
    found = set(read_by_our_code())
    assert {"CLIMATE_RISK_OPEN_METEO_KEY", *NAMED_BY_REGIONS} <= found, "it finds what there is"
    assert found <= NO_SECRETS | ONLY_LOOKED_FOR | NAMED_BY_REGIONS | GIVEN.keys(), (
        "give what is new a value in GIVEN, or say in NO_SECRETS that it is none"
    )


def gossiping(region: Region, url: str) -> Path:
    """The region's file with every source and platform that is shown a secret."""
    told = yaml.safe_load(region.path.read_text())
    place = region.locations[0].id if region.locations else "here"
    told |= {
        "clock": "today",
        "sources": ["station_files", "open_meteo", "sensor_things", "ngsi_ld", "sql"],
        "locations": [{"id": place, "latitude": 35.0, "longitude": -2.0, "elevation": 50.0}],
        "source_options": {
            "open_meteo": {
                name: f"{url}/{name}"
                for name in ("archive_url", "runs_url", "forecast_url", "about_url")
                + ("previous_runs_url", "ensemble_url", "ensemble_about_url")
            },
            "sensor_things": {
                "url": url,
                "places": {place: {"datastreams": {"precipitation": 7}}},
                "authorization_env": "SENSORS_TOKEN",
            },
            "ngsi_ld": {
                "url": url,
                "places": {place: {"WeatherObserved": "urn:ngsi-ld:WeatherObserved:a"}},
                "authorization_env": "BROKER_TOKEN",
            },
            "sql": {"url_env": "CITY_DATABASE_URL", "select": "select 1 as time"},
        },
        "publish_to": {
            "ngsi_ld": {"url": url, "authorization_env": "PLATFORM_TOKEN"},
            "sensor_things": {"url": url, "authorization_env": "PLATFORM_TOKEN"},
        },
    }
    region.path.write_text(yaml.safe_dump(told))
    return region.path


@pytest.mark.timeout(300)
def test_no_secret_is_in_a_file_a_table_a_log_or_a_line(
    write_record: Callable[..., Region],
    command: Callable,
    home: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    from prefect.logging.handlers import APILogWorker
    from prefect.settings import PREFECT_API_DATABASE_CONNECTION_URL

    region = write_record(tmp_path / "region", years=2, name="gossip")
    monkeypatch.setattr(pull, "fetch", pull.fetch.with_options(retry_delay_seconds=[0, 0, 0]))
    secrets = {name: PASSWORD.format(number) for number, name in enumerate(GIVEN)}
    with listening(Gossip) as url:
        for name, value in GIVEN.items():
            variable = f"{name}GOSSIP" if name.endswith("_") else name
            monkeypatch.setenv(variable, value.format(secret=secrets[name]))
        said = command(home, "daily", gossiping(region, url))
    APILogWorker.drain_all(timeout=30, at_exit=False)
    assert said.status == 3, said.err
    for name in ("open_meteo", "sensor_things", "ngsi_ld", "sql"):
        assert f"{name} " in said.err, "each was asked, and failed"
    database = Path(str(PREFECT_API_DATABASE_CONNECTION_URL.value()).partition("///")[2])
    files = [path for path in home.home.rglob("*") if path.is_file()]
    files += database.parent.glob(f"{database.name}*")
    assert any(path.name == "mlflow.db" for path in files) and database in files
    told = {str(path): path.read_bytes() for path in files}
    lines = [said.out, said.err, caplog.text]
    tables = b"".join(told[str(path)] for path in files if path.name.startswith(database.name))
    assert b"daily gossip" in tables, "what Prefect keeps is read here"
    told["what was said"] = "\n".join(lines).encode()
    for name, secret in secrets.items():
        holding = [place for place, content in told.items() if secret.encode() in content]
        assert not holding, name
