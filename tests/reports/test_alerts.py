"""What one CAP message says: its parts, times, areas, parameters and words."""

from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path

import pytest
from cap_chain import (
    blocks,
    check,
    days,
    english,
    one,
    parameters,
    parts_of,
    read,
    said,
    save,
    table_of,
)

from configs import Issuer, Location, Region
from configs.actions import ActionText
from reports.exports.chain import alerts, cancel_alerts
from reports.exports.messages import CAP
from reports.exports.table import forecast_table
from reports.storage.archive import ALERTS

HOSTILE = [
    "<script>alert(1)</script>",
    "\"quoted\" & 'so'",
    "\u202eright\u200f to left",
    "long " * 40,
    "bell\x07 and \ufffe null",
    "é\nline",
]
HEAT = [*days("berkane", " ooo"), *days("zegzel", " y")]


def test_one_message_an_event_with_a_part_for_each_colour_and_span(schema, berkane, shapes):
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
    assert blocks(root) == [
        "orange berkane 07-09/07-11",
        "yellow zegzel 07-09",
        "yellow berkane 07-12",
    ]
    orange, yellow, _ = (infos[0] for infos in parts_of(root))
    assert (one(orange, "onset"), one(orange, "expires")) == (
        "2026-07-09T01:00:00+01:00",
        "2026-07-12T01:00:00+01:00",
    )
    assert (one(orange, "severity"), one(orange, "certainty"), one(orange, "urgency")) == (
        "Severe",
        "Possible",
        "Expected",
    )
    assert (one(yellow, "expires"), one(yellow, "certainty")) == (
        "2026-07-10T01:00:00+01:00",
        "Likely",
    )
    assert said(root, "language") == ["fr", "ar", "en"] * 3
    assert set(said(root, "areaDesc")) == {"Berkane", "بركان", "Zegzel", "زكزل"}
    assert english(root, "headline") == [
        "Heat: orange in Berkane from Thursday 9 July to Saturday 11 July",
        "Heat: yellow in Zegzel on Thursday 9 July",
        "Heat: yellow in Berkane on Sunday 12 July",
    ]
    text = english(root, "description")[0]
    assert "Chance of severe conditions: up to 41 in 100 (usual for the date: 5 in 100)." in text
    assert "official vigilance" in text and "0.4100" in said(root, "value")
    assert one(read(made["flash_flood-red.xml"]), "severity") == "Extreme"


