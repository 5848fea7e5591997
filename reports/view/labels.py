"""Labels of reports that are no forecast to act on: what they are called, and what that means."""

from __future__ import annotations

from collections.abc import Sequence

from reports.text.language import Language, mark

LABEL_NAMES = {"HINDCAST": mark("HINDCAST"), "EXERCISE": mark("EXERCISE")}
LABELS = {
    "HINDCAST": mark(
        "made later for a past day with the data of that day; it was not issued then and counts "
        "for nothing."
    ),
    "EXERCISE": mark(
        "the weather, the places’ state and the risks in it are simulated; do not act on it."
    ),
}


def label_names(labels: Sequence[str], lang: Language) -> list[str]:
    """The labels as a language calls them; one that is not ours stays as it is."""
    return [lang.say(LABEL_NAMES[label]) if label in LABEL_NAMES else label for label in labels]
