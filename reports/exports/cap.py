"""Alerts for other systems in the Common Alerting Protocol 1.2 (OASIS 2010).

One message an event, with a part for each colour and span of days in every language. From day to
day the messages of an event are one chain: each refers to those before it that have not expired.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone
from xml.etree import ElementTree

from configs import Location, Region
from features.hazards import hazards
from reports.exports.alert_words import action_of, description_of, headline_of, name_of
from reports.exports.alerts import AlertPart
from reports.exports.messages import CAP
from reports.text.actions import actions_in
from reports.text.language import Language, language_of
from reports.text.xml import add
from reports.view.claims import Claim
from reports.view.outlines import Outline
from reports.view.outlook import rank

EXERCISE = "EXERCISE"
SEVERITIES = {"yellow": "Moderate", "orange": "Severe", "red": "Extreme"}
AWARENESS = {
    "yellow": "2; yellow; Moderate",
    "orange": "3; orange; Severe",
    "red": "4; red; Extreme",
}
"""MeteoAlarm's levels, as its CAP profile writes them."""
SOON_DAYS, LIKELY = 2, 0.5
"""CAP's urgency is Expected up to so many days ahead, and its certainty Likely (over "~50%" in the
standard) from this chance on."""


@dataclass(frozen=True)
class AlertContext:
    """What all alerts of a report share."""

    region: Region
    label: str
    issued: date
    sent: datetime
    outlines: Mapping[str, Outline]
    locations: Mapping[str, Location]

    @property
    def languages(self) -> list[Language]:
        """The languages of the region's messages."""
        return [language_of(tag, self.region.timezone) for tag in self.region.languages or ("en",)]

    @property
    def status(self) -> str:
        """CAP's status: Actual, Exercise or Test."""
        if self.label == EXERCISE:
            return "Exercise"
        return "Actual" if self.region.issuer.authorised and not self.label else "Test"

    def midnight(self, day: date) -> datetime:
        """When a standard day of the region begins, in the region's zone on that date."""
        days = timezone(timedelta(hours=self.region.day_offset))
        return datetime.combine(day, time(), tzinfo=days).astimezone(self.region.zone)

    def onset(self, claim: Claim) -> datetime:
        """When a claim begins: of days never before it is sent, of an index with its window."""
        begins = self.midnight(claim.first)
        return begins if claim.looks_back else max(begins, self.sent)

    def expires(self, claim: Claim) -> datetime:
        """When the last day of a claim is over."""
        return self.midnight(claim.last + timedelta(days=1))

    def people(self, claim: Claim) -> int | None:
        """How many people live in its places; None where that of one is not known."""
        counts = [self.locations[place].population for place in claim.locations]
        known = [count for count in counts if count is not None]
        return sum(known) if len(known) == len(counts) else None


def alert_message(
    parts: Sequence[AlertPart],
    context: AlertContext,
    references: Sequence[str],
    identifier: str,
    lifted: Mapping[str, Sequence[date]],
) -> ElementTree.Element:
    """The message of an event; an Update where it has ``references``.

    Its first part tells which places of earlier messages are ``lifted``: each with the days that
    are no longer coloured, none where it has no colour left.
    """
    root = ElementTree.Element("alert", xmlns=CAP)
    head(root, identifier, context.region.sender, context.sent, context.status)
    add(root, "msgType", "Update" if references else "Alert")
    add(root, "source", "climate-risk")
    add(root, "scope", "Public")
    if references:
        add(root, "references", " ".join(references))
    for number, part in enumerate(parts):
        peaks = {level: _peak(part, level) for level in range(1, rank(part.claim.colour) + 1)}
        for language in context.languages:
            _info(root, part.claim, peaks, context, language, {} if number else lifted)
    return root


def head(
    root: ElementTree.Element, identifier: str, sender: str, sent: datetime, status: str
) -> None:
    """Write what a message begins with."""
    for name, text in (
        ("identifier", identifier),
        ("sender", sender),
        ("sent", moment(sent)),
        ("status", status),
    ):
        add(root, name, text)


def moment(when: datetime) -> str:
    """A time as CAP writes it: to the second, with its offset, -00:00 for UTC (section 3.3.2)."""
    return re.sub(r"\+00:00$", "-00:00", when.isoformat(timespec="seconds"))


