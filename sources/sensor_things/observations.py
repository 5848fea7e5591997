"""A Datastream's Observations as readings: when each was, its number, what is said of it."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pandas as pd

from configs.remarks import remark
from sources.common.http_messages import BadResponse, Request
from sources.common.readings import StrayTime, converted, instant, number, parts_of, unreadable
from sources.common.sensors import SensorPull, day_start
from sources.sensor_things.datastreams import Datastream
from sources.sensor_things.service import NAME, SensorThingsService

MAX_INTERVAL = pd.Timedelta(days=1, hours=1)  # that a reading may be for


def readings(
    service: SensorThingsService,
    stream: Datastream,
    first: pd.Timestamp | None,
    pull: SensorPull,
) -> pd.DataFrame:
    """A Datastream's readings from a day on, as ``daily`` and ``qualities`` take them.

    One left out for its quality has no value. How many are, and how many are left out because they
    are no readings or no record may hold their time, is added to the pull's remarks. Raises
    SourceUnavailable where none can be read.
    """
    request = _request(service, stream, first, pull.region.day_offset)
    rows, strays, wrong, bad = [], list[str](), list[BadResponse](), 0
    for entity in service.collection(request):
        quality = entity.get("resultQuality")
        if _is_bad(quality, service.options.bad_quality):
            bad += 1
            # What is said of a reading at no time of day is counted, but of no day.
            with suppress(BadResponse, StrayTime):
                rows.append((_moment(entity, request), float("nan"), _text(quality)))
        elif entity.get("result") is not None:
            try:
                rows.append((_moment(entity, request), _number(entity, request), _text(quality)))
            except StrayTime as error:
                strays.append(f"{stream} at {str(error)[:40]}")
            except BadResponse as error:
                wrong.append(error)
    if wrong and not rows:
        raise wrong[0]
    pull.remarks.extend(unreadable(NAME, wrong, str(stream)))
    pull.leave_out(strays)
    pull.answered.update((stream.location, part) for part in parts_of(stream.variable))
    if bad:
        pull.remarks.append(
            remark(
                "readings.bad_quality",
                source=NAME,
                variable=stream.variable,
                place=stream.location,
                where=stream.path,
                n=bad,
            )
        )
    types = {"time": "datetime64[ns, UTC]", "value": "float64", "quality": "object"}
    table = pd.DataFrame(rows, columns=list(types)).astype(types).assign(location=stream.location)
    return converted(table, stream.variable, stream.conversions, service.options.missing)


def _request(
    service: SensorThingsService, stream: Datastream, first: pd.Timestamp | None, offset: float
) -> Request:
    since, begin = "", "its first reading"
    if first is not None:
        since = f"phenomenonTime ge {day_start(first, offset):%Y-%m-%dT%H:%M:%SZ}"
        begin = str(first.date())
    return service.request(
        f"{stream.path}/Observations",
        f"{stream} from {begin} on",
        filter=since,
        orderby=service.options.order_by,
        top=str(service.options.page),
        select="phenomenonTime,result,resultQuality",
    )


def _text(quality: Any) -> str | None:
    """What is said of a reading's quality: the text itself, else as JSON; None where nothing is."""
    if quality is None or isinstance(quality, str):
        return quality
    return json.dumps(quality, sort_keys=True, ensure_ascii=False)


def _is_bad(quality: Any, words: tuple[str, ...]) -> bool:
    """Whether one of the words, in small or large letters, stands in what is said of a reading."""
    if isinstance(quality, dict):
        quality = list(quality.values())
    if isinstance(quality, list):
        return any(_is_bad(part, words) for part in quality)
    return quality is not None and str(quality).casefold() in {word.casefold() for word in words}


def _number(entity: dict[str, Any], request: Request) -> float:
    try:
        return number(entity["result"])
    except ValueError:
        result, when = str(entity["result"])[:40], str(entity.get("phenomenonTime"))[:40]
        odd = remark("answer.result", value=repr(result), when=str(when))
        raise request.bad_response(odd, remark("cure.numbers")) from None


def _moment(entity: dict[str, Any], request: Request) -> pd.Timestamp:
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
        odd = remark("answer.phenomenon", text=repr(text[:40]))
        raise request.bad_response(odd, remark("cure.mend_zone")) from None
    if not pd.Timedelta(0) <= ends[-1] - ends[0] <= MAX_INTERVAL:
        long = remark("answer.phenomenon", text=repr(text[:60]))
        raise request.bad_response(long, remark("cure.short"))
    return ends[0] + (ends[-1] - ends[0]) / 2
