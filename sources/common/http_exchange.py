"""One try of a request: what is sent, what may come back, and what each failure means."""

from __future__ import annotations

import json
import logging
import queue
import re
import ssl
import threading
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cache
from typing import Any, NamedTuple

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
PIECE = 65_536
"""Bytes that are unpacked at once."""
USER_AGENT = "climate-risk"
LATER = remark("cure.later")
CHECK_ADDRESS = remark("cure.address")
NOWHERE = remark("http.redirect_nowhere")

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
        found: Remark,
        cure: Remark,
        again: bool = True,
        after: float | None = None,
        kind: type[SourceUnavailable] = SourceUnavailable,
    ) -> None:
        self.found, self.cure = found, cure
        super().__init__(text(self.found))
        self.again, self.after, self.kind = again, after, kind


class Unreachable(FailedTry):
    """A service, or a network, that is not there."""


def _open_client(policy: RetryPolicy) -> httpx.Client:
    """A client that follows no redirect by itself."""
    headers = {"User-Agent": USER_AGENT, "Accept": "application/json", "Accept-Encoding": "gzip"}
    patience = httpx.Timeout(policy.timeout, connect=min(policy.connect, policy.timeout))
    return httpx.Client(timeout=patience, follow_redirects=False, verify=_trust(), headers=headers)


@cache
def _trust() -> ssl.SSLContext:
    return httpx.create_ssl_context()


def try_once(request: Request, policy: RetryPolicy) -> Response:
    """One try, following redirects that stay with the service, within ``policy.max_seconds``."""
    client = _open_client(policy)
    try:
        exchange = _within(policy.max_seconds, lambda: _follow(client, request, policy))
    finally:
        client.close()  # which ends an exchange that is still under way
    if request.method == "POST" and 200 <= exchange.status < 300 and not exchange.content.strip():
        return Response(None, exchange.headers)  # what was handed over is kept, and no more is said
    return Response(_json(*exchange, policy), exchange.headers)


class _Exchange(NamedTuple):
    """What an exchange ends with: the status, the headers, and the body without its encoding."""

    status: int
    headers: dict[str, str]
    content: bytearray


def _within(seconds: float, work: Callable[[], _Exchange]) -> _Exchange:
    """What ``work`` returns, or raises, within so many seconds.

    It runs in a thread of its own: time-outs of single reads never end an exchange whose bytes
    trickle, and neither does the library's own between two informational responses.
    """
    outcome: queue.SimpleQueue[_Exchange | BaseException] = queue.SimpleQueue()

    def run() -> None:
        try:
            outcome.put(work())
        except BaseException as error:
            outcome.put(error)

    threading.Thread(target=run, daemon=True, name="exchange").start()
    try:
        result = outcome.get(timeout=seconds)
    except queue.Empty:
        raise FailedTry(remark("http.too_slow", seconds=f"{seconds:g}"), LATER) from None
    if isinstance(result, BaseException):
        raise result
    return result


def _follow(client: httpx.Client, request: Request, policy: RetryPolicy) -> _Exchange:
    """The first response that is no redirect; what is handed over follows none."""
    url, params = request.url, {**request.params, **request.secrets} or None
    for _ in range(MAX_REDIRECTS + 1):
        exchange = _exchange(client, request, url, params, policy)
        if exchange.status not in (301, 302, 303, 307, 308):
            return exchange
        if request.method != "GET":
            raise FailedTry(remark("http.post_redirect"), CHECK_ADDRESS, again=False)
        url, params = _target(url, exchange.headers.get("location", "")), None
    raise FailedTry(remark("http.redirects", n=MAX_REDIRECTS), CHECK_ADDRESS, again=False)


