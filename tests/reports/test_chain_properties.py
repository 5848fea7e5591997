"""What holds of the messages of any days in a row: no false all-clear, and no day told twice."""

from __future__ import annotations

import tempfile
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pandas as pd
from cap_chain import LETTERS, check, days, one, parameters, parts_of, read, said, save, table_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree
from outlook_cases import forecast_of

from configs import Location, Region
from reports.exports.chain import alerts
from reports.exports.messages import CAP, claims_of
from reports.exports.table import forecast_table, read_published, write_csv
from reports.view.claims import stands
from reports.view.standing import with_standing

PLACES = ("a", "b", "c", "d")
FIRST = date(2026, 7, 8)
LEADS = 5
DAY = timedelta(days=1)

letters = st.text("gggyor.. ", min_size=LEADS, max_size=LEADS)
"""Half of the days are green or cannot be told."""
outlooks = st.fixed_dictionaries(dict.fromkeys(PLACES, letters))
runs_of_days = st.lists(outlooks, min_size=2, max_size=4)
State = dict[tuple[str, date], Any]
"""Place and day -> its colour, with the day of the last forecast that gave it."""


def region_at(folder: Path) -> Region:
    """Four places in a row, so that b joins a and c."""
    places = tuple(Location(id=one, latitude=0.0, longitude=i / 10) for i, one in enumerate(PLACES))
    return Region(name="x", title="X", sources=("s",), locations=places, path=folder / "x")


def expected(before: State, outlook: dict[str, str], issued: date) -> State:
    """What stands: a colour of numbers, or that of before where no number can tell."""
    now: State = {}
    for place in PLACES:
        for lead in range(LEADS + 4):
            at = place, issued + lead * DAY
            letter = outlook[place][lead] if lead < LEADS else " "
            if letter in "yor":
                now[at] = LETTERS[letter][0], issued
            elif letter != "g" and at in before:
                now[at] = before[at]
    return now


class Receiver:
    """Who gets every message once, and keeps those in force."""

    def __init__(self) -> None:
        self.known: dict[str, str] = {}
        self.in_force: dict[str, ElementTree.Element] = {}
        self.new: list[ElementTree.Element] = []

    def take(self, made: dict[str, str]) -> None:
        """Take what is new in a folder. An identifier is never used for two texts."""
        self.new = []
        for text in made.values():
            root = read(text)
            identifier = one(root, "identifier")
            if identifier not in self.known:
                self.new.append(root)
            assert self.known.setdefault(identifier, text) == text
        for root in self.new:
            for reference in references(root):
                assert reference in self.known, "it refers to what was sent"
                self.in_force.pop(reference, None)
            if one(root, "msgType") != "Cancel":
                self.in_force[one(root, "identifier")] = root


def references(root) -> list[str]:
    found = [text for text in said(root, "references") if text]
    return [reference.split(",")[1] for text in found for reference in text.split()]


def told(root, issued: date) -> list[tuple[str, date, str, date]]:
    """Place, day, colour and the forecast that gave it, of each part and day to come."""
    found = []
    for infos in parts_of(root):
        values = parameters(infos[0])
        where = [one(area, "value") for area in infos[0].findall(f"{{{CAP}}}area")]
        first, last = (date.fromisoformat(values[name]) for name in ("first_day", "last_day"))
        since = values.get("confirmed_on", "")
        for n in range((last - first).days + 1):
            day = first + n * DAY
            if day >= issued:
                found += [(place, day, values["colour"], since) for place in where]
    return found


def unexpired(text: str, sent: datetime) -> bool:
    return max(datetime.fromisoformat(end) for end in said(read(text), "expires")) > sent


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(runs_of_days)
def test_whatever_comes_the_messages_say_what_stands(schema: etree.XMLSchema, run: list) -> None:
    receiver, state, before = Receiver(), {}, None
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        region = region_at(folder)
        for number, outlook in enumerate(run):
            issued = FIRST + number * DAY
            kept = {at: told_of for at, told_of in state.items() if at[1] >= issued}
            state = expected(kept, outlook, issued)
            cells = [cell for place in PLACES for cell in days(place, outlook[place])]
            table = painted(table_of(issued.isoformat(), *cells), region, before, issued)
            assert table.empty or shown(table) == {
                at: told_of[0] for at, told_of in state.items() if at[1] < issued + 10 * DAY
            }
            sent = region.issue_time(issued)
            made = alerts(table, region, "", before, {}, sent=sent)
            check(schema, made)
            receiver.take(made)
            before = save(folder / issued.isoformat(), made)
            write_csv(table, before / "forecast.csv")
            _agrees(receiver, made, state, issued, sent)
            same = {at: _shown(*told_of, issued) for at, told_of in state.items()} == {
                at: _shown(*told_of, issued - DAY) for at, told_of in kept.items()
            }
            assert not (same and receiver.new), "nothing changed, and something was sent"


def painted(table: pd.DataFrame, region: Region, before: Path | None, issued: date) -> pd.DataFrame:
    """The table as it is published, with the colours that stand."""
    if table.empty:
        return table
    claims = stands(table, read_published(before), claims_of(before, region.name), issued)
    return forecast_table(with_standing(forecast_of(table, region), table, claims))


