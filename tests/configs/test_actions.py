"""Actions of region files: in languages, from a file beside it, with their source and approval."""

from __future__ import annotations

from pathlib import Path

import pytest

from configs import TAGS, ConfigError, load_region
from configs.actions import MAX_LENGTH, ActionText

PLAIN = "name: somewhere\ntitle: Somewhere\ntimezone: UTC\nsources: [station_files]\n"


def written(folder: Path, text: str) -> Path:
    path = folder / "somewhere.yaml"
    path.write_text(PLAIN + text, encoding="utf-8")
    return path


def test_a_mere_text_is_the_same_in_every_language(tmp_path: Path) -> None:
    region = load_region(written(tmp_path, "actions: {heat: {red: Open the halls.}}\n"))
    action = region.actions["heat"]["red"]
    assert {action.words(tag) for tag in TAGS} == {"Open the halls."}
    assert action.approved


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"en": "A", "fr": "B", "ar": "C"}, ["A", "B", "C"]),
        ({"fr": "B", "en": "A"}, ["A", "B", "A"]),
        ({"fr": "B"}, ["B", "B", "B"]),
        ({"plain": "P", "ar": "C"}, ["P", "P", "C"]),
    ],
    ids=str,
)
def test_a_language_without_a_text_gets_the_english_or_any(given: dict, expected: list) -> None:
    assert [ActionText(**given).words(tag) for tag in TAGS] == expected


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("actions: {heat: {red: {source: WMO}}}\n", "found no text, expected one in en, fr or ar"),
        ("actions: {heat: {red: {eng: x}}}\n", "unknown key 'actions.heat.red.eng'"),
        (f"actions: {{heat: {{red: {'x' * (MAX_LENGTH + 1)}}}}}\n", "expected a shorter text"),
        ("actions: nowhere.yaml\n", "actions: there is no file .*nowhere.yaml, expected one"),
    ],
)
def test_what_no_action_can_be_is_told(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        load_region(written(tmp_path, text))


def test_actions_may_lie_in_a_file_beside_the_region(tmp_path: Path) -> None:
    (tmp_path / "do.yaml").write_text("heat: {red: {en: Go in., fr: Rentrez.}}\n")
    region = load_region(written(tmp_path, "actions: do.yaml\n"))
    assert region.actions["heat"]["red"].words("fr") == "Rentrez."


@pytest.mark.parametrize("name", ["berkane", "berkane-exercise"])
def test_berkane_says_what_to_do_at_every_colour_in_three_languages(name: str) -> None:
    from features.hazards import hazards

    region = load_region(name)
    assert set(region.actions) == set(hazards())
    for by_colour in region.actions.values():
        assert list(by_colour) == ["yellow", "orange", "red"]
        for action in by_colour.values():
            assert action.en and action.fr and action.ar and action.source
            assert not action.approved
            assert len({action.words(tag) for tag in TAGS}) == len(TAGS)
