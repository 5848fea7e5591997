"""Settings and regions: where run-time state lives, and the one YAML file of a region."""

from __future__ import annotations

import difflib
import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path
from statistics import fmean
from typing import Any, Literal, get_args
from zoneinfo import ZoneInfo, available_timezones

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from configs.actions import Action, actions_from
from configs.grid import Grid, cells_of
from configs.issuing import Issuer as Issuer
from configs.issuing import Schedule as Schedule
from configs.location import Location as Location
from configs.platforms import PublishTo
from configs.remarks import Remark, as_remark, text
from configs.validation import NOT_IN_FILES, sentence_of
from configs.yaml_files import YamlError, read_yaml

CHECKOUT = Path(__file__).resolve().parent.parent
REGIONS = CHECKOUT / "configs" / "regions"
RESERVED = frozenset({"ledger", "latest", "data-docs", "index"})
Tag = Literal["en", "fr", "ar"]
TAGS: tuple[Tag, ...] = get_args(Tag)
"""The languages a report can be written in, in the order they are listed."""


class RiskError(Exception):
    """An error its reader can cure.

    Its text is one sentence: the thing, what was found, what was expected, the cure. ``remark``:
    the same as a message, which is mere English where it was not made as one.
    """

    def __init__(self, message: str | Remark = "") -> None:
        self.remark = as_remark(message)
        super().__init__(text(self.remark))

    def __reduce__(self) -> tuple[Callable[..., RiskError], tuple[type[RiskError], Remark]]:
        """Another process gets the message as data too."""
        return _error_of, (type(self), self.remark)


def _error_of(kind: type[RiskError], message: Remark) -> RiskError:
    error = kind.__new__(kind)
    RiskError.__init__(error, message)
    return error


class ConfigError(RiskError):
    """A region file or setting that cannot be used."""


@dataclass(frozen=True)
class Settings:
    """Where run-time state lives.

    Every path is below ``home``, so a home may be moved or copied.
    """

    home: Path

    @property
    def data(self) -> Path:
        """The store, and what sources keep."""
        return self.home / "data"

    @property
    def mlruns(self) -> Path:
        """Runs and models."""
        return self.home / "mlruns"

    @property
    def published(self) -> Path:
        """Reports."""
        return self.home / "published"

    @property
    def prefect(self) -> Path:
        """Prefect's database, and passwords of servers."""
        return self.home / "prefect"

    @classmethod
    def from_environment(cls) -> Settings:
        """Read ``CLIMATE_RISK_HOME`` (default: the checkout)."""
        return cls(Path(os.environ.get("CLIMATE_RISK_HOME") or CHECKOUT).expanduser().resolve())


