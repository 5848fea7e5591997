"""Notifications: a subject and a text to the addresses of the environment, by Apprise.

An address holds a password. So no message, no log and no error shows one: it is told by its number,
the variable that holds it, and its scheme.
"""

from __future__ import annotations

import hashlib
import logging
import os
import smtplib
import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from configs.remarks import Remark, remark

NOTIFY = "CLIMATE_RISK_NOTIFY"
OPERATOR = "CLIMATE_RISK_NOTIFY_OPERATOR"
EXAMPLE = "mailto://user:password@host"
MAX_SECONDS = 60.0
"""For one address, whatever its service does. Each exchange has a time-out of its own: 4 s of a web
service and 15 s of a mail server, where the address does not set ``cto`` and ``rto``."""

_log = logging.getLogger("apprise")
_log.addHandler(logging.NullHandler())
logging.getLogger("urllib3").setLevel(logging.WARNING)  # it tells addresses at DEBUG


@dataclass(frozen=True)
class Address:
    """An Apprise address. ``variable``: where it stands, as the ``number``-th of its words.

    ``key``: what it is remembered by. No password is in it.
    """

    variable: str
    number: int
    scheme: str
    url: str = field(repr=False)
    key: str


def region_variable(region: str) -> str:
    """The variable with the addresses of one region: CLIMATE_RISK_NOTIFY_BERKANE_EXERCISE."""
    return f"{NOTIFY}_{region.upper().replace('-', '_')}"


def addresses_of(*variables: str) -> tuple[Address, ...]:
    """The addresses in variables of the environment, each once."""
    words = [
        (variable, number, word)
        for variable in dict.fromkeys(variables)
        for number, word in enumerate(os.environ.get(variable, "").split(), 1)
    ]
    first = {word: (variable, number) for variable, number, word in reversed(words)}
    wanted = [(*first[word], word) for word in dict.fromkeys(word for _, _, word in words)]
    return tuple(_with_keys(wanted))


def _with_keys(words: Sequence[tuple[str, int, str]]) -> Iterator[Address]:
    """Two addresses that differ by their passwords alone get keys with a number.

    Of a word that is no address not even its beginning is told: it could be a secret.
    """
    taken: dict[str, int] = {}
    for variable, number, word in words:
        plugin = _plugin(word)
        scheme = word.partition("://")[0].lower() if plugin is not None else "unknown"
        shown = str(plugin.url(privacy=True)) if plugin is not None else scheme
        digest = hashlib.sha256(shown.partition("?")[0].encode()).hexdigest()[:16]
        taken[digest] = taken.get(digest, 0) + 1
        key = digest if taken[digest] == 1 else f"{digest}-{taken[digest]}"
        yield Address(variable, number, scheme, word, key)


def _plugin(word: str) -> Any:
    """What Apprise makes of an address; None where it is none."""
    import apprise

    with _Listening():
        plugin = apprise.Apprise.instantiate(word, suppress_exceptions=True)
    if plugin is not None and word.startswith("mailto") and "format=" not in word:
        plugin.notify_format = apprise.NotifyFormat.TEXT  # of HTML the plain part loses its lines
    return plugin


def send(address: Address, subject: str, text: str, seconds: float = MAX_SECONDS) -> Remark | None:
    """Sends to an address. Returns why it was not taken, None where it was.

    It ends in ``seconds``, whatever the service does.
    """
    plugin = _plugin(address.url)
    if plugin is None:
        return remark("notify.no_address", example=EXAMPLE)
    listening, sent = _Listening(), list[bool]()

    def deliver() -> None:
        with listening:
            try:
                sent.append(bool(plugin.notify(body=text, title=subject, body_format="text")))
            except (
                Exception
            ) as error:  # a service's module may raise anything, and may show secrets
                listening.errors.append(error)

    thread = threading.Thread(target=deliver, name="notification", daemon=True)
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        return remark("notify.silent")
    return None if sent == [True] else listening.reason()


class _Listening(logging.Handler):
    """Takes what Apprise logs in a thread, which may hold secrets, and keeps the errors alone."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.errors: list[BaseException] = []
        self.statuses: list[int] = []
        self._of: int | None = None

    def __enter__(self) -> _Listening:
        self._of = threading.get_ident()
        _log.propagate = False  # whoever configures logging may have set it
        _log.setLevel(logging.DEBUG)
        _log.addHandler(self)
        return self

    def __exit__(self, *_: object) -> None:
        _log.removeHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        """Keeps the error that is being handled, and the status of an HTTP answer."""
        if record.thread != self._of:
            return
        error = sys.exc_info()[1]
        if error is not None and error not in self.errors:
            self.errors.append(error)
        values = record.args if isinstance(record.args, tuple) else ()
        self.statuses += [
            value
            for value in values
            if isinstance(value, int) and record.levelno >= logging.WARNING and 300 <= value < 600
        ]

    def reason(self) -> Remark:
        """Why an address did not take a message, by the kinds of its errors."""
        every = [cause for error in self.errors for cause in _causes(error)]
        if any(isinstance(error, smtplib.SMTPAuthenticationError) for error in every):
            return remark("notify.login")
        if any(isinstance(error, TimeoutError) for error in every):
            return remark("notify.silent")
        statuses = [*self.statuses, *_mail_statuses(every)]
        if statuses:
            login = statuses[-1] in (401, 403)
            return remark("notify.login") if login else remark("http.status", status=statuses[-1])
        if any(isinstance(error, OSError) for error in every):
            return remark("http.unreachable")
        return remark("notify.failed")


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """An error and those that it came from."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _mail_statuses(errors: Sequence[BaseException]) -> Iterator[int]:
    """What a mail server answered."""
    for error in errors:
        if isinstance(error, smtplib.SMTPResponseException):
            yield int(error.smtp_code)
        if isinstance(error, smtplib.SMTPRecipientsRefused):
            yield from (int(code) for code, _ in error.recipients.values())
