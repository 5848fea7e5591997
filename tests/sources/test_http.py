"""HTTP as sources speak it: what is tried again, what is refused, what is kept, and what is never
said."""

from __future__ import annotations

import dataclasses
import logging
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

sys.path.insert(0, str(Path(__file__).parent))

from replay import HASTY, Fault, Service, serve

from configs import RiskError
from data_contracts.batch import SourceUnavailable
from sources.common.http import Address, get_json, send
from sources.common.http_messages import (
    BadResponse,
    Request,
    RetryPolicy,
    Throttled,
    same_origin,
)
from sources.common.kept_answers import cache_folder

GOOD = {"value": 1.5}
JSON = {"Content-Type": "application/json"}
KEY = "sesame-open-4711"


@pytest.fixture
def service() -> Iterator[Service]:
    with serve(Service(lambda asked: GOOD)) as running:
        yield running


def request_to(service: Service, **changes: Any) -> Request:
    plain = Request(
        "weather_service",
        f"{service.url}/v1/data",
        "berkane, 2026-11-01 to 2026-11-10",
        {"days": "10"},
    )
    return dataclasses.replace(plain, **changes)


def plain(body: Any) -> Any:
    return body


def an_hour_later() -> str:
    return format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)


def now() -> str:
    return format_datetime(datetime.now(UTC), usegmt=True)


PASSING = {
    "too many requests": Fault(429, JSON, b'{"reason": "slowly"}'),
    "too many requests, with seconds to wait": Fault(429, {"Retry-After": "0"}),
    "too many requests, with a date to wait for": Fault(429, {"Retry-After": now()}),
    "too many requests, with words where a date belongs": Fault(429, {"Retry-After": "soon"}),
    "too many requests, with odd digits": Fault(429, {"Retry-After": "\u00b2"}),
    "an error of the service": Fault(500, JSON, b'{"error": true}'),
    "a bad gateway with a page": Fault(
        502, {"Content-Type": "text/html"}, b"<html>bad gateway</html>"
    ),
    "a service under repair": Fault(503, {"Retry-After": "0"}),
    "a gateway's time-out": Fault(504),
    "a request that took too long": Fault(408),
    "no answer in time": Fault(late=0.5),
    "a body cut in half": Fault(200, JSON, b'{"value": 1.5, "more": "0123456789"}', cut=True),
    "half of a JSON text": Fault(200, JSON, b'{"value": 1.'),
    "nothing at all": Fault(200, JSON, b""),
    "a web page": Fault(200, {"Content-Type": "text/html"}, b"<!doctype html><p>maintenance"),
    "bytes that are no text": Fault(200, JSON, b"\xff\xfe\x00"),
}


@pytest.mark.parametrize("fault", PASSING.values(), ids=PASSING)
def test_a_passing_fault_is_tried_again(service: Service, fault: Fault) -> None:
    service.faults = [fault]
    assert get_json(request_to(service), plain, HASTY) == GOOD
    assert len(service.asked) == 2


@pytest.mark.parametrize("fault", PASSING.values(), ids=PASSING)
def test_a_fault_that_stays_is_told_in_one_sentence(service: Service, fault: Fault) -> None:
    service.faults = [fault] * 3
    with pytest.raises(SourceUnavailable) as error:
        get_json(request_to(service), plain, HASTY)
    text = str(error.value)
    assert len(service.asked) == 3
    assert text.startswith(
        "weather_service: asked 127.0.0.1 for berkane, 2026-11-01 to 2026-11-10; found "
    )
    assert "in 3 tries; " in text and ("later" in text or "check" in text)


