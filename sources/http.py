"""The one way sources speak HTTP: politely, patiently, and believing nothing that comes back.

``get_json`` asks one question of a service and returns its answer; ``Manners`` says how patient it
is. Whatever goes wrong is a SourceUnavailable in one sentence: the source, what was asked, what was
found, the cure. Keys and tokens go into ``secrets`` or ``headers`` only: they are in no message and
in no file.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import logging
import os
import random
import re
import ssl
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cache
from pathlib import Path
from typing import Annotated, Any, TypeVar

import httpx
from pydantic import AfterValidator

from configs import RiskError
from data_contracts.batch import SourceUnavailable

Answer = TypeVar("Answer")

WORTH_ANOTHER_TRY = frozenset({408, 425, 429, 500, 502, 503, 504})
REDIRECTS = 3
USER_AGENT = "climate-risk"

# The INFO lines of these two hold whole addresses, keys included.
for _library in ("httpx", "httpcore"):
    logging.getLogger(_library).setLevel(logging.WARNING)

_one_at_a_time = threading.Lock()


class Refused(SourceUnavailable):
    """A service that answered, but not with what was asked for; asking again is of no use."""


class Closed(SourceUnavailable):
    """A service that answers us nothing for now.

    A limit is used up, it asks for a long wait, or it does not know the key.
    """


@dataclass(frozen=True)
class Manners:
    """How patiently a service is asked.

    ``tries``: how often at most; ``unreachable_tries``: where there is no connection at all.
    ``wait``: seconds before the second try, doubled before each further one up to ``longest_wait``
    (s); up to half as much is added by chance, so that many clients do not come back together. A
    service that asks for more than ``longest_wait`` is closed. ``timeout``: seconds without a byte.
    ``whole``: seconds for a whole reply. ``most_bytes``: of a reply. ``hopeless``: words of a
    refusal, or of a text where JSON belongs, after which waiting does not help, such as a daily
    limit.
    """

    tries: int = 5
    unreachable_tries: int = 3
    wait: float = 2.0
    longest_wait: float = 90.0
    timeout: float = 60.0
    whole: float = 300.0
    most_bytes: int = 100_000_000
    hopeless: tuple[str, ...] = ()

    def gives_up(self, text: str) -> bool:
        """Whether a service's words say that waiting does not help."""
        return any(word.lower() in text.lower() for word in self.hopeless)


MANNERS = Manners()


@dataclass(frozen=True)
class Question:
    """What is asked of a service.

    ``what``: the places and days, for messages ("berkane, 2026-11-01 to 2026-11-10"). ``secrets``:
    query parameters such as a key. Of the ``headers``, Authorization is secret too.
    """

    source: str
    url: str
    what: str
    params: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def host(self) -> str:
        return httpx.URL(self.url).host

    def unavailable(
        self, found: str, cure: str, kind: type[SourceUnavailable] = SourceUnavailable
    ) -> SourceUnavailable:
        """The error to raise, without a word of what is secret."""
        text = f"{self.source}: asked {self.host} for {self.what}; found {found}; {cure}."
        told = [value for name, value in self.headers.items() if name.lower() == "authorization"]
        told += [word for value in told for word in value.split()]
        for secret in (*self.secrets.values(), *told):
            text = text.replace(secret, "***") if len(secret) > 3 else text
        return kind(text)

    def refused(self, found: str, cure: str) -> SourceUnavailable:
        """The error for an answer that will be the same when asked for again."""
        return self.unavailable(found, cure, Refused)


@dataclass(frozen=True)
class Reply:
    """A service's answer: the JSON ``body`` and its ``headers``, names in small letters."""

    body: Any
    headers: Mapping[str, str] = field(default_factory=dict)


class _Trouble(Exception):
    """A try that failed.

    ``again``: whether another may help; ``after``: the seconds the service asks to wait, if it
    does.
    """

    def __init__(
        self,
        found: str,
        cure: str,
        again: bool = True,
        after: float | None = None,
        kind: type[SourceUnavailable] = SourceUnavailable,
    ) -> None:
        super().__init__(found)
        self.found, self.cure, self.again, self.after, self.kind = found, cure, again, after, kind


class _Unreachable(_Trouble):
    """A service, or a network, that is not there."""


LATER = "run it again later"
CHECK_ADDRESS = (
    "check the address under source_options in the region file, "
    "and that no login page stands before the service"
)


def get_json(
    question: Question,
    read: Callable[[Any], Answer],
    manners: Manners = MANNERS,
    kept: Path | None = None,
    keep: bool = False,
) -> Answer:
    """What ``read`` makes of the JSON that answers the question.

    With a folder ``kept`` an answer kept there is used without asking where ``read`` accepts it,
    and with ``keep`` a new one is kept once ``read`` has accepted it: only for answers that will
    never change. Raises SourceUnavailable (Refused or Closed where asking again soon is of no use),
    or what ``read`` raises.
    """
    path = _kept_path(kept, question) if kept is not None else None
    found = _kept_answer(path)
    if found is not None:
        with suppress(RiskError):
            return read(found)
    body = ask(question, manners).body
    answer = read(body)
    if keep and path is not None:
        _keep(path, body)
    return answer


