import math
from datetime import UTC, date, datetime
from pathlib import Path
from xml.etree import ElementTree

import pandas as pd
import pytest
from lxml import etree

from configs import Issuer, Location, Region, load_region
from configs.actions import ActionText
from reports.exports.chain import alerts, cancel_alerts
from reports.exports.messages import CAP
from reports.exports.table import COLUMNS, forecast_table, write_csv
from reports.storage.archive import ALERTS
from reports.view.outlines import Outline, outlines

HOSTILE = [
    "<script>alert(1)</script>",
    "\"quoted\" & 'so'",
    "\u202eright\u200f to left",
    "long " * 40,
    "bell\x07 and \ufffe null",
    "é\nline",
]
LEVEL = {"yellow": 1, "orange": 2, "red": 3}


@pytest.fixture(scope="session")
def schema(shared: Path) -> etree.XMLSchema:
    """OASIS' own schema, which may not be copied into the project."""
    return etree.XMLSchema(etree.parse(shared / "cap" / "CAP-v1.2.xsd"))


@pytest.fixture(scope="module")
def berkane() -> Region:
    return load_region("berkane")


@pytest.fixture(scope="module")
def shapes(berkane: Region) -> dict[str, Outline]:
    return outlines(berkane)


def table_of(issued: str, *cells: tuple) -> pd.DataFrame:
    """A forecast table of cells (location, hazard, colour, lead_days, window_days, chance).

    The chance is of the colour's level. Where it is None the numbers are the calendar's own.
    """
    day, rows = pd.Timestamp(issued), []
    for location, hazard, colour, lead, window, chance in cells:
        for level in (1, 2, 3):
            p, verdict = 0.05, "no better than usual"
            if chance is not None:
                p, verdict = min(chance * 0.5 ** (level - LEVEL.get(colour, 1)), 1.0), "skilful"
            row = ["x", location, hazard, level, day, day + pd.Timedelta(days=lead), lead, window]
            rows.append([*row, p, 0.05, verdict, colour, day - pd.Timedelta(days=1), "1"])
    return pd.DataFrame(rows, columns=list(COLUMNS))


def read(text: str) -> ElementTree.Element:
    return ElementTree.fromstring(text)  # noqa: S314 (our own text)


def said(element: ElementTree.Element, name: str) -> list[str]:
    return [found.text or "" for found in element.iter(f"{{{CAP}}}{name}")]


def one(element: ElementTree.Element, name: str) -> str:
    (found,) = set(said(element, name))  # the same in every info block
    return found


def save(folder: Path, made: dict[str, str]) -> Path:
    (folder / ALERTS).mkdir(parents=True, exist_ok=True)
    for name, text in made.items():
        (folder / ALERTS / name).write_text(text, encoding="utf-8")
    return folder


def check(schema: etree.XMLSchema, made: dict[str, str]) -> None:
    """What CAP 1.2 asks beyond its schema too.

    Closed polygons, no odd signs in identifiers, one timing in all languages of a part, and the
    highest colour first.
    """
    for text in made.values():
        schema.assertValid(etree.fromstring(text.encode()))
        root = read(text)
        for name in ("identifier", "sender"):
            assert not set(" ,<&") & set(one(root, name))
        for polygon in said(root, "polygon"):
            points = polygon.split()
            assert len(points) >= 4 and points[0] == points[-1]
        parts = parts_of(root)
        ranks = [list(SEVERITIES).index(one(infos[0], "severity")) for infos in parts]
        assert ranks == sorted(ranks) and parts
        for infos in parts:
            for name in (
                "category",
                "responseType",
                "urgency",
                "severity",
                "certainty",
                "effective",
                "onset",
                "expires",
                "geocode",
            ):
                assert len({tuple(said(info, name)) for info in infos}) == 1
            assert len({one(info, "language") for info in infos}) == len(infos) >= 1
            assert one(infos[0], "onset") < one(infos[0], "expires")
        for when in ("sent", "effective", "onset", "expires"):
            for moment in said(root, when):
                assert datetime.fromisoformat(moment).tzinfo and not moment.endswith("+00:00")


SEVERITIES = {"Extreme": "red", "Severe": "orange", "Moderate": "yellow"}


def parts_of(root: ElementTree.Element) -> list[list[ElementTree.Element]]:
    """The blocks of a message by part: each part in all its languages."""
    infos = root.findall(f"{{{CAP}}}info")
    n = len({one(info, "language") for info in infos})
    return [infos[i : i + n] for i in range(0, len(infos), n)]


