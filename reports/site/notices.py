"""What people say of a report after the model has spoken.

The duty officer's note, and retractions. No graded number changes.

The state lies under the home: data/notes/<region>/<day>.txt, which anyone may write by hand, and
data/retractions/<region>/<day>.json. A report made again shows it again.
"""

from __future__ import annotations

import json
import re
import shutil
import unicodedata
from collections.abc import Callable
from dataclasses import asdict
from datetime import date, datetime
from functools import partial
from pathlib import Path
from typing import Any

from configs import Region, RiskError, Settings, clock
from configs.whole_files import write_whole
from reports.exports.stamp import stamp
from reports.render.html import render_template
from reports.storage.archive import (
    ALERTS,
    OURS,
    PROVENANCE,
    ArchivedReport,
    brief_name,
    card_name,
    pages_in,
    pdf_name,
    report_folders,
)
from reports.storage.ledger import publish_recorded
from reports.storage.print_pages import print_page
from reports.storage.retraction import (
    RETRACTION,
    Retraction,
    forecast_digest,
    retractions,
    standing_retraction,
)
from reports.text.language import Language, language_of
from reports.view.message import retracted_message

MAX_NOTE_LENGTH, MAX_REASON_LENGTH = 2000, 500
Cancel = Callable[[Path, str, datetime], dict[str, str]]
_BLOCK = re.compile(r"<!-- notices -->.*?<!-- /notices -->", re.DOTALL)
_MAIN = re.compile(r"<main\b[^>]*>")


def checked(text: str, what: str, most: int) -> str:
    """``text`` with plain line ends and no space around it.

    Raises RiskError where it is too long or holds control characters.
    """
    plain = text.replace("\r\n", "\n").replace("\r", "\n").strip()
    if len(plain) > most:
        raise RiskError(
            f"{what}: found {len(plain):,} characters, expected {most:,} at most; shorten it."
        )
    if odd := next((char for char in plain if _unprintable(char)), None):
        raise RiskError(
            f"{what}: found the control character U+{ord(odd):04X}, expected plain text in "
            "UTF-8; take it out."
        )
    return plain


def _unprintable(char: str) -> bool:
    return char not in "\n\t" and unicodedata.category(char) in ("Cc", "Cs")


def note_path(region: Region, issued: date, settings: Settings) -> Path:
    """Where the duty officer's note on a report lies."""
    return settings.data / "notes" / region.name / f"{issued}.txt"


def write_note(region: Region, issued: date, text: str, settings: Settings) -> Path:
    """Write the duty officer's note, or take it away where ``text`` is empty.

    Returns its path. Raises RiskError, see ``checked``.
    """
    path, plain = note_path(region, issued, settings), checked(text, "the note", MAX_NOTE_LENGTH)
    if plain:
        write_whole(path, plain + "\n")
    else:
        path.unlink(missing_ok=True)
    return path


def read_note(region: Region, issued: date, settings: Settings) -> str:
    """The duty officer's note, empty where there is none.

    One written by hand stops no report: what cannot be shown is left out.
    """
    try:
        text = note_path(region, issued, settings).read_bytes().decode("utf-8-sig", "replace")
    except OSError:
        return ""
    plain = "".join(char for char in text.replace("\r\n", "\n") if not _unprintable(char)).strip()
    return plain if len(plain) <= MAX_NOTE_LENGTH else plain[: MAX_NOTE_LENGTH - 1] + "…"


def _state_path(region: Region, issued: date, settings: Settings) -> Path:
    return settings.data / "retractions" / region.name / f"{issued}.json"


def _state_text(known: tuple[Retraction, ...]) -> str:
    state: dict[str, Any] = asdict(known[0]) | {
        "earlier": [asdict(retraction) for retraction in known[1:]]
    }
    return json.dumps(state, sort_keys=True, indent=2, ensure_ascii=False) + "\n"


def published_folder(region: Region, issued: date, settings: Settings) -> Path:
    """The folder of a published report. Raises RiskError where that day has none."""
    folder = settings.published / region.name / issued.isoformat()
    if (folder / PROVENANCE).is_file():
        return folder
    newest = newest_published(region, settings)
    cure = (
        f"the newest is of {newest}"
        if newest
        else f"publish one with climate-risk daily {region.name}"
    )
    raise RiskError(
        f"{region.name} {issued}: found no published report, expected one of that day; {cure}."
    )


def newest_published(region: Region, settings: Settings) -> date | None:
    """The day of a region's newest published report; None where there is none."""
    return max(report_folders(settings.published / region.name), default=None)


def retract(
    region: Region,
    issued: date,
    reason: str,
    settings: Settings,
    now: datetime,
    cancel: Cancel | None = None,
) -> Path:
    """Retract a published report.

    Its pages say why, its alerts are cancelled, nothing disappears; returns its folder.

    ``now``: the time, UTC. For the reason already given nothing changes. Raises RiskError where
    nothing was published that day, where it was retracted for another reason, and for a reason that
    is empty or too long.
    """
    folder = published_folder(region, issued, settings)
    why = " ".join(checked(reason, "--reason", MAX_REASON_LENGTH).split())
    if not why:
        raise RiskError(
            "--reason: found nothing, expected a sentence that says why the report is retracted; "
            "give one."
        )
    path, digest = _state_path(region, issued, settings), forecast_digest(folder)
    known = retractions(path)
    before = standing_retraction(known, digest)
    if before and before.reason != why:
        raise RiskError(
            f"{region.name} {issued}: found it retracted already because {before.reason!r}, "
            "expected the same reason; "
            "add to it with climate-risk note."
        )
    if not before:
        write_whole(
            path, _state_text((Retraction(why, now.isoformat(timespec="seconds"), digest), *known))
        )
    return apply_notices(folder, region, settings, cancel)


