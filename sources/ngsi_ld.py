"""FIWARE NGSI-LD: what a city's context broker remembers of weather stations and flood monitors.

It is asked by temporal queries.

    source_options:
      ngsi_ld:
        url: https://broker.example.org/ngsi-ld/v1
        tenant: berkane                          # optional; fiware_service, fiware_service_path too
        authorization_env: BROKER_AUTHORIZATION  # optional: a variable that holds "Bearer abc"
        places:
          berkane:
            WeatherObserved: "urn:ngsi-ld:WeatherObserved:berkane-1"
            FloodMonitoring: "urn:ngsi-ld:FloodMonitoring:moulouya-3"

Attributes and their units are those of the Smart Data Models (https://smartdatamodels.org,
dataModel.Weather and dataModel.Environment); ``attributes`` names others. A reading's ``unitCode``
(UN/CEFACT) wins over the model's unit, ``units`` over both. The standard: ETSI GS CIM 009 V1.6.1,
5.7.4 (temporal queries), 4.5.7 and 4.5.9 (representations), 6.3.10 (pages of time).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

import httpx
import pandas as pd
from pydantic import Field, field_validator

from configs import ConfigError, Region, RiskError
from data_contracts.batch import Batch, FetchRequest, Source, SourceUnavailable
from sources import options_of
from sources.http import MANNERS, Address, Manners, Question, Refused, Reply, ask, same_origin
from sources.readings import (
    Newest,
    ReadingOptions,
    StrayTime,
    at_stray_times,
    begins,
    converted,
    daily,
    first_day,
    gathered,
    instant,
    known_places,
    known_variable,
    locations_table,
    newest_days,
    number,
    parts_of,
    resumed,
)
from sources.sensor_things import authorization
from sources.units import conversion

NAME = "ngsi_ld"
MOST_PAGES = 1000  # of one entity and window
CONTEXT = 'rel="http://www.w3.org/ns/json-ld#context"; type="application/ld+json"'

# attribute of the Smart Data Models: (our variable, its unit there)
MODEL = {
    "temperature": ("air_temperature", "CEL"),
    "precipitation": ("precipitation", "L/m2"),
    "relativeHumidity": ("relative_humidity", "C62"),
    "windSpeed": ("wind_speed", "MTS"),
    "atmosphericPressure": ("air_pressure", "A97"),
    "solarRadiation": ("surface_downwelling_shortwave", "D54"),
    "streamGauge": ("river_level", "CMT"),
    "currentLevel": ("river_level", ""),  # the model leaves the unit open
}


class Options(ReadingOptions):
    """What a region says of its broker. ``places``: place -> entity type -> entity id.

    ``attributes``: theirs -> our variable. ``units``: by attribute. ``simplified``: ask for bare
    values (options=temporalValues), which come without unitCode. ``window_days``: days asked for at
    a time. ``context``: the JSON-LD context that gives attributes their short names.
    """

    url: Address
    places: dict[str, dict[str, str]] = Field(min_length=1)
    attributes: dict[str, str] = {}
    units: dict[str, str] = {}
    tenant: str | None = None
    fiware_service: str | None = None
    fiware_service_path: str | None = None
    authorization_env: str | None = Field(None, pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")
    context: Address | None = None
    simplified: bool = False
    window_days: int = Field(default=31, ge=1, le=366)

    @field_validator("attributes")
    @classmethod
    def _canonical(cls, value: dict[str, str]) -> dict[str, str]:
        return {theirs: known_variable(ours) for theirs, ours in value.items()}

    @property
    def wanted(self) -> dict[str, str]:
        """Our variable by attribute."""
        return self.attributes or {theirs: ours for theirs, (ours, _) in MODEL.items()}


@dataclass(frozen=True)
class Broker:
    """A context broker as the region's options describe it."""

    options: Options
    headers: Mapping[str, str]
    manners: Manners = MANNERS

    def question(
        self, place: str, kind: str, entity: str, since: pd.Timestamp, until: pd.Timestamp
    ) -> Question:
        """What one entity's wanted attributes were between two instants."""
        params = {
            "type": kind,
            "id": entity,
            "attrs": ",".join(self.options.wanted),
            "timerel": "between",
            "timeAt": f"{since:%Y-%m-%dT%H:%M:%SZ}",
            "endTimeAt": f"{until:%Y-%m-%dT%H:%M:%SZ}",
            "timeproperty": "observedAt",
        }
        simplified = {"options": "temporalValues"} if self.options.simplified else {}
        what = f"{kind} of {place}, {since.date()} to {until.date()}"
        return Question(
            NAME,
            f"{self.options.url.rstrip('/')}/temporal/entities",
            what,
            params | simplified,
            self.headers,
        )

    def pages(
        self, place: str, kind: str, entity: str, since: pd.Timestamp, until: pd.Timestamp
    ) -> Iterator[tuple[Question, Any]]:
        """Every answer of a window: one may be of a part of the time, or name a next page."""
        question, seen = self.question(place, kind, entity, since, until), set[str]()
        for _ in range(MOST_PAGES):
            reply = ask(question, self.manners)
            yield question, reply.body
            link, end = _next_link(reply, question), _answered_until(reply, question)
            if link:
                if link in seen:
                    raise question.refused(
                        "a next link that leads back", "report it to who runs the broker"
                    )
                seen.add(link)
                question = Question(NAME, link, question.what, headers=self.headers)
            elif end is not None and end < until:
                if end <= since:
                    raise question.refused(
                        "a Content-Range that leads nowhere", "set a smaller `window_days`"
                    )
                since = end
                question = self.question(place, kind, entity, since, until)
            else:
                return
        raise question.refused(f"more than {MOST_PAGES:,} pages", "set a smaller `window_days`")


