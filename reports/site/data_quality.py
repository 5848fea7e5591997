"""The page on a region's data: what of it is withheld or in doubt, by rule and place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from configs import Region, Settings
from configs.remarks import Remark, remark
from configs.whole_files import write_whole
from reports.render.html import render_template
from reports.text.language import language_of

FOLDER = "data-docs"


def write_data_quality(
    region: Region,
    rows: Sequence[Mapping[str, Any]],
    summary: Remark,
    issued: date,
    settings: Settings,
) -> Path:
    """Writes data-docs/<region>.html, and .fr and .ar of it, in the region's languages.

    ``rows``: keys source, rule, variable, location, used, n, first, last (ISO days). Returns the
    folder.
    """
    folder = settings.published / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    for tag in dict.fromkeys(("en", *region.languages)):
        lang = language_of(tag, region.timezone)
        page = render_template(
            "data_quality.html",
            lang,
            region=region,
            issued=issued,
            summary=lang.remark(summary),
            rows=rows,
            rule_title=lambda code, lang=lang: lang.remark(remark(f"rule.title_{code}")),
        )
        name = f"{region.name}.html" if tag == "en" else f"{region.name}.{tag}.html"
        write_whole(folder / name, page)
    return folder
