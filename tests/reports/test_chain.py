"""The messages of an event day after day: Alert, Update, Cancel, or nothing new."""

import math
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from cap_chain import (
    Chain,
    blocks,
    check,
    days,
    english,
    one,
    read,
    replaces,
    said,
    save,
    table_of,
    types,
)

from reports.exports.chain import alerts, cancel_alerts
from reports.storage.archive import ALERTS

SENDER = "climate-risk@berkane.invalid"
TEN = [(lead, 1) for lead in range(10)]
HEAT = [*days("berkane", " ooo"), *days("zegzel", " y")]


@pytest.fixture
def chain(berkane, shapes, schema, tmp_path: Path) -> Chain:
    return Chain(berkane, shapes, schema, tmp_path / "chain")


def calendar(place: str, hazard: str, cells: list[tuple[int, int]]) -> list:
    """Cells of a place whose numbers are the calendar's own."""
    return [(place, hazard, "grey", lead, window, None) for lead, window in cells]


def test_a_worsening_is_one_update_of_all_that_stands_and_so_is_an_easing(chain):
    """Yellow and orange, then red, then yellow, then nothing, then orange again."""
    made = [
        chain.day("2026-07-08", *days("berkane", "gooog"), *days("zegzel", "gyggg")),
        chain.day("2026-07-09", *days("berkane", "ororg"), *days("zegzel", "ggggg")),
        chain.day("2026-07-10", *days("berkane", "yyygg"), *days("zegzel", "ggggg")),
        chain.day("2026-07-10", *days("berkane", "ggggg"), *days("zegzel", "ggggg")),
        chain.day("2026-07-11", *days("berkane", "goggg")),
    ]
    assert [types(day) for day in made] == [
        {"heat-orange.xml": "Alert"},
        {"heat-red.xml": "Update"},
        {"heat-yellow.xml": "Update"},
        {"heat-yellow-cancel.xml": "Cancel"},
        {"heat-orange.xml": "Alert"},  # what was cancelled is not updated
    ]
    roots = [read(*day.values()) for day in made]
    assert [blocks(root) for root in (*roots[:3], roots[4])] == [
        ["orange berkane 07-09/07-11", "yellow zegzel 07-09"],
        ["red berkane 07-10", "red berkane 07-12", "orange berkane 07-09", "orange berkane 07-11"],
        ["yellow berkane 07-10/07-12"],
        ["orange berkane 07-12"],
    ]
    assert one(roots[1], "references") == (
        f"{SENDER},berkane.heat.orange.2026-07-08,2026-07-08T06:30:00+01:00"
    )
    chained = ["berkane.heat.orange.2026-07-08", "berkane.heat.red.2026-07-09"]
    assert replaces(roots[2]) == chained
    assert replaces(roots[3]) == [*chained, "berkane.heat.yellow.2026-07-10"]
    assert one(roots[3], "identifier") == "berkane.heat.yellow.2026-07-10.cancel"
    assert one(roots[3], "urgency") == "Past"
    assert set(said(roots[3], "areaDesc")) == {"Berkane", "بركان"}
    assert english(roots[3], "description") == [
        "The forecast of today is below yellow in all of these places. "
        "Indicative, not an official vigilance."
    ]


def test_nothing_changed_is_the_same_message_byte_for_byte(chain):
    """Other chances, and days that are over, change nothing."""
    first = chain.day("2026-07-08", *days("berkane", "ooog"), *days("zegzel", "yygg"))
    again = [
        (*cell[:5], 0.45 if cell[2] == "orange" else cell[5]) for cell in days("berkane", "oogg")
    ]
    second = chain.day("2026-07-09", *again, *days("zegzel", "yggg"))
    assert second == first == chain.day("2026-07-10", *days("berkane", "o"), *days("zegzel", "g"))
    third = chain.day("2026-07-11", *days("berkane", "og"))
    assert types(third) == {"heat-orange.xml": "Alert"}, "the first had expired"


