"""One try of a request: what is sent, what may come back, and what each failure means."""

from __future__ import annotations

import json
import logging
import re
import ssl
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cache
from typing import Any

import httpx

from configs.remarks import Remark, as_remark, remark, text
from data_contracts.batch import SourceUnavailable
from sources.common.http_messages import (
    BadResponse,
    Request,
    Response,
    RetryPolicy,
    Throttled,
    same_origin,
)

RETRIED_STATUSES = frozenset({408, 425, 429, 500, 502, 503, 504})
MAX_REDIRECTS = 3
USER_AGENT = "climate-risk"
LATER = remark("cure.later")
CHECK_ADDRESS = remark("cure.address")

# The INFO lines of these two hold whole addresses, keys included.
for _library in ("httpx", "httpcore"):
    logging.getLogger(_library).setLevel(logging.WARNING)


class FailedTry(Exception):
    """A try that failed.

    ``again``: whether another may help; ``after``: the seconds the service asks to wait, if it
    does. ``kind``: the error to raise when there is no other try.
    """

    def __init__(
        self,
        found: str | Remark,
        cure: str | Remark,
        again: bool = True,
        after: float | None = None,
        kind: type[SourceUnavailable] = SourceUnavailable,
    ) -> None:
        self.found, self.cure = as_remark(found), as_remark(cure)
        super().__init__(text(self.found))
        self.again, self.after, self.kind = again, after, kind


class Unreachable(FailedTry):
    """A service, or a network, that is not there."""


def open_client(policy: RetryPolicy) -> httpx.Client:
    """A client that follows no redirect by itself."""
    headers = {"User-Agent": USER_AGENT, "Accept": "application/json"}
    patience = httpx.Timeout(policy.timeout, connect=min(policy.connect, policy.timeout))
    return httpx.Client(timeout=patience, follow_redirects=False, verify=_trust(), headers=headers)


@cache
def _trust() -> ssl.SSLContext:
    return httpx.create_ssl_context()


def try_once(client: httpx.Client, request: Request, policy: RetryPolicy) -> Response:
    """One try, following redirects that stay with the service."""
    url, params = request.url, {**request.params, **request.secrets} or None
    for _ in range(MAX_REDIRECTS + 1):
        status, headers, content = _exchange(client, url, params, request.headers, policy)
        if status not in (301, 302, 303, 307, 308):
            return Response(_json(status, headers, content, policy), headers)
        url, params = _target(url, headers.get("location", "")), None
    raise FailedTry(f"more than {MAX_REDIRECTS} redirects", CHECK_ADDRESS, again=False)


def _exchange(
    client: httpx.Client,
    url: str,
    params: Mapping[str, str] | None,
    headers: Mapping[str, str],
    policy: RetryPolicy,
) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of one request."""
    try:
        with client.stream("GET", url, params=params, headers=dict(headers)) as response:
            return (
                response.status_code,
                dict(response.headers),
                b"".join(_bounded(response, policy)),
            )
    except (httpx.ConnectError, httpx.ConnectTimeout):
        raise Unreachable(remark("http.unreachable"), remark("cure.network")) from None
    except httpx.TimeoutException:
        seconds = f"{policy.timeout:g}"
        raise FailedTry(remark("http.timeout", seconds=seconds), LATER) from None
    except httpx.RemoteProtocolError:
        raise FailedTry(remark("http.cut"), LATER) from None
    except (httpx.InvalidURL, httpx.UnsupportedProtocol):
        raise FailedTry("an address that cannot be asked", CHECK_ADDRESS, again=False) from None
    except (httpx.DecodingError, httpx.TransportError) as error:
        broken = remark("http.broken", name=type(error).__name__)
        raise FailedTry(broken, LATER) from None


def _bounded(response: httpx.Response, policy: RetryPolicy) -> Iterator[bytes]:
    """The body's pieces, as long as it is not too large and not too slow."""
    size, began = 0, time.monotonic()
    for piece in response.iter_bytes():
        size += len(piece)
        if size > policy.max_bytes:
            raise FailedTry(
                f"more than {policy.max_bytes:,} bytes",
                "ask for fewer places or days at a time",
                again=False,
            )
        if time.monotonic() - began > policy.max_seconds:
            raise FailedTry(f"a reply not complete within {policy.max_seconds:g} s", LATER)
        yield piece


def _target(url: str, location: str) -> str:
    """Where a redirect leads. Raises FailedTry when that is another service."""
    try:
        target = httpx.URL(url).join(location)
    except httpx.InvalidURL:
        raise FailedTry("a redirect to nowhere", CHECK_ADDRESS, again=False) from None
    if not location or not same_origin(url, str(target)):
        where = f"{target.scheme}://{target.host}" if location else "nowhere"
        raise FailedTry(f"a redirect to {where}, which is not followed", CHECK_ADDRESS, again=False)
    return str(target)


def _json(status: int, headers: Mapping[str, str], content: bytes, policy: RetryPolicy) -> Any:
    """The body of a good response. Raises FailedTry that says what came instead."""
    if not 200 <= status < 300:
        raise _refusal(status, headers, content, policy)
    if content.lstrip()[:1] == b"<":
        raise FailedTry("a web page where JSON was expected", CHECK_ADDRESS)
    try:
        body = json.loads(content, object_pairs_hook=_once)
        if re.search(rb"\\u[dD][89a-fA-F]", content):
            # JSON may hold half a character, which no file may: it becomes a question mark.
            whole = json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")
            body = json.loads(whole)
        return body
    except (ValueError, RecursionError):
        words = " ".join(content[:400].decode("utf-8", "replace").split())
        if policy.gives_up(words):
            raise FailedTry(
                f"the text {words[:200]!r}", LATER, again=False, kind=BadResponse
            ) from None
        raise FailedTry(f"{len(content):,} bytes that are not whole JSON", LATER) from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of JSON, where no key may stand twice."""
    values = dict(pairs)
    if len(values) != len(pairs):
        raise FailedTry("JSON with a key that stands twice", LATER)
    return values


def _refusal(
    status: int, headers: Mapping[str, str], content: bytes, policy: RetryPolicy
) -> FailedTry:
    """What a refused request means and what cures it."""
    reason = _reason(content)
    what = remark("http.status", status=str(status))
    if reason:
        what = remark("http.refused", status=str(status), reason=as_remark(reason))
    if status in (401, 403):
        return FailedTry(what, remark("cure.key"), again=False, kind=Throttled)
    if status not in RETRIED_STATUSES:
        return FailedTry(what, remark("cure.options"), again=False, kind=BadResponse)
    if policy.gives_up(reason):
        return FailedTry(what, LATER, again=False, kind=Throttled)
    return FailedTry(what, LATER, after=_retry_after(headers.get("retry-after")))


def _reason(content: bytes) -> str:
    """The reason a JSON refusal gives, in one short line."""
    try:
        body = json.loads(content)
    except (ValueError, RecursionError):
        return ""
    keys = ("reason", "message", "detail", "title")
    words = next((body[key] for key in keys if body.get(key)), "") if isinstance(body, dict) else ""
    return " ".join(str(words).split()).rstrip(".")[:200]


def _retry_after(header: str | None) -> float | None:
    """Seconds of a Retry-After header, which holds seconds or an HTTP date (RFC 9110, 10.2.3).

    None where it holds neither.
    """
    if not header:
        return None
    if header.strip().isdecimal():
        return float(header)
    try:
        when = parsedate_to_datetime(header)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return max(
        0.0,
        ((when if when.tzinfo else when.replace(tzinfo=UTC)) - datetime.now(UTC)).total_seconds(),
    )
