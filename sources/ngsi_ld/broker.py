"""How a context broker is asked: temporal queries of one entity, window by window, page by page."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import httpx
import pandas as pd

from configs import Region
from configs.remarks import remark
from sources.common.authentication import authorization
from sources.common.http import DEFAULT_POLICY, send
from sources.common.http_messages import Request, Response, RetryPolicy, same_origin
from sources.common.locations import require_known
from sources.common.options import options_of
from sources.common.readings import instant
from sources.ngsi_ld.options import NgsiLdOptions

NAME = "ngsi_ld"
REPORT, SMALLER = remark("cure.broker"), remark("cure.window")
MAX_PAGES = 1000  # of one entity and window
CONTEXT = 'rel="http://www.w3.org/ns/json-ld#context"; type="application/ld+json"'


@dataclass(frozen=True)
class Entity:
    """One entity of the broker: whose it is here, its type and id there."""

    location: str
    kind: str
    id: str


@dataclass(frozen=True)
class Broker:
    """A context broker as the region's options describe it."""

    options: NgsiLdOptions
    headers: Mapping[str, str]
    policy: RetryPolicy = DEFAULT_POLICY

    def answers(
        self, entity: Entity, since: pd.Timestamp, until: pd.Timestamp
    ) -> Iterator[tuple[Request, Any]]:
        """An entity's answers between two instants, window by window. Raises SourceUnavailable."""
        while since < until:
            end = min(until, since + pd.Timedelta(days=self.options.window_days))
            yield from self._pages(entity, since, end)
            since = end

    def _request(self, entity: Entity, since: pd.Timestamp, until: pd.Timestamp) -> Request:
        """What one entity's wanted attributes were between two instants."""
        params = {
            "type": entity.kind,
            "id": entity.id,
            "attrs": ",".join(self.options.wanted),
            "timerel": "between",
            "timeAt": f"{since:%Y-%m-%dT%H:%M:%SZ}",
            "endTimeAt": f"{until:%Y-%m-%dT%H:%M:%SZ}",
            "timeproperty": "observedAt",
        }
        if self.options.simplified:
            params["options"] = "temporalValues"
        url = f"{self.options.url.rstrip('/')}/temporal/entities"
        what = f"{entity.kind} of {entity.location}, {since.date()} to {until.date()}"
        return Request(NAME, url, what, params, self.headers)

    def _pages(
        self, entity: Entity, since: pd.Timestamp, until: pd.Timestamp
    ) -> Iterator[tuple[Request, Any]]:
        """Every answer of a window: one may be of a part of the time, or name a next page."""
        request, seen = self._request(entity, since, until), set[str]()
        for _ in range(MAX_PAGES):
            response = send(request, self.policy)
            yield request, response.body
            link, end = _next_link(response, request), _answered_until(response, request)
            if link:
                if link in seen:
                    raise request.bad_response(remark("answer.link_back"), REPORT)
                seen.add(link)
                request = Request(NAME, link, request.what, headers=self.headers)
            elif end is not None and end < until:
                if end <= since:
                    raise request.bad_response(remark("answer.range_nowhere"), SMALLER)
                since = end
                request = self._request(entity, since, until)
            else:
                return
        raise request.bad_response(remark("answer.pages", n=MAX_PAGES), SMALLER)


def _next_link(response: Response, request: Request) -> str | None:
    """The next page of the same broker that a Link header names."""
    match = re.search(r'<([^>]*)>\s*;[^,]*rel="?next"?', response.headers.get("link", ""))
    if not match:
        return None
    try:
        link = str(httpx.URL(request.url).join(match[1]))
    except (httpx.InvalidURL, ValueError):
        link = ""
    if not link or not same_origin(request.url, link):
        away = remark("answer.link_away", address=repr(match[1][:60]))
        raise request.bad_response(away, remark("cure.mend_address"))
    return link


def _answered_until(response: Response, request: Request) -> pd.Timestamp | None:
    """Until when a partial answer (206) goes: the second time of its Content-Range.

    It reads ``date-time 2026-..Z-2026-..Z/..``. Raises SourceUnavailable for times that are none.
    """
    text = response.headers.get("content-range", "")
    times = re.findall(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d+)?Z?", text)
    if len(times) != 2:
        return None
    try:
        return max(instant(f"{time.rstrip('Z')}Z") for time in times)
    except ValueError:
        raise request.bad_response(remark("answer.range", text=repr(text[:80])), REPORT) from None


def broker_of(region: Region, policy: RetryPolicy = DEFAULT_POLICY) -> Broker:
    """The region's broker, with what it must be shown from the environment.

    Raises ConfigError for what the options cannot be.
    """
    options = options_of(region, NAME, NgsiLdOptions)
    require_known(region, list(options.places), NAME, f"mend `places` in {region.path}")
    named = {
        "NGSILD-Tenant": options.tenant,
        "Fiware-Service": options.fiware_service,
        "Fiware-ServicePath": options.fiware_service_path,
        "Link": f"<{options.context}>; {CONTEXT}" if options.context else None,
    }
    headers = {name: value for name, value in named.items() if value}
    return Broker(options, headers | authorization(options.authorization_env, NAME, region), policy)