def test_an_event_that_a_day_held_together_goes_on_unchanged_when_the_day_is_over(chain):
    """Saidia and Zegzel, which Madagh between them joined on the 8th."""
    first = chain.day(
        "2026-07-08", *days("saidia", "yyy"), *days("madagh", "ygg"), *days("zegzel", "yyy")
    )
    assert types(first) == {"heat-yellow.xml": "Alert"}
    second = chain.day("2026-07-10", *days("saidia", "y"), *days("zegzel", "y"))
    assert second == first
    third = chain.day("2026-07-10", *days("saidia", "yy"), *days("zegzel", "yg"))
    assert types(third) == {"heat-yellow.xml": "Update", "heat-yellow-2.xml": "Alert"}


def test_a_new_message_leaves_the_name_of_one_that_is_carried_along(chain):
    first = chain.day("2026-07-08", *days("saidia", "goog"), *days("rislane", "gggg"))
    second = chain.day("2026-07-09", *days("saidia", "oogg"), *days("rislane", "gogg"))
    assert second["heat-orange.xml"] == first["heat-orange.xml"]
    assert types(second) == {"heat-orange.xml": "Alert", "heat-orange-2.xml": "Alert"}
    assert (
        one(read(second["heat-orange-2.xml"]), "identifier") == "berkane.heat.orange.2026-07-09.2"
    )


def test_places_and_days_apart_are_alerts_of_their_own(chain):
    """Yellow in Saidia on the 15th and in Ahfir on the 24th are two alerts."""
    made = chain.day("2026-07-15", *days("saidia", "y" + "g" * 9), *days("ahfir", "g" * 9 + "y"))
    assert [blocks(read(text)) for text in made.values()] == [
        ["yellow ahfir 07-24"],
        ["yellow saidia 07-15"],
    ] or sorted(blocks(read(text)) for text in made.values()) == [
        ["yellow ahfir 07-24"],
        ["yellow saidia 07-15"],
    ]
    assert set(types(made).values()) == {"Alert"}


def test_events_that_merge_are_one_update_of_both_and_one_that_splits_keeps_its_chain(chain):
    apart = chain.day("2026-07-08", *days("saidia", "ggoog"), *days("zegzel", "ggyyg"))
    assert len(apart) == 2
    joined = chain.day(
        "2026-07-09", *days("saidia", "goog"), *days("madagh", "goog"), *days("zegzel", "gyyg")
    )
    assert types(joined) == {"heat-orange.xml": "Update"}
    both = ["berkane.heat.orange.2026-07-08", "berkane.heat.yellow.2026-07-08"]
    assert replaces(read(joined["heat-orange.xml"])) == both
    split = chain.day(
        "2026-07-10", *days("saidia", "oog"), *days("madagh", "ggg"), *days("zegzel", "ygg")
    )
    assert types(split) == {"heat-orange.xml": "Update", "heat-yellow.xml": "Alert"}
    assert replaces(read(split["heat-orange.xml"])) == [*both, "berkane.heat.orange.2026-07-09"]
    assert (
        "No longer yellow or worse: Madagh and Zegzel (Saturday 11 July)."
        in (english(read(split["heat-orange.xml"]), "description")[0])
    )


def test_no_message_is_cancelled_while_one_of_its_places_has_a_colour(chain):
    """Saidia is cleared on the 9th and still yellow on the 15th, which is an alert of its own."""
    first = chain.day("2026-07-08", *days("saidia", "gyggggg" + "ygg"))
    assert types(first) == {"heat-yellow.xml": "Alert", "heat-yellow-2.xml": "Alert"}
    second = chain.day("2026-07-09", *days("saidia", "gggggg" + "yggg"))
    assert types(second) == {"heat-yellow.xml": "Update"}
    root = read(second["heat-yellow.xml"])
    assert blocks(root) == ["yellow saidia 07-15"]
    assert len(replaces(root)) == 2
    assert "No longer yellow or worse: Saidia (Thursday 9 July)." in english(root, "description")[0]


