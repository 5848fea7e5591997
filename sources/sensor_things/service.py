"""How a SensorThings service is asked: for one entity, or for a collection, page by page."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx

from configs import Region
from configs.remarks import remark
from sources.common.authentication import authorization
from sources.common.http import DEFAULT_POLICY, send
from sources.common.http_messages import Request, RetryPolicy, same_origin
from sources.common.locations import require_known
from sources.common.options import options_of
from sources.sensor_things.options import SensorThingsOptions

NAME = "sensor_things"
MAX_PAGES = 20_000
"""Of one Datastream: 100 years of hours in the smallest pages that servers give."""


@dataclass(frozen=True)
class SensorThingsService:
    """A service as the region's options describe it."""

    options: SensorThingsOptions
    headers: dict[str, str]
    policy: RetryPolicy = DEFAULT_POLICY

    def request(self, path: str, what: str, **params: str) -> Request:
        """A request for what lies at ``path``. ``params``: query options, named without ``$``."""
        url = f"{self.options.url.rstrip('/')}/{path}"
        query = {f"${name}": value for name, value in params.items() if value}
        return Request(NAME, url, what, query, self.headers)

    def entity(self, path: str, what: str) -> dict[str, Any]:
        """One entity. Raises SourceUnavailable."""
        request = self.request(path, what)
        body = send(request, self.policy).body
        if not isinstance(body, dict) or "@iot.id" not in body:
            missing = remark("answer.no_entity", path=path)
            raise request.bad_response(missing, remark("cure.id_address"))
        return body

    def collection(self, request: Request) -> Iterator[dict[str, Any]]:
        """All entities of a collection, following ``@iot.nextLink`` within the service.

        Raises SourceUnavailable.
        """
        seen = {request.url}
        for _ in range(MAX_PAGES):
            body = send(request, self.policy).body
            if not _is_collection(body):
                missing = remark("answer.no_list", name="`value`")
                raise request.bad_response(missing, remark("cure.sensor_address"))
            yield from body["value"]
            link = body.get("@iot.nextLink")
            if not link:
                return
            if not _leads_on(self.options.url, link):
                away = remark("answer.link_away", address=repr(str(link)[:60]))
                raise request.bad_response(away, remark("cure.mend_root"))
            if link in seen:
                raise request.bad_response(remark("answer.link_back"), remark("cure.service"))
            seen.add(link)
            request = Request(NAME, link, request.what, headers=self.headers)
        raise request.bad_response(remark("answer.pages", n=MAX_PAGES), remark("cure.page"))


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


def service_of(region: Region, policy: RetryPolicy = DEFAULT_POLICY) -> SensorThingsService:
    """The region's service, with what it must be shown from the environment.

    Raises ConfigError for what the options cannot be.
    """
    options = options_of(region, NAME, SensorThingsOptions)
    require_known(region, list(options.places), NAME, f"mend `places` in {region.path}")
    headers = authorization(options.authorization_env, NAME, region)
    return SensorThingsService(options, headers, policy)
