"""The command that grades what was forecast: verify."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from flows.store_commands import REGION

if TYPE_CHECKING:
    from flows.run import Outcome

RunFlow = Callable[[str, Callable[[], "Outcome"]], int]


def add_verify_command(add: Callable[..., argparse.ArgumentParser], run_flow: RunFlow) -> None:
    """Adds the command to a command line, whose ``add_parser`` is given.

    ``run_flow`` runs one flow of a region and returns the exit status.
    """
    text = "grade every forecast whose days are over, each once, and tell it on the pages"
    again = "daily does it too. Run it again for the same day: nothing changes."
    own = add("verify", help=text, description=f"{text[0].upper()}{text[1:]}. {again}")
    own.add_argument("region", metavar="REGION", help=REGION)
    own.set_defaults(run=partial(_verify, run_flow))


def _verify(run_flow: RunFlow, given: argparse.Namespace) -> int:
    def run() -> Outcome:
        from flows.verify import verify

        return verify(given.region)

    return run_flow(given.region, run)
