"""The rules table: what a record is held against, and what a breach of each rule leads to.

One row is one rule. It is run as a Great Expectations expectation (``record_expectations.py``) on
every batch of observations, over all variables and places at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from data_contracts.course_signs import adding_up, breaks, spikes, stuck
from data_contracts.neighbour_signs import blocked_gauges, copies, lone_rain
from data_contracts.rain_signs import (
    doubtful_dry_spells,
    impossible_dry_spells,
    outstanding_rain,
)
from data_contracts.record import Finding, Record
from data_contracts.value_signs import (
    fill_values,
    hardly_changes,
    outside_of_latitude,
    recurring_ends,
    unit_doubts,
    whole_numbers,
)


class Consequence(StrEnum):
    """What a breach leads to.

    ``REFUSE``: nothing of a complete record is stored; of readings and of a source that adds, the
    cells are withheld, as one fault says nothing of the others. ``WITHHOLD``: the cells are missing
    and listed. ``FLAG``: they are used, and the report says so. ``NOTE``: as FLAG, in the page of
    the data's quality alone.
    """

    REFUSE = "refuse"
    WITHHOLD = "withhold"
    FLAG = "flag"
    NOTE = "note"


@dataclass(frozen=True)
class Rule:
    """A rule: its name, what a breach leads to, its sentence, and what finds breaches.

    ``find``: the record and a variable of it -> what breaks the rule.
    """

    name: str
    consequence: Consequence
    sentence: str
    find: Callable[[Record, str], Iterator[Finding]]

    @property
    def withholds(self) -> bool:
        """Whether the cells of a breach are not used."""
        return self.consequence in (Consequence.REFUSE, Consequence.WITHHOLD)


_ROWS = (
    Rule(
        "fill",
        Consequence.REFUSE,
        "no number may stand for a missing value",
        fill_values,
    ),
    Rule(
        "recurs",
        Consequence.WITHHOLD,
        "the highest or lowest value must not recur far from all others",
        recurring_ends,
    ),
    Rule(
        "adding_up",
        Consequence.WITHHOLD,
        "precipitation must be a day's own sum, not a counter's reading",
        adding_up,
    ),
    Rule(
        "stuck",
        Consequence.WITHHOLD,
        "values must change from day to day as weather does",
        stuck,
    ),
    Rule(
        "latitude",
        Consequence.WITHHOLD,
        "values must be possible at the place's latitude",
        outside_of_latitude,
    ),
    Rule(
        "spike",
        Consequence.WITHHOLD,
        "values must not jump there and back within two days",
        spikes,
    ),
    Rule(
        "lone_rain",
        Consequence.WITHHOLD,
        "a rain beyond all others must not be contradicted by all neighbours",
        lone_rain,
    ),
    Rule(
        "blocked",
        Consequence.WITHHOLD,
        "a gauge must not be dry for months of rain at all neighbours",
        blocked_gauges,
    ),
    Rule(
        "dry_spell",
        Consequence.WITHHOLD,
        "a gauge must not be dry for longer than its own climate allows",
        impossible_dry_spells,
    ),
    Rule(
        "dry_spell_doubt",
        Consequence.FLAG,
        "a gauge should not be dry for longer than it ever is",
        doubtful_dry_spells,
    ),
    Rule(
        "outstanding_rain",
        Consequence.FLAG,
        "a rain far beyond all other years' should be confirmed",
        outstanding_rain,
    ),
    Rule("unit", Consequence.FLAG, "a record must suit its latitude", unit_doubts),
    Rule("whole", Consequence.NOTE, "values should be told to a tenth", whole_numbers),
    Rule("constant", Consequence.FLAG, "a record must change", hardly_changes),
    Rule("break", Consequence.FLAG, "a record must be of one kind for all its years", breaks),
    Rule("copy", Consequence.FLAG, "places must not have one record", copies),
)

RULES: dict[str, Rule] = {row.name: row for row in _ROWS}
"""By name, in the order in which they are run: those that withhold first."""

RULE_OF_SENTENCE = {row.sentence: row for row in _ROWS}
"""By the sentence that stands in the lists of withheld and flagged cells."""
