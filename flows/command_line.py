"""What commands are added to the command line by, and the words that several of them take."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from datetime import date

REGION = "a name under configs/regions/ or the path of a region's YAML file"

Add = Callable[..., argparse.ArgumentParser]
"""``add_parser`` of a command line, or of a command with actions."""
Run = Callable[[argparse.Namespace], int]
"""Runs a command by its arguments, and returns the exit status."""


def add_command(
    add: Add, name: str, text: str, run: Run | None = None, detail: str = ""
) -> argparse.ArgumentParser:
    """Adds a command; without ``run`` one that has actions, or whose run is set later.

    ``text``: what it does, as the list of commands says it; ``detail`` follows in its own help.
    """
    description = f"{text[0].upper()}{text[1:]}. {detail}".rstrip()
    own = add(name, help=text, description=description)
    if run is not None:
        own.set_defaults(run=run)
    return own


def add_region_command(
    add: Add, name: str, text: str, run: Run | None = None, detail: str = ""
) -> argparse.ArgumentParser:
    """Adds a command whose first argument is a region."""
    own = add_command(add, name, text, run, detail)
    own.add_argument("region", metavar="REGION", help=REGION)
    return own


def day(text: str) -> date:
    """A day as commands take it."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"found {text!r}, expected a day such as 2002-07-31"
        ) from None