def _next_link(reply: Reply, question: Question) -> str | None:
    """The next page of the same broker that a Link header names."""
    found = re.search(r'<([^>]*)>\s*;[^,]*rel="?next"?', reply.headers.get("link", ""))
    if not found:
        return None
    try:
        link = str(httpx.URL(question.url).join(found[1]))
    except (httpx.InvalidURL, ValueError):
        link = ""
    if not link or not same_origin(question.url, link):
        raise question.refused(
            f"a next link to {found[1][:60]!r}, another host", "have its address mended"
        )
    return link


def _answered_until(reply: Reply, question: Question) -> pd.Timestamp | None:
    """Until when a partial answer (206) goes: the second time of its Content-Range.

    It reads ``date-time 2026-..Z-2026-..Z/..``. Raises SourceUnavailable for times that are none.
    """
    found = reply.headers.get("content-range", "")
    times = re.findall(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d+)?Z?", found)
    if len(times) != 2:
        return None
    try:
        return max(instant(f"{time.rstrip('Z')}Z") for time in times)
    except ValueError:
        raise question.refused(
            f"the Content-Range {found[:80]!r}", "report it to who runs the broker"
        ) from None


def fetch(request: FetchRequest) -> Batch:
    """The days that the broker's readings give, from the newest stored ones on.

    Raises SourceUnavailable, RiskError.
    """
    newest = newest_days(request.stored.observations)
    return fetch_from(broker_of(request.region), request.region, newest)


SOURCE = Source(
    name=NAME,
    delay_days=1,
    attribution="readings from the region's own NGSI-LD context broker",
    licence="as its owner says",
    complete=False,
    fetch=fetch,
    readings=True,
)


def broker_of(region: Region, manners: Manners = MANNERS) -> Broker:
    """The region's broker, with what it must be shown from the environment."""
    options = options_of(region, NAME, Options)
    known_places(region, list(options.places), NAME, f"mend `places` in {region.path}")
    named = {
        "NGSILD-Tenant": options.tenant,
        "Fiware-Service": options.fiware_service,
        "Fiware-ServicePath": options.fiware_service_path,
        "Link": f"<{options.context}>; {CONTEXT}" if options.context else None,
    }
    headers = {name: value for name, value in named.items() if value} | authorization(
        options.authorization_env, NAME, region
    )
    return Broker(options, headers, manners)


def fetch_from(
    broker: Broker, region: Region, newest: Newest, now: datetime | None = None
) -> Batch:
    """As ``fetch``, from a broker, ``newest`` being what is stored."""
    options, offset = broker.options, region.day_offset
    until = pd.Timestamp(now or datetime.now(UTC)).tz_convert("UTC")
    remarks = list[str]()
    asks = {
        place: partial(
            _of_place,
            broker,
            place,
            begins(_first_day(region, options, newest, place), offset),
            until,
            remarks,
        )
        for place in options.places
    }
    parts = gathered(asks, remarks, NAME)
    table = daily(
        pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=["value"]),
        NAME,
        options,
        offset,
        now,
        remarks,
    )
    if table.empty and not newest:
        nothing = f"{NAME}: found no reading at {options.url}"
        cure = "check the entities' ids and `history_start`, or run it later"
        raise SourceUnavailable(" ".join([f"{nothing}; {cure}.", *remarks]))
    return Batch(
        table, locations_table(region, table["location"].unique().tolist()), remarks=tuple(remarks)
    )


def _of_place(
    broker: Broker,
    place: str,
    since: pd.Timestamp,
    until: pd.Timestamp,
    remarks: list[str],
) -> list[pd.DataFrame]:
    """A place's readings, all or none, as the next pull asks from its newest stored day on.

    Readings whose time no record may hold are left out; ``remarks`` gets a sentence.
    """
    options, parts, strays = broker.options, list[pd.DataFrame](), list[str]()
    for kind, entity in options.places[place].items():
        answers = _answers(broker, place, kind, entity, since, until)
        parts += _converted(
            [row for question, body in answers for row in _rows(body, question, options, strays)],
            place,
            options,
        )
    remarks += at_stray_times(NAME, [f"{what} of {place}" for what in strays])
    return parts


