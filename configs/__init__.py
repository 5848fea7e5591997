"""Settings and regions: where run-time state lives, and the one YAML file that describes a place."""

from __future__ import annotations

import difflib
import hashlib
import json
import os
import re
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo, available_timezones

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

CHECKOUT = Path(__file__).resolve().parent.parent
REGIONS = CHECKOUT / "configs" / "regions"
RESERVED = frozenset({"ledger", "latest", "data-docs", "index"})


class RiskError(Exception):
    """An error its reader can cure. Its text is one sentence: the thing, what was found, what was expected, the cure."""


class ConfigError(RiskError):
    """A region file or setting that cannot be used."""


@dataclass(frozen=True)
class Settings:
    """Where run-time state lives; every path is below ``home``, so a home may be moved or copied."""

    home: Path

    @property
    def data(self) -> Path:
        return self.home / "data"

    @property
    def mlruns(self) -> Path:
        return self.home / "mlruns"

    @property
    def published(self) -> Path:
        return self.home / "published"

    @property
    def prefect(self) -> Path:
        return self.home / "prefect"

    @classmethod
    def from_environment(cls) -> Settings:
        """Read ``CLIMATE_RISK_HOME`` (default: the checkout)."""
        return cls(Path(os.environ.get("CLIMATE_RISK_HOME") or CHECKOUT).expanduser().resolve())


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Location(_Strict):
    """A place forecasts are made for. ``names`` maps a language tag to the name in that language."""

    id: str = Field(min_length=1, max_length=200)
    names: dict[str, str] = {}
    latitude: float | None = Field(None, ge=-90, le=90)
    longitude: float | None = Field(None, ge=-180, le=180)
    elevation: float | None = None
    population: int | None = Field(None, ge=0)
    river_point: tuple[float, float] | None = None


class Schedule(_Strict):
    """When ``climate-risk schedule`` runs the region, in its own time zone: ``daily`` is HH:MM."""

    daily: str = "06:30"
    train_day: int = Field(1, ge=1, le=28)

    @field_validator("daily", mode="before")
    @classmethod
    def _hour(cls, value: Any) -> str:
        if isinstance(value, int):  # YAML 1.1 reads 06:30 as the sexagesimal number 390
            value = f"{value // 60:02d}:{value % 60:02d}"
        if not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", str(value)):
            raise ValueError(f"found {value!r}, expected a time such as 06:30")
        return str(value)


class Region(_Strict):
    """A place on earth as its YAML file describes it. ``path`` is the file it was read from."""

    name: str = Field(pattern=r"^[a-z0-9-]+$", max_length=60)
    title: str = Field(min_length=1)
    timezone: str = "UTC"
    utc_offset: int | None = Field(None, ge=-12, le=14)
    clock: Literal["today", "record"] = "today"
    sources: tuple[str, ...] = Field(min_length=1)
    inbox: str | None = None
    locations: tuple[Location, ...] = ()
    boundaries: str | None = None
    history_start: date | None = None
    reference_period: tuple[int, int] | None = None
    warm_season: tuple[int, int] | None = None
    languages: tuple[Literal["en", "fr", "ar"], ...] = ("en",)
    thresholds: dict[str, dict[str, float]] = {}
    colours: dict[str, dict[str, dict[int, float]]] = {}
    actions: dict[str, dict[str, str]] = {}
    schedule: Schedule = Schedule()
    path: Path

    @field_validator("name")
    @classmethod
    def _not_reserved(cls, value: str) -> str:
        if value in RESERVED:
            raise ValueError(f"{value!r} is reserved, choose another name")
        return value

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        if value not in available_timezones():
            raise ValueError(f"found {value!r}, expected an IANA time zone such as Africa/Casablanca")
        return value

    @field_validator("warm_season")
    @classmethod
    def _months(cls, value: tuple[int, int] | None) -> tuple[int, int] | None:
        if value is not None and not all(1 <= month <= 12 for month in value):
            raise ValueError(f"found {list(value)}, expected two months from 1 to 12 such as [5, 10]")
        return value

    @model_validator(mode="after")
    def _distinct_locations(self) -> Region:
        ids = [place.id for place in self.locations]
        if len(set(ids)) != len(ids):
            raise ValueError(f"location ids must differ, found {sorted({i for i in ids if ids.count(i) > 1})} twice")
        return self

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)

    def inbox_path(self, settings: Settings) -> Path:
        """The folder ``station_files`` reads: ``inbox:`` relative to the region file, else data/inbox/<region>."""
        return (self.path.parent / self.inbox).resolve() if self.inbox else settings.data / "inbox" / self.name

    @cached_property
    def fingerprint(self) -> str:
        """Hash of what a model of this region depends on; a model with another fingerprint is of another region."""
        parts = self.model_dump(mode="json", include={"name", "sources", "warm_season", "thresholds", "utc_offset", "history_start"})
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


def region_names() -> list[str]:
    """Names of the region files that come with the project."""
    return sorted(path.stem for path in REGIONS.glob("*.yaml"))


def load_region(name: str | Path) -> Region:
    """Read a region by its name under configs/regions/ or by the path of its YAML file.

    Raises ConfigError: no such region (near names are suggested), not YAML, a key or a value that is wrong.
    """
    text = str(name)
    path = Path(text) if text.endswith((".yaml", ".yml")) or "/" in text else REGIONS / f"{text}.yaml"
    if not path.is_file():
        near = difflib.get_close_matches(Path(text).stem, region_names(), n=3, cutoff=0.5)
        hint = f"did you mean {' or '.join(near)}?" if near else f"known regions: {', '.join(region_names())}, or give the path of a YAML file."
        raise ConfigError(f"region {text!r}: there is no file {path.name if path.parent == REGIONS else path}; {hint}")
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"region file {path}: it is not YAML ({' '.join(str(error).split())}); mend that line.") from None
    if not isinstance(found, dict):
        raise ConfigError(f"region file {path}: found {type(found).__name__}, expected keys such as name, title and sources; see configs/regions/tunis.yaml.")
    try:
        return Region(**{**found, "path": path.resolve()})
    except ValidationError as error:
        raise ConfigError(f"region file {path}: {_sentence(error)}") from None


def _sentence(error: ValidationError) -> str:
    parts = []
    for item in error.errors():
        where = ".".join(str(step) for step in item["loc"]) or "the file"
        if item["type"] == "extra_forbidden":
            key = str(item["loc"][-1])
            fields = {1: Region, 2: Schedule}.get(len(item["loc"]), Location).model_fields
            near = difflib.get_close_matches(key, [f for f in fields if f != "path"], n=1, cutoff=0.5)
            parts.append(f"unknown key {where!r}, " + (f"did you mean {near[0]!r}?" if near else f"expected one of {', '.join(sorted(set(fields) - {'path'}))}."))
        elif item["type"] == "missing":
            parts.append(f"the key {where!r} is missing, add it.")
        else:
            parts.append(f"{where}: {item['msg'].removeprefix('Value error, ')}.")
    return " ".join(parts)
