"""Services of which none has answered yet: nobody waits long for the first word on them."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from threading import Thread

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from replay import HASTY, Fault, Service, serve

from data_contracts.batch import SourceUnavailable
from sources.common import http
from sources.common.http import asked_first, asked_once, get_json
from sources.common.http_messages import Request

BUSY = Fault(503)


def request_to(url: str) -> Request:
    return Request("weather_service", url, "berkane, 2026-11-01 to 2026-11-10")


def ask(url: str) -> object:
    return get_json(request_to(url), lambda body: body, HASTY)


@pytest.fixture
def service() -> Iterator[Service]:
    with serve(Service(lambda asked: {"value": 1.5})) as running:
        yield running


@pytest.fixture
def silent() -> Iterator[tuple[str, list[socket.socket]]]:
    """The address of a service that takes connections and says nothing, and those it took."""
    taken: list[socket.socket] = []
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(20)

        def take() -> None:
            with suppress(OSError):
                while True:
                    taken.append(listening.accept()[0])

        Thread(target=take, daemon=True).start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/v1", taken
    for each in taken:
        each.close()


def refusing() -> str:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}/v1"


@pytest.mark.parametrize("haste", [asked_first, asked_once])
def test_a_silent_service_is_asked_once_and_not_again(haste, silent) -> None:
    url, taken = silent
    with haste():
        for path in ("/a", "/b"):
            with pytest.raises(SourceUnavailable, match=r"found no answer within 0\.3 s;") as error:
                ask(url + path)
            assert "tries" not in str(error.value)
    assert len(taken) == 1
    with pytest.raises(SourceUnavailable, match="in 3 tries"):
        ask(url)


@pytest.mark.parametrize("haste", [asked_first, asked_once])
def test_where_one_is_out_of_reach_others_are_asked_still(haste, service: Service) -> None:
    with haste():
        for _ in range(2):
            with pytest.raises(SourceUnavailable, match="found no connection;"):
                ask(refusing())
        assert ask(service.url) == {"value": 1.5}


def test_the_first_answer_makes_a_first_pull_patient(service: Service) -> None:
    """A service that is busy is tried twice before, and as often as ever after any answer."""
    service.faults += [BUSY] * 2
    with asked_first():
        with pytest.raises(SourceUnavailable, match="in 2 tries"):
            ask(service.url)
        assert ask(service.url) == {"value": 1.5}
        service.faults += [BUSY] * 3
        with pytest.raises(SourceUnavailable, match="in 3 tries"):
            ask(service.url)
    assert len(service.asked) == 6


def test_a_check_stays_in_haste_after_an_answer(service: Service) -> None:
    with asked_once():
        assert ask(service.url) == {"value": 1.5}
        service.faults += [BUSY]
        with pytest.raises(SourceUnavailable, match="HTTP 503") as error:
            ask(service.url)
    assert "tries" not in str(error.value)


def test_haste_waits_for_connections_for_seconds_and_less_once_one_is_out_of_reach() -> None:
    haste = http._Haste(tries=1, seconds=8.0, first=False)
    policy = http.DEFAULT_POLICY
    assert haste.hurried(policy).connect == 3.0
    with http._in(haste), pytest.raises(SourceUnavailable):
        get_json(request_to(refusing()), lambda body: body)
    assert (haste.hurried(policy).connect, haste.hurried(policy).timeout) == (1.0, 8.0)
    assert http._haste.get() is None