def _info(
    root: ElementTree.Element,
    claim: Claim,
    peaks: Mapping[int, tuple[float, float]],
    context: AlertContext,
    language: Language,
    lifted: Mapping[str, Sequence[date]],
) -> None:
    info, issuer, peak = add(root, "info"), context.region.issuer, peaks[rank(claim.colour)]
    add(info, "language", language.tag)
    add(info, "category", "Met")
    add(info, "event", language.say(hazards()[claim.hazard].title))
    add(info, "responseType", "Monitor" if claim.colour == "yellow" else "Prepare")
    add(info, "urgency", "Expected" if _ahead(claim, context.issued) <= SOON_DAYS else "Future")
    add(info, "severity", SEVERITIES[claim.colour])
    add(info, "certainty", "Likely" if peak[0] >= LIKELY else "Possible")
    add(info, "effective", moment(context.sent))
    add(info, "onset", moment(context.onset(claim)))
    add(info, "expires", moment(context.expires(claim)))
    add(info, "senderName", issuer.name or context.region.title_in(language.tag))
    exercise = context.label == EXERCISE
    add(info, "headline", headline_of(claim, context.locations, exercise, language))
    described = description_of(
        claim, context.locations, peaks, lifted, context.issued, exercise, language
    )
    add(info, "description", described)
    actions = actions_in(context.region, claim.hazard, language)
    if instruction := action_of(actions, claim.colour):
        add(info, "instruction", instruction)
    if issuer.public_url:
        report = f"{context.region.name}/{context.issued}/report.{language.tag}.html"
        add(info, "web", f"{issuer.public_url}/{report}")
    if issuer.contact:
        add(info, "contact", issuer.contact)
    for name, value in _parameters(claim, context, peak):
        _named(info, "parameter", name, value)
    for place in claim.locations:
        _area(info, context.locations[place], context.outlines.get(place), language)


def _ahead(claim: Claim, issued: date) -> int:
    """Days from the issue day to the first that a claim speaks of; of an index, to its last."""
    return ((claim.last if claim.looks_back else claim.first) - issued).days


def _peak(part: AlertPart, level: int) -> tuple[float, float]:
    """The highest chance of a level, and the usual one there and then; NaN for none."""
    here = part.rows[(part.rows["level"] == level) & part.rows["probability"].notna()]
    if here.empty:
        return math.nan, math.nan
    best = here.iloc[int(here["probability"].to_numpy().argmax())]
    return float(best["probability"]), float(best["normal_probability"])


def _parameters(
    claim: Claim, context: AlertContext, peak: tuple[float, float]
) -> list[tuple[str, str]]:
    """What programs may want to know without reading.

    ``first_day`` and ``last_day`` are the region's standard days. ``window_days``: the colour is
    for some day among so many, or of an index over so many. ``confirmed``: today's numbers give the
    colour; else those of ``confirmed_on`` were the last that did. ``probability`` is the highest
    one of the colour's level. ``exposed_population``: people in the area. MeteoAlarm's
    ``awareness_level`` and ``awareness_type`` are as its CAP profile has them.
    """
    kind, people = hazards()[claim.hazard].awareness_type, context.people(claim)
    values = {
        "awareness_level": AWARENESS[claim.colour],
        "awareness_type": kind,
        "region": context.region.name,
        "hazard": claim.hazard,
        "colour": claim.colour,
        "level": str(rank(claim.colour)),
        "first_day": claim.first.isoformat(),
        "last_day": claim.last.isoformat(),
        "confirmed": "yes" if claim.confirmed else "no",
        "confirmed_on": "" if claim.confirmed else claim.confirmed_on.isoformat(),
        "window_days": str(claim.window_days) if claim.window_days > 1 else "",
        "probability": _decimals(peak[0]),
        "normal_probability": _decimals(peak[1]),
        "exposed_population": "" if people is None else str(people),
    }
    return [(name, value) for name, value in values.items() if value]


def _decimals(number: float) -> str:
    return "" if math.isnan(number) else f"{number:.4f}"


def _named(parent: ElementTree.Element, kind: str, name: str, value: str) -> None:
    child = add(parent, kind)
    add(child, "valueName", name)
    add(child, "value", value)


def _area(
    info: ElementTree.Element, location: Location, outline: Outline | None, language: Language
) -> None:
    area = add(info, "area")
    add(area, "areaDesc", name_of(location, language))
    for ring in outline.polygons if outline else ():
        points = (f"{latitude:.5f},{longitude:.5f}" for longitude, latitude in ring)
        add(area, "polygon", " ".join(points))
    if outline is None and location.latitude is not None and location.longitude is not None:
        add(area, "circle", f"{location.latitude:.5f},{location.longitude:.5f} 0")
    _named(area, "geocode", "location", location.id)