def test_an_update_refers_to_every_earlier_message_that_has_not_expired(chain):
    chain.day("2026-07-08", *days("berkane", "oggg"), *days("zegzel", "gggg"))
    chain.day("2026-07-09", *days("berkane", "ooog"), *days("zegzel", "gggg"))
    chain.day("2026-07-10", *days("berkane", "ooog"), *days("zegzel", "gggg"))
    made = chain.day("2026-07-11", *days("berkane", "oor"), *days("zegzel", "ggg"))
    assert replaces(read(made["heat-red.xml"])) == [
        "berkane.heat.orange.2026-07-09",
        "berkane.heat.orange.2026-07-10",
    ]


def test_an_update_tells_which_places_are_below_yellow_again(chain):
    chain.day("2026-07-08", *HEAT)
    made = chain.day("2026-07-09", *days("berkane", "ooo"), *days("zegzel", "g"))
    (text,) = english(read(made["heat-orange.xml"]), "description")
    assert "No longer yellow or worse: Zegzel." in text


def test_a_place_that_cannot_be_told_is_not_said_to_be_below_yellow(chain):
    chain.day("2026-07-08", *HEAT)
    made = chain.day("2026-07-09", *days("berkane", "ooo"), *days("zegzel", "."))
    root = read(made["heat-orange.xml"])
    assert blocks(root) == ["orange berkane 07-09/07-11", "yellow zegzel 07-09 since 07-08"]
    assert "No longer" not in " ".join(english(root, "description"))


@pytest.mark.parametrize("beside", [True, False], ids=["with its table", "alerts alone"])
def test_grey_cancels_nothing(chain, beside):
    """The forecasts are lost for three days; the alert stands until its last day is over."""
    chain.day("2026-07-08", *days("berkane", "gooo"), beside=beside)
    made = chain.day("2026-07-09", *calendar("berkane", "heat", TEN), beside=beside)
    assert types(made) == {"heat-orange.xml": "Update"}
    root = read(made["heat-orange.xml"])
    assert replaces(root) == ["berkane.heat.orange.2026-07-08"]
    assert blocks(root) == ["orange berkane 07-09/07-11 since 07-08"]
    assert one(root, "expires") == "2026-07-12T01:00:00+01:00"
    assert one(root, "onset") == one(root, "sent") == "2026-07-09T06:30:00+01:00"
    assert english(root, "headline") == [
        "Heat: orange in Berkane from Thursday 9 July to Saturday 11 July, "
        "not confirmed since Wednesday 8 July"
    ]
    (text,) = english(root, "description")
    assert text.startswith("Not confirmed since Wednesday 8 July: an earlier forecast gave")
    assert "no all-clear" in text and "in 100" not in text and "no longer" not in text
    for issued in ("2026-07-10", "2026-07-11"):
        assert made == chain.day(issued, *calendar("berkane", "heat", TEN), beside=beside)
    assert chain.day("2026-07-12", *calendar("berkane", "heat", TEN), beside=beside) == {}


def test_a_colour_is_not_confirmed_since_the_last_forecast_that_gave_it(chain):
    """The message is of the 8th; the forecast of the 9th said the same."""
    chain.day("2026-07-08", *days("berkane", "goooo"))
    chain.day("2026-07-09", *days("berkane", "oooo"))
    made = chain.day("2026-07-10", *days("berkane", "..."))
    assert blocks(read(*made.values())) == ["orange berkane 07-10/07-12 since 07-09"]
    made = chain.day("2026-07-11", *days("berkane", "o."))
    assert blocks(read(*made.values())) == [
        "orange berkane 07-11",
        "orange berkane 07-12 since 07-09",
    ]


def test_each_day_of_a_place_stands_by_itself(chain):
    """Of three orange days the first is told to be green, the second cannot be told."""
    chain.day("2026-07-08", *days("berkane", "gooo"))
    made = chain.day("2026-07-09", *days("berkane", "g.y"))
    assert blocks(read(*made.values())) == [
        "orange berkane 07-10 since 07-08",
        "yellow berkane 07-11",
    ]
    made = chain.day("2026-07-10", *days("berkane", "gg"))
    assert types(made) == {"heat-orange-cancel.xml": "Cancel"}