def _first_day(region: Region, options: Options, newest: Newest, place: str) -> pd.Timestamp:
    """The first day to ask for of a place: some before the newest of what is stored of it."""
    known = [day for (where, _), day in newest.items() if where == place]
    if known and options.since is None:
        return resumed(known, options)
    first = first_day(region, options, {}, place, "precipitation")
    if first is None:
        raise ConfigError(
            f"region file {region.path}: history_start: found none, {NAME} needs the first day to "
            "ask for; add it."
        )
    return first


def _answers(
    broker: Broker, place: str, kind: str, entity: str, since: pd.Timestamp, until: pd.Timestamp
) -> Iterator[tuple[Question, Any]]:
    """An entity's answers, window by window."""
    while since < until:
        end = min(until, since + pd.Timedelta(days=broker.options.window_days))
        yield from broker.pages(place, kind, entity, since, end)
        since = end


def _rows(
    body: Any, question: Question, options: Options, strays: list[str]
) -> Iterator[tuple[str, str, pd.Timestamp, float]]:
    """Readings in an answer: attribute, unit, time, value.

    Those at times that no record may hold go to ``strays``. Raises SourceUnavailable for what they
    cannot be.
    """
    entities = body if isinstance(body, list) else [body]
    if not all(isinstance(entity, dict) and "type" in entity for entity in entities):
        raise question.refused(
            "an answer without entities", "check that the address is an NGSI-LD broker's"
        )
    for entity in entities:
        for name, found in entity.items():
            attribute = re.split(r"[/#]", name)[-1]
            if attribute in options.wanted:
                for value, when, unit in _instances(found):
                    if value is None:
                        continue
                    number = _number(value, attribute, when, question)
                    try:
                        moment = _moment(when, attribute, question)
                    except StrayTime:
                        strays.append(f"{attribute} at {str(when)[:40]}")
                        continue
                    yield attribute, _unit(attribute, unit, options, question), moment, number


def _instances(found: Any) -> Iterator[tuple[Any, Any, Any]]:
    """Value, time and unitCode of each instance of an attribute, in either representation."""
    for one in found if isinstance(found, list) else [found]:
        if isinstance(one, dict) and isinstance(one.get("values"), list):
            for pair in one["values"]:
                yield (
                    *(pair[:2] if isinstance(pair, list) and len(pair) >= 2 else (pair, None)),
                    one.get("unitCode"),
                )
        elif isinstance(one, dict):
            yield one.get("value"), one.get("observedAt"), one.get("unitCode")
        else:
            yield one, None, None


def _unit(attribute: str, unit: Any, options: Options, question: Question) -> str:
    """The unit of a reading: the region's, else its own, else the data model's, else "".

    Raises SourceUnavailable where its own is no text.
    """
    if attribute in options.units:
        return options.units[attribute]
    if unit is not None and not isinstance(unit, str):
        raise question.refused(
            f"{attribute} with the unitCode {json.dumps(unit)[:60]}",
            "have its unitCode mended, or set `units`",
        )
    return unit or MODEL.get(attribute, ("", ""))[1]


def _moment(when: Any, attribute: str, question: Question) -> pd.Timestamp:
    """When a reading was.

    Raises SourceUnavailable, and StrayTime for a time that no record may hold.
    """
    try:
        return instant(when)
    except StrayTime:
        raise
    except ValueError:
        raise question.refused(
            f"a reading of {attribute} at {str(when)[:40]!r}",
            "have its observedAt mended: a time with Z",
        ) from None


def _number(value: Any, attribute: str, when: Any, question: Question) -> float:
    try:
        return number(value)
    except ValueError:
        found = f"{attribute} {str(value)[:40]!r} at {str(when)[:40]}"
        raise question.refused(
            found, "have it mended there, or choose another attribute under `attributes`"
        ) from None


def _converted(
    rows: list[tuple[str, str, pd.Timestamp, float]], place: str, options: Options
) -> list[pd.DataFrame]:
    """Readings as ``readings.daily`` takes them, a table for each attribute and unit."""
    table = pd.DataFrame(rows, columns=["attribute", "unit", "time", "value"]).astype(
        {"time": "datetime64[ns, UTC]", "value": "float64"}
    )
    parts = []
    for (attribute, unit), part in table.groupby(["attribute", "unit"], sort=False):
        variable = options.wanted[str(attribute)]
        whose = f"{NAME}: {attribute} of {place} from {part['time'].min():%Y-%m-%d} on"
        cure = "have its unitCode mended, or set `units`"
        try:
            hows = {name: conversion(str(unit), name, whose, cure) for name in parts_of(variable)}
        except RiskError as error:
            raise Refused(str(error)) from None
        parts.append(
            converted(
                part[["time", "value"]].assign(location=place), variable, hows, options.missing
            )
        )
    return parts
