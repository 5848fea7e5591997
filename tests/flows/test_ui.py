"""``make ui``: three servers on this machine, gone after Ctrl-C."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from flows.servers import HOST, answers, free_port


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_three_addresses_answer_and_ctrl_c_ends_them(tmp_path: Path) -> None:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    process = subprocess.Popen(
        [sys.executable, "-m", "flows.ui"],
        env=kept | {"CLIMATE_RISK_HOME": str(tmp_path / "home")},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    try:
        said = []
        for line in process.stdout:
            said.append(line)
            if line.startswith("Ctrl-C"):
                break
        pages = re.findall(r"http://127\.0\.0\.1:\d+", "".join(said))
        assert len(pages) == 3, "".join(said)
        texts = [urllib.request.urlopen(page, timeout=30).read().decode() for page in pages]  # noqa: S310
        assert ["MLflow" in texts[1], "Prefect" in texts[2], "<html" in texts[0]] == [
            True,
            True,
            True,
        ]
        process.send_signal(signal.SIGINT)
        rest = process.stdout.read()
        assert process.wait(60) == 0, rest
        assert rest.splitlines()[-1] == "stopped" and "Traceback" not in rest
        assert not any(answers(page) for page in pages)
    finally:
        process.kill()


def test_a_taken_port_is_passed_over() -> None:
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        taken.listen()
        port = taken.getsockname()[1]
        with free_port(port) as first, free_port(port) as second:
            assert port < first < second
