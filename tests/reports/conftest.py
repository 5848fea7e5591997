"""Forecasts of every shape, made up: what a report must be able to show."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from ctypes.util import find_library
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from lxml import etree

import reports
from configs import Location, Region, Settings, load_region
from features.hazards import hazards as declared
from reports import publish
from reports.exports.table import forecast_table, write_csv
from reports.render.html import to_print
from reports.render.pdf import PdfUnavailable
from reports.render.report import Page, ReportInputs, build_page
from reports.text.language import language_of
from reports.view.outlines import Outline, outlines

DAYS = [*((lead, 1) for lead in range(7)), (0, 3), (0, 7)]
CELLS = {
    "heat": [*((lead, 1) for lead in range(10)), (0, 3), (0, 7)],
    "flash_flood": DAYS,
    "river_flood": DAYS,
    "drought": [(lead, window) for lead in (30, 60, 90) for window in (90, 365)],
}
SCORE_COLUMNS = [
    "region", "hazard", "level", "lead_days", "window_days", "n", "n_events", "n_event_years",
    "base_rate", "brier", "brier_climatology",
    "brier_persistence", "brier_published", "bss_climatology", "bss_climatology_low",
    "bss_climatology_high", "bss_persistence",
    "bss_persistence_low", "bss_persistence_high", "p_value", "roc_area", "roc_area_climatology",
    "reliability", "resolution", "fallback",
    "verdict", "delay_days",
]  # fmt: skip
NAMES = [
    "Berkane", "Saïdia", "Madagh", "Ahfir", "Aklim", "Zegzel", "Sidi Slimane Cherraa",
    "Fezouane", "Laatamna", "Boughriba", "Rislane",
    "Sidi Bouhria", "Chouihia", "Tafoughalt", "Aïn Reggada", "Cafemor",
]  # fmt: skip


@dataclass(frozen=True)
class Made:
    """The arguments of ``publish`` but the folder."""

    forecast: xr.Dataset
    scores: pd.DataFrame
    history: dict[str, xr.Dataset]
    region: Region
    provenance: dict
    record: dict[str, pd.DataFrame] = field(default_factory=dict)

    def publish(
        self,
        folder: Path,
        hindcast: bool = False,
        previous: pd.DataFrame | None = None,
        settings: Settings | None = None,
        now: datetime | None = None,
    ) -> Path:
        before = None if previous is None else folder.parent / f"before-{folder.name}"
        if before is not None and previous is not None:
            before.mkdir(exist_ok=True)
            write_csv(previous, before / "forecast.csv")
        told = self.forecast, self.scores, self.history, self.region, self.provenance
        return publish(*told, folder, hindcast, before, settings, self.record, now=now).folder

    def print_page(self, tag: str = "en") -> str:
        """The page on paper in a language."""
        return to_print(self.page(tag))

    def page(self, tag: str = "en") -> Page:
        """What a report of it says in a language."""
        told = self.forecast, self.table(), self.scores, self.history, self.region, self.provenance
        inputs = ReportInputs(*told, record=self.record)
        return build_page(inputs, language_of(tag, self.region.timezone))

    def table(self) -> pd.DataFrame:
        """What forecast.csv of it holds."""
        return forecast_table(self.forecast)


def cells_of(hazard: str) -> list[tuple[int, int]]:
    """The cells of a hazard that comes with the project; of any other those of heat."""
    return list(CELLS.get(hazard, CELLS["heat"]))


def make(
    n_places: int = 1,
    hazards: tuple[str, ...] = ("heat", "flash_flood", "drought"),
    issued: str = "2003-06-12",
    colour: str | None = None,
    names: list[str] | None = None,
    history: str = "full",
    scored: bool = True,
    silent: tuple[str, ...] = (),
    degraded: tuple[str, ...] = (),
    label: str = "",
    seed: int = 1,
    languages: tuple[str, ...] = ("en",),
) -> Made:
    """A made-up forecast.

    ``colour`` paints every cell, ``silent`` hazards have no numbers, ``history`` is full, nan or
    none.
    """
    rng = np.random.default_rng(seed)
    ids = [f"p{i:02d}" for i in range(n_places)]
    spoken = (names or NAMES)[:n_places]
    cells = [(hazard, lead, window) for hazard in hazards for lead, window in cells_of(hazard)]
    forecast = _forecast(rng, cells, ids, spoken, pd.Timestamp(issued), colour, silent)
    forecast.attrs = {
        "region": "made-up",
        "title": "Made up",
        "degraded": json.dumps(list(degraded)),
    } | ({"label": label} if label else {})
    places = tuple(Location(id=i, names={"en": n}) for i, n in zip(ids, spoken, strict=True))
    region = Region(
        name="made-up",
        title="Berkane province",
        sources=("station_files",),
        locations=places,
        languages=languages,
        path=Path("made-up.yaml"),
    )
    past = (
        {}
        if history == "none"
        else {hazard: _history(rng, hazard, ids, issued, history == "nan") for hazard in hazards}
    )
    forecast = _explained(rng, forecast, past)
    missing = (
        {} if "river_flood" in hazards else {"river_flood": "no river_discharge in the record"}
    )
    scores = _scores(rng, cells) if scored else pd.DataFrame(columns=SCORE_COLUMNS)
    return Made(forecast, scores, past, region, _provenance(issued, hazards, missing, degraded))


def make_for(region: Region, **shape) -> Made:
    """A made-up forecast for the places of a region."""
    ids = [place.id for place in region.locations]
    one = make(len(ids), **shape)
    history = {name: past.assign_coords(location=ids) for name, past in one.history.items()}
    names = ("location", [place.names.get("en", place.id) for place in region.locations])
    provenance = one.provenance | {"region": region.name, "title": region.title}
    return replace(
        one,
        record=_record(shape.get("hazards", ("heat", "flash_flood", "drought"))),
        region=region,
        forecast=one.forecast.assign_coords(location=ids, name=names),
        history=history,
        provenance=provenance,
    )


def _forecast(rng, cells, ids, names, issued, colour, silent) -> xr.Dataset:
    shape = (len(cells), 3, 1, len(ids))
    first = rng.beta(0.7, 1.6, size=(len(cells), len(ids)))
    probability = np.stack([first, first * 0.55, first * 0.2], axis=1)[:, :, None, :]
    normal = np.broadcast_to(np.array([0.18, 0.07, 0.009])[None, :, None, None], shape).copy()
    verdict = np.full(shape, "skilful", dtype=object)
    painted = np.full((len(cells), 1, len(ids)), "green", dtype=object)
    for i, (hazard, lead, window) in enumerate(cells):
        index = hazard == "drought"
        grey = index and lead > 30 or not index and lead >= 5
        for j in range(len(ids)):
            painted[i, 0, j] = "grey" if grey else _paint(*probability[i, :, 0, j])
        verdict[i] = (
            "no better than usual"
            if grey
            else np.array(["skilful", "known", "not assessed"])[:, None, None]
        )
        if grey:
            probability[i] = normal[i]
        if index and window == 365:  # one of the two index windows applies to a day
            probability[i], normal[i], verdict[i], painted[i] = np.nan, np.nan, "", ""
        if hazard in silent:
            probability[i], normal[i], painted[i] = np.nan, np.nan, ""
    if colour is not None:
        painted[painted != ""] = colour
    if colour == "grey":
        verdict[verdict != ""] = "no better than usual"
    leads, windows = (np.array([cell[k] for cell in cells]) for k in (1, 2))
    return xr.Dataset(
        {
            "probability": (("cell", "level", "init_time", "location"), probability.round(4)),
            "normal_probability": (("cell", "level", "init_time", "location"), normal.round(4)),
            "verdict": (("cell", "level", "init_time", "location"), verdict.astype(str)),
            "colour": (("cell", "init_time", "location"), painted.astype(str)),
        },
        coords={
            "hazard": ("cell", [cell[0] for cell in cells]),
            "lead_days": ("cell", leads),
            "window_days": ("cell", windows),
            "level": [1, 2, 3],
            "init_time": [issued.to_datetime64()],
            "location": ids,
            "name": ("location", names),
            "valid_time": (
                ("cell", "init_time"),
                (issued + pd.to_timedelta(leads, "D")).values[:, None],
            ),
            "data_until": ("cell", [(issued - pd.Timedelta(days=1)).to_datetime64()] * len(cells)),
            "model_version": ("cell", ["3"] * len(cells)),
        },
    )


def _explained(rng, forecast: xr.Dataset, past: dict[str, xr.Dataset]) -> xr.Dataset:
    """The forecast with causes that add up to the distance from the usual chance, and quantiles
    of the days ahead."""
    causes = sorted(
        {cause for hazard in declared().values() for cause in hazard.causes} | {"the time of year"}
    )
    odds = {
        name: np.log(np.clip(forecast[name].values, 1e-4, 1 - 1e-4))
        for name in ("probability", "normal_probability")
    }
    total = odds["probability"] - odds["normal_probability"]
    shares = rng.normal(0, 1, (len(causes), *total.shape))
    for i, hazard in enumerate(forecast["hazard"].values):
        shares[[cause not in declared()[hazard].causes for cause in causes], i] = np.nan
    shares = np.where(
        np.isnan(total),
        np.nan,
        shares + (total - np.nansum(shares, axis=0)) / np.isfinite(shares).sum(axis=0),
    )
    band = np.full((3, *forecast["colour"].shape), np.nan)
    for i, (hazard, window) in enumerate(
        zip(forecast["hazard"].values, forecast["window_days"].values, strict=True)
    ):
        if hazard in past and (window == 1 or hazard == "drought"):
            normal = past[hazard]["normal"].values[-1]
            band[:, i, 0] = normal + np.array([-1.1, 0.1, 1.4])[:, None] * max(
                1.0, float(np.abs(normal).max()) / 8
            )
    added = {"contribution": (("cause", "cell", "level", "init_time", "location"), shares)}
    added["outlook"] = (("quantile", "cell", "init_time", "location"), band)
    return forecast.assign(added).assign_coords(cause=causes, quantile=[0.05, 0.5, 0.95])


def _paint(unusual, severe, extreme) -> str:
    return (
        "red"
        if extreme > 0.17
        else "orange"
        if severe > 0.4
        else "yellow"
        if unusual > 0.45
        else "green"
    )


def _history(rng, hazard, ids, issued, empty) -> xr.Dataset:
    n = 1095 if hazard == "drought" else 120
    time = pd.date_range(end=pd.Timestamp(issued) - pd.Timedelta(days=1), periods=n)
    wave = np.sin(np.arange(n) / n * 3)[:, None]
    kinds = {
        "heat": (
            22 + 9 * wave + rng.normal(0, 2.6, (n, len(ids))),
            22 + 9 * wave,
            26 + 9 * wave,
            "Highest temperature of the day",
            "degC",
        ),
        "flash_flood": (
            rng.gamma(0.12, 14, (n, len(ids))).round(1),
            1.6 + wave,
            0 * wave + 38,
            "Rain of 3 days",
            "mm",
        ),
        "river_flood": (
            30 + rng.gamma(1, 20, (n, len(ids))),
            40 + wave,
            0 * wave + 120,
            "River discharge",
            "m3 s-1",
        ),
        "drought": (
            np.cumsum(rng.normal(0, 0.09, (n, len(ids))), 0).clip(-3, 3),
            0 * wave,
            0 * wave - 1,
            "Water balance index (SPEI)",
            "1",
        ),
    }
    value, normal, threshold, title, units = kinds.get(hazard, kinds["heat"])
    if empty:
        value = np.full_like(value, np.nan)
    wide = [np.broadcast_to(array, (n, len(ids))) for array in (value, normal, threshold)]
    flat = {
        name: (("time", "location"), array)
        for name, array in zip(("value", "normal", "threshold"), wide, strict=True)
    }
    return xr.Dataset(
        flat, coords={"time": time, "location": ids}, attrs={"title": title, "units": units}
    )


def _scores(rng, cells) -> pd.DataFrame:
    rows = []
    for hazard, lead, window in cells:
        for level in (1, 2, 3):
            skill = 0.42 * np.exp(
                -lead / (40 if hazard == "drought" else 2.2)
            ) / level + rng.normal(0, 0.01)
            verdict = (
                "not assessed"
                if level == 3
                else "skilful"
                if skill > 0.2
                else "known"
                if skill > 0.08
                else "no better than usual"
            )
            brier = 0.09 * (1 - skill)
            published = {"skilful": brier, "known": brier * 1.005}.get(verdict, 0.09)
            row = dict.fromkeys(SCORE_COLUMNS, 0.1) | {
                "region": "made-up", "hazard": hazard, "level": level, "lead_days": lead,
                "window_days": window,
                "n": 2300, "n_events": 230 // level**2, "n_event_years": 13 - 3 * level,
                "brier": brier, "brier_climatology": 0.09, "brier_published": published,
                "bss_climatology": skill, "bss_climatology_low": skill - 0.06,
                "bss_climatology_high": skill + 0.05,
                "fallback": "persistence" if verdict == "known" else "climatology", "verdict":
                verdict, "delay_days": 1,
            }  # fmt: skip
            rows.append(row)
    return pd.DataFrame(rows, columns=SCORE_COLUMNS)


def _record(hazards: tuple[str, ...]) -> dict[str, pd.DataFrame]:
    """What colours and chances came to in 31 years: of a colour the rarer, the higher it is."""
    days = {"yellow": 12.0, "orange": 4.0, "red": 0.8}
    counted = {"grey": False, "years": 31, "days": 5000}
    colours = [
        {"hazard": hazard, "lead_days": lead, "window_days": window, "colour": colour, **counted}
        | {"shown": shown, "hits": shown * 0.8, "false": shown * 0.2, "missed": shown * 0.4}
        for hazard in hazards
        for lead, window in cells_of(hazard)
        for colour, shown in days.items()
    ]
    chances = [
        {
            "hazard": hazard,
            "forecast": at,
            "observed": at - 0.01,
            "low": at - 0.03,
            "high": at + 0.03,
        }
        | {"n": int(2000 * (1 - at))}
        for hazard in hazards
        for at in (0.05, 0.15, 0.3, 0.5, 0.7, 0.9)
    ]
    return {"colours": pd.DataFrame(colours), "reliability": pd.DataFrame(chances)}


def _provenance(issued, hazards, missing, degraded) -> dict:
    trained = {"version": "3", "trained_from": "1979-01-01", "trained_until": "2002-12-31"}
    source = {
        "name": "station_files",
        "attribution": "Station record, from aquacrop 3.1.0",
        "licence": "Apache-2.0",
        "delay_days": 1,
    }
    return {
        "region": "made-up",
        "title": "Berkane province",
        "issued": issued,
        "data_until": str((pd.Timestamp(issued) - pd.Timedelta(days=1)).date()),
        "snapshot": "8F3K2",
        "code_version": "0.1.0",
        "models": {
            hazard: trained | {"rounds": dict.fromkeys("123", 0 if hazard == "drought" else 12)}
            for hazard in hazards
        },
        "sources": [source],
        "withheld": 0,
        "missing": missing,
        "degraded": list(degraded),
        "reference": "1979 to 2002",
    }


def no_paper(html: str) -> bytes:
    """In the place of ``reports.render.papers.pdf_of``: a machine that cannot make PDFs, and so
    takes a fifth of the time."""
    raise PdfUnavailable("the PDF was left out: this test reads none")


@pytest.fixture(scope="module")
def without_paper() -> Iterator[None]:
    """Reports of a machine that cannot make PDFs, in a whole module."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reports.render.papers, "pdf_of", no_paper)
        yield


@pytest.fixture(scope="session")
def pango() -> None:
    """Pango, which Python's packages do not bring."""
    if find_library("pangoft2-1.0") is None:
        pytest.skip(
            "needs Pango (apt-get install libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0)"
        )


@pytest.fixture(scope="session")
def made_for() -> Callable[..., Made]:
    """The maker of forecasts for a region's places, see ``make_for``."""
    return make_for


@pytest.fixture(scope="session")
def made() -> Callable[..., Made]:
    """The maker of forecasts, see ``make``."""
    return make


@pytest.fixture(scope="session")
def schema(shared: Path) -> etree.XMLSchema:
    """OASIS' own schema of CAP 1.2, which may not be copied into the project."""
    return etree.XMLSchema(etree.parse(shared / "cap" / "CAP-v1.2.xsd"))


@pytest.fixture(scope="session")
def berkane() -> Region:
    return load_region("berkane")


@pytest.fixture(scope="session")
def shapes(berkane: Region) -> dict[str, Outline]:
    """The outlines of Berkane's communes."""
    return outlines(berkane)
