"""The commands on a whole home: backup, restore and tidy."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from configs import Settings
from flows.command_line import Add, add_command


def add_home_commands(add: Add) -> None:
    """Adds the commands to a command line, whose ``add_parser`` is given."""
    text = "write the whole home into one file; runs wait until it is written"
    backup = add_command(add, "backup", text, _backup)
    named = "the file to write, such as home.tar.gz; an older backup of this name is replaced"
    backup.add_argument("file", metavar="FILE", type=Path, help=named)
    text = "make a home from a backup, once all of it is proven whole"
    restore = add_command(add, "restore", text, _restore)
    restore.add_argument("file", metavar="FILE", type=Path, help="a file that backup wrote")
    named = "the folder to make the home in (default: CLIMATE_RISK_HOME)"
    restore.add_argument("--into", metavar="DIR", type=Path, help=named)
    text = "take away what is kept no longer, as each day's first daily run does"
    tidy = add_command(add, "tidy", text, _tidy)
    named = "names or paths of region files"
    tidy.add_argument("regions", metavar="REGION", nargs="+", help=named)


def _backup(given: argparse.Namespace) -> int:
    from flows.backup import back_up

    backup = back_up(Settings.from_environment(), given.file)
    print(
        f"{given.file}: {backup.files:,} files, {backup.bytes / 1e6:,.1f} MB, "
        f"packed {backup.size / 1e6:,.1f} MB"
    )
    for line in backup.left_out:
        print(f"degraded: left out {line}", file=sys.stderr)
    return 3 if backup.left_out else 0


def _restore(given: argparse.Namespace) -> int:
    from flows.backup import restore

    into = given.into.expanduser().resolve() if given.into else None
    settings = Settings(into) if into else Settings.from_environment()
    count = restore(given.file, settings)
    print(f"{settings.home}: restored, {count:,} files; set CLIMATE_RISK_HOME to it")
    print("climate-risk ledger check proves what was published, and daily goes on from there")
    return 0


def _tidy(given: argparse.Namespace) -> int:
    from flows.tidy import tidy_region

    for region in given.regions:
        print(tidy_region(region, Settings.from_environment()))
    return 0
