"""What a run shows while it works: its stages, how long each took, how far a long pull has come.

A flow writes ``with stage("pull nasa_power") as say: ...; say(places=16, days=3)``. When it is done
a line tells it in the past tense: "pulled nasa_power: 16 places, 3 days (1.2 s)". The lines always
go to the Prefect run; a command also shows them, as a Rich display in a terminal and as plain lines
elsewhere; with ``CLIMATE_RISK_LOG=json`` each also is a JSON object on standard error. What a
source logs at INFO is shown beneath its stage; a record with ``extra={"done": 3, "of": 40}`` is a
bar in a terminal.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from time import perf_counter
from typing import Protocol

from configs import ConfigError, clock

LOG = "CLIMATE_RISK_LOG"
PAST = {
    "backtest": "backtested",
    "catch up": "caught up",
    "check and store": "checked and stored",
    "fit": "fitted",
    "forecast": "forecast",
    "grade": "graded",
    "hand over to": "handed over to",
    "learn": "learnt",
    "notify": "notified",
    "publish": "published",
    "pull": "pulled",
    "register": "registered",
    "score": "scored",
    "start": "started",
    "tidy": "tidied",
    "wait for": "waited for",
}
"""What a stage does -> what it did."""

Show = Callable[[str], None]
Display = Callable[["Stage"], AbstractContextManager[Show]]

_display: list[Display] = []
_region: ContextVar[str | None] = ContextVar("region", default=None)


class Say(Protocol):
    """Takes facts about a stage: in words, and as counts by what is counted."""

    def __call__(self, fact: str = "", /, **counts: int) -> None:
        """``say("nothing new")``, ``say(places=16)``."""


@dataclass
class Stage:
    """A stage of a run: what it does, since when, and what is known of it so far."""

    title: str
    began: float = field(default_factory=perf_counter)
    facts: list[str] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    failed: bool = False

    @property
    def seconds(self) -> float:
        """How long it has taken."""
        return perf_counter() - self.began

    @property
    def told(self) -> list[str]:
        """All facts in words, each once."""
        return list(dict.fromkeys(self.facts))

    @property
    def line(self) -> str:
        """What it did, in a line."""
        facts = ["failed"] if self.failed else self.told
        title = self.title if self.failed else past(self.title)
        return f"{title}{': ' if facts else ''}{', '.join(facts)} ({self.seconds:.1f} s)"

    @property
    def record(self) -> dict[str, object]:
        """The same for a program; JSON-able."""
        return {
            "time": clock.now().isoformat(timespec="milliseconds"),
            "region": _region.get(),
            "stage": self.title,
            "state": "failed" if self.failed else "done",
            "seconds": round(self.seconds, 3),
            "counts": self.counts,
            "facts": self.told,
        }


def past(title: str) -> str:
    """A stage's title in the past tense; as it is where its verb is none of ``PAST``."""
    verb = max((verb for verb in PAST if f"{title} ".startswith(f"{verb} ")), key=len, default="")
    return f"{PAST[verb]}{title[len(verb) :]}" if verb else title


def counted(name: str, count: int) -> str:
    """A count in words: ``places``, 16 -> "16 places"."""
    words = name.replace("_", " ")
    return f"{count:,} {words.removesuffix('s') if count == 1 else words}"


@contextmanager
def about(region: str) -> Iterator[None]:
    """The stages of the block are of a region, which JSON lines name."""
    token = _region.set(region)
    try:
        yield
    finally:
        _region.reset(token)


@contextmanager
def stage(title: str) -> Iterator[Say]:
    """One stage of a run.

    The function it yields takes facts and counts, to be shown beside the time it took.
    """
    now = Stage(title)
    try:
        with _display[-1](now) if _display else nullcontext(print_nothing) as show:

            def say(fact: str = "", /, **counts: int) -> None:
                now.counts |= counts
                words = [*([fact] if fact else []), *(counted(*one) for one in counts.items())]
                now.facts.extend(words)
                show(", ".join(now.told))

            try:
                yield say
            except BaseException:
                now.failed = True
                raise
    finally:
        _log(now)


def print_nothing(_: str) -> None:
    """Shows nothing."""


def wants_json() -> bool:
    """Whether the lines are asked for as JSON. Raises ConfigError for a value there is none of."""
    value = os.environ.get(LOG, "")
    if value not in ("", "text", "json"):
        raise ConfigError(f"{LOG}: found {value!r}, expected text or json; set one of these.")
    return value == "json"


def _log(now: Stage) -> None:
    """To the Prefect run under way, if there is one, and to standard error where JSON is wanted."""
    if wants_json():
        print(json.dumps(now.record, ensure_ascii=False), file=sys.stderr, flush=True)
    if "prefect" in sys.modules:
        from prefect.exceptions import MissingContextError
        from prefect.logging import get_run_logger

        with suppress(MissingContextError):
            get_run_logger().info(now.line)


@contextmanager
def shown(interactive: bool | None = None) -> Iterator[None]:
    """Shows the stages of the block on standard output.

    By Rich in a terminal (or when ``interactive``), else as plain lines. Raises ConfigError for a
    setting of how to log that is none.
    """
    wants_json()
    if interactive is None:
        interactive = sys.stdout.isatty()
    with _rich() if interactive else nullcontext(_plain) as display:
        _display.append(display)
        try:
            yield
        finally:
            _display.pop()


class _Sources(logging.Handler):
    """Hands on what the sources log."""

    def __init__(self, show: Callable[[logging.LogRecord], None]) -> None:
        super().__init__(logging.INFO)
        self.show = show

    def emit(self, record: logging.LogRecord) -> None:
        self.show(record)


@contextmanager
def _sources_told(show: Callable[[logging.LogRecord], None]) -> Iterator[None]:
    """Lets ``show`` see what the sources log at INFO or above."""
    logger, handler = logging.getLogger("sources"), _Sources(show)
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(min(before or logging.INFO, logging.INFO))
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before)


@contextmanager
def _plain(now: Stage) -> Iterator[Show]:
    with _sources_told(lambda record: print(f"  {record.getMessage()}", flush=True)):
        yield print_nothing
    print(now.line, flush=True)


@contextmanager
def _rich() -> Iterator[Display]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
    from rich.text import Text

    console = Console(highlight=False)
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description:<32}"),
        TimeElapsedColumn(),
        BarColumn(20),
        TextColumn("{task.fields[fact]}"),
    )
    with Progress(*columns, console=console, transient=True) as progress:

        @contextmanager
        def display(now: Stage) -> Iterator[Show]:
            task = progress.add_task(now.title, total=None, fact="")

            def told(record: logging.LogRecord) -> None:
                far = (
                    {"completed": record.done, "total": record.of}
                    if hasattr(record, "of") and hasattr(record, "done")
                    else {}
                )
                progress.update(task, fact=record.getMessage(), **far)

            try:
                with _sources_told(told):
                    yield lambda facts: progress.update(task, fact=facts)
            finally:
                progress.remove_task(task)
                mark = Text("✗", "red") if now.failed else Text("✓", "green")
                console.print(mark, Text(now.line), soft_wrap=True)

        yield display
