"""``make ui``: the MLflow UI, the Prefect UI and the published reports, on this machine only, until Ctrl-C."""

from __future__ import annotations

import sys
import time
from contextlib import ExitStack

import reports
from configs import RiskError, Settings
from flows.servers import HOST, free_port, prefect_server, running, stopped_by_signal
from models.registry import Registry


def ui(settings: Settings) -> int:
    """Starts the three, prints their addresses and waits. Raises RiskError when one cannot start."""
    with stopped_by_signal(), ExitStack() as stack:
        Registry(settings).client  # noqa: B018  (the database exists and its paths are right before MLflow's server opens it)
        settings.published.mkdir(parents=True, exist_ok=True)
        reports.write_index(settings)
        print("starting, some 20 s ...", flush=True)
        prefect = stack.enter_context(prefect_server(options=("--no-services",))).removesuffix(
            "/api"
        )
        pages = [_reports(stack, settings), _mlflow(stack, settings), prefect]
        for name, address in zip(("published reports", "MLflow", "Prefect"), pages, strict=True):
            print(f"{name:<20}{address}", flush=True)
        print("Ctrl-C stops them.", flush=True)
        while True:
            time.sleep(3600)
    print("stopped")
    return 0


def _reports(stack: ExitStack, settings: Settings) -> str:
    port = stack.enter_context(free_port(8000))
    address = f"http://{HOST}:{port}/"
    arguments = ["-c", _QUIET_SERVER, str(port), str(settings.published)]
    stack.enter_context(running("reports", arguments, address))
    return address


_QUIET_SERVER = """
import functools, http.server, sys
class Handler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_): pass
serve = functools.partial(Handler, directory=sys.argv[2])
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), serve).serve_forever()
"""


def _mlflow(stack: ExitStack, settings: Settings) -> str:
    port = stack.enter_context(free_port(5000))
    address = f"http://{HOST}:{port}"
    store = f"sqlite:///{settings.mlruns / 'mlflow.db'}"
    arguments = [
        "-m",
        "mlflow",
        "ui",
        "--host",
        HOST,
        "--port",
        str(port),
        "--workers",
        "1",
        "--backend-store-uri",
        store,
    ]
    stack.enter_context(running("MLflow", arguments, f"{address}/health"))
    return address


if __name__ == "__main__":
    try:
        sys.exit(ui(Settings.from_environment()))
    except RiskError as error:
        print(f"climate-risk: {error}", file=sys.stderr)
        sys.exit(1)