def places(root: ElementTree.Element) -> list[tuple[str, list[str], bool]]:
    """What a message says: of each part its colour, its places, and whether it is confirmed."""
    found = []
    for infos in parts_of(root):
        values = dict(zip(said(infos[0], "valueName"), said(infos[0], "value"), strict=True))
        where = [one(area, "value") for area in infos[0].findall(f"{{{CAP}}}area")]
        colour = SEVERITIES[one(infos[0], "severity")]
        found.append((colour, where, values.get("confirmed") == "yes"))
    return found


def english(root: ElementTree.Element, name: str) -> list[str]:
    """What the English blocks say, in order."""
    infos = [info for info in root.findall(f"{{{CAP}}}info") if one(info, "language") == "en"]
    return [one(info, name) for info in infos]


def replaces(root: ElementTree.Element) -> list[str]:
    """The identifiers of the messages that a message refers to."""
    return [reference.split(",")[1] for reference in one(root, "references").split()]


class Chain:
    """The messages of a region day after day, each held against the folder of the day before."""

    def __init__(self, region: Region, shapes: dict, schema: etree.XMLSchema, folder: Path):
        self.region, self.shapes, self.schema, self.folder = region, shapes, schema, folder
        self.before: Path | None = None

    def day(self, issued: str, *cells: tuple, beside: bool = True) -> dict[str, str]:
        """The day's messages; ``beside``: its table lies beside them, as when published."""
        table = table_of(issued, *cells)
        made = alerts(table, self.region, "", self.before, self.shapes)
        check(self.schema, made)
        self.before = save(self.folder / issued, made)
        if beside:
            write_csv(table, self.before / "forecast.csv")
        return made


@pytest.fixture
def chain(berkane: Region, shapes: dict, schema: etree.XMLSchema, tmp_path: Path) -> Chain:
    return Chain(berkane, shapes, schema, tmp_path / "chain")


HEAT = [("berkane", "heat", "orange", lead, 1, 0.41) for lead in (1, 2, 3)] + [
    ("madagh", "heat", "yellow", 1, 1, 0.55)
]


def test_one_message_a_hazard_with_a_part_for_each_colour(schema, berkane, shapes):
    cells = [
        *HEAT,
        ("berkane", "heat", "yellow", 4, 1, 0.9),
        ("saidia", "flash_flood", "red", 0, 1, 0.31),
        ("ahfir", "heat", "green", 0, 1, 0.1),
    ]
    made = alerts(table_of("2026-07-08", *cells), berkane, "", None, shapes)
    check(schema, made)
    assert list(made) == ["flash_flood-red.xml", "heat-orange.xml"]
    root = read(made["heat-orange.xml"])
    assert (
        one(root, "identifier") == "berkane.heat.orange.2026-07-08"
        and one(root, "sender") == "climate-risk@berkane.invalid"
    )
    assert one(root, "sent") == "2026-07-08T06:30:00+01:00" and one(root, "msgType") == "Alert"
    assert said(root, "references") == []
    assert places(root) == [("orange", ["berkane"], True), ("yellow", ["madagh"], True)]
    orange, yellow = (infos[0] for infos in parts_of(root))
    assert (one(orange, "onset"), one(orange, "expires")) == (
        "2026-07-09T00:00:00-00:00",
        "2026-07-12T00:00:00-00:00",
    )
    assert (one(orange, "severity"), one(orange, "certainty"), one(orange, "urgency")) == (
        "Severe",
        "Possible",
        "Expected",
    )
    # Berkane's own yellow day is in its orange part
    assert (one(yellow, "expires"), one(yellow, "certainty")) == (
        "2026-07-10T00:00:00-00:00",
        "Likely",
    )
    assert said(root, "language") == ["fr", "ar", "en"] * 2
    assert set(said(root, "areaDesc")) == {"Berkane", "بركان", "Madagh", "مداغ"}
    assert english(root, "headline") == [
        "Heat: orange in Berkane from Thursday 9 July to Saturday 11 July",
        "Heat: yellow in Madagh on Thursday 9 July",
    ]
    text = english(root, "description")[0]
    assert "Chance of severe conditions: up to 41 in 100 (usual for the date: 5 in 100)." in text
    assert "official vigilance" in text and "0.4100" in said(root, "value")
    assert one(read(made["flash_flood-red.xml"]), "severity") == "Extreme"


def test_a_forecast_of_every_colour_is_valid(made, schema, berkane):
    for colour in ("yellow", "orange", "red"):
        one_made = made(
            n_places=3, colour=colour, hazards=("heat", "flash_flood", "river_flood", "drought")
        )
        found = alerts(forecast_table(one_made.forecast), one_made.region, "", None, {})
        check(schema, found)
        assert list(found) == [
            f"{hazard}-{colour}.xml" for hazard in ("drought", "flash_flood", "heat", "river_flood")
        ]


