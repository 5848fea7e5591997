"""The brief: what a risk officer reads on one page, one part for each hazard."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from reports.text.language import Language
from reports.view.assurance import how_sure
from reports.view.exposure import people_concerned
from reports.view.headline import Headline
from reports.view.outlook import HazardOutlook


@dataclass(frozen=True)
class HazardBrief:
    """A hazard's part of the brief; ``people`` and ``sure`` are sentences, or empty."""

    headline: Headline
    people: str
    sure: str


def hazard_briefs(
    headlines: Sequence[Headline],
    hazards: Sequence[HazardOutlook],
    record: Mapping[str, pd.DataFrame],
    lang: Language,
) -> tuple[HazardBrief, ...]:
    """One part for each headline, in their order. ``record``: see ``reports.publish``."""
    by_name = {hazard.name: hazard for hazard in hazards}
    return tuple(
        HazardBrief(
            head,
            people_concerned(by_name[head.hazard], lang) if head.hazard in by_name else "",
            how_sure(by_name[head.hazard], record.get("colours"), lang)
            if head.hazard in by_name
            else "",
        )
        for head in headlines
    )
