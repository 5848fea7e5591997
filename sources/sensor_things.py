"""OGC SensorThings API 1.1: readings of a city's or agency's sensors.

Their Datastreams are named by id or found by their ObservedProperty.

    source_options:
      sensor_things:
        url: https://sensors.example.org/FROST-Server/v1.1
        authorization_env: SENSORS_AUTHORIZATION    # optional: a variable that holds "Bearer abc"
        places:
          berkane: {thing: 12}                      # its Datastreams of the properties below
          saidia: {datastreams: {river_level: 41}}  # or by id
        properties:                                 # name or definition: ours
          Air Temperature: air_temperature
          "http://vocabulary/rain": precipitation

Units are read from ``unitOfMeasurement`` (UCUM 2.1, or a usual symbol) and converted. A reading
whose ``resultQuality`` holds one of ``bad_quality`` is left out, and how many were is remarked;
what is said of the quality of any reading is kept, see ``Store.quality``. The standard:
https://docs.ogc.org/is/18-088/18-088.html, sections 8 to 10.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

import httpx
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, field_validator

from configs import ConfigError, Region, RiskError
from data_contracts.batch import Batch, FetchRequest, Source, SourceUnavailable
from sources import options_of
from sources.http import MANNERS, Address, Manners, Question, Refused, ask, same_origin
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
    qualities,
)
from sources.units import Conversion, conversion

NAME = "sensor_things"
MOST_PAGES = 20_000  # of one Datastream: 100 years of hours in the smallest pages that servers give
LONGEST = pd.Timedelta(days=1, hours=1)  # of an interval that a reading may be for


class Place(BaseModel):
    """Whose readings a place has: those of a Thing's Datastreams, or of Datastreams by variable."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    thing: int | str | None = None
    datastreams: dict[str, int | str] = {}

    @field_validator("datastreams")
    @classmethod
    def _canonical(cls, value: dict[str, int | str]) -> dict[str, int | str]:
        return {known_variable(name): identity for name, identity in value.items()}


