"""The page on what to do: each hazard and colour, where it is taken from, who agreed to it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from configs import Region, Settings
from reports.site.records import languages_of_pages, write_page
from reports.text.actions import actions_in
from reports.text.formatting import COLOUR_WORDS
from reports.text.language import Language
from reports.view.outlook import RISING, hazard_title


@dataclass(frozen=True)
class ActionRow:
    """What to do at a colour of a hazard; ``source`` is empty where the region file names none."""

    hazard: str
    colour: str
    colour_word: str
    action: str
    source: str


def write_actions(region: Region, settings: Settings, label: str = "") -> Path | None:
    """Write actions.html, .fr and .ar beside the reports; returns their folder.

    None where the region file says nothing of what to do.
    """
    if not region.actions:
        return None
    for lang in languages_of_pages(region):
        write_page(region, settings, "actions", lang, label, rows=_rows(region, lang))
    return settings.published / region.name


def _rows(region: Region, lang: Language) -> list[ActionRow]:
    return [
        ActionRow(
            hazard_title(hazard, lang),
            colour,
            lang.say(COLOUR_WORDS[colour]),
            told[colour],
            region.actions[hazard][colour].source or "",
        )
        for hazard in region.actions
        for told in (actions_in(region, hazard, lang),)
        for colour in RISING
        if colour in told
    ]