def ask(question: Question, manners: Manners = MANNERS) -> Reply:
    """The reply to a question, tried as often as ``manners`` allow, one request at a time.

    Raises SourceUnavailable.
    """
    with _client(manners) as client:
        for number in range(1, manners.tries + 1):
            try:
                with _one_at_a_time:
                    return _try(client, question, manners)
            except _Trouble as trouble:
                wait = _wait(trouble, number, manners)
                if wait is None:
                    times = f" in {number} tries" if number > 1 else ""
                    raise question.unavailable(
                        trouble.found + times, trouble.cure, trouble.kind
                    ) from None
                time.sleep(wait)
    raise AssertionError("manners allow no try")


def same_origin(one: str, other: str) -> bool:
    """Whether two addresses have one scheme, host and port, so that a link may be followed."""
    first, second = httpx.URL(one), httpx.URL(other)
    return (first.scheme, first.host, _port(first)) == (second.scheme, second.host, _port(second))


def _address(text: str) -> str:
    try:
        url = httpx.URL(text)
    except (httpx.InvalidURL, TypeError):
        raise ValueError(
            f"found {text!r}, expected an address such as https://data.example.org/v1"
        ) from None
    if url.scheme not in ("http", "https") or not url.host:
        raise ValueError(
            f"found {text!r}, expected an address that begins with https:// or http://"
        )
    if url.userinfo:
        raise ValueError(
            "found a user or password in the address, which the region file must not hold; put it "
            "into the environment"
        )
    return text


Address = Annotated[str, AfterValidator(_address)]
"""An http or https address in a region's options, without a password in it."""


def cache_folder(data: Path, source: str) -> Path:
    """Where a source keeps answers that never change, below the home's data."""
    return data / "cache" / source


def _client(manners: Manners) -> httpx.Client:
    headers = {"User-Agent": USER_AGENT, "Accept": "application/json"}
    return httpx.Client(
        timeout=manners.timeout, follow_redirects=False, verify=_trust(), headers=headers
    )


@cache
def _trust() -> ssl.SSLContext:
    return httpx.create_ssl_context()


def _port(url: httpx.URL) -> int | None:
    return url.port or {"http": 80, "https": 443}.get(url.scheme)


def _try(client: httpx.Client, question: Question, manners: Manners) -> Reply:
    """One try, following redirects that stay with the service."""
    url, params = question.url, {**question.params, **question.secrets} or None
    for _ in range(REDIRECTS + 1):
        status, headers, content = _exchange(client, url, params, question.headers, manners)
        if status not in (301, 302, 303, 307, 308):
            return Reply(_json(status, headers, content, manners), headers)
        url, params = _target(url, headers.get("location", "")), None
    raise _Trouble(f"more than {REDIRECTS} redirects", CHECK_ADDRESS, again=False)


def _exchange(
    client: httpx.Client,
    url: str,
    params: Mapping[str, str] | None,
    headers: Mapping[str, str],
    manners: Manners,
) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of one request."""
    try:
        with client.stream("GET", url, params=params, headers=dict(headers)) as response:
            return (
                response.status_code,
                dict(response.headers),
                b"".join(_bounded(response, manners)),
            )
    except httpx.ConnectError:
        raise _Unreachable(
            "no connection", "check the network and the address, or run it again later"
        ) from None
    except httpx.TimeoutException:
        raise _Trouble(f"no answer within {manners.timeout:g} s", LATER) from None
    except httpx.RemoteProtocolError:
        raise _Trouble("a reply that was cut off", LATER) from None
    except (httpx.InvalidURL, httpx.UnsupportedProtocol):
        raise _Trouble("an address that cannot be asked", CHECK_ADDRESS, again=False) from None
    except (httpx.DecodingError, httpx.TransportError) as error:
        raise _Trouble(f"a broken connection ({type(error).__name__})", LATER) from None


def _bounded(response: httpx.Response, manners: Manners) -> Iterator[bytes]:
    """The body's pieces, as long as it is not too large and not too slow."""
    size, began = 0, time.monotonic()
    for piece in response.iter_bytes():
        size += len(piece)
        if size > manners.most_bytes:
            raise _Trouble(
                f"more than {manners.most_bytes:,} bytes",
                "ask for fewer places or days at a time",
                again=False,
            )
        if time.monotonic() - began > manners.whole:
            raise _Trouble(f"a reply not complete within {manners.whole:g} s", LATER)
        yield piece


