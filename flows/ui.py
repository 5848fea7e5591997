"""``make ui``: MLflow, Prefect and the published reports in browsers of this machine, until Ctrl-C.

Who reaches MLflow can move the alias ``champion``, and who reaches Prefect can start runs, so both
ask for the password that this start made. The reports are there to be read, and ask for none.
"""

from __future__ import annotations

import secrets
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import reports
from configs import RiskError, Settings
from configs.remarks import text
from flows.home import open_home
from flows.servers import (
    HOST,
    USER,
    Login,
    free_port,
    names,
    new_login,
    origins,
    prefect_server,
    running,
    stopped_by_signal,
)
from models.registry import Registry


def ui(settings: Settings) -> int:
    """Starts the three, prints their addresses and waits.

    Raises RiskError when one cannot start.
    """
    with stopped_by_signal(), ExitStack() as stack:
        open_home(settings)
        # The database exists, and its paths are right, before MLflow's server opens it.
        registry = Registry(settings)
        registry.client  # noqa: B018
        settings.published.mkdir(parents=True, exist_ok=True)
        reports.write_index(settings)
        print("starting, some 20 s ...", flush=True)
        port = stack.enter_context(free_port(5000))
        login = stack.enter_context(new_login(port))
        prefect = stack.enter_context(prefect_server(options=("--no-services",), login=login))
        for message in (*registry.mended, *prefect.degraded):
            print(f"degraded: {text(message)}", file=sys.stderr)
        print(f"{'published reports':<20}{_reports(stack, settings)}")
        terminal, mlflow = sys.stdout.isatty(), _mlflow(stack, settings, port, login)
        print(f"{'MLflow':<20}{mlflow}")
        print(f"{'Prefect':<20}{prefect.page_for(terminal)}")
        print(f"{'user:password':<20}{login.text if terminal else login.file}")
        whole = "Prefect asks for that whole line, " if prefect.login else ""
        if (
            terminal and prefect.login
        ):  # MLflow's pages refuse to ask from an address that holds a password
            whole = "Prefect's link logs in, "
        print(f"{whole}MLflow asks for its two parts. Ctrl-C stops them.", flush=True)
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
NAMES = [f"{name}:{sys.argv[1]}" for name in ("127.0.0.1", "localhost")]
class Handler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_): pass
    def send_head(self):
        if self.headers["Host"] in NAMES:
            return super().send_head()
        self.send_error(403)
serve = functools.partial(Handler, directory=sys.argv[2])
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), serve).serve_forever()
"""


def _mlflow(stack: ExitStack, settings: Settings, port: int, login: Login) -> str:
    """MLflow's pages. Its list of users lasts as long as the server."""
    address = f"http://{HOST}:{port}"
    store = f"sqlite:///{settings.mlruns / 'mlflow.db'}"
    folder = Path(stack.enter_context(TemporaryDirectory(prefix="climate-risk-ui-")))
    (folder / "auth.ini").write_text(_MLFLOW_AUTH.format(folder=folder, user=USER))
    environment = {
        "MLFLOW_AUTH_CONFIG_PATH": str(folder / "auth.ini"),
        "MLFLOW_AUTH_ADMIN_PASSWORD": login.password,
        "MLFLOW_FLASK_SERVER_SECRET_KEY": secrets.token_urlsafe(24),
    }
    arguments = [
        "-m",
        "mlflow",
        "server",
        "--host",
        HOST,
        "--port",
        str(port),
        "--workers",
        "1",
        "--backend-store-uri",
        store,
        "--app-name",
        "basic-auth",
        "--allowed-hosts",
        ",".join(names(port)),
        "--cors-allowed-origins",
        ",".join(origins(port)),
    ]
    stack.enter_context(running("MLflow", arguments, f"{address}/health", environment))
    return address


_MLFLOW_AUTH = """[mlflow]
default_permission = NO_PERMISSIONS
database_uri = sqlite:///{folder}/users.db
admin_username = {user}
authorization_function = mlflow.server.auth:authenticate_request_basic_auth
"""


if __name__ == "__main__":
    try:
        sys.exit(ui(Settings.from_environment()))
    except RiskError as error:
        print(f"climate-risk: {error}", file=sys.stderr)
        sys.exit(1)