def test_a_forecast_of_every_colour_is_valid(made, schema, berkane):
    for colour in ("yellow", "orange", "red"):
        one_made = made(
            n_places=1, colour=colour, hazards=("heat", "flash_flood", "river_flood", "drought")
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


def test_a_drought_lasts_as_long_as_the_index_window_that_it_speaks_of(schema, berkane, shapes):
    """The 90 days to 7 August, of which 60 are over, and those to 6 September."""
    cells = [("berkane", "drought", "orange", lead, 90, 0.6) for lead in (30, 60)]
    made = alerts(table_of("2026-07-08", *cells), berkane, "", None, shapes)
    check(schema, made)
    root = read(made["drought-orange.xml"])
    assert blocks(root) == ["orange berkane 05-10/08-07", "orange berkane 06-09/09-06"]
    near, far = (infos[0] for infos in parts_of(root))
    assert (one(near, "onset"), one(near, "expires")) == (
        "2026-05-10T01:00:00+01:00",
        "2026-08-08T01:00:00+01:00",
    )
    assert (one(far, "onset"), one(far, "expires")) == (
        "2026-06-09T01:00:00+01:00",
        "2026-09-07T01:00:00+01:00",
    )
    assert english(root, "headline")[0] == (
        "Drought: orange in Berkane for the period from 10 May 2026 to 7 August 2026"
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
        "2026-07-08T06:30:00+01:00",
        "2026-07-11T01:00:00+01:00",
    )
    assert "on some day from" in said(root, "headline")[2]
    both = [*windows, ("berkane", "flash_flood", "yellow", 1, 1, 0.3)]
    root = read(
        alerts(table_of("2026-07-08", *both), berkane, "", None, shapes)["flash_flood-yellow.xml"]
    )
    assert (one(root, "onset"), one(root, "expires")) == (
        "2026-07-09T01:00:00+01:00",
        "2026-07-10T01:00:00+01:00",
    )


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
    cells = [("berkane", "heat", "green", 0, 1, 0.1), ("zegzel", "heat", "grey", 1, 1, 0.1)]
    assert alerts(table_of(date(2026, 7, 8).isoformat(), *cells), berkane, "", None, shapes) == {}
    assert alerts(table_of("2026-07-08"), berkane, "", None, shapes) == {}


def test_times_are_those_of_the_zone_on_that_date(schema, tmp_path: Path):
    """Standard days of Denver without a longitude, in summer and in the night of the change."""
    region = Region(
        name="x",
        title="D",
        timezone="America/Denver",
        schedule={"daily": "18:30"},
        sources=("s",),
        path=tmp_path / "x",
    )
    made = alerts(table_of("2026-07-10", ("p", "heat", "orange", 0, 1, 0.5)), region, "", None, {})
    check(schema, made)
    root = read(made["heat-orange.xml"])
    assert one(root, "sent") == one(root, "onset") == "2026-07-10T18:30:00-06:00"
    assert one(root, "expires") == "2026-07-11T01:00:00-06:00"
    standard = timezone(timedelta(hours=-7))
    assert datetime.fromisoformat(one(root, "expires")) == datetime(2026, 7, 11, tzinfo=standard)
    # clocks go back on 1 November 2026 at 2:00
    cells = [("p", "heat", "orange", lead, 1, 0.5) for lead in (1, 2)]
    made = alerts(table_of("2026-10-30", *cells), region, "", None, {})
    root = read(made["heat-orange.xml"])
    assert one(root, "onset") == "2026-10-31T01:00:00-06:00"
    assert one(root, "expires") == "2026-11-02T00:00:00-07:00"


def test_a_day_that_is_over_when_it_is_sent_is_in_no_message(berkane, shapes):
    """Late in the evening, in a zone whose clocks are behind its standard days."""
    region = berkane.model_copy(update={"utc_offset": 3})
    late = datetime(2026, 7, 8, 22, 30, tzinfo=region.zone)  # the standard day ended at 22:00
    cells = days("berkane", "o")
    assert alerts(table_of("2026-07-08", *cells), region, "", None, shapes, sent=late) == {}
    made = alerts(
        table_of("2026-07-08", *days("berkane", "oo")), region, "", None, shapes, sent=late
    )
    assert blocks(read(*made.values())) == ["orange berkane 07-08/07-09"]


def test_parameters_are_for_programs(schema, berkane, shapes):
    """MeteoAlarm's level and type, the days, and the people in the area."""
    cells = [*days("berkane", "yr"), *days("zegzel", "y"), *days("saidia", "o", "flash_flood")]
    made = alerts(table_of("2026-07-08", *cells), berkane, "", None, shapes)
    check(schema, made)
    red, yellow = (parameters(infos[0]) for infos in parts_of(read(made["heat-red.xml"])))
    assert red == {
        "awareness_level": "4; red; Extreme",
        "awareness_type": "5; high-temperature",
        "region": "berkane",
        "hazard": "heat",
        "colour": "red",
        "level": "3",
        "first_day": "2026-07-09",
        "last_day": "2026-07-09",
        "confirmed": "yes",
        "probability": "0.6000",
        "normal_probability": "0.0500",
        "exposed_population": "99069",
    }
    people = {place.id: place.population for place in berkane.locations}
    assert yellow["awareness_level"] == "2; yellow; Moderate"
    assert int(yellow["exposed_population"]) == people["berkane"] + people["zegzel"]
    (flood,) = parts_of(read(made["flash_flood-orange.xml"]))
    assert parameters(flood[0])["awareness_type"] == "10; Rain"
    assert parameters(flood[0])["awareness_level"] == "3; orange; Severe"


def test_people_are_told_only_where_all_places_tell_theirs(berkane, shapes):
    places = [
        place.model_copy(update={"population": None} if place.id == "zegzel" else {})
        for place in berkane.locations
    ]
    region = berkane.model_copy(update={"locations": tuple(places)})
    cells = [*days("berkane", "y"), *days("zegzel", "yy")]
    made = alerts(table_of("2026-07-08", *cells), region, "", None, shapes)
    root = read(made["heat-yellow.xml"])
    found = {
        text: parameters(infos[0]).get("exposed_population")
        for text, infos in zip(blocks(root), parts_of(root), strict=True)
    }
    assert found == {"yellow berkane 07-08": "99069", "yellow zegzel 07-08/07-09": None}


def test_the_web_address_is_that_of_the_report_in_the_language(schema, berkane, shapes):
    issuer = Issuer(public_url="https://risk.example/berkane/")
    region = berkane.model_copy(update={"issuer": issuer})
    made = alerts(table_of("2026-07-08", *HEAT[:3]), region, "", None, shapes)
    check(schema, made)
    assert said(read(made["heat-orange.xml"]), "web") == [
        f"https://risk.example/berkane/berkane/2026-07-08/report.{tag}.html"
        for tag in ("fr", "ar", "en")
    ]
    plain = alerts(table_of("2026-07-08", *HEAT[:3]), berkane, "", None, shapes)
    assert said(read(plain["heat-orange.xml"]), "web") == []
