"""Actions as readers see them: in their language, marked where nobody has approved of them."""

from __future__ import annotations

import pytest
from markupsafe import escape

from configs import Settings, load_region
from configs.actions import ActionText
from reports import write_actions
from reports.text.actions import actions_in
from reports.text.language import language_of


@pytest.mark.parametrize(
    ("tag", "said"),
    [
        ("en", "Go in. (To be approved by the province.)"),
        ("fr", "Rentrez. (À approuver par la province.)"),
        ("ar", "Go in. (في انتظار موافقة الإقليم.)"),
    ],
)
def test_what_is_not_approved_is_marked_in_every_language(tag: str, said: str) -> None:
    drafted = ActionText(en="Go in.", fr="Rentrez.", approved=False)
    agreed = drafted.model_copy(update={"approved": True})
    region = load_region("tunis").model_copy(
        update={"actions": {"heat": {"red": drafted, "orange": agreed}}}
    )
    told = actions_in(region, "heat", language_of(tag))
    assert told["red"] == said
    assert told["orange"] == agreed.words(tag)
    assert actions_in(region, "drought", language_of(tag)) == {}


def test_the_page_names_the_source_of_each_action_in_every_language(home: Settings) -> None:
    region = load_region("berkane")
    folder = write_actions(region, home)
    assert folder is not None
    for tag, name in (("en", "actions.html"), ("fr", "actions.fr.html"), ("ar", "actions.ar.html")):
        page = (folder / name).read_text(encoding="utf-8")
        for hazard in region.actions:
            told = actions_in(region, hazard, language_of(tag))
            for colour, action in region.actions[hazard].items():
                assert escape(told[colour]) in page and escape(action.source) in page
    assert write_actions(load_region("tunis"), home) is None
