"""Region files: what they say, and one sentence with the cure for what they cannot say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from configs import CHECKOUT, RESERVED, ConfigError, Region, Settings, load_region, region_names
from sources import sources_of

PLAIN = "name: somewhere\ntitle: Somewhere\ntimezone: UTC\nsources: [station_files]\n"

WRONG = {
    "misspelt key": (PLAIN + "inbocks: x\n", "unknown key 'inbocks', did you mean 'inbox'?"),
    "two misspelt keys": (
        PLAIN + "inbocks: x\ntitel: y\n",
        "unknown key 'inbocks', .* unknown key 'titel', did you mean 'title'?",
    ),
    "strange key": (PLAIN + "qqqq: x\n", "unknown key 'qqqq', expected one of actions, "),
    "key that is a number": (PLAIN + "3: x\n", "unknown key '3'"),
    "key in schedule": (
        PLAIN + "schedule: {dayly: '06:30'}\n",
        "unknown key 'schedule.dayly', did you mean 'daily'?",
    ),
    "key in issuer": (
        PLAIN + "issuer: {sendr: a@b.example}\n",
        "unknown key 'issuer.sendr', did you mean 'sender'?",
    ),
    "sender of two words": (
        PLAIN + "issuer: {sender: a b}\n",
        "issuer.sender: found 'a b', expected an e-mail address or a domain",
    ),
    "address that is none": (
        PLAIN + "issuer: {public_url: risk.city.example}\n",
        "issuer.public_url: found 'risk.city.example', expected an address such as https://",
    ),
    "sender with a comma": (
        PLAIN + "issuer: {sender: 'a,b'}\n",
        "issuer.sender: found 'a,b', expected",
    ),
    "authorised by nobody": (
        PLAIN + "issuer: {authorised: true}\n",
        "issuer: found authorised without a name and a sender, expected both",
    ),
    "issuer of text": (PLAIN + "issuer: me\n", "issuer: found 'me', expected keys and values"),
    "key in a location": (
        PLAIN + "locations: [{id: a, latitud: 3}]\n",
        "unknown key 'locations.0.latitud', did you mean 'latitude'?",
    ),
    "key of our own": (PLAIN + "path: x\n", "unknown key 'path'"),
    "key twice": (PLAIN + "title: again\n", "line 5: .* the key 'title' stands twice"),
    "no name": ("title: x\nsources: [a]\n", "the key 'name' is missing, add it"),
    "no sources": ("title: x\nname: x\n", "the key 'sources' is missing"),
    "empty sources": (
        PLAIN.replace("[station_files]", "[]"),
        r"sources: found \[\], expected more values",
    ),
    "one source as text": (
        PLAIN.replace("[station_files]", "station_files"),
        "sources: found 'station_files', expected a list",
    ),
    "name with capitals": (
        PLAIN.replace("name: somewhere", "name: Some Where"),
        "name: found 'Some Where', expected small letters",
    ),
    "name of dots": (PLAIN.replace("name: somewhere", "name: ../../etc"), "expected small letters"),
    "name that is a number": (
        PLAIN.replace("name: somewhere", "name: 12"),
        "name: found 12, expected text; put it in quotes",
    ),
    "unknown zone": (
        PLAIN.replace("UTC", "Africa/Casa"),
        "timezone: found 'Africa/Casa', expected an IANA time zone",
    ),
    "broken YAML": (PLAIN + "warm_season: [5, 10\n", "line 6: it is not YAML"),
    "a tab": (PLAIN + "\tinbox: x\n", "line 5: it is not YAML"),
    "a list": ("- a\n", "found a list, expected keys such as name"),
    "nothing": ("", "found nothing, expected keys"),
    "an object": (
        PLAIN + "inbox: !!python/object/apply:os.system ['true']\n",
        "could not determine a constructor",
    ),
    "Latin-1": ((PLAIN + "inbox: é\n").encode("latin-1"), "it is not UTF-8 text"),
    "month 13": (
        PLAIN + "warm_season: [5, 13]\n",
        r"warm_season: found \[5, 13\], expected two months from 1 to 12",
    ),
    "season of words": (
        PLAIN + "warm_season: summer\n",
        "warm_season: found 'summer', expected a list",
    ),
    "years backwards": (
        PLAIN + "reference_period: [2020, 1991]\n",
        r"found \[2020, 1991\], expected the first and the last year",
    ),
    "one year": (
        PLAIN + "reference_period: [1991]\n",
        r"reference_period: found \[1991\], expected more values",
    ),
    "latitude 95": (
        PLAIN + "locations: [{id: a, latitude: 95}]\n",
        "locations.0.latitude: found 95, expected less than or equal to 90",
    ),
    "place twice": (
        PLAIN + "locations: [{id: a}, {id: a}]\n",
        r"location ids must differ, found \['a'\] twice",
    ),
    "unknown clock": (
        PLAIN + "clock: recorded\n",
        "clock: found 'recorded', expected 'today' or 'record'",
    ),
    "unknown language": (PLAIN + "languages: [de]\n", "found 'de', expected 'en', 'fr' or 'ar'"),
    "hour 25": (
        PLAIN + "schedule: {daily: '25:00'}\n",
        "schedule.daily: found '25:00', expected a time such as 06:30",
    ),
    "threshold of words": (
        PLAIN + "thresholds: {heat: {floor: hot}}\n",
        "thresholds.heat.floor: found 'hot', expected a valid number",
    ),
    "threshold unnamed": (
        PLAIN + "thresholds: {heat: 35}\n",
        "thresholds.heat: found 35, expected keys and values",
    ),
}


def write(folder: Path, text: str | bytes, name: str = "somewhere.yaml") -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


@pytest.mark.parametrize(("text", "sentence"), WRONG.values(), ids=WRONG.keys())
def test_a_wrong_region_file_is_told_in_one_sentence(
    tmp_path: Path, text: str | bytes, sentence: str
) -> None:
    path = write(tmp_path, text)
    with pytest.raises(ConfigError, match=sentence) as caught:
        load_region(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", sorted(RESERVED))
def test_reserved_names_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match=f"name: '{name}' is reserved, choose another name"):
        load_region(write(tmp_path, PLAIN.replace("somewhere", name)))


MISSING = {
    "tuns": "there is no file tuns.yaml; did you mean tunis?",
    "Tunis": "did you mean tunis?",
    "zzzz": "known regions: .*tunis.*, or give the path of a YAML file",
    "no/such.yaml": "there is no file no/such.yaml",
    "configs/regions": "there is no file configs/regions",
}


@pytest.mark.parametrize(("name", "sentence"), MISSING.items(), ids=MISSING.keys())
def test_a_region_that_does_not_exist_gets_near_names(name: str, sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        load_region(name)


def test_a_region_is_found_by_name_and_by_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path, PLAIN)
    monkeypatch.chdir(tmp_path)
    by_path, by_text, relative = (
        load_region(path),
        load_region(str(path)),
        load_region("somewhere.yaml"),
    )
    assert by_path == by_text == relative
    assert by_path.path == path.resolve()
    assert load_region("tunis").path.name == "tunis.yaml"
    with pytest.raises(ConfigError, match="there is no file somewhere.yaml"):
        load_region("somewhere")  # a name is looked up among the project's own


def test_a_copied_region_file_must_be_renamed_inside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("configs.REGIONS", tmp_path)
    write(tmp_path, PLAIN, "elsewhere.yaml")
    with pytest.raises(
        ConfigError, match="name: found 'somewhere', expected 'elsewhere', the name of the file"
    ):
        load_region("elsewhere")


@pytest.mark.parametrize(
    ("inbox", "folder"),
    [("inbox", "regions/inbox"), ("../data", "data"), (None, "home/data/inbox/somewhere")],
)
def test_the_inbox_is_relative_to_the_region_file(
    tmp_path: Path, inbox: str | None, folder: str
) -> None:
    (tmp_path / "regions").mkdir()
    region = load_region(
        write(tmp_path / "regions", PLAIN + (f"inbox: {inbox}\n" if inbox else ""))
    )
    assert region.inbox_path(Settings(tmp_path / "home")) == tmp_path / folder


@pytest.mark.parametrize("hour", ["06:30", "'06:30'", "23:59", "00:05"])
def test_an_hour_is_an_hour_quoted_or_not(tmp_path: Path, hour: str) -> None:
    """YAML 1.1 reads 23:59 without quotes as the number 1439."""
    assert load_region(
        write(tmp_path, PLAIN + f"schedule: {{daily: {hour}}}\n")
    ).schedule.daily == hour.strip("'")


PLACE = "locations: [{id: here, latitude: 35.0, longitude: -2.0, elevation: 50}]\n"


@pytest.mark.parametrize(
    ("change", "same"),
    [
        ({"title: Somewhere": "title: Other"}, True),
        ({"id: here": "id: here, names: {fr: Ici}, population: 9"}, True),
        ("names: {fr: Ailleurs}\n", True),
        ("languages: [en, fr]\n", True),
        ("colours: {heat: {yellow: {1: 0.4}}}\n", True),
        ("actions: {heat: {red: Open the cool rooms.}}\n", True),
        ("schedule: {daily: '05:00'}\n", True),
        ("warm_season: [4, 9]\n", False),
        ("thresholds: {heat: {floor: 30}}\n", False),
        ("reference_period: [1991, 2020]\n", False),
        ({"timezone: UTC": "timezone: Africa/Tunis"}, False),
        ("utc_offset: 1\n", False),
        ("history_start: 1990-01-01\n", False),
        ({"latitude: 35.0": "latitude: 35.1"}, False),
        ({"longitude: -2.0": "longitude: -2.1"}, False),
        ({"elevation: 50": "elevation: 60"}, False),
        ({"elevation: 50": "elevation: 50, river_point: [35.0, -2.1]"}, False),
        ({"id: here": "id: there"}, False),
    ],
    ids=str,
)
def test_the_fingerprint_tells_what_a_model_depends_on(
    tmp_path: Path, change: str | dict[str, str], same: bool
) -> None:
    text = PLAIN + PLACE
    plain = load_region(write(tmp_path, text))
    if isinstance(change, str):
        changed = text + change
    else:
        ((old, new),) = change.items()
        changed = text.replace(old, new)
    assert changed != text
    assert (plain.fingerprint == load_region(write(tmp_path, changed)).fingerprint) is same


def test_the_order_of_places_changes_no_model(tmp_path: Path) -> None:
    one, two = "{id: a, latitude: 35.0}", "{id: b, latitude: 36.0}"
    first, second = (
        load_region(write(tmp_path, f"{PLAIN}locations: [{places}]\n"))
        for places in (f"{one}, {two}", f"{two}, {one}")
    )
    assert first.fingerprint == second.fingerprint


def test_the_sender_of_alerts_is_the_issuers_or_cannot_exist(tmp_path: Path) -> None:
    plain = load_region(write(tmp_path, PLAIN))
    assert plain.sender == "climate-risk@somewhere.invalid" and not plain.issuer.authorised
    text = (
        "issuer: "
        "{name: The city, sender: risk@city.example, authorised: true, contact: '+212 5 00'}\n"
    )
    named = load_region(write(tmp_path, PLAIN + text))
    assert named.sender == "risk@city.example" and named.issuer.authorised
    assert named.fingerprint == plain.fingerprint  # who speaks changes no model


def test_an_unknown_source_is_named(tmp_path: Path) -> None:
    region = load_region(write(tmp_path, PLAIN.replace("station_files", "station_file")))
    with pytest.raises(
        ConfigError, match="sources: found 'station_file', expected one of .*station_files"
    ):
        sources_of(region)


@pytest.mark.parametrize("name", region_names())
def test_every_region_of_the_project_loads(name: str) -> None:
    region = load_region(name)
    assert isinstance(region, Region)
    assert [source.name for source in sources_of(region)] == list(region.sources)


def test_the_home_is_the_environments_or_the_checkout(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CLIMATE_RISK_HOME", str(tmp_path))
    assert Settings.from_environment().published == tmp_path / "published"
    monkeypatch.delenv("CLIMATE_RISK_HOME")
    assert (Settings.from_environment().home / "pyproject.toml").exists()


def test_the_region_files_in_the_readme_are_right(tmp_path: Path) -> None:
    found = re.findall(
        r"```yaml\n(.*?)```", (CHECKOUT / "README.md").read_text(encoding="utf-8"), re.DOTALL
    )
    assert len(found) == 2
    for number, text in enumerate(found):
        path = tmp_path / f"{number}.yaml"
        path.write_text(text, encoding="utf-8")
        region = load_region(path)
        assert sources_of(region)
        assert len(text.splitlines()) <= 12


@pytest.mark.parametrize(
    ("offset", "hours"), [("5.75", 5.75), ("-9.5", -9.5), ("0", 0), ("1", 1), ("14", 14)]
)
def test_standard_days_may_begin_at_a_quarter_of_an_hour(
    tmp_path: Path, offset: str, hours: float
) -> None:
    region = load_region(write(tmp_path, PLAIN + f"utc_offset: {offset}\n"))
    assert region.day_offset == hours
    assert region.learnt_with["utc_offset"] == hours


@pytest.mark.parametrize("offset", ["5.1", "15", "-12.25", "five"])
def test_an_offset_that_no_clock_has_is_refused(tmp_path: Path, offset: str) -> None:
    with pytest.raises(ConfigError, match="utc_offset"):
        load_region(write(tmp_path, PLAIN + f"utc_offset: {offset}\n"))


def test_the_key_that_a_misspelt_one_means_is_of_its_own_part(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"'issuer.nam', did you mean 'name'"):
        load_region(write(tmp_path, PLAIN + "issuer: {nam: x}\n"))
    with pytest.raises(ConfigError, match="'locations.0.longitud', did you mean 'longitude'"):
        load_region(write(tmp_path, PLAIN + "locations: [{id: a, longitud: 1}]\n"))


@pytest.mark.parametrize(
    ("zone", "hours"),
    [
        ("America/Denver", -7),
        ("Pacific/Auckland", 12),
        ("Europe/Dublin", 0),
        ("Asia/Kathmandu", 5.75),
        ("UTC", 0),
    ],
)
def test_without_a_longitude_standard_days_are_those_of_the_zone(
    tmp_path: Path, zone: str, hours: float
) -> None:
    """Whatever the season: days have 24 hours, daylight saving time has none."""
    region = load_region(write(tmp_path, PLAIN.replace("UTC", zone)))
    assert region.day_offset == hours
