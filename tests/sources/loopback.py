"""Servers on 127.0.0.1 for as long as a block lasts."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any


@contextmanager
def listening(
    handler: type[BaseHTTPRequestHandler], server: type[ThreadingHTTPServer] = ThreadingHTTPServer
) -> Iterator[str]:
    """The address of a server of ours on a free port."""
    with server(("127.0.0.1", 0), handler) as running:
        thread = Thread(target=running.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{running.server_port}"
        finally:
            running.shutdown()
            thread.join()


@contextmanager
def real_sensor_things(folder: Path, content: dict[str, Any]) -> Iterator[str]:
    """The address of a real SensorThings server (django-ogc-sensorthings).

    ``content``: what it holds, see sensor_things_server.py; ids.json in ``folder`` tells the ids.
    """
    (folder / "load.json").write_text(json.dumps(content))
    script = Path(__file__).parent / "sensor_things_server.py"
    process = subprocess.Popen(
        [sys.executable, str(script), str(folder)], stderr=(folder / "log").open("w")
    )
    try:
        for _ in range(600):
            if (folder / "port").exists():
                break
            assert process.poll() is None, (folder / "log").read_text()[-2000:]
            time.sleep(0.1)
        yield f"http://127.0.0.1:{(folder / 'port').read_text()}/sensorthings/v1.1"
    finally:
        process.kill()
        process.wait()
