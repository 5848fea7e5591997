"""Watch: the flow that looks every hour at how regions stand, for the schedule."""

from __future__ import annotations

from typing import Any

from prefect.states import Completed

from configs import Settings
from flows.orchestration import risk_flow
from flows.watching import look


@risk_flow("watch", hours=0.5)
def watch(regions: list[str]) -> Any:
    """Looks at how regions stand and notifies once of each problem, and once of its end.

    Where there is a problem the run is completed, but called Degraded and says which.

    Args:
        regions: Names under configs/regions or paths of YAML files; none: all that have run here.
    """
    seen = look(regions, Settings.from_environment())
    lines = [f"{key}: {check.sentence}" for key, check in seen.status.problems.items()]
    lines += map(str, seen.unheard)
    if lines:
        return Completed(name="Degraded", message=" ".join([seen.status.verdict, *lines])[:2000])
    return Completed(message=seen.status.verdict)
