"""Requests to services, their responses, how patiently they are asked, and what may go wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import httpx

from configs.remarks import Remark, as_remark, remark, with_texts
from data_contracts.batch import SourceUnavailable


class BadResponse(SourceUnavailable):
    """A service that answered, but not with what was asked for. Do not ask again."""


class Throttled(SourceUnavailable):
    """A service that answers us nothing for now.

    A limit is used up, it asks for a long wait, or it does not know the key.
    """


@dataclass(frozen=True)
class RetryPolicy:
    """How patiently a service is asked.

    ``tries``: how often at most; ``unreachable_tries``: where there is no connection at all.
    ``wait``: seconds before the second try, doubled before each further one up to ``max_wait`` (s);
    up to half as much is added by chance, so that many clients do not come back together. A service
    that asks for more than ``max_wait`` is Throttled. ``connect``: seconds until there is a
    connection; ``timeout``: without a byte after that.
    ``max_seconds``: for a whole exchange, redirects and headers included. ``max_bytes``: of a body,
    as it is sent and as it is unpacked: three times the largest that is asked for, an ensemble's.
    ``hopeless``: words of a refusal, or of a text where JSON belongs, after which waiting does not
    help, such as a daily limit.
    """

    tries: int = 5
    unreachable_tries: int = 3
    wait: float = 2.0
    max_wait: float = 90.0
    connect: float = 20.0
    timeout: float = 60.0
    max_seconds: float = 300.0
    max_bytes: int = 32_000_000
    hopeless: tuple[str, ...] = ()

    def gives_up(self, text: str) -> bool:
        """Whether a service's words say that waiting does not help."""
        return any(word.lower() in text.lower() for word in self.hopeless)


@dataclass(frozen=True)
class Request:
    """What a service is asked for.

    ``what``: locations and days, for messages ("berkane, 2026-11-01 to 2026-11-10"). ``secrets``:
    query parameters such as a key. Of the ``headers``, Authorization is secret too. ``method`` is
    GET, or POST to hand the service ``body``, which is sent as JSON.
    """

    source: str
    url: str
    what: str
    params: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    method: Literal["GET", "POST"] = "GET"
    body: Any = field(default=None, repr=False)

    @property
    def host(self) -> str:
        """The service's host."""
        return httpx.URL(self.url).host

    def unavailable(
        self,
        found: Remark,
        cure: Remark,
        kind: type[SourceUnavailable] = SourceUnavailable,
    ) -> SourceUnavailable:
        """The error to raise, without a word of what is secret."""
        message = remark(
            "source.answer",
            source=self.source,
            host=self.host,
            what=as_remark(self.what),
            found=found,
            cure=cure,
        )
        return kind(with_texts(message, self._without_secrets))

    def _without_secrets(self, text: str) -> str:
        secrets = [value for name, value in self.headers.items() if name.lower() == "authorization"]
        secrets += [word for value in secrets for word in value.split()]
        for secret in (*self.secrets.values(), *secrets):
            text = text.replace(secret, "***") if len(secret) > 3 else text
        return text

    def bad_response(self, found: Remark, cure: Remark) -> SourceUnavailable:
        """The error for an answer that will be the same when asked for again."""
        return self.unavailable(found, cure, BadResponse)


@dataclass(frozen=True)
class Response:
    """A service's answer: the JSON ``body`` and its ``headers``, names in small letters."""

    body: Any
    headers: Mapping[str, str] = field(default_factory=dict)


def same_origin(first: str, second: str) -> bool:
    """Whether two addresses have one scheme, host and port, so that a link may be followed."""
    ours, theirs = httpx.URL(first), httpx.URL(second)
    return (ours.scheme, ours.host, _port(ours)) == (theirs.scheme, theirs.host, _port(theirs))


def _port(url: httpx.URL) -> int | None:
    return url.port or {"http": 80, "https": 443}.get(url.scheme)
