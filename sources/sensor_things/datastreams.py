"""Which Datastreams are a location's, and in which units they are."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from configs import RiskError
from configs.remarks import Remark, remark
from sources.common.gathering import gather
from sources.common.http_messages import BadResponse, Request
from sources.common.readings import parts_of
from sources.common.units import Conversion, conversion
from sources.sensor_things.options import LocationSensors
from sources.sensor_things.service import NAME, SensorThingsService

UNIT_CURE = "have the service's unitOfMeasurement mended, or set `units` in the region file"


@dataclass(frozen=True)
class Datastream:
    """One sensor's series: its path in the service, whose it is here, how its unit is converted."""

    path: str
    location: str
    variable: str
    conversions: dict[str, Conversion]

    def __str__(self) -> str:
        return f"{self.variable} of {self.location} ({self.path})"


def datastreams(service: SensorThingsService, remarks: list[Remark]) -> list[Datastream]:
    """Every location's Datastreams, what is wrong with one going to ``remarks``.

    Raises SourceUnavailable where there is none.
    """
    asks: dict[str, Callable[[], list[Datastream]]] = {}
    for location, sensors in service.options.places.items():
        for variable, identity in sensors.datastreams.items():
            asks[f"the Datastream of {variable} of {location}"] = partial(
                _by_id, service, location, variable, identity
            )
        if sensors.thing is not None:
            asks[f"the Datastreams of {location}"] = partial(
                _of_thing, service, location, sensors, remarks
            )
    return gather(asks, remarks, NAME)


def _by_id(
    service: SensorThingsService, location: str, variable: str, identity: int | str
) -> list[Datastream]:
    path = f"Datastreams({_key(identity)})"
    entity = service.entity(path, f"{variable} of {location}")
    return [_datastream(service, path, entity, location, variable)]


def _key(identity: int | str) -> str:
    """An id as it stands in an address: numbers bare, text in quotes (SensorThings 9.2.2)."""
    if isinstance(identity, int):
        return str(identity)
    return f"'{_quoted(identity).replace('/', '%2F')}'"


def _quoted(text: str) -> str:
    return text.replace("'", "''")


def _of_thing(
    service: SensorThingsService, location: str, sensors: LocationSensors, remarks: list[Remark]
) -> list[Datastream]:
    """The Thing's Datastreams by ObservedProperty, but for variables given by id.

    The service selects: one asked to ``$expand`` the ObservedProperty of many Datastreams may give
    all of them the first one's. What is wrong with one goes to ``remarks`` where another is well.
    """
    path = f"Things({_key(sensors.thing or 0)})/Datastreams"
    what = f"the Datastreams of {location}"
    chosen: dict[str, Datastream] = {}
    wrong: list[BadResponse] = []
    for theirs, variable in service.options.properties.items():
        if variable in sensors.datastreams:
            continue
        text = _quoted(theirs)
        named = f"ObservedProperty/name eq '{text}' or ObservedProperty/definition eq '{text}'"
        request = service.request(path, what, filter=named)
        for entity in service.collection(request):
            try:
                stream = _of_entity(service, request, entity, location, variable)
            except BadUnit as error:
                wrong.append(error)
                continue
            if variable in chosen:
                paths = {"one": chosen[variable].path, "another": stream.path}
                two = remark("answer.two_streams", variable=variable, **paths)
                raise request.bad_response(two, remark("cure.datastreams"))
            chosen[variable] = stream
    if wrong and not chosen:
        raise wrong[0]
    remarks += [error.remark for error in wrong]
    if not chosen and not sensors.datastreams:
        _refuse_other_properties(service, service.request(path, what))
    return list(chosen.values())


def _refuse_other_properties(service: SensorThingsService, request: Request) -> None:
    names = [str(entity.get("name")) for entity in service.collection(request)][:8]
    listed = tuple(names) or remark("answer.no_streams")
    raise request.bad_response(
        remark("answer.no_property", names=listed), remark("cure.properties")
    )


def _of_entity(
    service: SensorThingsService,
    request: Request,
    entity: dict[str, Any],
    location: str,
    variable: str,
) -> Datastream:
    identity = entity.get("@iot.id")
    if isinstance(identity, bool) or not isinstance(identity, int | str):
        odd = remark("answer.stream_id", text=repr(str(identity)[:40]))
        raise request.bad_response(odd, remark("cure.mend"))
    return _datastream(service, f"Datastreams({_key(identity)})", entity, location, variable)


class BadUnit(BadResponse):
    """A Datastream whose unit cannot be used."""


def _datastream(
    service: SensorThingsService, path: str, entity: dict[str, Any], location: str, variable: str
) -> Datastream:
    configured = service.options.units.get(variable)
    whose = f"{NAME}: {variable} of {location} ({path})"
    spellings = [configured] if configured else _spellings(entity.get("unitOfMeasurement"), whose)
    conversions = {part: _conversion(spellings, part, whose) for part in parts_of(variable)}
    return Datastream(path, location, variable, conversions)


def _spellings(unit: Any, whose: str) -> list[str]:
    """What a ``unitOfMeasurement`` calls its unit.

    Raises BadUnit for what is no such object of texts.
    """
    fields = unit if isinstance(unit, dict) else {}
    texts = [fields.get(key) for key in ("definition", "symbol", "name")]
    odd = [text for text in texts if text is not None and not isinstance(text, str)]
    if odd or not isinstance(unit, dict | None):
        shown = json.dumps(odd[0] if odd else unit)[:60]
        raise BadUnit(f"{whose}: the unit is told as {shown}, expected text; {UNIT_CURE}.")
    return [_bare(text) for text in texts if text]


def _bare(text: str) -> str:
    """A UCUM code out of ``ucum:Cel``, https://ucum.org/ucum#Cel, or the code itself."""
    text = text.strip()
    for mark in ("#", "/UCUM/", "ucum:", "code="):
        text = text.rsplit(mark, 1)[-1] if mark in text else text
    return text


def _conversion(spellings: list[str], variable: str, whose: str) -> Conversion:
    """How the unit is converted that one or more spellings name.

    Raises BadUnit where none is known, or two differ.
    """
    known, refused = {}, ""
    for spelling in filter(None, spellings):
        try:
            known[spelling] = conversion(spelling, variable, whose, UNIT_CURE)
        except RiskError as error:
            refused = refused or str(error)
    if not known:
        raise BadUnit(refused or f"{whose}: there is no unit, expected one; {UNIT_CURE}.")
    if len(set(known.values())) > 1:
        spelled = " and as ".join(map(repr, known))
        raise BadUnit(f"{whose}: the unit is told as {spelled}, expected one; {UNIT_CURE}.")
    return next(iter(known.values()))