def _target(url: str, location: str) -> str:
    """Where a redirect leads. Raises _Trouble when that is another service."""
    try:
        target = httpx.URL(url).join(location)
    except httpx.InvalidURL:
        raise _Trouble("a redirect to nowhere", CHECK_ADDRESS, again=False) from None
    if not location or not same_origin(url, str(target)):
        where = f"{target.scheme}://{target.host}" if location else "nowhere"
        raise _Trouble(f"a redirect to {where}, which is not followed", CHECK_ADDRESS, again=False)
    return str(target)


def _json(status: int, headers: Mapping[str, str], content: bytes, manners: Manners) -> Any:
    """The body of a good reply. Raises _Trouble that says what came instead."""
    if not 200 <= status < 300:
        raise _refusal(status, headers, content, manners)
    if content.lstrip()[:1] == b"<":
        raise _Trouble("a web page where JSON was expected", CHECK_ADDRESS)
    try:
        found = json.loads(content, object_pairs_hook=_once)
        if re.search(rb"\\u[dD][89a-fA-F]", content):
            # JSON may hold half a character, which no file may: it becomes a question mark.
            whole = json.dumps(found, ensure_ascii=False).encode("utf-8", "replace")
            found = json.loads(whole)
        return found
    except (ValueError, RecursionError):
        text = " ".join(content[:400].decode("utf-8", "replace").split())
        if manners.gives_up(text):
            raise _Trouble(f"the text {text[:200]!r}", LATER, again=False, kind=Refused) from None
        raise _Trouble(f"{len(content):,} bytes that are not whole JSON", LATER) from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of JSON, where no key may stand twice."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _Trouble("JSON with a key that stands twice", LATER)
    return found


def _refusal(status: int, headers: Mapping[str, str], content: bytes, manners: Manners) -> _Trouble:
    """What a refused request means and what cures it."""
    reason = _reason(content)
    found = f"HTTP {status}" + (f" ({reason})" if reason else "")
    if status in (401, 403):
        return _Trouble(
            found, "check the key or token in the environment", again=False, kind=Closed
        )
    if status not in WORTH_ANOTHER_TRY:
        return _Trouble(
            found,
            "check the address and the options under source_options in the region file",
            again=False,
            kind=Refused,
        )
    if manners.gives_up(reason):
        return _Trouble(found, LATER, again=False, kind=Closed)
    return _Trouble(found, LATER, after=_retry_after(headers.get("retry-after")))


def _reason(content: bytes) -> str:
    """The reason a JSON refusal gives, in one short line."""
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        return ""
    words = (
        next((found[key] for key in ("reason", "message", "detail", "title") if found.get(key)), "")
        if isinstance(found, dict)
        else ""
    )
    return " ".join(str(words).split()).rstrip(".")[:200]


def _retry_after(text: str | None) -> float | None:
    """Seconds of a Retry-After header, which holds seconds or an HTTP date (RFC 9110, 10.2.3).

    None where it holds neither.
    """
    if not text:
        return None
    if text.strip().isdecimal():
        return float(text)
    try:
        when = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return max(
        0.0,
        ((when if when.tzinfo else when.replace(tzinfo=UTC)) - datetime.now(UTC)).total_seconds(),
    )


def _wait(trouble: _Trouble, number: int, manners: Manners) -> float | None:
    """Seconds until the next try, or None when there is to be none."""
    tries = (
        min(manners.tries, manners.unreachable_tries)
        if isinstance(trouble, _Unreachable)
        else manners.tries
    )
    if trouble.after is not None and trouble.after > manners.longest_wait:
        trouble.found, trouble.kind = (
            f"{trouble.found}, which asks to wait {trouble.after:.0f} s",
            Closed,
        )
        return None
    if not trouble.again or number >= tries:
        return None
    doubled = min(manners.longest_wait, manners.wait * 2.0 ** (number - 1))
    return max(trouble.after or 0.0, doubled) + random.uniform(0.0, doubled / 2)  # noqa: S311


def is_kept(folder: Path, question: Question) -> bool:
    """Whether the answer is kept, so that it need not be asked for."""
    return _kept_path(folder, question).is_file()


def _kept_path(folder: Path, question: Question) -> Path:
    """The file of an answer: named by the address and what is asked, never by what is secret."""
    asked = json.dumps([question.url, sorted(question.params.items())])
    return folder / f"{hashlib.sha256(asked.encode()).hexdigest()[:40]}.json.gz"


def _kept_answer(path: Path | None) -> Any:
    """A kept answer, or None; a damaged file is as good as none."""
    if path is None:
        return None
    try:
        return json.loads(gzip.decompress(path.read_bytes()))
    except (OSError, EOFError, ValueError):
        return None


def _keep(path: Path, body: Any) -> None:
    """Keep an answer, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, partial = tempfile.mkstemp(dir=path.parent, suffix=".partial")
    with os.fdopen(handle, "wb") as file:
        file.write(gzip.compress(json.dumps(body).encode(), compresslevel=6, mtime=0))
    os.replace(partial, path)
