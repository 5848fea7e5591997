"""A home in which ``daily`` has run once, and a way to give commands in it.

Every test here shares one Prefect server.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from configs import Region, Settings
from flows.cli import main


@dataclass(frozen=True)
class Said:
    """What a command came to."""

    status: int
    out: str
    err: str


@dataclass(frozen=True)
class Ready:
    """A home after the first ``daily`` of a small region, and what that said."""

    settings: Settings
    region: Region
    first: Said
    forecast_csv: bytes

    @property
    def folder(self) -> Path:
        """The day's published folder."""
        return self.settings.published / self.region.name / "2005-01-01"


@pytest.fixture
def command(
    prefect_server: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Said]:
    """A function that gives climate-risk a command in a home, in this process."""

    def give(settings: Settings, *words: object) -> Said:
        monkeypatch.setenv("CLIMATE_RISK_HOME", str(settings.home))
        capsys.readouterr()
        status = main([str(word) for word in words])
        return Said(status, *capsys.readouterr())

    return give


@pytest.fixture(scope="session")
def ready(
    prefect_server: None,
    write_record: Callable[..., Region],
    tmp_path_factory: pytest.TempPathFactory,
) -> Ready:
    """15 years of one place, its models trained, its first report published.

    Tests that change it copy it.
    """
    settings = Settings(tmp_path_factory.mktemp("ready"))
    region = write_record(
        tmp_path_factory.mktemp("region"), years=15, name="smallville", variables=VARIABLES
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CLIMATE_RISK_HOME", str(settings.home))
        out, err = _Lines(), _Lines()
        patch.setattr("sys.stdout", out)
        patch.setattr("sys.stderr", err)
        status = main(["daily", str(region.path)])
    return Ready(
        settings,
        region,
        Said(status, out.text, err.text),
        (settings.published / "smallville/2005-01-01/forecast.csv").read_bytes(),
    )


VARIABLES = ("air_temperature_max", "air_temperature_min", "precipitation")


class _Lines:
    """A text file that is not a terminal."""

    encoding = "utf-8"

    def __init__(self) -> None:
        self.text = ""

    def write(self, text: str) -> int:
        self.text += text
        return len(text)

    def flush(self) -> None: ...

    def isatty(self) -> bool:
        return False