@pytest.mark.parametrize(
    ("lead", "urgency"), [(0, "Expected"), (2, "Expected"), (3, "Future"), (9, "Future")]
)
def test_urgency_is_by_the_first_day(schema, berkane, shapes, lead, urgency):
    made = alerts(
        table_of("2026-07-08", ("berkane", "heat", "red", lead, 1, 0.6)), berkane, "", None, shapes
    )
    check(schema, made)
    assert one(read(made["heat-red.xml"]), "urgency") == urgency


def test_drought_begins_today_and_lasts_to_its_last_valid_day(schema, berkane, shapes):
    cells = [("berkane", "drought", "orange", lead, 90, 0.6) for lead in (30, 60)]
    made = alerts(table_of("2026-07-08", *cells), berkane, "", None, shapes)
    check(schema, made)
    root = read(made["drought-orange.xml"])
    assert (one(root, "onset"), one(root, "expires")) == (
        "2026-07-08T00:00:00-00:00",
        "2026-09-07T00:00:00-00:00",
    )
    assert one(root, "urgency") == "Future"


def test_a_window_of_days_counts_where_no_single_day_has_the_colour(schema, berkane, shapes):
    windows = [
        ("berkane", "flash_flood", "yellow", 0, 3, 0.3),
        ("berkane", "flash_flood", "yellow", 0, 7, 0.4),
    ]
    root = read(
        alerts(table_of("2026-07-08", *windows), berkane, "", None, shapes)[
            "flash_flood-yellow.xml"
        ]
    )
    assert (one(root, "onset"), one(root, "expires")) == (
        "2026-07-08T00:00:00-00:00",
        "2026-07-11T00:00:00-00:00",
    )
    assert "on some day from" in said(root, "headline")[2]
    both = [*windows, ("berkane", "flash_flood", "yellow", 1, 1, 0.3)]
    root = read(
        alerts(table_of("2026-07-08", *both), berkane, "", None, shapes)["flash_flood-yellow.xml"]
    )
    assert (one(root, "onset"), one(root, "expires")) == (
        "2026-07-09T00:00:00-00:00",
        "2026-07-10T00:00:00-00:00",
    )


def test_a_worsening_is_one_update_of_all_that_stands_and_so_is_an_easing(chain):
    """Yellow and orange, then red, then yellow, then nothing, then orange again."""
    first = chain.day("2026-07-08", *HEAT)
    clear = ("madagh", "heat", "green", 0, 1, 0.1)
    worse = chain.day("2026-07-09", ("berkane", "heat", "red", 1, 1, 0.6), clear)
    eased = chain.day("2026-07-10", ("berkane", "heat", "yellow", 0, 1, 0.5), clear)
    over = chain.day("2026-07-10", ("berkane", "heat", "green", 0, 1, 0.1))
    again = chain.day("2026-07-11", HEAT[0])
    days = [first, worse, eased, over, again]
    assert [list(made) for made in days] == [
        ["heat-orange.xml"],
        ["heat-red.xml"],
        ["heat-yellow.xml"],
        ["heat-yellow-cancel.xml"],
        ["heat-orange.xml"],
    ]
    roots = [read(*made.values()) for made in days]
    assert [one(root, "msgType") for root in roots] == [
        "Alert",
        "Update",
        "Update",
        "Cancel",
        "Alert",  # what was cancelled is not updated
    ]
    assert one(roots[1], "references") == (
        "climate-risk@berkane.invalid,berkane.heat.orange.2026-07-08,2026-07-08T06:30:00+01:00"
    )
    assert places(roots[1]) == [("red", ["berkane"], True)]
    assert replaces(roots[2]) == ["berkane.heat.red.2026-07-09"]
    assert replaces(roots[3]) == ["berkane.heat.yellow.2026-07-10"]
    assert said(roots[4], "references") == []
    assert one(roots[3], "identifier") == "berkane.heat.yellow.2026-07-10.cancel"
    assert one(roots[3], "urgency") == "Past"
    assert set(said(roots[3], "areaDesc")) == {"Berkane", "بركان"}
    assert english(roots[3], "description") == [
        "The forecast of today is below yellow in all of these places. "
        "Indicative, not an official vigilance."
    ]


