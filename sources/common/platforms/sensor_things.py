"""A SensorThings service that is handed series: OGC 18-088, 10.2 (create) and 9.3 ($filter).

The service gives ids of its own, so what is ours is found by its name: nothing is made twice.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from configs import Region
from configs.platforms import SensorThingsServer
from configs.remarks import remark
from data_contracts.batch import SourceUnavailable
from sources.common.authentication import authorization
from sources.common.http import send
from sources.common.http_messages import Request, RetryPolicy, same_origin
from sources.common.platforms import PATIENCE

NAME = "sensor_things"
MAX_PAGES = 1000
MAX_SECONDS = 600.0
"""Of a whole delivery; what is left then comes with the next run."""


@dataclass(frozen=True)
class Series:
    """A Datastream and its Observations.

    ``thing``, ``sensor`` and ``observed_property``: entities with a ``name`` that no other has;
    ``datastream``: likewise, without those three. ``observations``: each with phenomenonTime,
    resultTime, result and parameters.
    """

    thing: Mapping[str, Any]
    sensor: Mapping[str, Any]
    observed_property: Mapping[str, Any]
    datastream: Mapping[str, Any]
    observations: Sequence[Mapping[str, Any]]


@dataclass
class Delivery:
    """One delivery to a service: what was found or made there is looked up once."""

    server: SensorThingsServer
    headers: Mapping[str, str]
    policy: RetryPolicy = PATIENCE
    seconds: float = MAX_SECONDS
    _known: dict[tuple[str, str], Any] = field(default_factory=dict)
    _began: float = field(default_factory=time.monotonic)

    def hand_over(self, series: Sequence[Series]) -> int:
        """Make what is missing there; returns how many Observations were. Raises SourceUnavailable.

        A request that fails may have been carried out, so none that makes something is sent twice
        without asking what is there by then.
        """
        observations_made = 0
        for one in series:
            links = {
                "Thing": self._ensure("Things", one.thing),
                "Sensor": self._ensure("Sensors", one.sensor),
                "ObservedProperty": self._ensure("ObservedProperties", one.observed_property),
            }
            linked = {name: {"@iot.id": identity} for name, identity in links.items()}
            stream = self._ensure("Datastreams", {**one.datastream, **linked})
            observations_made += self._observations(stream, one)
        return observations_made

    def _ensure(self, collection: str, entity: Mapping[str, Any]) -> Any:
        """The id of the entity of that name, which is made where there is none."""
        name = str(entity["name"])
        key = (collection, name)
        if key not in self._known:
            what = f"{name!r} of {collection}"
            self._known[key] = self._until_there(
                lambda: self._named(collection, name), collection, entity, what
            )
        return self._known[key]

    def _until_there(self, find: Any, path: str, entity: Mapping[str, Any], what: str) -> Any:
        """What ``find`` finds; where that is nothing, after making it, as often as is allowed."""
        for left in reversed(range(self.policy.tries)):
            found = find()
            if found is not None:
                return found
            try:
                self._make(path, entity, what)
            except SourceUnavailable:
                if not left:
                    raise
        found = find()
        if found is None:
            raise self._request(path, what).bad_response(
                remark("platform.lost"), remark("cure.check_service")
            )
        return found

    def _named(self, collection: str, name: str) -> Any:
        quoted = name.replace("'", "''")
        params = {"$filter": f"name eq '{quoted}'", "$top": "1"}
        request = self._request(collection, f"{name!r} of {collection}", params)
        return next((entity.get("@iot.id") for entity in self._all(request)), None)

    def _observations(self, stream: Any, one: Series) -> int:
        """Make those Observations of the series that are missing; returns how many."""
        path = f"Datastreams({_in_path(stream)})/Observations"
        made, failure = 0, SourceUnavailable("no try")
        for _ in range(self.policy.tries):
            missing = self._missing(path, one)
            if not missing:
                return made
            for observation in missing:
                linked = {**observation, "Datastream": {"@iot.id": stream}}
                try:
                    self._make(
                        "Observations", linked, f"an Observation of {one.datastream['name']}"
                    )
                    made += 1
                except SourceUnavailable as failed:
                    failure = failed
                    break
            else:
                return made
        raise failure

    def _missing(self, path: str, one: Series) -> list[Mapping[str, Any]]:
        there = set[tuple[str, str, str]]()
        for instant in sorted({str(part["resultTime"]) for part in one.observations}):
            params = {"$filter": f"resultTime eq {instant}"}
            request = self._request(path, f"Observations of {one.datastream['name']}", params)
            there |= {_key(entity) for entity in self._all(request)}
        return [part for part in one.observations if _key(part) not in there]

    def _make(self, path: str, entity: Mapping[str, Any], what: str) -> None:
        """Make an entity by one try."""
        request = replace(self._request(path, what), method="POST", body=dict(entity))
        send(request, replace(self.policy, tries=1))

    def _all(self, request: Request) -> Iterator[Mapping[str, Any]]:
        """All entities of a collection, page after page."""
        for _ in range(MAX_PAGES):
            body = send(request, self.policy).body
            rows = body.get("value") if isinstance(body, dict) else None
            if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
                raise request.bad_response(
                    remark("answer.no_list", name="`value`"),
                    remark("cure.sensor_address"),
                )
            yield from rows
            link = body.get("@iot.nextLink")
            if not isinstance(link, str) or not same_origin(self.server.url, link):
                return
            request = replace(request, url=link, params={})
        raise request.bad_response(
            remark("answer.pages", n=MAX_PAGES), remark("cure.check_service")
        )

    def _request(self, path: str, what: str, params: Mapping[str, str] | None = None) -> Request:
        """Raises SourceUnavailable where the delivery has taken too long."""
        request = Request(NAME, f"{self.server.url}/{path}", what, params or {}, self.headers)
        if time.monotonic() - self._began > self.seconds:
            raise request.unavailable(
                remark("platform.endless", seconds=f"{self.seconds:g}"), remark("cure.again")
            )
        return request


def _in_path(identity: Any) -> str:
    """An id as it stands in an address: numbers bare, others in quotes."""
    if isinstance(identity, int):
        return str(identity)
    quoted = str(identity).replace("'", "''").replace("/", "%2F")
    return f"'{quoted}'"


def _key(observation: Mapping[str, Any]) -> tuple[str, str, str]:
    """What tells an Observation of a series from the others: of when, for how long, issued when."""
    parameters = observation.get("parameters")
    told = parameters if isinstance(parameters, dict) else {}
    begin = str(observation.get("phenomenonTime", "")).split("/")[0]
    return begin[:19], str(told.get("lead_days")), str(told.get("window_days"))


def delivery_of(region: Region, policy: RetryPolicy = PATIENCE) -> Delivery | None:
    """The region's service; None where it names none. Raises ConfigError without its secret."""
    server = region.publish_to.sensor_things
    if server is None:
        return None
    return Delivery(server, authorization(server.authorization_env, NAME, region), policy)
