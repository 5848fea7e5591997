"""A context broker that is handed entities: batch upsert and delete, ETSI GS CIM 009 5.6."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from configs import Region
from configs.platforms import NgsiLdBroker
from configs.remarks import remark
from sources.common.authentication import authorization
from sources.common.http import send
from sources.common.http_messages import Request, RetryPolicy
from sources.common.platforms import PATIENCE

NAME = "ngsi_ld"
BATCH = 200
"""Entities a request: brokers limit the bytes of one."""


@dataclass(frozen=True)
class Recipient:
    """A broker as the region file describes it."""

    broker: NgsiLdBroker
    headers: Mapping[str, str]
    policy: RetryPolicy = PATIENCE

    def upsert(self, entities: Sequence[Mapping[str, Any]]) -> None:
        """Keep the entities, in the place of those of the same id. Raises SourceUnavailable."""
        linked = [{**entity, "@context": [self.broker.context]} for entity in entities]
        for part in _batches(linked):
            self._post("upsert", part, f"{len(part)} entities to be kept")

    def delete(self, identities: Sequence[str]) -> None:
        """Take entities away; those that are not there are gone already."""
        for part in _batches(identities):
            self._post("delete", part, f"{len(part)} entities to be taken away")

    def _post(self, operation: str, body: Sequence[Any], what: str) -> None:
        url = f"{self.broker.url}/entityOperations/{operation}"
        request = Request(NAME, url, what, headers=self.headers, method="POST", body=list(body))
        if operation == "upsert":
            kind = {"Content-Type": "application/ld+json"}
            request = replace(request, headers={**self.headers, **kind})
        answer = send(request, self.policy).body
        refused = _refused(answer, operation)
        if refused:
            raise request.bad_response(
                remark("platform.refused", n=len(refused), example=refused[0][:200]),
                remark("cure.check_broker"),
            )


def _batches(items: Sequence[Any]) -> Iterator[Sequence[Any]]:
    for begin in range(0, len(items), BATCH):
        yield items[begin : begin + BATCH]


def _refused(answer: Any, operation: str) -> list[str]:
    """What a broker refused of a batch (207): ids and why. What is not there need not go."""
    errors = answer.get("errors") if isinstance(answer, dict) else None
    told = []
    for one in errors if isinstance(errors, list) else ():
        error = one.get("error") if isinstance(one, dict) else None
        detail = error if isinstance(error, dict) else {}
        gone = detail.get("status") == 404 or "ResourceNotFound" in str(detail.get("type"))
        if not (operation == "delete" and gone):
            why = detail.get("detail") or detail.get("title") or ""
            told.append(
                f"{one.get('entityId', '') if isinstance(one, dict) else one} {why}".strip()
            )
    return told


def recipient_of(region: Region, policy: RetryPolicy = PATIENCE) -> Recipient | None:
    """The region's broker; None where it names none. Raises ConfigError without its secret."""
    broker = region.publish_to.ngsi_ld
    if broker is None:
        return None
    named = {
        "NGSILD-Tenant": broker.tenant,
        "Fiware-Service": broker.fiware_service,
        "Fiware-ServicePath": broker.fiware_service_path,
    }
    headers = {name: value for name, value in named.items() if value}
    return Recipient(
        broker, headers | authorization(broker.authorization_env, NAME, region), policy
    )
