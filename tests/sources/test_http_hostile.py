"""Each exchange ends in its time and in little memory, whatever a server does."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from threading import Event

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from hostile_servers import DOUBLED, SERVERS, Say, hostile, whole

from configs import CHECKOUT
from data_contracts.batch import SourceUnavailable
from sources.common.http import get_json
from sources.common.http_messages import Request, RetryPolicy

POLICY = RetryPolicy(tries=2, wait=0.01, timeout=0.5, max_seconds=0.4, max_bytes=1_000_000)
MEGABYTES = 200


def ask(url: str, policy: RetryPolicy = POLICY) -> object:
    return get_json(Request("weather_service", url, "berkane"), lambda body: body, policy)


@pytest.mark.parametrize(("behave", "told"), SERVERS.values(), ids=SERVERS)
def test_an_exchange_ends_within_its_deadline(
    behave: Callable[[Say, Event], None], told: str
) -> None:
    with hostile(behave) as url, pytest.raises(SourceUnavailable) as error:
        ask(url)
    assert told in str(error.value)


def test_the_doubled_gzip_is_small() -> None:
    assert len(DOUBLED) < 10_000


def test_one_gzip_is_read() -> None:
    body = {"value": [1.5] * 40_000}

    def answer(say: Say, pause: Event) -> None:
        say(whole(gzip.compress(json.dumps(body).encode()), "gzip"))

    with hostile(answer) as url:
        assert ask(url, replace(POLICY, max_seconds=20)) == body


def test_no_server_takes_much_memory() -> None:
    """Each in turn, in a process of its own whose peak is measured; its limits are the default's,
    but for the deadline. The kernel's count for children would hold this process's own peak."""
    if not Path("/proc/self/status").exists():
        pytest.skip("needs Linux, which tells a process's peak")
    script = """
import re, sys
from pathlib import Path
sys.path[:0] = ["tests/sources"]
from hostile_servers import SERVERS, hostile
from sources.common.http import get_json
from sources.common.http_messages import Request, RetryPolicy
from configs import RiskError
for name, (behave, _) in SERVERS.items():
    with hostile(behave) as url:
        try:
            policy = RetryPolicy(tries=1, max_seconds=0.5)
            get_json(Request("s", url, "w"), lambda body: body, policy)
        except RiskError:
            pass
    peak = re.search("VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())
    print(name, int(peak[1]) // 1024)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=CHECKOUT, capture_output=True, text=True, check=True
    )
    assert int(done.stdout.split()[-1]) < MEGABYTES, done.stdout
