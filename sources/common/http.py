"""The one way sources speak HTTP: politely, patiently, and believing nothing that comes back.

``get_json`` sends one request and returns what is made of its answer; ``RetryPolicy`` says how
patient it is. Whatever goes wrong is a SourceUnavailable in one sentence: the source, what was
asked, what was found, the cure. Keys and tokens go into ``secrets`` or ``headers`` only: they are
in no message and in no file.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, TypeVar

import httpx
from pydantic import AfterValidator

from configs import RiskError
from configs.remarks import holds_code, remark
from sources.common.http_exchange import FailedTry, Unreachable, try_once
from sources.common.http_messages import Request, Response, RetryPolicy, Throttled
from sources.common.kept_answers import answer_path, keep_answer, read_answer

Answer = TypeVar("Answer")

DEFAULT_POLICY = RetryPolicy()

_one_at_a_time = threading.Lock()


@dataclass
class _Haste:
    """How long services are waited for where someone waits for the first word on them.

    ``tries``: of a request; ``seconds``: without a byte. ``first``: once anything was answered all
    others are asked as patiently as ever. ``dead``: host -> how the try failed that found none
    there, or no answer.
    """

    tries: int
    seconds: float
    first: bool
    answered: bool = False
    dead: dict[str, FailedTry] = field(default_factory=dict)

    def hurried(self, policy: RetryPolicy) -> RetryPolicy:
        """The policy in haste; where one host is out of reach, others are waited for less."""
        if self.first and self.answered:
            return policy
        return replace(
            policy,
            tries=min(self.tries, policy.tries),
            connect=SHORT_CONNECT if self.dead else CONNECT,
            timeout=min(self.seconds, policy.timeout),
            max_seconds=min(2 * self.seconds, policy.max_seconds),
        )

    def give_up(self, request: Request, failure: FailedTry) -> bool:
        """Whether the failure says that the host is not worth another try now."""
        silent = isinstance(failure, Unreachable) or holds_code(failure.found, "http.timeout")
        if silent and not (self.first and self.answered):
            self.dead[_host(request)] = failure
            return True
        return False


CONNECT, SHORT_CONNECT = 3.0, 1.0
"""Seconds that a connection is waited for in haste, and where one host is out of reach already."""

_haste: ContextVar[_Haste | None] = ContextVar("haste", default=None)


@contextmanager
def _in(haste: _Haste) -> Iterator[None]:
    before = _haste.set(haste)
    try:
        yield
    finally:
        _haste.reset(before)


def asked_once() -> AbstractContextManager[None]:
    """Within it each request is tried once, for some seconds: for a mere check."""
    return _in(_Haste(tries=1, seconds=8.0, first=False))


def asked_first() -> AbstractContextManager[None]:
    """Within it nobody waits long for services of which none has answered yet: for a first pull."""
    return _in(_Haste(tries=2, seconds=20.0, first=True))


def _host(request: Request) -> str:
    return httpx.URL(request.url).netloc.decode()


def get_json(
    request: Request,
    read: Callable[[Any], Answer],
    policy: RetryPolicy = DEFAULT_POLICY,
    kept: Path | None = None,
    keep: bool = False,
) -> Answer:
    """What ``read`` makes of the JSON that answers the request.

    With a folder ``kept`` an answer kept there is used without asking where ``read`` accepts it,
    and with ``keep`` a new one is kept once ``read`` has accepted it: only for answers that will
    never change. Raises SourceUnavailable (BadResponse or Throttled where asking again soon is of
    no use), or what ``read`` raises.
    """
    path = answer_path(kept, request.url, request.params) if kept is not None else None
    kept_body = read_answer(path)
    if kept_body is not None:
        with suppress(RiskError):
            return read(kept_body)
    body = send(request, policy).body
    answer = read(body)
    if keep and path is not None:
        keep_answer(path, body)
    return answer


def is_kept(folder: Path, request: Request) -> bool:
    """Whether the answer is kept, so that it need not be asked for."""
    return answer_path(folder, request.url, request.params).is_file()


def send(request: Request, policy: RetryPolicy = DEFAULT_POLICY) -> Response:
    """The response to a request, tried as often as ``policy`` allows, one try at a time.

    Raises SourceUnavailable.
    """
    haste = _haste.get()
    if haste is not None:
        policy = haste.hurried(policy)
        if (dead := haste.dead.get(_host(request))) and not haste.answered:
            raise request.unavailable(dead.found, dead.cure, dead.kind)
    for number in range(1, policy.tries + 1):
        try:
            with _one_at_a_time:
                response = try_once(request, policy)
            if haste is not None:
                haste.answered = haste.first
            return response
        except FailedTry as failure:
            given_up = haste is not None and haste.give_up(request, failure)
            wait = None if given_up else _wait(failure, number, policy)
            if wait is None:
                complaint = failure.found
                if number > 1:
                    complaint = remark("http.tries", found=complaint, n=number)
                raise request.unavailable(complaint, failure.cure, failure.kind) from None
            time.sleep(wait)
    raise AssertionError("the policy allows no try")


def _wait(failure: FailedTry, number: int, policy: RetryPolicy) -> float | None:
    """Seconds until the next try, or None when there is to be none."""
    tries = (
        min(policy.tries, policy.unreachable_tries)
        if isinstance(failure, Unreachable)
        else policy.tries
    )
    if failure.after is not None and failure.after > policy.max_wait:
        failure.found = remark("http.wait", found=failure.found, n=round(failure.after))
        failure.kind = Throttled
        return None
    if not failure.again or number >= tries:
        return None
    doubled = min(policy.max_wait, policy.wait * 2.0 ** (number - 1))
    return max(failure.after or 0.0, doubled) + random.uniform(0.0, doubled / 2)  # noqa: S311


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
