"""A broker's answers as readings: each attribute's values, times and units."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import pandas as pd

from configs import RiskError
from configs.remarks import remark
from sources.common.http_messages import BadResponse, Request
from sources.common.readings import StrayTime, converted, instant, number, parts_of
from sources.common.units import conversion
from sources.ngsi_ld.broker import NAME
from sources.ngsi_ld.options import MODEL, NgsiLdOptions


@dataclass(frozen=True)
class AttributeValue:
    """One value of an attribute as the broker gives it: its time and unitCode may be missing."""

    attribute: str
    value: Any
    when: Any = None
    unit: Any = None


Row = tuple[str, str, pd.Timestamp, float]
"""A reading: attribute, unit, time, value."""


def readings_of(
    answers: Iterable[tuple[Request, Any]],
    options: NgsiLdOptions,
    strays: list[str],
    wrong: dict[str, list[BadResponse]],
) -> list[Row]:
    """The readings in some answers.

    Those at times that no record may hold go to ``strays``, those that are none to ``wrong``, by
    attribute. Raises SourceUnavailable for answers that are none.
    """
    rows = []
    for request, body in answers:
        for value in _values(body, request, options):
            try:
                reading, unit = _number(value, request), _unit(value, options, request)
                rows.append((value.attribute, unit, _moment(value, request), reading))
            except StrayTime:
                strays.append(f"{value.attribute} at {str(value.when)[:40]}")
            except BadResponse as error:
                wrong.setdefault(value.attribute, []).append(error)
    return rows


def _values(body: Any, request: Request, options: NgsiLdOptions) -> Iterator[AttributeValue]:
    """The wanted attributes' values in an answer, but for those that are null."""
    entities = body if isinstance(body, list) else [body]
    if not all(isinstance(entity, dict) and "type" in entity for entity in entities):
        raise request.bad_response(remark("answer.no_entities"), remark("cure.ngsi_address"))
    for entity in entities:
        for name, instances in entity.items():
            attribute = re.split(r"[/#]", name)[-1]
            if attribute in options.wanted:
                for value in _instances(attribute, instances):
                    if value.value is not None:
                        yield value


def _instances(attribute: str, instances: Any) -> Iterator[AttributeValue]:
    """Each instance of an attribute, in either representation."""
    for instance in instances if isinstance(instances, list) else [instances]:
        if not isinstance(instance, dict):
            yield AttributeValue(attribute, instance)
        elif isinstance(instance.get("values"), list):
            for pair in instance["values"]:
                whole = isinstance(pair, list) and len(pair) >= 2
                value, when = pair[:2] if whole else (pair, None)
                yield AttributeValue(attribute, value, when, instance.get("unitCode"))
        else:
            value, when = instance.get("value"), instance.get("observedAt")
            yield AttributeValue(attribute, value, when, instance.get("unitCode"))


def _unit(value: AttributeValue, options: NgsiLdOptions, request: Request) -> str:
    """The unit of a reading: the region's, else its own, else the data model's, else "".

    Raises SourceUnavailable where its own is no text.
    """
    attribute, unit = value.attribute, value.unit
    if attribute in options.units:
        return options.units[attribute]
    if unit is not None and not isinstance(unit, str):
        code = remark("answer.unit_code", name=attribute, text=json.dumps(unit)[:60])
        raise request.bad_response(code, remark("cure.mend_unit"))
    return unit or MODEL.get(attribute, ("", ""))[1]


def _moment(value: AttributeValue, request: Request) -> pd.Timestamp:
    """When a reading was.

    Raises SourceUnavailable, and StrayTime for a time that no record may hold.
    """
    try:
        return instant(value.when)
    except StrayTime:
        raise
    except ValueError:
        when = repr(str(value.when)[:40])
        reading = remark("answer.reading_time", name=value.attribute, when=when)
        raise request.bad_response(reading, remark("cure.mend_time")) from None


def _number(value: AttributeValue, request: Request) -> float:
    try:
        return number(value.value)
    except ValueError:
        reading = remark(
            "answer.reading",
            name=value.attribute,
            value=repr(str(value.value)[:40]),
            when=str(value.when)[:40],
        )
        raise request.bad_response(reading, remark("cure.attribute")) from None


def converted_readings(
    rows: list[Row], location: str, options: NgsiLdOptions, wrong: dict[str, list[BadResponse]]
) -> list[pd.DataFrame]:
    """Readings as ``daily`` takes them, a table for each attribute and unit.

    Those in a unit that is not known go to ``wrong``, an error each attribute and unit.
    """
    table = pd.DataFrame(rows, columns=["attribute", "unit", "time", "value"]).astype(
        {"time": "datetime64[ns, UTC]", "value": "float64"}
    )
    parts = []
    for (attribute, unit), part in table.groupby(["attribute", "unit"], sort=False):
        variable = options.wanted[str(attribute)]
        whose = f"{NAME}: {attribute} of {location} from {part['time'].min():%Y-%m-%d} on"
        cure = "have its unitCode mended, or set `units`"
        try:
            hows = {name: conversion(str(unit), name, whose, cure) for name in parts_of(variable)}
        except RiskError as error:
            wrong.setdefault(str(attribute), []).append(BadResponse(error.remark))
            continue
        readings = part[["time", "value"]].assign(location=location)
        parts.append(converted(readings, variable, hows, options.missing))
    return parts
