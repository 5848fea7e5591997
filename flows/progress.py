"""What a run tells while it works: its stages, how long each took and one fact about it.

A flow says ``with stage("fit heat") as say: ...; say("120 rounds")``. The lines always go to the Prefect run; a
command also shows them, as a Rich display in a terminal and as plain lines elsewhere.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from time import perf_counter

Say = Callable[[str], None]
Display = Callable[[str], AbstractContextManager[Say]]

_display: list[Display] = []


@contextmanager
def stage(title: str) -> Iterator[Say]:
    """One stage of a run. The function it yields takes a fact to be shown beside the time it took."""
    began, facts = perf_counter(), list[str]()
    with _display[-1](title) if _display else nullcontext(facts.append) as show:

        def say(fact: str) -> None:
            facts.append(fact)
            show(fact)

        yield say
    _log(f"{title}: {perf_counter() - began:.1f} s{''.join('; ' + fact for fact in dict.fromkeys(facts))}")


def _log(line: str) -> None:
    """To the Prefect run under way, if there is one."""
    if "prefect" in sys.modules:
        from prefect.exceptions import MissingContextError
        from prefect.logging import get_run_logger

        with suppress(MissingContextError):
            get_run_logger().info(line)


@contextmanager
def shown(interactive: bool | None = None) -> Iterator[None]:
    """Shows the stages of the block on standard output: Rich in a terminal (or when ``interactive``), else plain lines."""
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


@contextmanager
def _plain(title: str) -> Iterator[Say]:
    began, facts = perf_counter(), list[str]()
    yield facts.append
    print(_line(title, perf_counter() - began, facts), flush=True)


@contextmanager
def _rich() -> Iterator[Display]:
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
    from rich.text import Text

    console = Console(highlight=False)
    columns = SpinnerColumn(), TextColumn("{task.description:<32}"), TimeElapsedColumn(), TextColumn("{task.fields[fact]}")
    with Progress(*columns, console=console, transient=True) as progress:

        @contextmanager
        def display(title: str) -> Iterator[Say]:
            began, facts = perf_counter(), list[str]()
            task = progress.add_task(title, total=None, fact="")

            def say(fact: str) -> None:
                facts.append(fact)
                progress.update(task, fact=", ".join(facts))

            done = False
            try:
                yield say
                done = True
            finally:
                progress.remove_task(task)
                mark = Text("✓", "green") if done else Text("✗", "red")
                console.print(mark, Text(_line(title, perf_counter() - began, facts)), soft_wrap=True)

        yield display
