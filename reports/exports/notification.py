"""The notification: what a risk officer is sent of a report's news, as a subject and a text.

In the region's languages, one after the other, English last; in English alone where the region has
no other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from configs import Region
from features.hazards import hazards
from reports.exports.news import News
from reports.storage.archive import ArchivedReport, html_name, message_name
from reports.text.formatting import COLOUR_WORDS, shortened
from reports.text.language import Language, language_of, mark, without_isolates
from reports.view.labels import LABELS, label_names

_WHAT: Mapping[str, str] = {
    "reached": mark("{hazard}: {colour}"),
    "raised": mark("{hazard}: {colour} (before: {before})"),
    "lowered": mark("{hazard}: {colour} (before: {before})"),
    "changed": mark("{hazard}: {colour} (other days or places)"),
    "cleared": mark("{hazard}: no longer yellow or worse"),
    "retracted": mark("the report of {day} is retracted"),
    "corrected": mark("the report of {day} is corrected"),
    "note": mark("Note of the duty officer"),
}
"""What the subject says, by the kind of news."""
_LINES: Mapping[str, str] = {
    "retracted": mark("Retracted: the report of {day}, because: {headline}"),
    "reached": mark("New. {headline}."),
    "raised": mark("Raised, before: {before}. {headline}."),
    "lowered": mark("Lowered, before: {before}. {headline}."),
    "changed": mark("Other days or places. {headline}."),
    "cleared": mark("No longer yellow or worse. {headline}."),
    "corrected": mark("Corrected: it replaces the report retracted before, because: {headline}"),
    "note": mark("Note of the duty officer, on the report of {day}: {headline}"),
}
"""What the text says."""
_AS_IT_IS = ("retracted", "corrected", "note")
"""Kinds whose text is a person's."""


@dataclass(frozen=True)
class Notification:
    """What is sent: plain text."""

    subject: str
    text: str


def notification(news: Sequence[News], newest: ArchivedReport, region: Region) -> Notification:
    """What people are told of news, with the short message of the newest report.

    ``news``: at least one, the gravest first. An EXERCISE says so first.
    """
    languages = _languages(region)
    parts = [_part(news, newest, region, lang) for lang in languages]
    return Notification(_subject(news, newest, region, languages[0]), "\n\n".join(parts) + "\n")


def _languages(region: Region) -> list[Language]:
    tags = sorted(region.languages or ("en",), key=lambda tag: tag == "en")
    return [language_of(tag, region.timezone) for tag in tags]


def _subject(news: Sequence[News], newest: ArchivedReport, region: Region, lang: Language) -> str:
    """The gravest of the news, and how many more there are."""
    first, more = news[0], len(news) - 1
    title = shortened(region.title_in(lang.tag))
    day = lang.dated(newest.day, "d MMM")
    parts = [f"{name}." for name in _labels(newest, lang)]
    parts += [lang.say("{region}, {day}:", region=title, day=day), _what(first, lang)]
    parts += [f"+{lang.number(more)}"] if more else []
    return " ".join(without_isolates(" ".join(parts)).split())


def _part(news: Sequence[News], newest: ArchivedReport, region: Region, lang: Language) -> str:
    """All that is said in a language."""
    parts = [
        f"{name}: {lang.say(LABELS[label])}" if label in LABELS else f"{name}."
        for label, name in zip(_marks(newest), _labels(newest, lang), strict=True)
    ]
    parts += [_line(one, lang) for one in news]
    message = _message(newest, lang)
    parts.append(message)
    if link := _link(newest, region, lang):
        parts += [link] if link not in message else []
    return without_isolates("\n".join(part for part in parts if part))


def _message(report: ArchivedReport, lang: Language) -> str:
    """The short message of a report; of a retracted one what is to be done."""
    path = report.folder / message_name(lang.tag)
    if report.retraction is not None:
        return lang.say("Do not act on this report.")
    return path.read_text(encoding="utf-8").strip() if path.is_file() else ""


def _marks(report: ArchivedReport) -> tuple[str, ...]:
    return (report.label,) if report.label else ()


def _labels(report: ArchivedReport, lang: Language) -> list[str]:
    return label_names(_marks(report), lang)


def _link(report: ArchivedReport, region: Region, lang: Language) -> str:
    """The report's address, "" where the region does not tell where its readers find it."""
    known = region.issuer.public_url
    page = html_name(lang.tag)
    there = (report.folder / page).is_file()
    return f"{known}/{report.path}/{page}" if known and there else ""


def _what(one: News, lang: Language) -> str:
    return lang.say(_WHAT[one.kind], **_words(one, lang))


def _line(one: News, lang: Language) -> str:
    return lang.say(_LINES[one.kind], headline=_headline(one, lang), **_words(one, lang))


def _headline(one: News, lang: Language) -> str:
    """What is said: a person's words as they are, a headline without its EXERCISE and full stop."""
    text = one.text(lang.tag)
    if one.kind in _AS_IT_IS:
        return text
    return text.removeprefix(lang.say("EXERCISE: {headline}", headline="")).rstrip(".")


def _words(one: News, lang: Language) -> dict[str, str]:
    known = hazards().get(one.hazard)
    return {
        "hazard": lang.word(known.title) if known else one.hazard,
        "colour": _colour(one.colour, lang),
        "before": _colour(one.before, lang),
        "day": lang.dated(one.day, "d MMMM"),
    }


def _colour(colour: str, lang: Language) -> str:
    return lang.say(COLOUR_WORDS[colour]).lower() if colour in COLOUR_WORDS else colour
