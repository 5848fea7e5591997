import math
from datetime import UTC, date, datetime
from pathlib import Path
from xml.etree import ElementTree

import pandas as pd
import pytest
from lxml import etree

from configs import Issuer, Location, Region, load_region
from reports.alerts import CAP, FOLDER, alerts, cancel_alerts
from reports.exports import COLUMNS, forecast_table
from reports.outlines import Outline, outlines

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
    """A forecast table of cells (location, hazard, colour, lead_days, window_days, chance of the colour's level)."""
    day, rows = pd.Timestamp(issued), []
    for location, hazard, colour, lead, window, chance in cells:
        for level in (1, 2, 3):
            p = chance * 0.5 ** (level - LEVEL.get(colour, 1))
            row = ["x", location, hazard, level, day, day + pd.Timedelta(days=lead), lead, window]
            rows.append(
                [*row, min(p, 1.0), 0.05, "skilful", colour, day - pd.Timedelta(days=1), "1"]
            )
    return pd.DataFrame(rows, columns=list(COLUMNS))


def read(text: str) -> ElementTree.Element:
    return ElementTree.fromstring(text)  # noqa: S314 (our own text)


def said(element: ElementTree.Element, name: str) -> list[str]:
    return [found.text or "" for found in element.iter(f"{{{CAP}}}{name}")]


def one(element: ElementTree.Element, name: str) -> str:
    (found,) = set(said(element, name))  # the same in every info block
    return found


def save(folder: Path, made: dict[str, str]) -> Path:
    (folder / FOLDER).mkdir(parents=True, exist_ok=True)
    for name, text in made.items():
        (folder / FOLDER / name).write_text(text, encoding="utf-8")
    return folder


def check(schema: etree.XMLSchema, made: dict[str, str]) -> None:
    """What CAP 1.2 asks beyond its schema too: closed polygons, no odd signs in identifiers, one timing in all languages."""
    for text in made.values():
        schema.assertValid(etree.fromstring(text.encode()))
        root = read(text)
        for name in ("identifier", "sender"):
            assert not set(" ,<&") & set(one(root, name))
        for polygon in said(root, "polygon"):
            points = polygon.split()
            assert len(points) >= 4 and points[0] == points[-1]
        infos = root.findall(f"{{{CAP}}}info")
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
        assert one(root, "onset") < one(root, "expires")
        for when in ("sent", "effective", "onset", "expires"):
            assert datetime.fromisoformat(one(root, when)).tzinfo and not one(root, when).endswith(
                "+00:00"
            )


HEAT = [("berkane", "heat", "orange", lead, 1, 0.41) for lead in (1, 2, 3)] + [
    ("madagh", "heat", "yellow", 1, 1, 0.55)
]


def test_one_alert_for_each_hazard_and_colour(schema, berkane, shapes):
    cells = [
        *HEAT,
        ("berkane", "heat", "yellow", 4, 1, 0.9),
        ("saidia", "flash_flood", "red", 0, 1, 0.31),
        ("ahfir", "heat", "green", 0, 1, 0.1),
    ]
    made = alerts(table_of("2026-07-08", *cells), berkane, "", None, shapes)
    check(schema, made)
    assert list(made) == ["flash_flood-red.xml", "heat-orange.xml", "heat-yellow.xml"]
    root = read(made["heat-orange.xml"])
    assert (
        one(root, "identifier") == "berkane.heat.orange.2026-07-08"
        and one(root, "sender") == "climate-risk@berkane.invalid"
    )
    assert one(root, "sent") == "2026-07-08T06:30:00+01:00" and one(root, "msgType") == "Alert"
    assert (one(root, "onset"), one(root, "expires")) == (
        "2026-07-09T00:00:00-00:00",
        "2026-07-12T00:00:00-00:00",
    )
    assert (one(root, "severity"), one(root, "certainty"), one(root, "urgency")) == (
        "Severe",
        "Possible",
        "Expected",
    )
    assert said(root, "language") == ["fr", "ar", "en"] and set(said(root, "areaDesc")) == {
        "Berkane",
        "بركان",
    }
    assert (
        said(root, "headline")[2]
        == "Heat: orange in Berkane from Thursday 9 July to Saturday 11 July"
    )
    english = said(root, "description")[2]
    assert "Chance of severe conditions: up to 41 in 100 (usual for the date: 5 in 100)." in english
    assert "official vigilance" in english and "0.4100" in said(root, "value")
    assert (
        said(read(made["heat-yellow.xml"]), "areaDesc")[2] == "Madagh"
    )  # Berkane's own yellow day is in its orange alert
    assert one(read(made["heat-yellow.xml"]), "certainty") == "Likely"
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