def test_an_update_refers_to_every_message_that_stands_and_to_none_that_expired(
    schema, berkane, shapes, tmp_path: Path
):
    """As versions before sent them: a message for each colour."""
    folder = tmp_path / "2026-07-08"
    for cells in ([HEAT[3]], HEAT[:3], [("saidia", "heat", "red", 0, 1, 0.6)]):
        save(folder, alerts(table_of("2026-07-08", *cells), berkane, "", None, shapes))
    names = ["heat-orange.xml", "heat-red.xml", "heat-yellow.xml"]
    assert sorted(path.name for path in (folder / ALERTS).iterdir()) == names
    table = table_of("2026-07-09", ("berkane", "heat", "red", 1, 1, 0.6))
    made = alerts(table, berkane, "", folder, shapes)
    check(schema, made)
    assert list(made) == ["heat-red.xml"]
    root = read(made["heat-red.xml"])
    assert one(root, "msgType") == "Update"
    assert replaces(root) == ["berkane.heat.orange.2026-07-08", "berkane.heat.yellow.2026-07-08"]
    nothing = [
        (place, "heat", "green", lead, 1, 0.1)
        for place in ("berkane", "madagh")
        for lead in range(3)
    ]
    made = alerts(table_of("2026-07-09", *nothing), berkane, "", folder, shapes)
    check(schema, made)
    assert list(made) == ["heat-orange-cancel.xml", "heat-yellow-cancel.xml"]
    assert [one(read(text), "msgType") for text in made.values()] == ["Cancel", "Cancel"]


def test_an_update_tells_which_places_are_below_yellow_again(chain):
    chain.day("2026-07-08", *HEAT)
    made = chain.day("2026-07-09", HEAT[0], ("madagh", "heat", "green", 0, 1, 0.1))
    (text,) = english(read(made["heat-orange.xml"]), "description")
    assert "No longer yellow or worse: Madagh." in text
    made = chain.day("2026-07-10", HEAT[0], ("madagh", "heat", "grey", 0, 1, None))
    assert "No longer" not in english(read(made["heat-orange.xml"]), "description")[0]


def calendar(place: str, hazard: str, cells: list[tuple[int, int]], colour: str = "grey") -> list:
    """Cells of a place whose numbers are the calendar's own."""
    return [(place, hazard, colour, lead, window, None) for lead, window in cells]


@pytest.mark.parametrize("beside", [True, False], ids=["with its table", "alerts alone"])
def test_grey_cancels_nothing(chain, beside):
    """The forecasts are lost for two days; the alert stands until its last day is over."""
    chain.day("2026-07-08", *HEAT[:3], beside=beside)  # orange from 9 to 11 July
    days = [(lead, 1) for lead in range(10)]
    for issued, last in (("2026-07-09", "2026-07-08"), ("2026-07-10", "2026-07-09")):
        made = chain.day(issued, *calendar("berkane", "heat", days), beside=beside)
        assert list(made) == ["heat-orange.xml"]
        root = read(made["heat-orange.xml"])
        assert one(root, "msgType") == "Update"
        assert replaces(root) == [f"berkane.heat.orange.{last}"]
        assert places(root) == [("orange", ["berkane"], False)]
        assert one(root, "expires") == "2026-07-12T00:00:00-00:00"
        assert one(root, "onset") == f"{issued}T00:00:00-00:00"
        assert english(root, "headline") == [
            "Heat: orange in Berkane until Saturday 11 July, not confirmed today"
        ]
        (text,) = english(root, "description")
        assert "no all-clear" in text and "in 100" not in text and "no longer" not in text
    chain.day("2026-07-11", *calendar("berkane", "heat", days), beside=beside)
    assert chain.day("2026-07-12", *calendar("berkane", "heat", days), beside=beside) == {}


def test_a_colour_that_stands_in_the_table_is_told_as_not_confirmed(chain):
    chain.day("2026-07-08", *HEAT)
    made = chain.day(
        "2026-07-09",
        *calendar("berkane", "heat", [(0, 1), (1, 1), (2, 1)], "orange"),
        ("madagh", "heat", "yellow", 0, 1, 0.5),
    )
    root = read(made["heat-orange.xml"])
    assert places(root) == [("orange", ["berkane"], False), ("yellow", ["madagh"], True)]
    assert english(root, "headline")[0].endswith("until Saturday 11 July, not confirmed today")
    assert "probability" not in said(parts_of(root)[0][0], "valueName")
    sure = chain.day("2026-07-10", ("berkane", "heat", "orange", 1, 1, 0.4))
    root = read(sure["heat-orange.xml"])
    assert places(root) == [("orange", ["berkane"], True)] and one(root, "msgType") == "Update"


def test_a_higher_colour_that_is_not_confirmed_hides_none_that_is(chain):
    made = chain.day(
        "2026-07-08",
        ("berkane", "heat", "orange", 0, 1, 0.4),
        *calendar("berkane", "heat", [(3, 1)], "red"),
    )
    root = read(made["heat-red.xml"])
    assert places(root) == [("red", ["berkane"], False), ("orange", ["berkane"], True)]