LASTING: dict[str, tuple[Fault, str, type[SourceUnavailable]]] = {
    "a day too far back": (
        Fault(400, JSON, b'{"error": true, "reason": "start_date is out of range."}'),
        "start_date is out of range",
        BadResponse,
    ),
    "a wrong key": (
        Fault(401, JSON, b'{"message": "no such key"}'),
        "check the key or token in the environment",
        Throttled,
    ),
    "a forbidden place": (Fault(403), "check the key or token in the environment", Throttled),
    "no such address": (Fault(404), "check the address", BadResponse),
    "a list as a reason": (Fault(400, JSON, b"[1, 2]"), "HTTP 400;", BadResponse),
    "a wait of an hour": (Fault(429, {"Retry-After": "3600"}), "asks to wait 3600 s", Throttled),
    "a wait until an hour later": (
        Fault(429, {"Retry-After": an_hour_later()}),
        "asks to wait",
        Throttled,
    ),
    "a daily limit": (
        Fault(429, JSON, b'{"reason": "Daily API request limit exceeded."}'),
        "Daily API request limit exceeded",
        Throttled,
    ),
    "a text that says it for good": (
        Fault(200, {}, b"Daily bread is sold out"),
        "found the text 'Daily bread is sold out'",
        BadResponse,
    ),
    "a redirect to another host": (
        Fault(302, {"Location": "http://example.invalid/login"}),
        "redirect to http://example.invalid",
        SourceUnavailable,
    ),
    "a redirect to a file": (
        Fault(301, {"Location": "file" + ":///secrets"}),
        "which is not followed",
        SourceUnavailable,
    ),
    "a redirect to another port": (
        Fault(307, {"Location": "http://127.0.0.1:9/"}),
        "which is not followed",
        SourceUnavailable,
    ),
    "a redirect to nowhere": (Fault(302), "redirect to nowhere", SourceUnavailable),
}


@pytest.mark.parametrize(("fault", "told", "kind"), LASTING.values(), ids=LASTING)
def test_a_lasting_fault_is_told_at_once(
    service: Service, fault: Fault, told: str, kind: type[SourceUnavailable]
) -> None:
    service.faults = [fault]
    with pytest.raises(SourceUnavailable, match="berkane, 2026-11-01 to 2026-11-10") as error:
        get_json(request_to(service), plain, dataclasses.replace(HASTY, hopeless=("daily",)))
    assert told in str(error.value) and type(error.value) is kind
    assert len(service.asked) == 1


def test_redirects_within_the_service_are_followed_but_not_for_ever(service: Service) -> None:
    service.faults = [Fault(301, {"Location": "/v2/data?days=10"})]
    assert get_json(request_to(service), plain, HASTY) == GOOD
    assert [asked.path for asked in service.asked] == ["/v1/data", "/v2/data"]
    service.faults = [Fault(301, {"Location": "/again"})] * 5
    with pytest.raises(SourceUnavailable, match="more than 3 redirects"):
        get_json(request_to(service), plain, HASTY)


def test_a_reply_that_does_not_end_or_is_too_large_is_refused(service: Service) -> None:
    service.faults = [Fault(200, JSON, b" " * 5_000)]
    with pytest.raises(
        SourceUnavailable, match="more than 1000 bytes; ask for fewer places or days"
    ):
        get_json(request_to(service), plain, dataclasses.replace(HASTY, max_bytes=1_000))


def test_a_service_that_is_not_there_is_told(service: Service) -> None:
    away = request_to(service, url="http://127.0.0.1:9/v1")
    with pytest.raises(SourceUnavailable, match="no connection in 2 tries; check the network"):
        get_json(away, plain, dataclasses.replace(HASTY, unreachable_tries=2))


def test_retry_after_is_obeyed_and_waits_grow(service: Service) -> None:
    service.faults = [Fault(429, {"Retry-After": "1"})]
    began = time.monotonic()
    get_json(request_to(service), plain, dataclasses.replace(HASTY, max_wait=2.0))
    assert time.monotonic() - began >= 1.0
    service.faults = [Fault(500)] * 4
    began = time.monotonic()
    get_json(request_to(service), plain, dataclasses.replace(HASTY, tries=5, wait=0.02))
    assert time.monotonic() - began >= 0.02 + 0.04 + 0.08 + 0.16


