"""What a run shows while it works: its stages, how long each took, how far a long pull has come.

A flow writes ``with stage("fit heat") as say: ...; say("120 rounds")``. The lines always go to
the Prefect run; a command also shows them, as a Rich display in a terminal and as plain lines
elsewhere. What a source logs at INFO is shown beneath its stage; a record with ``extra={"done":
3, "of": 40}`` is a bar in a terminal.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from time import perf_counter

Say = Callable[[str], None]
Display = Callable[[str], AbstractContextManager[Say]]

_display: list[Display] = []


@contextmanager
def stage(title: str) -> Iterator[Say]:
    """One stage of a run.

    The function it yields takes a fact to be shown beside the time it took.
    """
    began, facts = perf_counter(), list[str]()
    with _display[-1](title) if _display else nullcontext(facts.append) as show:

        def say(fact: str) -> None:
            facts.append(fact)
            show(fact)

        yield say
    facts_told = "".join(f"; {fact}" for fact in dict.fromkeys(facts))
    _log(f"{title}: {perf_counter() - began:.1f} s{facts_told}")


def _log(line: str) -> None:
    """To the Prefect run under way, if there is one."""
    if "prefect" in sys.modules:
        from prefect.exceptions import MissingContextError
        from prefect.logging import get_run_logger

        with suppress(MissingContextError):
            get_run_logger().info(line)


@contextmanager
def shown(interactive: bool | None = None) -> Iterator[None]:
    """Shows the stages of the block on standard output.

    By Rich in a terminal (or when ``interactive``), else as plain lines.
    """
    if interactive is None:
        interactive = sys.stdout.isatty()
    with _rich() if interactive else nullcontext(_plain) as display:
        _display.append(display)
        try:
            yield
        finally:
            _display.pop()


def _line(title: str, seconds: float, facts: list[str]) -> str:
    return f"{title:<34}{seconds:>7.1f} s   {', '.join(facts)}".rstrip()


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
def _plain(title: str) -> Iterator[Say]:
    began, facts = perf_counter(), list[str]()
    with _sources_told(lambda record: print(f"  {record.getMessage()}", flush=True)):
        yield facts.append
    print(_line(title, perf_counter() - began, facts), flush=True)


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
        def display(title: str) -> Iterator[Say]:
            began, facts = perf_counter(), list[str]()
            task = progress.add_task(title, total=None, fact="")

            def say(fact: str) -> None:
                facts.append(fact)
                progress.update(task, fact=", ".join(facts))

            def told(record: logging.LogRecord) -> None:
                far = (
                    {"completed": record.done, "total": record.of}
                    if hasattr(record, "of") and hasattr(record, "done")
                    else {}
                )
                progress.update(task, fact=record.getMessage(), **far)

            done = False
            try:
                with _sources_told(told):
                    yield say
                done = True
            finally:
                progress.remove_task(task)
                mark = Text("✓", "green") if done else Text("✗", "red")
                console.print(
                    mark, Text(_line(title, perf_counter() - began, facts)), soft_wrap=True
                )

        yield display