class Options(ReadingOptions):
    """What a region says of its service.

    ``units``: of a variable where the service names a wrong one. ``page``: readings a request.
    ``order_by``: by what the service sorts while we page; it must be something that it can sort by,
    or empty.
    """

    url: Address
    places: dict[str, Place] = Field(min_length=1)
    properties: dict[str, str] = {}
    authorization_env: str | None = Field(None, pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")
    units: dict[str, str] = {}
    bad_quality: tuple[str, ...] = ("bad",)
    page: int = Field(default=1000, ge=1, le=100_000)
    order_by: str = "phenomenonTime asc"

    @field_validator("properties")
    @classmethod
    def _canonical(cls, value: dict[str, str]) -> dict[str, str]:
        return {theirs: known_variable(ours) for theirs, ours in value.items()}


@dataclass(frozen=True)
class Datastream:
    """One sensor's series: its path in the service, whose it is here, how its unit is converted."""

    path: str
    place: str
    variable: str
    conversions: dict[str, Conversion]

    def __str__(self) -> str:
        return f"{self.variable} of {self.place} ({self.path})"


@dataclass(frozen=True)
class Service:
    """A service as the region's options describe it."""

    options: Options
    headers: dict[str, str]
    manners: Manners = MANNERS

    def question(self, path: str, what: str, **params: str) -> Question:
        url = f"{self.options.url.rstrip('/')}/{path}"
        return Question(
            NAME,
            url,
            what,
            {f"${name}": value for name, value in params.items() if value},
            self.headers,
        )

    def entity(self, path: str, what: str) -> dict[str, Any]:
        """One entity."""
        question = self.question(path, what)
        found = ask(question, self.manners).body
        if not isinstance(found, dict) or "@iot.id" not in found:
            raise question.refused(
                f"no entity in the answer for {path}", "check the id and the address"
            )
        return found

    def collection(self, question: Question) -> Iterator[dict[str, Any]]:
        """All entities of a collection, following ``@iot.nextLink`` within the service."""
        seen = {question.url}
        for _ in range(MOST_PAGES):
            body = ask(question, self.manners).body
            if not _is_collection(body):
                raise question.refused(
                    "an answer without a list `value` of entities",
                    "check that the address is a SensorThings service's",
                )
            yield from body["value"]
            link = body.get("@iot.nextLink")
            if not link:
                return
            if not _leads_on(self.options.url, link):
                raise question.refused(
                    f"a next link to {str(link)[:60]!r}, another host",
                    "have its service root URL mended",
                )
            if link in seen:
                raise question.refused(
                    "a next link that leads back", "report it to who runs the service"
                )
            seen.add(link)
            question = Question(NAME, link, question.what, headers=self.headers)
        raise question.refused(
            f"more than {MOST_PAGES:,} pages", "set a later `history_start` or a larger `page`"
        )


def _is_collection(body: Any) -> bool:
    return (
        isinstance(body, dict)
        and isinstance(body.get("value"), list)
        and all(isinstance(entity, dict) for entity in body["value"])
    )


def _leads_on(url: str, link: Any) -> bool:
    """Whether a link is an address of the same service."""
    try:
        return isinstance(link, str) and same_origin(url, link)
    except (httpx.InvalidURL, ValueError):
        return False


def fetch(request: FetchRequest) -> Batch:
    """The days that the service's readings give, of each Datastream from its newest stored day on.

    Raises SourceUnavailable.
    """
    newest = newest_days(request.stored.observations)
    return fetch_from(service_of(request.region), request.region, newest)


SOURCE = Source(
    name=NAME,
    delay_days=1,
    attribution="readings from the region's own SensorThings service",
    licence="as its owner says",
    complete=False,
    fetch=fetch,
    readings=True,
)


def service_of(region: Region, manners: Manners = MANNERS) -> Service:
    """The region's service, with what it must be shown from the environment."""
    options = options_of(region, NAME, Options)
    known_places(region, list(options.places), NAME, f"mend `places` in {region.path}")
    return Service(options, authorization(options.authorization_env, NAME, region), manners)


def authorization(variable: str | None, source: str, region: Region) -> dict[str, str]:
    """The header that the environment variable holds; none where none is named.

    Raises ConfigError where it is not set.
    """
    if variable is None:
        return {}
    value = os.environ.get(variable, "").strip()
    if not value:
        raise ConfigError(
            f"{source}: the environment variable {variable}, named in {region.path}, is not set, "
            "expected the value of the "
            "Authorization header, such as Bearer and a token; set it."
        )
    return {"Authorization": value}


def fetch_from(service: Service, region: Region, newest: Newest) -> Batch:
    """As ``fetch``, from a service, ``newest`` being what is stored."""
    options, offset, remarks = service.options, region.day_offset, list[str]()

    def of_stream(stream: Datastream) -> list[pd.DataFrame]:
        return [
            readings(
                service,
                stream,
                first_day(region, options, newest, stream.place, stream.variable),
                offset,
                remarks,
            )
        ]

    parts = gathered(
        {str(stream): partial(of_stream, stream) for stream in datastreams(service, remarks)},
        remarks,
        NAME,
    )
    found = pd.concat(parts, ignore_index=True)
    table = daily(found, NAME, options, offset, remarks=remarks)
    if table.empty and not newest:
        nothing = f"{NAME}: found no reading in {len(parts)} Datastreams of {options.url}"
        raise SourceUnavailable(
            " ".join([f"{nothing}; check them, or run it again later.", *remarks])
        )
    places = locations_table(region, table["location"].unique().tolist())
    return Batch(table, places, quality=qualities(found, options, offset), remarks=tuple(remarks))


def datastreams(service: Service, remarks: list[str]) -> list[Datastream]:
    """Every place's Datastreams, what is wrong with one going to ``remarks``.

    Raises SourceUnavailable where there is none.
    """
    asks: dict[str, Callable[[], list[Datastream]]] = {}
    for place, whose in service.options.places.items():
        for variable, identity in whose.datastreams.items():
            asks[f"the Datastream of {variable} of {place}"] = partial(
                _by_id, service, place, variable, identity
            )
        if whose.thing is not None:
            asks[f"the Datastreams of {place}"] = partial(_of_thing, service, place, whose, remarks)
    return gathered(asks, remarks, NAME)


def _by_id(service: Service, place: str, variable: str, identity: int | str) -> list[Datastream]:
    path = f"Datastreams({_key(identity)})"
    return [
        _datastream(service, path, service.entity(path, f"{variable} of {place}"), place, variable)
    ]


def _key(identity: int | str) -> str:
    """An id as it stands in an address: numbers bare, text in quotes (SensorThings 9.2.2)."""
    return (
        str(identity)
        if isinstance(identity, int)
        else "'" + identity.replace("'", "''").replace("/", "%2F") + "'"
    )


def _of_thing(service: Service, place: str, whose: Place, remarks: list[str]) -> list[Datastream]:
    """The Thing's Datastreams by ObservedProperty, but for variables given by id.

    The service selects: one asked to ``$expand`` the ObservedProperty of many Datastreams may give
    all of them the first one's. What is wrong with one goes to ``remarks`` where another is well.
    """
    path, what = f"Things({_key(whose.thing or 0)})/Datastreams", f"the Datastreams of {place}"
    chosen: dict[str, Datastream] = {}
    wrong: list[Refused] = []
    for theirs, variable in service.options.properties.items():
        if variable in whose.datastreams:
            continue
        text = theirs.replace("'", "''")
        question = service.question(
            path,
            what,
            filter=f"ObservedProperty/name eq '{text}' or ObservedProperty/definition eq '{text}'",
        )
        for entity in service.collection(question):
            identity = entity.get("@iot.id")
            if isinstance(identity, bool) or not isinstance(identity, int | str):
                raise question.refused(
                    f"a Datastream with the @iot.id {str(identity)[:40]!r}", "have it mended there"
                )
            try:
                stream = _datastream(
                    service, f"Datastreams({_key(identity)})", entity, place, variable
                )
            except Refused as error:
                wrong.append(error)
                continue
            if variable in chosen:
                raise question.refused(
                    f"two of {variable}, {chosen[variable].path} and {stream.path}",
                    "choose one under `datastreams`",
                )
            chosen[variable] = stream
    if wrong and not chosen:
        raise wrong[0]
    remarks += [str(error) for error in wrong]
    if not chosen and not whose.datastreams:
        question = service.question(path, what)
        names = [str(entity.get("name")) for entity in service.collection(question)][:8]
        found = f"none of `properties` among {', '.join(names) or 'no Datastream'}"
        raise question.refused(found, "name an ObservedProperty of theirs under `properties`")
    return list(chosen.values())


def _datastream(
    service: Service, path: str, entity: dict[str, Any], place: str, variable: str
) -> Datastream:
    told = service.options.units.get(variable)
    whose = f"{NAME}: {variable} of {place} ({path})"
    spellings = [told] if told else _spellings(entity.get("unitOfMeasurement"), whose)
    return Datastream(
        path,
        place,
        variable,
        {part: _conversion(spellings, part, whose) for part in parts_of(variable)},
    )


UNIT_CURE = "have the service's unitOfMeasurement mended, or set `units` in the region file"


def _spellings(unit: Any, whose: str) -> list[str]:
    """What a ``unitOfMeasurement`` calls its unit.

    Raises Refused for what is no such object of texts.
    """
    known = unit if isinstance(unit, dict) else {}
    texts = [known.get(key) for key in ("definition", "symbol", "name")]
    odd = [text for text in texts if text is not None and not isinstance(text, str)]
    if odd or not isinstance(unit, dict | None):
        found = json.dumps(odd[0] if odd else unit)[:60]
        raise Refused(f"{whose}: the unit is told as {found}, expected text; {UNIT_CURE}.")
    return [_bare(text) for text in texts if text]


def _bare(text: str) -> str:
    """A UCUM code out of ``ucum:Cel``, https://ucum.org/ucum#Cel, or the code itself."""
    text = text.strip()
    for mark in ("#", "/UCUM/", "ucum:", "code="):
        text = text.rsplit(mark, 1)[-1] if mark in text else text
    return text


def _conversion(spellings: list[str], variable: str, whose: str) -> Conversion:
    """How the unit is converted that one or more spellings name.

    Raises SourceUnavailable where none is known, or two differ.
    """
    known, refused = {}, ""
    for spelling in filter(None, spellings):
        try:
            known[spelling] = conversion(spelling, variable, whose, UNIT_CURE)
        except RiskError as error:
            refused = refused or str(error)
    if not known:
        raise Refused(refused or f"{whose}: there is no unit, expected one; {UNIT_CURE}.")
    if len(set(known.values())) > 1:
        raise Refused(
            f"{whose}: the unit is told as {' and as '.join(map(repr, known))}, expected one; "
            f"{UNIT_CURE}."
        )
    return next(iter(known.values()))


def readings(
    service: Service,
    stream: Datastream,
    first: pd.Timestamp | None,
    offset: int,
    remarks: list[str],
) -> pd.DataFrame:
    """A Datastream's readings from a day on, as ``daily`` and ``qualities`` take them.

    One left out for its quality has no value. How many are, and how many are left out because no
    record may hold their time, is added to ``remarks``.
    """
    since = (
        f"phenomenonTime ge {begins(first, offset):%Y-%m-%dT%H:%M:%SZ}" if first is not None else ""
    )
    what = f"{stream} from {first.date() if first is not None else 'its first reading'} on"
    page = {"filter": since, "orderby": service.options.order_by, "top": str(service.options.page)}
    question = service.question(
        f"{stream.path}/Observations", what, **page, select="phenomenonTime,result,resultQuality"
    )
    found, strays, bad = [], list[str](), 0
    for entity in service.collection(question):
        quality = entity.get("resultQuality")
        if _is_bad(quality, service.options.bad_quality):
            bad += 1
            # What is said of a reading at no time of day is counted, but of no day.
            with suppress(Refused, StrayTime):
                found.append((_moment(entity, question), float("nan"), _text(quality)))
        elif entity.get("result") is not None:
            try:
                found.append((_moment(entity, question), _number(entity, question), _text(quality)))
            except StrayTime as error:
                strays.append(f"{stream} at {str(error)[:40]}")
    remarks += at_stray_times(NAME, strays)
    if bad:
        remarks.append(
            f"{NAME}: {stream}: readings left out for their resultQuality: {bad}; data/quality "
            "lists them."
        )
    columns = {"time": "datetime64[ns, UTC]", "value": "float64", "quality": "object"}
    table = pd.DataFrame(found, columns=list(columns)).astype(columns)
    return converted(
        table.assign(location=stream.place),
        stream.variable,
        stream.conversions,
        service.options.missing,
    )


def _text(quality: Any) -> str | None:
    """What is said of a reading's quality: the text itself, else as JSON; None where nothing is."""
    if quality is None:
        return None
    if not isinstance(quality, str):
        quality = json.dumps(quality, sort_keys=True, ensure_ascii=False)
    return quality


def _is_bad(quality: Any, words: tuple[str, ...]) -> bool:
    """Whether one of the words, in small or large letters, stands in what is said of a reading."""
    if isinstance(quality, dict | list):
        return any(
            _is_bad(part, words)
            for part in (quality.values() if isinstance(quality, dict) else quality)
        )
    return quality is not None and str(quality).casefold() in {word.casefold() for word in words}


def _number(entity: dict[str, Any], question: Question) -> float:
    try:
        return number(entity["result"])
    except ValueError:
        result, when = str(entity["result"])[:40], str(entity.get("phenomenonTime"))[:40]
        raise question.refused(
            f"the result {result!r} at {when}", "choose a Datastream of numbers"
        ) from None


def _moment(entity: dict[str, Any], question: Question) -> pd.Timestamp:
    """When a reading was: its instant, or the middle of its interval, which lies in its day.

    Raises SourceUnavailable for what is no time, StrayTime for one that no record may hold.
    """
    text = str(entity.get("phenomenonTime"))
    try:
        ends = [instant(part) for part in text.split("/")]
        if len(ends) > 2:
            raise ValueError("more than two ends")
    except StrayTime:
        raise
    except ValueError:
        raise question.refused(
            f"the phenomenonTime {text[:40]!r}",
            "have it mended there, expected a time with its zone",
        ) from None
    if not pd.Timedelta(0) <= ends[-1] - ends[0] <= LONGEST:
        raise question.refused(
            f"the phenomenonTime {text[:60]!r}", "choose a Datastream of readings for a day or less"
        )
    return ends[0] + (ends[-1] - ends[0]) / 2