def shown(table: pd.DataFrame) -> State:
    """The colour of each place and day in a table."""
    rows = table[(table["window_days"] == 1) & table["colour"].isin(["yellow", "orange", "red"])]
    return {(row.location, row.valid.date()): row.colour for row in rows.itertuples()}


def _shown(colour: str, confirmed_on: date, issued: date) -> tuple[str, str]:
    return colour, "" if confirmed_on == issued else confirmed_on.isoformat()


def _agrees(
    receiver: Receiver, made: dict[str, str], state: State, issued: date, sent: datetime
) -> None:
    """Every coloured place and day is in one block of its colour, and nothing else is."""
    alive = {
        name: root
        for name, root in receiver.in_force.items()
        if unexpired(receiver.known[name], sent)
    }
    found = [row for root in alive.values() for row in told(root, issued)]
    wanted = {at: _shown(*told_of, issued) for at, told_of in state.items()}
    assert len(found) == len(wanted), "no place and day twice"
    assert {(place, day): (colour, since) for place, day, colour, since in found} == wanted
    standing = {
        one(read(text), "identifier")
        for text in made.values()
        if one(read(text), "msgType") != "Cancel"
    }
    assert standing == set(alive), "the folder of the day holds what is in force"
    coloured = {place for place, _ in state}
    for root in receiver.new:
        referred = references(root)
        chained = [
            earlier for one_of in referred for earlier in references(read(receiver.known[one_of]))
        ]
        missing = [name for name in chained if unexpired(receiver.known[name], sent)]
        assert set(missing) <= set(referred), "it refers to all of its chain"
        if one(root, "msgType") == "Cancel":
            ended = read(receiver.known[referred[-1]])
            assert not coloured & {place for place, *_ in told(ended, issued)}
        else:
            onsets = [datetime.fromisoformat(text) for text in said(root, "onset")]
            assert min(onsets) >= sent


calm = st.fixed_dictionaries(dict.fromkeys(PLACES, st.text("g. ", min_size=LEADS, max_size=LEADS)))
windows = st.fixed_dictionaries(dict.fromkeys(PLACES, st.sampled_from("gyor.")))


@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.tuples(calm, windows), min_size=2, max_size=4))
def test_no_place_that_a_window_of_days_warns_of_is_cleared_by_grey(
    schema: etree.XMLSchema, run: list
) -> None:
    """A window of three days stands until a window can tell, or its last day is over."""
    before, stands = None, {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        region = region_at(folder)
        for number, (outlook, windowed) in enumerate(run):
            issued = FIRST + number * DAY
            cells = [cell for place in PLACES for cell in days(place, outlook[place])]
            for place, letter in windowed.items():
                colour, chance = LETTERS.get(letter, ("grey", None))
                cells.append((place, "heat", colour, 0, 3, chance))
                if letter in "yor":
                    stands[place] = issued + 2 * DAY
                elif letter == "g":
                    stands.pop(place, None)
            table = table_of(issued.isoformat(), *cells)
            made = alerts(table, region, "", before, {})
            check(schema, made)
            before = save(folder / issued.isoformat(), made)
            write_csv(table, before / "forecast.csv")
            in_force = [
                read(text) for text in made.values() if one(read(text), "msgType") != "Cancel"
            ]
            warned = {place for root in in_force for place, *_ in told(root, issued)}
            assert {place for place, last in stands.items() if last >= issued} <= warned


leads = st.fixed_dictionaries(dict.fromkeys((30, 60, 90), st.sampled_from("gyor.")))


@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.fixed_dictionaries(dict.fromkeys("ab", leads)), min_size=2, max_size=4))
def test_a_drought_in_force_is_that_of_its_lead(schema: etree.XMLSchema, run: list) -> None:
    """Each lead's colour, or the one of before where no number can tell, to within a week."""
    before, state = None, {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        region = region_at(folder)
        for number, outlook in enumerate(run):
            issued = FIRST + number * DAY
            cells = []
            for place, by_lead in outlook.items():
                for lead, letter in by_lead.items():
                    colour, chance = LETTERS.get(letter, ("grey", None))
                    cells.append((place, "drought", colour, lead, 90, chance))
                    if letter in "yor":
                        state[place, lead] = colour
                    elif letter == "g":
                        state.pop((place, lead), None)
            table = table_of(issued.isoformat(), *cells)
            made = alerts(table, region, "", before, {})
            check(schema, made)
            before = save(folder / issued.isoformat(), made)
            write_csv(table, before / "forecast.csv")
            found = {}
            for text in made.values():
                root = read(text)
                if one(root, "msgType") == "Cancel":
                    continue
                for infos in parts_of(root):
                    values = parameters(infos[0])
                    last = date.fromisoformat(values["last_day"])
                    assert date.fromisoformat(values["first_day"]) == last - 89 * DAY
                    lead = min((30, 60, 90), key=lambda n: abs((last - issued).days - n))
                    for area in infos[0].findall(f"{{{CAP}}}area"):
                        at = one(area, "value"), lead
                        assert at not in found
                        found[at] = values["colour"]
            assert found == state
