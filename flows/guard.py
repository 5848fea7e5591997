"""Guard: what the schedule serves runs as it was made, or not at all.

Prefect's API takes deployments from whoever knows its password, and so does its database from
whoever can write to it. Runs of the schedule are of the flows that its own process holds: no
entrypoint, pull step or job variable that the API holds is ever read to make one. Where it holds
any that are not ours, or parameters that are not, the run is refused, so that somebody looks.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import UUID

from prefect.runtime import flow_run

from configs import RiskError

if TYPE_CHECKING:
    from prefect.client.schemas.objects import FlowRun
    from prefect.client.schemas.responses import DeploymentResponse

SERVES = "CLIMATE_RISK_SERVES"
"""Environment variable of the schedule's runs: what it serves, by the id of the deployment."""


@dataclass(frozen=True)
class Served:
    """A deployment as the schedule made it; ``fixed``: its parameters that no run may change."""

    name: str
    entrypoint: str
    fixed: dict[str, Any] = field(default_factory=dict)


def tell_what_is_served(served: dict[UUID, Served]) -> None:
    """Tells it to the runs that this process starts from now on."""
    os.environ[SERVES] = json.dumps({str(key): vars(one) for key, one in served.items()})


def require_ours() -> None:
    """Raises RiskError where the schedule started the run under way from what is not its own."""
    told, run_id = os.environ.get(SERVES), flow_run.id
    if not told or not run_id:
        return
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        run = client.read_flow_run(UUID(run_id))
        if run.deployment_id is None:
            return  # a flow that a flow calls
        deployment = client.read_deployment(run.deployment_id)
    known = json.loads(told).get(str(deployment.id))
    ours = Served(**known) if known else Served(deployment.name, "")
    if found := list(foreign(deployment, run, ours)):
        raise RiskError(
            f"deployment {ours.name}: found {', '.join(found)}, expected what climate-risk "
            "schedule made; find out who has changed it, then start the schedule again."
        )


def foreign(deployment: DeploymentResponse, run: FlowRun, ours: Served) -> Iterator[str]:
    """What of a deployment and a run of it is not ours."""
    if deployment.entrypoint != ours.entrypoint:
        yield f"the entrypoint {deployment.entrypoint}"
    if deployment.pull_steps:
        yield "pull steps"
    if deployment.job_variables or run.job_variables:
        yield "job variables"
    if deployment.storage_document_id:
        yield "a storage"
    if deployment.work_pool_name:
        yield f"the work pool {deployment.work_pool_name}"
    for name, value in ours.fixed.items():
        if run.parameters.get(name) != value:
            yield f"another {name}"