def test_a_place_stands_no_longer_than_its_own_days(chain):
    chain.day("2026-07-08", *days("berkane", "gooo"), *days("zegzel", "gogg"))
    grey = [*calendar("berkane", "heat", TEN), *calendar("zegzel", "heat", TEN)]
    made = chain.day("2026-07-10", *grey)
    assert blocks(read(*made.values())) == ["orange berkane 07-10/07-11 since 07-08"]


def test_a_window_of_days_stands_through_grey_until_it_is_over(chain):
    windows = [("berkane", "flash_flood", "orange", 0, 3, 0.3)]
    cells = [(lead, 1) for lead in range(7)] + [(0, 3), (0, 7)]
    chain.day("2026-07-08", *windows, *calendar("berkane", "flash_flood", cells[:-2]))
    made = chain.day("2026-07-09", *calendar("berkane", "flash_flood", cells))
    root = read(made["flash_flood-orange.xml"])
    assert blocks(root) == ["orange berkane 07-09/07-10 since 07-08"]
    assert one(root, "expires") == "2026-07-11T01:00:00+01:00"
    assert made == chain.day("2026-07-10", *calendar("berkane", "flash_flood", cells))
    assert chain.day("2026-07-11", *calendar("berkane", "flash_flood", cells)) == {}


def test_a_window_is_taken_back_by_a_window_as_long_that_can_tell(chain):
    chain.day("2026-07-08", ("berkane", "flash_flood", "orange", 0, 7, 0.3))
    short = ("berkane", "flash_flood", "green", 0, 3, 0.1)
    made = chain.day("2026-07-09", short, *calendar("berkane", "flash_flood", [(0, 7)]))
    root = read(made["flash_flood-orange.xml"])
    assert blocks(root) == ["orange berkane 07-09/07-14 since 07-08"]
    made = chain.day("2026-07-10", ("berkane", "flash_flood", "green", 0, 7, 0.1))
    assert list(made) == ["flash_flood-orange-cancel.xml"]


def test_a_drought_stands_through_grey_until_its_own_lead_can_tell(chain):
    chain.day("2026-07-08", ("berkane", "drought", "orange", 30, 90, 0.6))
    leads = [(30, 90), (60, 90), (90, 90)]
    made = chain.day("2026-07-09", *calendar("berkane", "drought", leads))
    root = read(made["drought-orange.xml"])
    assert blocks(root) == ["orange berkane 05-10/08-07 since 07-08"]
    assert (one(root, "onset"), one(root, "expires")) == (
        "2026-05-10T01:00:00+01:00",
        "2026-08-08T01:00:00+01:00",
    )
    told = [("berkane", "drought", "green", 30, 90, 0.1)]
    made = chain.day("2026-07-10", *told, *calendar("berkane", "drought", leads[1:]))
    assert list(made) == ["drought-orange-cancel.xml"]


def test_a_drought_is_told_anew_after_a_week_and_no_sooner(chain):
    """Its windows move on by a day each day."""
    dry = [("berkane", "drought", "orange", lead, 90, 0.6) for lead in (30, 60)]
    first = chain.day("2026-07-08", *dry)
    for day in range(9, 15):
        assert chain.day(f"2026-07-{day:02d}", *dry) == first
    made = chain.day("2026-07-15", *dry)
    assert types(made) == {"drought-orange.xml": "Update"}
    assert blocks(read(*made.values()))[0] == "orange berkane 05-17/08-14"
    worse = chain.day("2026-07-16", dry[0], ("berkane", "drought", "red", 60, 90, 0.6))
    assert types(worse) == {"drought-red.xml": "Update"}
    assert len(replaces(read(*worse.values()))) == 2


def test_an_expired_alert_is_neither_updated_nor_cancelled(chain):
    chain.day("2026-07-08", *days("berkane", "o"))
    assert chain.day("2026-07-09", *days("berkane", "g")) == {}
    chain.day("2026-07-10", *days("berkane", "o"))
    assert types(chain.day("2026-07-11", *days("berkane", "o"))) == {"heat-orange.xml": "Alert"}