def test_a_key_is_sent_but_never_said_and_never_kept(
    service: Service, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    secret = request_to(
        service, secrets={"apikey": KEY}, headers={"Authorization": f"Bearer {KEY}"}
    )
    with caplog.at_level(logging.INFO):
        get_json(secret, plain, HASTY, kept=tmp_path, keep=True)
        assert service.asked[0].params["apikey"] == KEY
        assert service.asked[0].headers["authorization"] == f"Bearer {KEY}"
        service.faults = [Fault(403, JSON, f'{{"reason": "the key {KEY} is not known"}}'.encode())]
        with pytest.raises(SourceUnavailable, match=r"the key \*\*\* is not known") as error:
            get_json(secret, plain, HASTY)
    assert KEY not in str(error.value) + repr(secret) + caplog.text
    assert all(
        KEY not in path.name and KEY.encode() not in path.read_bytes()
        for path in tmp_path.iterdir()
    )
    assert get_json(request_to(service), plain, HASTY, kept=tmp_path) == GOOD
    assert len(service.asked) == 2, "what is kept is the same with another key"


def test_a_token_is_not_said_when_the_service_repeats_it_and_other_headers_are_no_secret(
    service: Service,
) -> None:
    told = request_to(
        service, headers={"Authorization": f"Bearer {KEY}", "NGSILD-Tenant": "berkane"}
    )
    service.faults = [Fault(400, JSON, f'{{"detail": "token {KEY} is out of date"}}'.encode())]
    with pytest.raises(
        SourceUnavailable,
        match=r"asked 127.0.0.1 for berkane, .* found HTTP 400 \(token \*\*\* is out of date\)",
    ):
        get_json(told, plain, HASTY)


def test_an_answer_is_kept_only_when_asked_to_and_accepted(
    service: Service, tmp_path: Path
) -> None:
    def refuse(body: Any) -> Any:
        raise RiskError("not this one")

    get_json(request_to(service), plain, HASTY, kept=tmp_path)
    with pytest.raises(RiskError, match="not this one"):
        get_json(request_to(service), refuse, HASTY, kept=tmp_path, keep=True)
    assert list(tmp_path.iterdir()) == []
    get_json(request_to(service), plain, HASTY, kept=tmp_path, keep=True)
    assert get_json(request_to(service), plain, HASTY, kept=tmp_path) == GOOD
    assert len(service.asked) == 3
    get_json(request_to(service, params={"days": "11"}), plain, HASTY, kept=tmp_path)
    assert len(service.asked) == 4


def test_a_damaged_or_unfit_kept_answer_is_asked_for_again(
    service: Service, tmp_path: Path
) -> None:
    def only_new(body: Any) -> Any:
        if body == GOOD:
            raise RiskError("an answer of old")
        return body

    get_json(request_to(service), plain, HASTY, kept=tmp_path, keep=True)
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:12])
    assert get_json(request_to(service), plain, HASTY, kept=tmp_path, keep=True) == GOOD
    service.answer = lambda asked: {"value": 2.0}
    assert get_json(request_to(service), only_new, HASTY, kept=tmp_path) == {"value": 2.0}


def test_one_request_at_a_time(service: Service) -> None:
    under_way, most = [], []

    def slow(asked: Any) -> Any:
        under_way.append(asked)
        most.append(len(under_way))
        time.sleep(0.05)
        under_way.pop()
        return GOOD

    service.answer = slow
    threads = [Thread(target=get_json, args=(request_to(service), plain, HASTY)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1, 1, 1, 1]


@pytest.mark.parametrize("host", ["192.0.2.1", "[2001:db8::1]", "weather.example.org"])
def test_no_test_reaches_past_the_loopback_address(
    service: Service, loopback_only: list[str], host: str
) -> None:
    with pytest.raises(SourceUnavailable, match="no connection"):
        get_json(
            request_to(service, url=f"http://{host}/v1"), plain, dataclasses.replace(HASTY, tries=1)
        )
    assert len(loopback_only) == 1 and host.strip("[]") in loopback_only.pop()


def test_a_reply_has_its_headers(service: Service) -> None:
    service.faults = [Fault(206, {**JSON, "Content-Range": "items 0-9/25"}, b"[]")]
    response = send(request_to(service), HASTY)
    assert (response.body, response.headers["content-range"]) == ([], "items 0-9/25")


class _Options(BaseModel):
    url: Address = "https://data.example.org"


@pytest.mark.parametrize(
    "text",
    [
        "file" + ":///etc/data",
        "ftp://data.example.org",
        "data.example.org",
        "http://",
        "http://a b:x/",
    ],
)
def test_an_address_is_http(text: str) -> None:
    with pytest.raises(ValidationError, match="expected an address"):
        _Options(url=text)


def test_an_address_holds_no_password() -> None:
    with pytest.raises(ValidationError, match="put it into the environment") as error:
        _Options(url="https://me:secret@data.example.org")
    assert _Options(url="https://customer-api.example.org/v1").url
    assert "secret" not in str(error.value.errors()[0]["msg"])


def test_the_origin_is_scheme_host_and_port() -> None:
    assert same_origin("https://a.org/x", "https://a.org:443/y")
    assert not same_origin("https://a.org", "http://a.org")
    assert not same_origin("https://a.org", "https://b.org")


def test_waits_are_a_setting_and_answers_are_kept_below_the_home(tmp_path: Path) -> None:
    assert RetryPolicy().tries >= 5 and RetryPolicy().wait >= 1
    assert cache_folder(tmp_path, "weather_service") == tmp_path / "cache" / "weather_service"