def test_days_that_are_confirmed_are_told_apart_from_others_of_the_same_colour(chain):
    made = chain.day(
        "2026-07-08",
        ("berkane", "heat", "orange", 0, 1, 0.4),
        *calendar("berkane", "heat", [(1, 1), (2, 1)], "orange"),
    )
    root = read(made["heat-orange.xml"])
    assert english(root, "headline") == [
        "Heat: orange in Berkane on Wednesday 8 July",
        "Heat: orange in Berkane until Friday 10 July, not confirmed today",
    ]
    days = [(lead, 1) for lead in range(2)]
    made = chain.day("2026-07-09", *calendar("berkane", "heat", days))
    root = read(made["heat-orange.xml"])
    assert places(root) == [("orange", ["berkane"], False)]
    assert one(root, "expires") == "2026-07-11T00:00:00-00:00"


def test_a_number_that_can_tell_takes_back_what_grey_could_not(chain):
    days = [(lead, 1) for lead in range(10)]
    chain.day("2026-07-08", *HEAT[:3], beside=False)
    chain.day("2026-07-09", *calendar("berkane", "heat", days), beside=False)
    half = [("berkane", "heat", "green", 0, 1, 0.1), *calendar("berkane", "heat", [(1, 1)])]
    made = chain.day("2026-07-10", *half, beside=False)
    assert places(read(made["heat-orange.xml"])) == [("orange", ["berkane"], False)]
    made = chain.day("2026-07-11", ("berkane", "heat", "green", 0, 1, 0.1), beside=False)
    assert list(made) == ["heat-orange-cancel.xml"]


def test_a_place_stands_no_longer_than_its_own_days(chain):
    """One message tells of both places until 11 July; the table beside it knows Madagh's day."""
    chain.day("2026-07-08", *HEAT[:3], ("madagh", "heat", "orange", 1, 1, 0.4))
    days = [(lead, 1) for lead in range(10)]
    grey = [*calendar("berkane", "heat", days), *calendar("madagh", "heat", days)]
    made = chain.day("2026-07-10", *grey)
    assert places(read(made["heat-orange.xml"])) == [("orange", ["berkane"], False)]


def test_a_window_of_days_stands_through_grey_until_it_is_over(chain):
    windows = [("berkane", "flash_flood", "orange", 0, 3, 0.3)]
    days = [(lead, 1) for lead in range(7)] + [(0, 3), (0, 7)]
    chain.day("2026-07-08", *windows, *calendar("berkane", "flash_flood", days[:-2]))
    for issued in ("2026-07-09", "2026-07-10"):
        made = chain.day(issued, *calendar("berkane", "flash_flood", days))
        root = read(made["flash_flood-orange.xml"])
        assert places(root) == [("orange", ["berkane"], False)]
        assert one(root, "expires") == "2026-07-11T00:00:00-00:00"
    assert chain.day("2026-07-11", *calendar("berkane", "flash_flood", days)) == {}


def test_a_window_is_taken_back_by_a_window_as_long_that_can_tell(chain):
    chain.day("2026-07-08", ("berkane", "flash_flood", "orange", 0, 7, 0.3))
    short = ("berkane", "flash_flood", "green", 0, 3, 0.1)
    made = chain.day("2026-07-09", short, *calendar("berkane", "flash_flood", [(0, 7)]))
    assert places(read(made["flash_flood-orange.xml"])) == [("orange", ["berkane"], False)]
    made = chain.day("2026-07-10", ("berkane", "flash_flood", "green", 0, 7, 0.1))
    assert list(made) == ["flash_flood-orange-cancel.xml"]


def test_a_drought_stands_through_grey_until_its_own_lead_can_tell(chain):
    chain.day("2026-07-08", ("berkane", "drought", "orange", 30, 90, 0.6))
    leads = [(30, 90), (60, 90), (90, 90)]
    made = chain.day("2026-07-09", *calendar("berkane", "drought", leads))
    root = read(made["drought-orange.xml"])
    assert places(root) == [("orange", ["berkane"], False)]
    assert (one(root, "onset"), one(root, "expires")) == (
        "2026-07-08T00:00:00-00:00",
        "2026-08-08T00:00:00-00:00",
    )
    told = [("berkane", "drought", "green", 30, 90, 0.1)]
    made = chain.day("2026-07-10", *told, *calendar("berkane", "drought", leads[1:]))
    assert list(made) == ["drought-orange-cancel.xml"]


def test_an_expired_alert_is_neither_updated_nor_cancelled(schema, berkane, shapes, tmp_path: Path):
    today = ("berkane", "heat", "orange", 0, 1, 0.4)
    before = save(tmp_path, alerts(table_of("2026-07-08", today), berkane, "", None, shapes))
    assert (
        alerts(
            table_of("2026-07-09", ("berkane", "heat", "green", 0, 1, 0.1)),
            berkane,
            "",
            before,
            shapes,
        )
        == {}
    )
    assert (
        one(
            read(
                alerts(table_of("2026-07-09", today), berkane, "", before, shapes)[
                    "heat-orange.xml"
                ]
            ),
            "msgType",
        )
        == "Alert"
    )