@pytest.mark.parametrize(
    "today",
    [
        [("berkane", "heat", "", 0, 1, math.nan), ("zegzel", "heat", "", 0, 1, math.nan)],
        [("berkane", "drought", "green", 30, 90, 0.1)],
        [],
    ],
    ids=["no numbers", "no rows of it", "no rows at all"],
)
def test_an_alert_stands_while_its_hazard_is_missing(
    schema, berkane, shapes, tmp_path: Path, today
):
    first = alerts(table_of("2026-07-08", *HEAT), berkane, "", None, shapes)
    folder = save(tmp_path / "2026-07-08", first)
    sent = datetime(2026, 7, 9, 6, 30, tzinfo=UTC)
    table = table_of("2026-07-09", *today)
    made = alerts(table, berkane, "", folder, shapes, sent=sent)
    check(schema, made)
    assert types(made) == {"heat-orange.xml": "Update"}
    root = read(made["heat-orange.xml"])
    assert replaces(root) == ["berkane.heat.orange.2026-07-08"]
    assert blocks(root) == [
        "orange berkane 07-09/07-11 since 07-08",
        "yellow zegzel 07-09 since 07-08",
    ]
    folder = save(tmp_path / "2026-07-09", made)
    third = alerts(table_of("2026-07-10", *days("berkane", "oog")), berkane, "", folder, shapes)
    assert replaces(read(third["heat-orange.xml"])) == [
        "berkane.heat.orange.2026-07-08",
        "berkane.heat.orange.2026-07-09",
    ]


@pytest.mark.parametrize(
    "reason",
    [
        "A sensor was broken <b>& wrong</b>.\ufffe",
        {"fr": "Capteur en panne.", "ar": "عطل", "en": "A sensor failed."},
    ],
)
def test_a_retraction_cancels_every_alert_that_stands(
    schema, berkane, shapes, tmp_path: Path, reason
):
    first = alerts(table_of("2026-07-08", *HEAT), berkane, "", None, shapes)
    folder = save(tmp_path / "2026-07-08", first)
    table = table_of("2026-07-09", *days("berkane", "ooo"), *days("zegzel", "g"))
    folder = save(tmp_path / "2026-07-09", alerts(table, berkane, "", folder, shapes))
    when = datetime(2026, 7, 9, 15, 0, 1, tzinfo=UTC)
    made = cancel_alerts(folder, reason, when)
    check(schema, made)
    assert list(made) == ["heat-orange-cancel.xml"]
    root = read(made["heat-orange-cancel.xml"])
    assert one(root, "sent") == "2026-07-09T15:00:01-00:00"
    assert replaces(root) == ["berkane.heat.orange.2026-07-08", "berkane.heat.orange.2026-07-09"]
    reasons = (
        [reason[:-1]] * 3
        if isinstance(reason, str)
        else [reason[tag] for tag in ("fr", "ar", "en")]
    )
    assert all(why in text for why, text in zip(reasons, said(root, "description"), strict=True))
    assert all(why in one(root, "note") for why in reasons)
    assert cancel_alerts(save(folder, made), reason, when) == {}
    again = alerts(table_of("2026-07-10", HEAT[0]), berkane, "", folder, shapes)
    assert one(read(again["heat-orange.xml"]), "msgType") == "Alert"
    assert cancel_alerts(tmp_path / "nowhere", reason, when) == {}


def test_a_retraction_cancels_nothing_that_an_earlier_report_sent(chain):
    first = chain.day("2026-07-08", *days("berkane", "gooo"))
    chain.day("2026-07-09", *days("berkane", "ooo"), *days("saidia", "y"))
    assert chain.before
    when = datetime(2026, 7, 9, 15, tzinfo=UTC)
    made = cancel_alerts(chain.before, "A gauge failed.", when, date(2026, 7, 9))
    assert list(made) == ["heat-yellow-cancel.xml"]
    save(chain.before, made)
    made = chain.day("2026-07-10", *days("berkane", "oo"), *days("saidia", "g"))
    assert made == first


