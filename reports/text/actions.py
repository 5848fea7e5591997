"""What a region asks to do at each colour, as readers of a language see it."""

from __future__ import annotations

from configs import Region
from reports.text.language import Language


def actions_in(region: Region, hazard: str, lang: Language) -> dict[str, str]:
    """Colour -> what to do, marked where nobody in charge has approved of it yet."""
    return {
        colour: action.words(lang.tag)
        if action.approved
        else lang.say("{action} (To be approved by the province.)", action=action.words(lang.tag))
        for colour, action in region.actions.get(hazard, {}).items()
    }