@pytest.mark.parametrize(
    "today",
    [
        [("berkane", "heat", "", 0, 1, math.nan), ("madagh", "heat", "", 0, 1, math.nan)],
        [("berkane", "drought", "green", 30, 90, 0.1)],
        [],
    ],
    ids=["no numbers", "no rows of it", "no rows at all"],
)
def test_an_alert_stands_while_its_hazard_is_missing(
    schema, berkane, shapes, tmp_path: Path, today
):
    first = save(tmp_path / "1", alerts(table_of("2026-07-08", *HEAT), berkane, "", None, shapes))
    sent = datetime(2026, 7, 9, 6, 30, tzinfo=UTC)
    table = table_of("2026-07-09", *today)
    made = alerts(table, berkane, "", first, shapes, sent=sent)
    check(schema, made)
    assert list(made) == ["heat-orange.xml"]
    root = read(made["heat-orange.xml"])
    assert one(root, "msgType") == "Update"
    assert replaces(root) == ["berkane.heat.orange.2026-07-08"]
    assert places(root) == [("orange", ["berkane"], False), ("yellow", ["madagh"], False)]
    folder = save(tmp_path / "2", made)
    third = alerts(table_of("2026-07-10", HEAT[0]), berkane, "", folder, shapes)
    assert replaces(read(third["heat-orange.xml"])) == ["berkane.heat.orange.2026-07-09"]


@pytest.mark.parametrize(
    "reason",
    [
        "A sensor was broken <b>& wrong</b>.",
        {"fr": "Capteur en panne.", "ar": "عطل", "en": "A sensor failed."},
    ],
)
def test_a_retraction_cancels_every_alert_that_stands(
    schema, berkane, shapes, tmp_path: Path, reason
):
    first = save(tmp_path / "1", alerts(table_of("2026-07-08", *HEAT), berkane, "", None, shapes))
    table = table_of("2026-07-09", HEAT[0], ("madagh", "heat", "green", 0, 1, 0.1))
    folder = save(tmp_path / "2", alerts(table, berkane, "", first, shapes))
    when = datetime(2026, 7, 9, 15, 0, 1, tzinfo=UTC)
    made = cancel_alerts(folder, reason, when)
    check(schema, made)
    assert list(made) == ["heat-orange-cancel.xml"]
    root = read(made["heat-orange-cancel.xml"])
    assert one(root, "sent") == "2026-07-09T15:00:01-00:00"
    assert one(root, "references").startswith(
        "climate-risk@berkane.invalid,berkane.heat.orange.2026-07-09,"
    )
    reasons = (
        [reason] * 3 if isinstance(reason, str) else [reason[tag] for tag in ("fr", "ar", "en")]
    )
    assert all(why in text for why, text in zip(reasons, said(root, "description"), strict=True))
    assert all(why in one(root, "note") for why in reasons)
    assert cancel_alerts(save(folder, made), reason, when) == {}
    again = alerts(table_of("2026-07-10", HEAT[0]), berkane, "", folder, shapes)
    assert one(read(again["heat-orange.xml"]), "msgType") == "Alert"
    assert cancel_alerts(tmp_path / "nowhere", reason, when) == {}


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

    second = again(*HEAT[:3], ("madagh", "heat", "yellow", 1, 1, 0.7))
    assert {name: text for name, text in second.items() if name in first} == first
    assert set(second) - set(first) == {"heat-orange-2.xml"}  # of drought there is nothing new
    update = read(second["heat-orange-2.xml"])
    assert (one(update, "msgType"), one(update, "identifier")) == (
        "Update",
        "berkane.heat.orange.2026-07-08.2",
    )
    assert (
        one(update, "references")
        == "climate-risk@berkane.invalid,berkane.heat.orange.2026-07-08,2026-07-08T06:30:00+01:00"
    )
    assert one(update, "sent") == "2026-07-08T12:00:00-00:00"
    save(folder, second)
    third = again(("berkane", "heat", "red", 1, 1, 0.6), ("madagh", "heat", "green", 1, 1, 0.1))
    assert set(third) - set(second) == {"heat-red.xml"}
    assert replaces(read(third["heat-red.xml"])) == ["berkane.heat.orange.2026-07-08.2"]
    save(folder, third)
    grey = [("berkane", "heat", "grey", 1, 1, None), ("madagh", "heat", "green", 1, 1, 0.1)]
    fourth = again(*grey)
    assert set(fourth) - set(third) == {"heat-red-2.xml"}
    assert places(read(fourth["heat-red-2.xml"])) == [("red", ["berkane"], False)]
    save(folder, fourth)
    assert again(*grey) == fourth
    fifth = again(("berkane", "heat", "green", 1, 1, 0.1), ("madagh", "heat", "green", 1, 1, 0.1))
    assert set(fifth) - set(fourth) == {"heat-red-cancel.xml"}
    assert replaces(read(fifth["heat-red-cancel.xml"])) == ["berkane.heat.red.2026-07-08.2"]
    save(folder, fifth)
    save(folder, again(*HEAT))
    ended = cancel_alerts(folder, "It was wrong.", datetime(2026, 7, 8, 15, tzinfo=UTC))
    check(schema, ended)
    assert set(ended) == {"heat-orange-cancel.xml", "drought-red-cancel.xml"}
    assert replaces(read(ended["heat-orange-cancel.xml"])) == ["berkane.heat.orange.2026-07-08.3"]
    tomorrow = alerts(table_of("2026-07-09", HEAT[0]), berkane, "", save(folder, ended), shapes)
    assert [one(read(text), "msgType") for text in tomorrow.values()] == ["Alert"]