def test_other_numbers_on_the_same_day_are_told_in_messages_of_their_own(
    schema, berkane, shapes, tmp_path: Path
):
    """What is out never changes: a message refers to it, and what is the same is not said again."""
    drought = table_of("2026-07-07", ("berkane", "drought", "red", 30, 90, 0.6))
    yesterday = save(tmp_path / "0", alerts(drought, berkane, "", None, shapes))
    first = alerts(table_of("2026-07-08", *HEAT), berkane, "", yesterday, shapes)
    assert set(first) == {"heat-orange.xml", "drought-red.xml"}  # it stands without a number today
    noon, folder = datetime(2026, 7, 8, 12, tzinfo=UTC), save(tmp_path / "1", first)

    def again(*cells: tuple, sent: datetime = noon) -> dict[str, str]:
        table = table_of("2026-07-08", *cells)
        made = alerts(table, berkane, "", yesterday, shapes, None, folder, sent)
        check(schema, made)
        ids = [one(read(text), "identifier") for text in made.values()]
        assert len(set(ids)) == len(ids)
        return made

    assert again(*HEAT[:3], ("zegzel", "heat", "yellow", 1, 1, 0.7)) == first
    second = again(*HEAT[:3], *days("zegzel", " yy"))
    assert {name: text for name, text in second.items() if name in first} == first
    assert set(second) - set(first) == {"heat-orange-2.xml"}  # of drought there is nothing new
    update = read(second["heat-orange-2.xml"])
    assert (one(update, "msgType"), one(update, "identifier")) == (
        "Update",
        "berkane.heat.orange.2026-07-08.2",
    )
    assert one(update, "references") == (
        f"{SENDER},berkane.heat.orange.2026-07-08,2026-07-08T06:30:00+01:00"
    )
    assert one(update, "sent") == "2026-07-08T13:00:00+01:00"
    save(folder, second)
    third = again(*days("berkane", " rgg"), *days("zegzel", " gg"))
    assert set(third) - set(second) == {"heat-red.xml"}
    chained = ["berkane.heat.orange.2026-07-08", "berkane.heat.orange.2026-07-08.2"]
    assert replaces(read(third["heat-red.xml"])) == chained
    save(folder, third)
    grey = [*days("berkane", " .gg"), *days("zegzel", " gg")]
    fourth = again(*grey)
    assert set(fourth) - set(third) == {"heat-red-2.xml"}
    assert blocks(read(fourth["heat-red-2.xml"])) == ["red berkane 07-09 since 07-08"]
    save(folder, fourth)
    assert again(*grey) == fourth
    fifth = again(*days("berkane", " ggg"), *days("zegzel", " gg"))
    assert set(fifth) - set(fourth) == {"heat-red-cancel.xml"}
    assert replaces(read(fifth["heat-red-cancel.xml"]))[-1] == "berkane.heat.red.2026-07-08.2"
    save(folder, fifth)
    save(folder, again(*HEAT))
    ended = cancel_alerts(folder, "It was wrong.", datetime(2026, 7, 8, 15, tzinfo=UTC))
    check(schema, ended)
    assert set(ended) == {"heat-orange-cancel.xml", "drought-red-cancel.xml"}
    assert replaces(read(ended["heat-orange-cancel.xml"])) == ["berkane.heat.orange.2026-07-08.3"]
    tomorrow = alerts(table_of("2026-07-09", HEAT[0]), berkane, "", save(folder, ended), shapes)
    assert [one(read(text), "msgType") for text in tomorrow.values()] == ["Alert"]


def test_the_same_forecast_gives_the_same_text(berkane, shapes, tmp_path: Path):
    before = save(tmp_path, alerts(table_of("2026-07-07", *HEAT), berkane, "", None, shapes))
    table = table_of("2026-07-08", *HEAT)
    assert alerts(table, berkane, "", before, shapes) == alerts(
        table.sample(frac=1, random_state=1), berkane, "", before, shapes
    )


def test_a_message_of_another_status_is_updated(chain):
    """An exercise that becomes serious says so, though its colours are the same."""
    chain.day("2026-07-08", *days("berkane", "gooo"))
    table = table_of("2026-07-09", *days("berkane", "ooo"))
    made = alerts(table, chain.region, "EXERCISE", chain.before, chain.shapes)
    assert types(made) == {"heat-orange.xml": "Update"}
    assert (chain.before / ALERTS).is_dir()
