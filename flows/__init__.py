"""Flows: when things happen. One verb a file; Prefect runs them; no science here.

Importing this package, before anything heavy, sets the environment the tools read when they are
imported: where Prefect keeps its state, how loudly it talks, and that nothing phones home.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from configs import RiskError, Settings

LEAST_ROOM = 20_000_000
"""Bytes that a run needs at least: Prefect's database, a day of the store and a report."""


def _prepare(environment: dict[str, str], settings: Settings) -> dict[str, str]:
    """What to add to ``environment``; what its owner has set stays."""
    wanted = {
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        "GX_ANALYTICS_ENABLED": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        # eight worker processes for work nobody here gives it
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MPLBACKEND": "Agg",
        # Asked for none, Dask imports its distributed one to see whether that runs.
        "DASK_SCHEDULER": "threads",
        # The matrices here are small: a second thread of BLAS waits in a loop, for twice the
        # processor time and no gain.
        "OMP_NUM_THREADS": "1",
        "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "WARNING",
        "PREFECT_SERVER_LOGGING_LEVEL": "WARNING",
        "PREFECT_CLI_PROMPT": "false",
        # The pages of version 2 tell a host outside of everyone who has not signed in yet.
        "PREFECT_SERVER_UI_V2_ENABLED": "false",
        # Runs that ended 90 days ago go from its database.
        "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED": "events,flow_runs",
        # A small machine prepares an empty database in about 15 s; Prefect's own limit is 20 s.
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "180",
    }
    if not environment.get("PREFECT_API_URL"):
        wanted["PREFECT_HOME"] = str(settings.prefect)
    return {key: value for key, value in wanted.items() if key not in environment}


def make_prefect_home() -> None:
    """Makes the folder of Prefect's database; Prefect makes none below a missing one.

    Raises RiskError where it cannot be, where no run would have room, and for a home of a later
    version.
    """
    from flows.home import open_home, read_stamp

    read_stamp(Settings.from_environment())
    folder = Path(os.environ.get("PREFECT_HOME") or Path.home() / ".prefect").expanduser()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        why = (error.strerror or "it cannot be made").lower()
        raise RiskError(
            f"folder {folder}: {why}, expected a folder to write to; set CLIMATE_RISK_HOME to one "
            "you own."
        ) from None
    if shutil.disk_usage(folder).free < LEAST_ROOM:
        raise RiskError(
            f"folder {folder}: found less than {LEAST_ROOM // 1_000_000} MB of room on its disk, "
            "expected that much for a run; make room there, then run this again."
        )
    open_home(Settings.from_environment())


os.environ.update(_prepare(dict(os.environ), Settings.from_environment()))
