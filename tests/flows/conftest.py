"""A home in which ``daily`` has run once, and a way to give commands in it.

The tests of one process share one Prefect server.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar

import pytest
import xarray as xr

from configs import Region, Settings
from features.hazards import Hazard
from flows.cli import main
from models import registry, training
from models.registry import files, versions
from models.training import Model
from models.verification import backtest as backtests
from reports.render.pdf import PdfUnavailable, pdf_of

Learnt = TypeVar("Learnt")
Loaded = tuple[Model, xr.Dataset]
PLOTS = {name: getattr(registry, name) for name in ("skill_by_lead", "reliability_diagram")}


PAPER = cache(pdf_of)
"""PDFs of the same page are made once: ``tests/reports/test_pdf.py`` shows that they are equal."""


def loaded_once(load: Callable[[Path], Loaded]) -> Callable[[Path], Loaded]:
    """``load_model`` that reads files of the same names and bytes once: homes here are copies."""
    models: dict[str, Loaded] = {}

    def load_model(folder: Path) -> Loaded:
        digest = sha256()
        for path in sorted(folder.iterdir()):
            digest.update(f"{path.name} {path.stat().st_size} ".encode())
            digest.update(path.read_bytes())
        key = digest.hexdigest()
        if key not in models:
            models[key] = load(folder)
        model, out_of_fold = models[key]
        return model, out_of_fold.copy()

    return load_model


def learnt_once(learn: Callable[..., Learnt]) -> Callable[..., Learnt]:
    """A function that learns, and does so once of equal records for a region."""
    known: dict[str, Learnt] = {}

    def learn_or_recall(hazard: Hazard, record: xr.Dataset, region: Region, *more: Any) -> Learnt:
        digest = sha256(f"{hazard.name} {region.name} {region.fingerprint}".encode())
        for part in (record, *more):
            digest.update(content(part) if isinstance(part, xr.Dataset) else repr(part).encode())
        key = digest.hexdigest()
        if key not in known:
            known[key] = learn(hazard, record, region, *more)
        return known[key]

    return learn_or_recall


def content(dataset: xr.Dataset) -> bytes:
    """All values of a dataset."""
    values = {str(name): dataset[name].values for name in sorted(dataset.variables, key=str)}
    parts = [array.tobytes() if array.dtype != object else b"" for array in values.values()]
    described = [(name, array.dtype, array.shape) for name, array in values.items()]
    texts = [array.tolist() for array in values.values() if array.dtype == object]
    return repr((described, texts, dataset.attrs)).encode() + b"".join(parts)


LOAD = loaded_once(files.load_model)
FIT, BACKTEST = learnt_once(training.fit_model), learnt_once(backtests.backtest)


def no_paper(html: str) -> bytes:
    """In the place of ``reports.render.papers.pdf_of``: a machine that cannot make PDFs."""
    raise PdfUnavailable("the PDF was left out: this test reads none")


@pytest.fixture(scope="module", autouse=True)
def quick() -> Iterator[None]:
    """Runs without PDFs and plots, and with models of two replicas: none of it is flows' own.

    ``ready`` has the PDF and the plots. What is learnt of one record is learnt once, and models of
    the same files are read once.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("reports.render.papers.pdf_of", no_paper)
        patch.setattr("models.training.REPLICAS", 2)
        patch.setattr(versions, "load_model", LOAD)
        patch.setattr(training, "fit_model", FIT)
        patch.setattr(backtests, "backtest", BACKTEST)
        for name in PLOTS:
            patch.setattr(registry, name, lambda *_: None)
        yield


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
        patch.setattr("reports.render.papers.pdf_of", PAPER)
        for name, draw in PLOTS.items():
            patch.setattr(registry, name, draw)
        first = daily(settings, region)
    return Ready(
        settings,
        region,
        first,
        (settings.published / "smallville/2005-01-01/forecast.csv").read_bytes(),
    )


def daily(settings: Settings, region: Region) -> Said:
    """The command ``daily`` in a home, for fixtures that outlive a test."""
    out, err = _Lines(), _Lines()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CLIMATE_RISK_HOME", str(settings.home))
        patch.setattr("sys.stdout", out)
        patch.setattr("sys.stderr", err)
        status = main(["daily", str(region.path)])
    return Said(status, out.text, err.text)


@pytest.fixture(scope="session")
def paper() -> Callable[[str], bytes]:
    """See ``PAPER``."""
    return PAPER


@pytest.fixture(scope="session")
def run_daily(prefect_server: None) -> Callable[[Settings, Region], Said]:
    """See ``daily``."""
    return daily


VARIABLES = ("air_temperature_max", "air_temperature_min", "precipitation")


@pytest.fixture
def told_home(ready: Ready, tmp_path: Path) -> Settings:
    """A copy of ``ready`` without models and runs, which ``climate-risk status`` needs not."""
    settings = Settings(tmp_path / "home")
    without = shutil.ignore_patterns("mlruns", "prefect")
    shutil.copytree(ready.settings.home, settings.home, ignore=without)
    shutil.copytree(ready.region.path.parent, tmp_path / "files")
    path = Path(os.path.relpath(tmp_path / "files" / ready.region.path.name, settings.home))
    (settings.data / "regions" / "smallville.path").write_text(str(path))
    return settings


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