class Region(BaseModel):
    """A place on earth as its YAML file describes it. ``path`` is the file it was read from.

    ``grid``: a box whose cells are its ``locations``. ``places``: how many locations the whole
    region has, where this is a tile of it.
    ``names``: a language tag -> what the region is called there, where that is not its title.
    ``attribution``: whom to credit for the region's own station files. ``sources``: in order of
    preference, the first that has a value gives it; ``source_order``: a variable -> its own order.
    ``source_options``: a source's name -> its own options, which that source explains and checks.
    ``actions``: hazard -> colour -> what to do, or the name of a YAML file of these beside it.
    ``publish_to``: platforms that each forecast is sent to.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[a-z0-9-]+$", max_length=60)
    title: str = Field(min_length=1)
    names: dict[str, str] = {}
    timezone: str = "UTC"
    utc_offset: int | float | None = Field(None, ge=-12, le=14, multiple_of=0.25)
    clock: Literal["today", "record"] = "today"
    sources: tuple[str, ...] = Field(min_length=1)
    source_order: dict[str, tuple[str, ...]] = {}
    source_options: dict[str, dict[str, Any]] = {}
    inbox: str | None = None
    attribution: str | None = Field(None, max_length=500)
    grid: Grid | None = None
    locations: tuple[Location, ...] = ()
    places: int = 0
    boundaries: str | None = None
    history_start: date | None = None
    reference_period: tuple[int, int] | None = None
    warm_season: tuple[int, int] | None = None
    languages: tuple[Tag, ...] = ("en",)
    thresholds: dict[str, dict[str, float]] = {}
    colours: dict[str, dict[str, dict[int, float]]] = {}
    actions: dict[str, dict[str, Action]] = {}
    schedule: Schedule = Schedule()
    issuer: Issuer = Issuer()
    publish_to: PublishTo = PublishTo()
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
            raise ValueError(
                f"found {value!r}, expected an IANA time zone such as Africa/Casablanca"
            )
        return value

    @field_validator("warm_season")
    @classmethod
    def _months(cls, value: tuple[int, int] | None) -> tuple[int, int] | None:
        if value is not None and not all(1 <= month <= 12 for month in value):
            raise ValueError(
                f"found {list(value)}, expected two months from 1 to 12 such as [5, 10]"
            )
        return value

    @field_validator("reference_period")
    @classmethod
    def _years(cls, value: tuple[int, int] | None) -> tuple[int, int] | None:
        if value is not None and value[0] > value[1]:
            raise ValueError(
                f"found {list(value)}, expected the first and the last year such as [1991, 2020]"
            )
        return value

    @model_validator(mode="after")
    def _known_order(self) -> Region:
        for variable, names in self.source_order.items():
            if strangers := [name for name in names if name not in self.sources]:
                raise ValueError(
                    f"source_order: {variable}: found {strangers[0]!r}, expected one of the sources"
                    f" {', '.join(self.sources)}"
                )
        return self

    @model_validator(mode="after")
    def _cells(self) -> Region:
        if self.grid is not None:
            if self.locations:
                raise ValueError("found both grid and locations, expected one; take one out")
            object.__setattr__(self, "locations", cells_of(self.grid, self.path.parent))
        object.__setattr__(self, "places", len(self.locations))
        return self

    @model_validator(mode="after")
    def _distinct_locations(self) -> Region:
        ids = [place.id for place in self.locations]
        if len(set(ids)) != len(ids):
            raise ValueError(
                "location ids must differ, found"
                f" {sorted({i for i in ids if ids.count(i) > 1})} twice"
            )
        return self

    @property
    def zone(self) -> ZoneInfo:
        """The region's time zone."""
        return ZoneInfo(self.timezone)

    @property
    def day_offset(self) -> float:
        """Hours of the region's standard days east of Greenwich, in quarters of an hour.

        ``utc_offset``, else the locations' mean longitude / 15, else the zone's own without
        daylight saving time.
        """
        longitudes = [place.longitude for place in self.locations if place.longitude is not None]
        if self.utc_offset is not None:
            return self.utc_offset
        return round(fmean(longitudes) / 15) if longitudes else _standard_offset(self.zone)

    def title_in(self, language: str) -> str:
        """What the region is called in a language: of ``names``, else its title."""
        return self.names.get(language, self.title)

    def issue_time(self, day: date) -> datetime:
        """When the forecast of a day is issued: the hour of the region's schedule, in its zone."""
        return datetime.combine(day, time.fromisoformat(self.schedule.daily), tzinfo=self.zone)

    @property
    def sender(self) -> str:
        """Who sends the region's alerts: ``issuer.sender``, else an address that cannot exist."""
        return self.issuer.sender or f"climate-risk@{self.name}.invalid"

    def inbox_path(self, settings: Settings) -> Path:
        """The folder ``station_files`` reads.

        ``inbox:`` relative to the region file, else data/inbox/<region>.
        """
        return (
            (self.path.parent / Path(self.inbox).expanduser()).resolve()
            if self.inbox
            else settings.data / "inbox" / self.name
        )

    def sources_for(self, variable: str) -> tuple[str, ...]:
        """The region's sources in order of preference for a variable.

        Those of ``source_order``, then the others.
        """
        first = self.source_order.get(variable, ())
        return (*first, *(name for name in self.sources if name not in first))

    @property
    def learnt_with(self) -> dict[str, Any]:
        """What a model of this region depends on, JSON-able.

        Texts, colours and actions are not in it.

        ``coordinates``: latitude, longitude, elevation and river point by place; a grid has
        ``grid`` instead.
        """
        parts = self.model_dump(
            mode="json",
            include={
                "name",
                "sources",
                "timezone",
                "utc_offset",
                "history_start",
                "reference_period",
                "warm_season",
                "thresholds",
            },
        )
        if self.grid is not None:
            parts["grid"] = self.grid.learnt_with(self.locations)
        else:
            parts["coordinates"] = {
                place.id: [place.latitude, place.longitude, place.elevation, place.river_point]
                for place in self.locations
            }
        return parts | {
            key: value
            for key in ("source_options", "source_order")
            if (value := getattr(self, key))
        }

    @property
    def fingerprint(self) -> str:
        """Hash of ``learnt_with``; a model with another fingerprint is of another region."""
        text = json.dumps(self.learnt_with, sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def _standard_offset(zone: ZoneInfo) -> float:
    """Hours of a zone east of Greenwich without daylight saving time, in quarters.

    That of the season in which its clocks are behind.
    """
    seasons = (datetime(2025, month, 1, tzinfo=zone).utcoffset() for month in (1, 7))
    offset = min(offset for offset in seasons if offset is not None)
    return round(offset / timedelta(minutes=15)) / 4


def region_names() -> list[str]:
    """Names of the region files that come with the project."""
    return sorted(path.stem for path in REGIONS.glob("*.yaml"))


def load_region(name: str | Path) -> Region:
    """Read a region by its name under configs/regions/ or by the path of its YAML file.

    Raises ConfigError: no such region (near names are suggested), not YAML, a key or a value that
    is wrong.
    """
    text = str(name)
    path = (
        Path(text) if text.endswith((".yaml", ".yml")) or "/" in text else REGIONS / f"{text}.yaml"
    )
    if not path.is_file():
        near = difflib.get_close_matches(Path(text).stem, region_names(), n=3, cutoff=0.5)
        known = f"known regions: {', '.join(region_names())}, or give the path of a YAML file."
        hint = f"did you mean {' or '.join(near)}?" if near else known
        raise ConfigError(
            f"region {text!r}: there is no file"
            f" {path.name if path.parent == REGIONS else path}; {hint}"
        )
    try:
        content = actions_from(read_yaml(path), path)
    except YamlError as error:
        raise ConfigError(f"region file {path}: {error}") from None
    if not isinstance(content, dict):
        what = {type(None): "nothing", list: "a list", str: "text"}.get(
            type(content), str(content)[:40]
        )
        raise ConfigError(
            f"region file {path}: found {what}, expected keys such as name, title and sources;"
            " see regions/tunis.yaml."
        )
    try:
        region = Region.model_validate(
            {
                **{str(key): value for key, value in content.items() if key not in NOT_IN_FILES},
                "path": path.resolve(),
            }
        )
    except ValidationError as error:
        raise ConfigError(f"region file {path}: {sentence_of(error, Region)}") from None
    for key in (key for key in NOT_IN_FILES if key in content):
        raise ConfigError(f"region file {path}: unknown key {key!r}, take it out.")
    if path.resolve().parent == REGIONS and region.name != path.stem:
        raise ConfigError(
            f"region file {path}: name: found {region.name!r}, expected {path.stem!r}, the name of"
            " the file."
        )
    return region