STATUS = {
    "nobody authorised": (Issuer(), "", "Test"),
    "named but not authorised": (Issuer(name="City", sender="risk@city.example"), "", "Test"),
    "authorised": (Issuer(name="City", sender="risk@city.example", authorised=True), "", "Actual"),
    "an exercise of an authorised one": (
        Issuer(name="City", sender="risk@city.example", authorised=True),
        "EXERCISE",
        "Exercise",
    ),
    "a hindcast": (
        Issuer(name="City", sender="risk@city.example", authorised=True),
        "HINDCAST",
        "Test",
    ),
}


@pytest.mark.parametrize(("issuer", "label", "status"), STATUS.values(), ids=STATUS.keys())
def test_only_an_authorised_issuer_is_actual(
    schema, berkane, shapes, tmp_path: Path, issuer, label, status
):
    region = berkane.model_copy(update={"issuer": issuer})
    made = alerts(table_of("2026-07-08", *HEAT[:3]), region, label, None, shapes)
    check(schema, made)
    root = read(made["heat-orange.xml"])
    assert one(root, "status") == status
    assert said(root, "senderName") == (
        [issuer.name] * 3 if issuer.name else [region.title_in(tag) for tag in ("fr", "ar", "en")]
    )
    assert said(root, "headline")[2].startswith("EXERCISE: ") == (label == "EXERCISE")
    assert ("simulated" in said(root, "description")[2]) == (label == "EXERCISE")
    ended = cancel_alerts(save(tmp_path, made), "It is over.", datetime(2026, 7, 8, 12, tzinfo=UTC))
    check(schema, ended)
    root = read(ended["heat-orange-cancel.xml"])
    assert one(root, "status") == status
    assert said(root, "headline")[2] == ("EXERCISE: " * (label == "EXERCISE")) + (
        "Cancelled: Heat: orange in Berkane from Thursday 9 July to Saturday 11 July"
    )
    assert ("simulated" in said(root, "description")[2]) == (label == "EXERCISE")


@pytest.mark.parametrize(
    ("colour", "instruction"),
    [("yellow", []), ("orange", ["Open the halls."]), ("red", ["Open the halls."])],
)
def test_the_instruction_is_that_of_the_highest_colour_reached(
    schema, berkane, shapes, colour, instruction
):
    region = berkane.model_copy(
        update={
            "actions": {
                "heat": {"orange": ActionText(plain="Open the halls.")},
                "drought": {"yellow": ActionText(plain="Save water.")},
            }
        }
    )
    made = alerts(
        table_of("2026-07-08", ("berkane", "heat", colour, 1, 1, 0.6)), region, "", None, shapes
    )
    check(schema, made)
    assert said(read(made[f"heat-{colour}.xml"]), "instruction") == instruction * 3


def test_hostile_names_are_text(schema, tmp_path: Path):
    places = tuple(
        Location(id=f"p{i}", names={"en": name}, latitude=i, longitude=-i)
        for i, name in enumerate(HOSTILE)
    )
    issuer = Issuer(name=HOSTILE[0], sender="a@b.example", contact=HOSTILE[1])
    region = Region(
        name="x",
        title=HOSTILE[0],
        sources=("s",),
        locations=places,
        issuer=issuer,
        actions={"heat": {"red": HOSTILE[0]}},
        path=tmp_path / "x",
    )
    for i, name in enumerate(HOSTILE):
        made = alerts(
            table_of("2026-07-08", (f"p{i}", "heat", "red", 1, 1, 0.6)), region, "", None, {}
        )
        check(schema, made)
        assert "<script" not in made["heat-red.xml"]
        root = read(made["heat-red.xml"])
        assert one(root, "areaDesc") == "".join(char for char in name if char not in "\x07\ufffe")
        assert one(root, "instruction") == HOSTILE[0] and one(
            root, "circle"
        ) == f"{i:.5f},{-i:.5f} 0".replace("-0.0", "0.0")
        assert len(one(root, "headline")) < 160
    check(
        schema,
        alerts(
            table_of("2026-07-08", *[(place.id, "heat", "red", 1, 1, 0.6) for place in places]),
            region,
            "",
            None,
            {},
        ),
    )