def test_three_days_refer_to_one_another(schema, berkane, shapes, tmp_path: Path):
    first = alerts(table_of("2026-07-08", *HEAT), berkane, "", None, shapes)
    second = alerts(
        table_of("2026-07-09", HEAT[0]), berkane, "", save(tmp_path / "1", first), shapes
    )
    third = alerts(
        table_of("2026-07-10", ("berkane", "heat", "green", 0, 1, 0.1)),
        berkane,
        "",
        save(tmp_path / "2", second),
        shapes,
    )
    fourth = alerts(
        table_of("2026-07-11", HEAT[0]), berkane, "", save(tmp_path / "3", third), shapes
    )
    for made in (first, second, third, fourth):
        check(schema, made)
    sender = "climate-risk@berkane.invalid"
    assert [one(read(text), "msgType") for text in second.values()] == ["Update", "Cancel"]
    assert list(second) == ["heat-orange.xml", "heat-yellow-cancel.xml"]
    assert (
        one(read(second["heat-orange.xml"]), "references")
        == f"{sender},berkane.heat.orange.2026-07-08,2026-07-08T06:30:00+01:00"
    )
    assert (
        one(read(second["heat-yellow-cancel.xml"]), "references")
        == f"{sender},berkane.heat.yellow.2026-07-08,2026-07-08T06:30:00+01:00"
    )
    assert list(third) == ["heat-orange-cancel.xml"]
    cancel = read(third["heat-orange-cancel.xml"])
    assert (
        one(cancel, "references")
        == f"{sender},berkane.heat.orange.2026-07-09,2026-07-09T06:30:00+01:00"
    )
    assert (
        one(cancel, "identifier") == "berkane.heat.orange.2026-07-10.cancel"
        and one(cancel, "urgency") == "Past"
    )
    assert set(said(cancel, "areaDesc")) == {"Berkane", "بركان"}
    assert (
        one(read(fourth["heat-orange.xml"]), "msgType") == "Alert"
    )  # what was cancelled is not updated


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


def test_an_alert_stands_on_while_its_hazard_has_no_colours(
    schema, berkane, shapes, tmp_path: Path
):
    first = alerts(table_of("2026-07-08", *HEAT), berkane, "", None, shapes)
    silent = table_of(
        "2026-07-09",
        ("berkane", "heat", "", 0, 1, math.nan),
        ("berkane", "drought", "green", 30, 90, 0.1),
    )
    second = alerts(silent, berkane, "", save(tmp_path / "1", first), shapes)
    assert second == {
        "heat-orange.xml": first["heat-orange.xml"],
        "heat-yellow.xml": first["heat-yellow.xml"],
    }
    third = alerts(
        table_of("2026-07-09", HEAT[0]), berkane, "", save(tmp_path / "2", second), shapes
    )
    assert "2026-07-08" in one(read(third["heat-orange.xml"]), "references")


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
    folder = save(
        tmp_path / "2", alerts(table_of("2026-07-09", HEAT[0]), berkane, "", first, shapes)
    )
    when = datetime(2026, 7, 9, 15, 0, 1, tzinfo=UTC)
    made = cancel_alerts(folder, reason, when)
    check(schema, made)
    assert list(made) == ["heat-orange-cancel.xml"]  # the yellow one was cancelled that morning
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
    """What is out never changes: an update or a cancel refers to it, and what is the same is not said again."""
    yesterday = save(
        tmp_path / "0",
        alerts(
            table_of("2026-07-07", ("berkane", "drought", "red", 30, 90, 0.6)),
            berkane,
            "",
            None,
            shapes,
        ),
    )
    first = alerts(table_of("2026-07-08", *HEAT), berkane, "", yesterday, shapes)
    assert set(first) == {
        "heat-orange.xml",
        "heat-yellow.xml",
        "drought-red.xml",
    }  # without a drought today it stands on
    noon, folder = datetime(2026, 7, 8, 12, tzinfo=UTC), save(tmp_path / "1", first)

    def again(*cells: tuple, sent: datetime = noon) -> dict[str, str]:
        made = alerts(
            table_of("2026-07-08", *cells), berkane, "", yesterday, shapes, None, folder, sent
        )
        check(schema, made)
        ids = [one(read(text), "identifier") for text in made.values()]
        assert len(set(ids)) == len(ids)
        return made

    second = again(*HEAT[:3], ("madagh", "heat", "yellow", 1, 1, 0.7))
    assert {name: text for name, text in second.items() if name in first} == first
    assert set(second) - set(first) == {"heat-yellow-2.xml"}  # orange says what it said
    update = read(second["heat-yellow-2.xml"])
    assert (one(update, "msgType"), one(update, "identifier")) == (
        "Update",
        "berkane.heat.yellow.2026-07-08.2",
    )
    assert (
        one(update, "references")
        == "climate-risk@berkane.invalid,berkane.heat.yellow.2026-07-08,2026-07-08T06:30:00+01:00"
    )
    assert one(update, "sent") == "2026-07-08T12:00:00-00:00"
    save(folder, second)
    third = again(*HEAT[:3], ("madagh", "heat", "green", 1, 1, 0.1))
    assert set(third) - set(second) == {"heat-yellow-cancel.xml"}
    assert (
        one(read(third["heat-yellow-cancel.xml"]), "references").split(",")[1]
        == "berkane.heat.yellow.2026-07-08.2"
    )
    save(folder, third)
    save(folder, again(*HEAT))
    ended = cancel_alerts(folder, "It was wrong.", datetime(2026, 7, 8, 15, tzinfo=UTC))
    check(schema, ended)
    assert set(ended) == {
        "heat-orange-cancel.xml",
        "heat-yellow-2-cancel.xml",
        "drought-red-cancel.xml",
    }
    assert (
        one(read(ended["heat-yellow-2-cancel.xml"]), "references").split(",")[1]
        == "berkane.heat.yellow.2026-07-08.3"
    )
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
    made = alerts(table_of("2026-07-08", *HEAT), region, label, None, shapes)
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
            "actions": {"heat": {"orange": "Open the halls."}, "drought": {"yellow": "Save water."}}
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
        (folder / FOLDER / f"{path.stem}.xml").write_bytes(path.read_bytes())
    (folder / FOLDER / "utf16.xml").write_bytes(
        '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'.encode("utf-16")
    )
    made = alerts(table_of("2026-07-08", *HEAT), berkane, "", folder, shapes)
    assert {one(read(text), "msgType") for text in made.values()} == {"Alert"} and len(made) == 2
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
