"""The commands for who acts on forecasts and sees what happens: triggers and impact."""

from __future__ import annotations

import argparse
import sys
from functools import partial

from flows.command_line import Add, add_region_command, day

COLOURS = ("yellow", "orange", "red")
SHOWN_FAULTS = 20


def add_city_commands(add: Add) -> None:
    """Adds the commands to a command line, whose ``add_parser`` is given."""
    text = "tell what acting on a chance would have brought on past days, year by year"
    detail = (
        "Acting pays where its cost is a smaller part of the loss that it prevents than the "
        "chance: p* = C/L. Writes the page on triggers beside the reports."
    )
    triggers = add_region_command(add, "triggers", text, _triggers, detail)
    cost = "what acting costs on one day at one place"
    triggers.add_argument("--cost", type=float, required=True, metavar="C", help=cost)
    loss = "what it prevents there if the event comes, in the same currency"
    triggers.add_argument("--loss", type=float, required=True, metavar="L", help=loss)
    what_if = "another probability to act from, to compare"
    triggers.add_argument("--threshold", type=float, metavar="P", help=what_if)
    triggers.add_argument("--hazard", metavar="H", help="only this hazard, such as heat")
    colour = "whose event: yellow of level 1, orange of level 2 (the default), red of level 3"
    triggers.add_argument("--colour", choices=COLOURS, default="orange", help=colour)
    lead = "days ahead (default: 1, or the shortest of an index)"
    triggers.add_argument("--lead", type=int, metavar="DAYS", help=lead)

    _add_impact(add)


def _add_impact(add: Add) -> None:
    text = "keep what was seen on a day, and the reports of citizens in the inbox"
    detail = (
        "Files impacts*.csv and impacts*.json of the inbox are read every time; without WORDS "
        "nothing else is. It is shown beside what was forecast and counted; no model learns of it."
    )
    impact = add_region_command(add, "impact", text, None, detail)
    impact.set_defaults(run=partial(_impact, impact))
    impact.add_argument("words", metavar="WORDS", nargs="?", help="what was seen, in quotes")
    impact.add_argument("--day", type=day, metavar="DATE", help="the day it was seen")
    impact.add_argument("--place", metavar="PLACE", help="the id or name of a place")
    impact.add_argument("--hazard", metavar="H", help="its hazard, such as flash_flood")
    impact.add_argument("--time", metavar="HH:MM", default="", help="when, by local time")
    photo = "the name of a picture that is kept elsewhere"
    impact.add_argument("--photo", metavar="FILE", default="", help=photo)


def _impact(command: argparse.ArgumentParser, given: argparse.Namespace) -> int:
    """Status 3 where rows of files could not be used."""
    from flows.impacts import impact, told_on

    told = None
    if given.words is not None:
        if given.day is None or given.place is None or given.hazard is None:
            command.error("WORDS need --day, --place and --hazard")
        told = told_on(given.day, given.place, given.hazard, given.words, given.time, given.photo)
    elif given.day or given.place or given.hazard or given.time or given.photo:
        command.error("found no WORDS, expected what was seen")
    collected = impact(given.region, told)
    print(f"{collected.new} new")
    for fault in collected.faults[:SHOWN_FAULTS]:
        print(f"climate-risk: {fault.file}, row {fault.row}: {fault.reason}", file=sys.stderr)
    if len(collected.faults) > SHOWN_FAULTS:
        print(
            f"climate-risk: all {len(collected.faults)} are in {collected.listed}.", file=sys.stderr
        )
    return 3 if collected.faults else 0


def _triggers(given: argparse.Namespace) -> int:
    from flows.triggers import Rule, triggers

    rule = Rule(given.cost, given.loss, given.threshold, given.hazard, given.colour, given.lead)
    print(*triggers(given.region, rule), sep="\n")
    return 0