def test_polygons_are_those_of_the_map_latitude_first(schema, berkane, shapes):
    made = alerts(
        table_of(
            "2026-07-08", *[(place.id, "heat", "red", 1, 1, 0.6) for place in berkane.locations]
        ),
        berkane,
        "",
        None,
        shapes,
    )
    check(schema, made)
    info = read(made["heat-red.xml"]).findall(f"{{{CAP}}}info")[2]
    areas = info.findall(f"{{{CAP}}}area")
    assert len(areas) == 16 and "and 13 more places" in one(info, "headline")
    for area in areas:
        polygons = said(area, "polygon")
        assert sum(len(polygon.split()) for polygon in polygons) <= 100
        for polygon, ring in zip(polygons, shapes[one(area, "value")].polygons, strict=True):
            points = [tuple(float(part) for part in point.split(",")) for point in polygon.split()]
            assert points == [
                (pytest.approx(latitude, abs=1e-5), pytest.approx(longitude, abs=1e-5))
                for longitude, latitude in ring
            ]


def test_a_place_the_region_does_not_name_has_its_records_name(schema, tmp_path: Path):
    region = Region(name="x", title="X", sources=("s",), path=tmp_path / "x")
    made = alerts(
        table_of("2026-07-08", ("p", "heat", "red", 1, 1, 0.6)), region, "", None, {}, {"p": "Port"}
    )
    check(schema, made)
    assert one(read(made["heat-red.xml"]), "areaDesc") == "Port"
    bare = alerts(table_of("2026-07-08", ("p", "heat", "red", 1, 1, 0.6)), region, "", None, {})
    assert one(read(bare["heat-red.xml"]), "areaDesc") == "p"


def test_the_same_forecast_gives_the_same_text(berkane, shapes, tmp_path: Path):
    before = save(tmp_path, alerts(table_of("2026-07-07", *HEAT), berkane, "", None, shapes))
    table = table_of("2026-07-08", *HEAT)
    assert alerts(table, berkane, "", before, shapes) == alerts(
        table.sample(frac=1, random_state=1), berkane, "", before, shapes
    )


def test_the_season_changes_the_offset_and_utc_is_written_as_cap_wants(schema, berkane, shapes):
    ramadan = alerts(
        table_of("2025-03-10", HEAT[0]), berkane, "", None, shapes
    )  # Morocco keeps UTC in Ramadan
    check(schema, ramadan)
    assert one(read(ramadan["heat-orange.xml"]), "sent") == "2025-03-10T06:30:00-00:00"


def test_strange_files_are_passed_over(shared, berkane, shapes, tmp_path: Path):
    folder = save(
        tmp_path,
        {
            "note.xml": "<a>",
            "other.xml": f'<alert xmlns="{CAP}"><identifier>a.b.c.d</identifier></alert>',
        },
    )
    for path in sorted((shared / "cap").glob("*.cap")):
        (folder / ALERTS / f"{path.stem}.xml").write_bytes(path.read_bytes())
    (folder / ALERTS / "utf16.xml").write_bytes(
        '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'.encode("utf-16")
    )
    made = alerts(table_of("2026-07-08", *HEAT), berkane, "", folder, shapes)
    assert [one(read(text), "msgType") for text in made.values()] == ["Alert"]
    assert cancel_alerts(folder, "x", datetime(2026, 7, 8, tzinfo=UTC)) == {}


def test_entities_are_never_opened(berkane, shapes, tmp_path: Path):
    secret = tmp_path / "secret"
    secret.write_text("secret")
    made = alerts(table_of("2026-07-08", *HEAT), berkane, "", None, shapes)
    evil = (
        made["heat-orange.xml"]
        .replace("?>\n", f'?>\n<!DOCTYPE alert [<!ENTITY x SYSTEM "{secret}">]>\n', 1)
        .replace("Severe", "&x;")
    )
    folder = save(tmp_path / "day", {"heat-orange.xml": evil})
    assert cancel_alerts(folder, "x", datetime(2026, 7, 8, tzinfo=UTC)) == {}


def test_nothing_above_green_means_no_alert(berkane, shapes):
    cells = [("berkane", "heat", "green", 0, 1, 0.1), ("madagh", "heat", "grey", 1, 1, 0.1)]
    assert alerts(table_of(date(2026, 7, 8).isoformat(), *cells), berkane, "", None, shapes) == {}
    assert alerts(table_of("2026-07-08"), berkane, "", None, shapes) == {}
