"""Impacts: what citizens' files may hold, and what stays out, row by row."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest

from configs import Location, Region, RiskError, Settings
from data_contracts.impact_files import files_of, is_impact_file, read_reports
from data_contracts.impacts import (
    MAX_WORDS,
    OFFICER,
    Impact,
    Known,
    Told,
    add_impacts,
    count_faults,
    folded,
    read_impacts,
    write_faults,
)

TODAY = date(2026, 7, 20)


@pytest.fixture
def region(tmp_path: Path) -> Region:
    return Region(
        name="city",
        title="City",
        sources=("station_files",),
        inbox="inbox",
        utc_offset=0,
        locations=(Location(id="saidia", names={"fr": "Saïdia", "ar": "السعيدية"}),),
        path=tmp_path / "city.yaml",
    )


@pytest.fixture
def known(region: Region) -> Known:
    places = {folded(name): "saidia" for name in ("saidia", "Saïdia", "السعيدية")}
    return Known(region, ("heat", "flash_flood"), places, TODAY)


def told(**changes: str) -> Told:
    given = {"hazard": "heat", "place": "saidia", "time": "2026-07-15", "words": "Two fainted."}
    return Told(**given | changes)


@pytest.mark.parametrize("place", ["saidia", "SAIDIA", " Saïdia ", "السعيدية"])
def test_a_place_is_known_by_its_id_and_its_names(known: Known, place: str) -> None:
    assert known.impact(told(place=place), OFFICER).location == "saidia"


@pytest.mark.parametrize(
    ("time", "day", "hour"),
    [
        ("2026-07-15", date(2026, 7, 15), ""),
        ("2026-07-15T14:30", date(2026, 7, 15), "14:30"),
        ("2026-07-15T00:30:00+01:00", date(2026, 7, 14), "23:30"),  # days are standard ones: UTC
        ("2026-07-15T23:30:00.000Z", date(2026, 7, 15), "23:30"),
    ],
)
def test_a_time_is_of_the_regions_own_day(known: Known, time: str, day: date, hour: str) -> None:
    impact = known.impact(told(time=time), OFFICER)
    assert (impact.day, impact.time) == (day, hour)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"hazard": "locusts"}, "hazard: found 'locusts', expected one of heat, flash_flood"),
        ({"place": "Paris"}, "place: found 'Paris', expected a place of city"),
        ({"time": "yesterday"}, "time: found 'yesterday', expected a day or time"),
        ({"time": "2026-07-21"}, "time: found 2026-07-21, expected a day from 1900-01-01 to today"),
        ({"time": "0001-01-01T00:00:00+14:00"}, "time: "),
        ({"words": "  "}, "words: found nothing"),
        ({"words": "x" * (MAX_WORDS + 1)}, "words: found 1,001 characters, expected 1,000"),
        ({"words": "ring\x07"}, r"words: found the control character U\+0007"),
        ({"words": "\u202eturned"}, r"words: found the control character U\+202E"),
        ({"photo": "../../etc/passwd"}, "photo: found '../../etc/passwd', expected the mere name"),
        ({"photo": "a.svg"}, "photo: found 'a.svg'"),
    ],
    ids=str,
)
def test_what_cannot_be_is_told_in_a_sentence(known: Known, change: dict, reason: str) -> None:
    with pytest.raises(RiskError, match=reason):
        known.impact(told(**change), OFFICER)


def test_the_same_report_twice_is_kept_once_whoever_brings_it(
    region: Region, known: Known, home: Settings
) -> None:
    first = known.impact(told(words="=cmd()  twice"), "impacts.csv")
    again = known.impact(told(words=" =cmd() twice "), OFFICER)
    assert add_impacts(region, home, [first, again]) == 1
    before = (home.data / "impacts/city/impacts.csv").read_bytes()
    assert add_impacts(region, home, [again, known.impact(told(words="other"), OFFICER)]) == 1
    assert add_impacts(region, home, [again]) == 0
    kept = read_impacts(region, home)
    assert [impact.words for impact in kept if impact.origin != OFFICER] == ["=cmd() twice"]
    assert len(kept) == 2 and b"'=cmd()" in before, "a spreadsheet runs nothing of it"


CSV = """time,hazard,place,words,photo
2026-07-15T14:30:00Z,heat,Saïdia,"Two fainted, one old",street.jpg
2026-07-16,locusts,saidia,x,
2026-07-17,flash flood,saidia,Water in the street,
"""
ODK_CSV = """SubmissionDate,report-hazard,report-commune,report-start,report-description,\
report-photo,meta-instanceID,KEY
2026-07-16T08:00:00.000Z,flash_flood,saidia,2026-07-15T22:10:00.000+01:00,Water in the street,\
1689.jpg,uuid:1,uuid:1
2026-07-16T08:00:00.000Z,,saidia,2026-07-15T22:10:00.000+01:00,Water,,uuid:2,uuid:2
"""
ODK_JSON = {
    "value": [
        {
            "__id": "uuid:1",
            "report": {
                "hazard": "heat",
                "place": "saidia",
                "date": "2026-07-15",
                "comment": "Hot",
                "photo": None,
            },
        },
        "no object",
    ]
}
SENSOR_THINGS = {
    "value": [
        {
            "@iot.id": 7,
            "phenomenonTime": "2026-07-15T14:00:00Z/2026-07-15T15:00:00Z",
            "result": "Hot wind",
            "parameters": {"hazard": "heat", "place": "saidia", "photo": "a b.png"},
            "Datastream": {"name": "Reports", "description": "Citizens' reports"},
        }
    ]
}


@pytest.mark.parametrize(
    ("name", "content", "expected", "faulty"),
    [
        (
            "impacts.csv",
            CSV,
            [
                ("heat", "2026-07-15", "14:30", "Two fainted, one old", "street.jpg"),
                ("flash_flood", "2026-07-17", "", "Water in the street", ""),
            ],
            [2],
        ),
        (
            "impacts-tab.csv",
            CSV.replace('"Two fainted, one old"', "Two fainted").replace(",", "\t"),
            [
                ("heat", "2026-07-15", "14:30", "Two fainted", "street.jpg"),
                ("flash_flood", "2026-07-17", "", "Water in the street", ""),
            ],
            [2],
        ),
        (
            "Impacts_odk.csv",
            "\ufeff" + ODK_CSV,
            [("flash_flood", "2026-07-15", "21:10", "Water in the street", "1689.jpg")],
            [2],
        ),
        ("impacts_odk.json", json.dumps(ODK_JSON), [("heat", "2026-07-15", "", "Hot", "")], [2]),
        (
            "impacts_sta.json",
            json.dumps(SENSOR_THINGS),
            [("heat", "2026-07-15", "14:00", "Hot wind", "a b.png")],
            [],
        ),
    ],
)
def test_reports_are_read_from_files_as_forms_and_services_export_them(
    region: Region, known: Known, home: Settings, name: str, content: str, expected, faulty
) -> None:
    folder = region.inbox_path(home)
    folder.mkdir()
    (folder / name).write_text(content, encoding="utf-8")
    (path,) = files_of(region, home)
    impacts, faults = read_reports(path, known)
    got = [(one.hazard, str(one.day), one.time, one.words, one.photo) for one in impacts]
    assert got == expected
    assert [fault.row for fault in faults] == faulty
    assert {one.origin for one in impacts} == {name}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("impacts.csv", b"\xff\xfe\x00"),
        ("impacts.json", b"{"),
        ("impacts.json", b'{"value": 3}'),
        ("impacts.json", b"[" * 100_000),
    ],
)
def test_a_file_that_is_none_is_one_fault(
    tmp_path: Path, known: Known, name: str, content: bytes
) -> None:
    (tmp_path / name).write_bytes(content)
    impacts, (fault,) = read_reports(tmp_path / name, known)
    assert impacts == [] and fault.row == 0 and "expected" in fault.reason


def test_faults_are_listed_anew_each_time(region: Region, known: Known, home: Settings) -> None:
    folder = region.inbox_path(home)
    folder.mkdir()
    (folder / "impacts.csv").write_text(CSV, encoding="utf-8")
    _, faults = read_reports(folder / "impacts.csv", known)
    write_faults(region, home, faults)
    assert count_faults(region, home) == 1
    write_faults(region, home, [])
    assert count_faults(region, home) == 0


def test_a_link_is_no_file_of_reports_and_other_files_are_none(
    region: Region, home: Settings, tmp_path: Path
) -> None:
    folder = region.inbox_path(home)
    folder.mkdir()
    (tmp_path / "secret.csv").write_text(CSV)
    (folder / "impacts.csv").symlink_to(tmp_path / "secret.csv")
    (folder / "impacts").mkdir()
    assert files_of(region, home) == []
    assert not is_impact_file("weather.csv") and not is_impact_file("impacts.xlsx")


def test_an_impact_is_told_apart_by_what_was_told() -> None:
    one = Impact(TODAY, "a", "heat", "", "x", "", OFFICER)
    other = Impact(TODAY, "a", "heat", "", "y", "", OFFICER)
    assert one.key != other.key and len(one.key) == 16
