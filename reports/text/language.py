"""The report's languages: gettext catalogues, and dates and numbers by Unicode CLDR (Babel)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cache, reduce
from gettext import c2py
from pathlib import Path
from typing import Any
from unicodedata import bidirectional

from babel import Locale
from babel.core import get_global
from babel.dates import format_date, format_skeleton
from babel.localedata import locale_identifiers
from babel.messages import Catalog
from babel.messages.pofile import read_po
from babel.numbers import format_decimal

TRANSLATIONS = Path(__file__).parent / "translations"
SENTENCE = "sentence"
"""Context of catalogue messages that are patterns of sentences made elsewhere.

As in "{hazard}: no model could be used".
"""
ISOLATE, END = "\u2068", "\u2069"
"""Around a text of another direction in a sentence.

Unicode's first strong isolate and its end; a page shows them as <bdi>.
"""
FOREIGN = "\u2066"
"""Before English in a sentence of another language, until END.

Unicode's left-to-right isolate; a page marks it as English.
"""
PROSE = frozenset({"cure", "found", "reason", "what", "why"})
"""Parts of sentences that are English prose where no pattern fits; all others are names."""
_ISOLATES = re.compile("[\u2066-\u2069]")
_DIRECTIONS = {"ltr": {"L"}, "rtl": {"R", "AL"}}
_EITHER = {"EN", "ES", "ET", "CS", "WS", "ON", "NSM", "B", "S"}


def mark(message: str) -> str:
    """Marks a text for translation where it is written; ``Language.say`` translates it."""
    return message


@dataclass(frozen=True)
class Language:
    """One language as it is written in one territory.

    ``tag`` is the language's own ("en", "fr", "ar"), ``locale`` has the territory too.
    """

    tag: str
    locale: Locale = field(repr=False, compare=False)
    catalogue: Catalog | None = field(repr=False, compare=False)

    @property
    def direction(self) -> str:
        """ "rtl" or "ltr"."""
        return self.locale.text_direction

    @property
    def own_name(self) -> str:
        """The language's name in itself."""
        return (Locale(self.tag).get_display_name(self.tag) or self.tag).capitalize()

    def say(self, message: str, /, **values: Any) -> str:
        """``message`` in this language (itself where untranslated), its {names} filled in."""
        entry = self.catalogue.get(message) if self.catalogue and message else None
        text = str(entry.string) if entry and entry.string else message
        return text.format(**values) if values else text

    def say_many(self, singular: str, plural: str, n: int, /, **values: Any) -> str:
        """The plural form of n things; ``{n}`` is the number as written here."""
        entry = self.catalogue.get(singular) if self.catalogue else None
        if entry and isinstance(entry.string, tuple) and all(entry.string):
            text = str(entry.string[_plural_rule(self.tag)(n)])
        else:
            text = singular if n == 1 else plural
        return text.format(n=self.number(n), **values)

    def sentence(self, text: str) -> str | None:
        """A sentence made in English elsewhere, by the first pattern it matches.

        None where there is none.
        """
        if self.catalogue is None:
            return without_isolates(text)
        for pattern, template in _patterns(self.tag):
            if match := pattern.fullmatch(text):
                return template.format(
                    **{name: self._part(name, value) for name, value in match.groupdict().items()}
                )
        return None

    def _part(self, name: str, text: str) -> str:
        """A part of a sentence in this language.

        It is a date, a fraction, a phrase that has a pattern, prose that has none, or names with
        commas between.
        """
        if re.fullmatch(r"\d{4}-\d\d-\d\d", text):
            return self.dated(date.fromisoformat(text), "d MMMM y")
        if re.fullmatch(r"\d+\.\d+", text):
            return self.number(float(text), len(text.partition(".")[2]))
        whole = self.sentence(text)
        if whole is not None:
            return whole
        if name in PROSE:
            return f"{FOREIGN}{without_isolates(text)}{END}"
        names = [self.sentence(name) or isolate(self.say(name), self) for name in text.split(", ")]
        return reduce(
            lambda names, name: self.say("{names}, {name}", names=names, name=name), names
        )

    def number(self, value: float, decimals: int = 0, trim: bool = False) -> str:
        """A number with the digits and separators of the place.

        ``trim``: no more decimals than it needs.
        """
        return _number(float(value), ("#" if trim else "0") * decimals, str(self.locale))

    def dated(self, day: date, form: str = "EEEE d MMMM y") -> str:
        """A date by a CLDR pattern."""
        return format_date(day, form, locale=self.locale)

    def day(self, day: date, skeleton: str = "MMMMEEEEd") -> str:
        """A date by a CLDR skeleton: the parts wanted, in the order of the place."""
        return format_skeleton(skeleton, day, locale=self.locale)


def without_isolates(text: str) -> str:
    """A text without Unicode's isolates and their ends."""
    return _ISOLATES.sub("", text)


def runs_from_the_right(text: str) -> bool:
    """Whether any letter of it is of a script that is written from right to left."""
    return any(bidirectional(char) in _DIRECTIONS["rtl"] for char in text)


def isolate(text: str, language: Language) -> str:
    """A name for the middle of a sentence: between isolates where any of it runs the other way."""
    bare = without_isolates(text)
    fits = {bidirectional(char) for char in bare} <= _EITHER | _DIRECTIONS[language.direction]
    return bare if fits else f"{ISOLATE}{bare}{END}"


def language_of(tag: str, timezone: str = "UTC") -> Language:
    """The language ``tag`` as it is written where the time zone is, as far as CLDR knows."""
    return _language(tag, str(get_global("zone_territories").get(timezone, "")))


@cache
def _language(tag: str, territory: str) -> Language:
    locale = Locale.negotiate(
        [f"{tag}_{territory}", f"{tag}_001", tag], _locales(tag), sep="_"
    ) or Locale(tag)
    return Language(tag, locale, _catalogue(tag))


@cache
def _number(value: float, decimals: str, locale: str) -> str:
    text = format_decimal(value, f"#,##0.{decimals}" if decimals else "#,##0", locale=locale)
    return text.replace("-", "−")


@cache
def _locales(tag: str) -> tuple[str, ...]:
    return tuple(name for name in locale_identifiers() if name.split("_")[0] == tag)


@cache
def _catalogue(tag: str) -> Catalog | None:
    path = TRANSLATIONS / f"{tag}.po"
    if not path.is_file():
        return None
    with open(path, "rb") as handle:
        return read_po(handle, locale=tag)


@cache
def _plural_rule(tag: str) -> Callable[[int], int]:
    """Which of the language's plural forms n things take, by the catalogue's own rule."""
    catalogue = _catalogue(tag)
    return c2py(catalogue.plural_expr if catalogue else "(n != 1)")


@cache
def _patterns(tag: str) -> tuple[tuple[re.Pattern[str], str], ...]:
    """Patterns of sentences, the one with the most fixed text first."""
    catalogue = _catalogue(tag)
    templates: Mapping[str, str] = {
        str(m.id): str(m.string) for m in catalogue or () if m.context == SENTENCE and m.string
    }
    ordered = sorted(templates, key=lambda text: -len(re.sub(r"{\w+}", "", text)))
    return tuple((_pattern(text), templates[text]) for text in ordered)


def _pattern(template: str) -> re.Pattern[str]:
    parts = re.split(r"{(\w+)}", template)
    return re.compile(
        "".join(f"(?P<{part}>.+?)" if i % 2 else re.escape(part) for i, part in enumerate(parts)),
        re.DOTALL,
    )


ENGLISH = language_of("en")