def apply_notices(
    folder: Path, region: Region, settings: Settings, cancel: Cancel | None = None
) -> Path:
    """Show what is said of a published report, all at once for its readers.

    In pages, PDFs, alerts, tables and retraction.json.

    PDFs that this machine cannot make again are taken away, since they would still say what is no
    longer so.
    """
    issued = date.fromisoformat(folder.name)

    def write(aside: Path) -> None:
        shutil.copytree(folder, aside, dirs_exist_ok=True)
        changed = add_notices(aside, region, issued, settings, cancel)
        for tag in sorted({page.name.split(".")[-2] for page in changed}):
            for name in (pdf_name(tag), brief_name(tag), card_name(tag)):
                _make_paper_again(aside / name, tag, region, issued, settings)

    return publish_recorded(folder, write, OURS, False, clock.now)


def add_notices(
    folder: Path, region: Region, issued: date, settings: Settings, cancel: Cancel | None = None
) -> list[Path]:
    """Put the notices into the pages and files of a folder that is being made.

    Writes retraction.json and cancelled alerts beside them. Returns the pages that changed. The
    same state gives the same bytes, however often it is done.
    """
    known, digest = retractions(_state_path(region, issued, settings)), forecast_digest(folder)
    standing = standing_retraction(known, digest)
    stamp(folder, standing, read_note(region, issued, settings))
    if known:
        (folder / RETRACTION).write_text(_state_text(known), encoding="utf-8", newline="\n")
    if standing and (folder / ALERTS).is_dir():
        for name, text in (cancel or _cancel_alerts(issued))(
            folder, standing.reason, standing.moment.astimezone(region.zone)
        ).items():
            (folder / ALERTS / name).write_text(text, encoding="utf-8", newline="\n")
    if standing:
        _retract_messages(folder, region, issued, standing)
    blocks: dict[str, str] = {}
    changed = []
    for page in pages_in(folder):
        tag = page.name.split(".")[-2]
        if tag not in blocks:
            blocks[tag] = render_notices(region, issued, settings, tag, digest)
        before = page.read_text(encoding="utf-8")
        after = with_block(before, blocks[tag])
        if after != before:
            page.write_text(after, encoding="utf-8", newline="\n")
            changed.append(page)
    return changed


def _retract_messages(folder: Path, region: Region, issued: date, standing: Retraction) -> None:
    """Say in the short messages of a report that it was retracted."""
    label = ArchivedReport(region.name, issued, folder).label
    day = standing.moment.astimezone(region.zone).date()
    for path in folder.glob("message.*.txt"):
        tag = path.name.split(".")[-2]
        lang = language_of(tag, region.timezone)
        labels = (label,) if label else ()
        text = retracted_message(region.title_in(tag), issued, labels, day, standing.reason, lang)
        path.write_text(text + "\n", encoding="utf-8", newline="\n")


def _cancel_alerts(issued: date) -> Cancel:
    """Cancels what the report of a day sent, not what it carried along."""
    from reports.exports.chain import cancel_alerts

    return partial(cancel_alerts, issued=issued)


def with_block(html: str, block: str) -> str:
    """A page, or a print page, with its block of notices replaced by one of ``render_notices``.

    A page without one gets it at the start of what it says.
    """
    text = f"<!-- notices -->{block}<!-- /notices -->"
    if _BLOCK.search(html):
        return _BLOCK.sub(lambda _: text, html, count=1)
    return _MAIN.sub(lambda tag: f"{tag[0]}\n{text}", html, count=1) if block else html


def render_notices(
    region: Region, issued: date, settings: Settings, lang: str, forecast: str
) -> str:
    """The block of notices as HTML in a language, empty where nothing is said.

    ``forecast``: the digest of the report's forecast, see ``forecast_digest``.
    """
    known = retractions(_state_path(region, issued, settings))
    standing, note = standing_retraction(known, forecast), read_note(region, issued, settings)
    if not known and not note:
        return ""
    language = language_of(lang, region.timezone)
    shown = standing or (known[0] if known else None)
    return render_template(
        "notices.html",
        language,
        banner=_banner(shown, standing is not None, region, language) if shown else None,
        lines=[line for line in note.split("\n") if line.strip()],
    ).strip()


def _banner(shown: Retraction, stands: bool, region: Region, language: Language) -> dict[str, str]:
    day = language.dated(shown.moment.astimezone(region.zone).date(), "d MMMM y")
    if stands:
        words = (
            language.say("Retracted on {date}:", date=day),
            language.say("Do not act on this report."),
        )
    else:
        words = (
            language.say(
                "Corrected: it replaces the report retracted on {date}, because:", date=day
            ),
            "",
        )
    reason = shown.reason if shown.reason[-1] in ".!?؟…" else shown.reason + "."
    return {
        "kind": "retracted" if stands else "corrected",
        "says": words[0],
        "reason": reason,
        "then": words[1],
    }


def _make_paper_again(
    path: Path, tag: str, region: Region, issued: date, settings: Settings
) -> None:
    """Make a paper of a changed page again where there was one; else take it away."""
    from reports.render.papers import paper_of
    from reports.render.pdf import PdfUnavailable

    if not path.is_file():
        return
    html = print_page(region.name, issued, path.name, settings)
    try:
        if html is None:
            raise PdfUnavailable("the PDF was taken away: its print page was not kept.")
        digest = forecast_digest(path.parent)
        page = with_block(html, render_notices(region, issued, settings, tag, digest))
        path.write_bytes(paper_of(path.name, page))
    except PdfUnavailable:
        path.unlink()