def _exchange(
    client: httpx.Client,
    request: Request,
    url: str,
    params: Mapping[str, str] | None,
    policy: RetryPolicy,
) -> _Exchange:
    """Status, headers and body of one exchange at an address."""
    headers, content = dict(request.headers), None
    if request.method == "POST":
        content = json.dumps(request.body, ensure_ascii=False, allow_nan=False).encode()
        headers = {"Content-Type": "application/json"} | headers
    try:
        asked = client.stream(request.method, url, params=params, headers=headers, content=content)
        with asked as response:
            status, received = response.status_code, dict(response.headers)
            raw = _bounded(response.iter_raw(), policy)
            body = bytearray()  # joining a list of pieces would hold them twice
            try:
                for piece in _bounded(_decoded(raw, received.get("content-encoding", "")), policy):
                    body += piece
            except BaseException:
                body.clear()  # the error's traceback holds it
                raise
            return _Exchange(status, received, body)
    except (httpx.ConnectError, httpx.ConnectTimeout):
        raise Unreachable(remark("http.unreachable"), remark("cure.network")) from None
    except httpx.TimeoutException:
        seconds = f"{policy.timeout:g}"
        raise FailedTry(remark("http.timeout", seconds=seconds), LATER) from None
    except httpx.RemoteProtocolError:
        raise FailedTry(remark("http.cut"), LATER) from None
    except (httpx.InvalidURL, httpx.UnsupportedProtocol):
        raise FailedTry(remark("http.bad_address"), CHECK_ADDRESS, again=False) from None
    except (httpx.TransportError, zlib.error) as error:
        broken = remark("http.broken", name=type(error).__name__)
        raise FailedTry(broken, LATER) from None


def _bounded(pieces: Iterable[bytes], policy: RetryPolicy) -> Iterator[bytes]:
    """The pieces of a body, as long as it is not too large."""
    size = 0
    for piece in pieces:
        size += len(piece)
        if size > policy.max_bytes:
            too_large = remark("http.too_large", n=policy.max_bytes)
            raise FailedTry(too_large, remark("cure.fewer"), again=False)
        yield piece


def _decoded(pieces: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    """A body without its encoding, which is gzip or none, in pieces of at most PIECE bytes."""
    names = [name for part in encoding.lower().split(",") if (name := part.strip())]
    if names in ([], ["identity"]):
        yield from pieces
        return
    if names not in (["gzip"], ["x-gzip"]):
        other = remark("http.encoding", encoding=repr(encoding[:80]))
        raise FailedTry(other, CHECK_ADDRESS, again=False)
    decoder = zlib.decompressobj(16 + zlib.MAX_WBITS)
    for piece in pieces:
        rest = piece
        while rest and not decoder.eof:
            yield decoder.decompress(rest, PIECE)
            rest = decoder.unconsumed_tail
        if decoder.unused_data or (decoder.eof and rest):
            raise zlib.error("bytes after the end")
    while not decoder.eof and (last := decoder.decompress(b"", PIECE)):
        yield last
    if not decoder.eof:
        raise FailedTry(remark("http.cut"), LATER)


def _target(url: str, location: str) -> str:
    """Where a redirect leads. Raises FailedTry when that is another service."""
    try:
        target = httpx.URL(url).join(location)
    except httpx.InvalidURL:
        raise FailedTry(NOWHERE, CHECK_ADDRESS, again=False) from None
    if not location or not same_origin(url, str(target)):
        address = f"{target.scheme}://{target.host}"
        where = remark("http.redirect", address=address) if location else NOWHERE
        raise FailedTry(where, CHECK_ADDRESS, again=False)
    return str(target)


def _json(status: int, headers: Mapping[str, str], content: bytearray, policy: RetryPolicy) -> Any:
    """The body of a good response. Raises FailedTry that says what came instead."""
    if not 200 <= status < 300:
        raise _refusal(status, headers, content, policy)
    if re.match(rb"\s*<", content):
        raise FailedTry(remark("http.page"), CHECK_ADDRESS)
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
            said = remark("http.text", text=repr(words[:200]))
            raise FailedTry(said, LATER, again=False, kind=BadResponse) from None
        raise FailedTry(remark("http.not_json", n=len(content)), LATER) from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of JSON, where no key may stand twice."""
    values = dict(pairs)
    if len(values) != len(pairs):
        raise FailedTry(remark("http.key_twice"), LATER)
    return values


def _refusal(
    status: int, headers: Mapping[str, str], content: bytearray, policy: RetryPolicy
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


def _reason(content: bytearray) -> str:
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
