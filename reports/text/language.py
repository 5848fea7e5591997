"""The report's languages: gettext catalogues, and dates and numbers by Unicode CLDR (Babel)."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from functools import cache, reduce
from gettext import c2py
from pathlib import Path
from typing import Any
from unicodedata import bidirectional

from babel import Locale
from babel.core import get_global
from babel.dates import format_date
from babel.localedata import locale_identifiers
from babel.messages import Catalog
from babel.messages.pofile import read_po
from babel.numbers import format_decimal

from configs.messages import ENGLISH as ENGLISH_ALONE
from configs.messages import MESSAGES, WORDS, Plural
from configs.remarks import Remark, Value
from configs.remarks import text as text_of
from data_contracts.variables import VARIABLES

TRANSLATIONS = Path(__file__).parent / "translations"
ISOLATE, END = "\u2068", "\u2069"
"""Around a text of another direction in a sentence.

Unicode's first strong isolate and its end; a page shows them as <bdi>.
"""
FOREIGN = "\u2066"
"""Before English in a sentence of another language, until END.

Unicode's left-to-right isolate; a page marks it as English.
"""
_DAY = re.compile(r"(?<!d)d(?!d)")
_MONTH = re.compile(r"M{3,4}|L{3,4}")
_BEFORE = re.compile(r"[ \u00a0\u202f]+(?=[;:!?»%])")
_AFTER = re.compile(r"«[ \u00a0\u202f]*")
_ISOLATES = re.compile("[\u2066-\u2069]")
_DIRECTIONS = {"ltr": {"L"}, "rtl": {"R", "AL"}}
_EITHER = {"EN", "ES", "ET", "CS", "WS", "ON", "NSM", "B", "S"}


def mark(message: str) -> str:
    """Marks a text for translation where it is written; ``Language.say`` translates it."""
    return message


UNITS = {
    "degC": mark("°C"),
    "mm": mark("mm"),
    "m3 s-1": mark("m³/s"),
    "m s-1": mark("m/s"),
    "m": mark("m"),
    "m3 m-3": mark("m³/m³"),
    "MJ m-2": mark("MJ/m²"),
    "hPa": mark("hPa"),
    "1": "",
}
"""Units of the variables table, as people write them."""


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

    def word(self, text: str) -> str:
        """A word of ours, such as a hazard's title, marked as English where it is untranslated.

        A hazard or a variable that is added needs no entry in a catalogue. A variable's id is told
        in the words of the variables table.
        """
        return self.phrase(text) if self.say(text) != text else self.phrase(spelled(text))

    def phrase(self, message: str, /, **values: Any) -> str:
        """``say`` for the words of a hazard or a variable that is added: see ``word``."""
        known = self.catalogue is None or message in self._identical
        translated = self.say(message, **values)
        if known or self.say(message) != message:
            return translated
        return f"{FOREIGN}{without_isolates(translated)}{END}"

    @property
    def _identical(self) -> frozenset[str]:
        """Words that are the same in this language."""
        return _identical(self.tag)

    def remark(self, message: Remark) -> str:
        """A message in words. What comes in English alone is marked as that."""
        if self.catalogue is None:
            return without_isolates(text_of(in_words(message)))
        if message.code == ENGLISH_ALONE:
            return f"{FOREIGN}{without_isolates(str(message.values[ENGLISH_ALONE]))}{END}"
        values = {name: self._value(name, value) for name, value in message.values.items()}
        template = MESSAGES[message.code]
        if isinstance(template, Plural):
            del values["n"]
            return self.say_many(template.one, template.other, _count(message), **values)
        return self.say(template, **values)

    def part(self, message: Remark) -> str:
        """A message in words, without its full stop, for the middle of a sentence."""
        return _without_stop(self.remark(message))

    def _value(self, name: str, value: Value) -> str:
        """A value of a message in this language; ``name`` tells words from names."""
        if isinstance(value, Remark):
            return self.part(value)
        if isinstance(value, tuple):
            parts = [self._value(name, part) for part in value]
            return reduce(
                lambda names, part: self.say("{names}, {name}", names=names, name=part),
                parts or [""],
            )
        if isinstance(value, date):
            return self.dated(value, "d MMMM y")
        if isinstance(value, str) and value in UNITS and name == "unit":
            return self.say(UNITS[value]) if UNITS[value] else ""
        if isinstance(value, str):
            return self.word(value) if name in WORDS else isolate(value, self)
        decimals = len(str(value).partition(".")[2]) if isinstance(value, float) else 0
        return self.number(value, decimals)

    def number(self, value: float, decimals: int = 0, trim: bool = False) -> str:
        """A number with the digits and separators of the place.

        ``trim``: no more decimals than it needs.
        """
        return _number(float(value), ("#" if trim else "0") * decimals, str(self.locale))

    def dated(self, day: date, form: str = "EEEE d MMMM y") -> str:
        """A date by a CLDR pattern.

        In French the first of a month is 1er, and months are abbreviated as in France: CLDR's
        "jui." of Morocco is read as June and as July. In Arabic months have their whole name: the
        others are aliases in CLDR, which Babel may resolve with those of another territory.
        """
        if self.tag == "ar":
            form = _MONTH.sub("MMMM", form)
        if self.tag != "fr":
            return format_date(day, form, locale=self.locale)
        first = day.day == 1 and "MMM" in form
        return format_date(day, _DAY.sub("d'er'", form) if first else form, locale="fr")


def spelled(name: str) -> str:
    """A variable's id in the words of the variables table; another name without its underscores."""
    return VARIABLES[name].words if name in VARIABLES else name.replace("_", " ")


def in_words(message: Remark) -> Remark:
    """A message for an English reader: no id of a variable or a hazard, units as people write."""

    def told(name: str, value: Value) -> Value:
        if isinstance(value, Remark):
            return in_words(value)
        if isinstance(value, tuple):
            return tuple(told(name, part) for part in value)
        if not isinstance(value, str) or name not in WORDS:
            return value
        return UNITS.get(value, value) if name == "unit" else spelled(value)

    return Remark(message.code, {name: told(name, part) for name, part in message.values.items()})


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
        catalogue = read_po(handle, locale=tag)
    return spaced(catalogue) if tag == "fr" else catalogue


def spaced(catalogue: Catalog) -> Catalog:
    """A French catalogue with narrow no-break spaces before ; : ! ? % and inside of « »."""

    def text(form: str) -> str:
        return _AFTER.sub("«\u202f", _BEFORE.sub("\u202f", form))

    for one in catalogue:
        form = one.string or ""
        one.string = text(form) if isinstance(form, str) else tuple(map(text, form))
    return catalogue


@cache
def _plural_rule(tag: str) -> Callable[[int], int]:
    """Which of the language's plural forms n things take, by the catalogue's own rule."""
    catalogue = _catalogue(tag)
    return c2py(catalogue.plural_expr if catalogue else "(n != 1)")


@cache
def _identical(tag: str) -> frozenset[str]:
    """Texts whose translation is the same, such as "Orange" in French."""
    return frozenset(str(m.id) for m in _catalogue(tag) or () if m.id and m.id == m.string)


def _count(message: Remark) -> int:
    """The number that the plural form of a message is of."""
    count = message.values["n"]
    if not isinstance(count, int):
        raise TypeError(f"{message.code}: found {count!r} for n, expected a whole number")
    return count


def _without_stop(words: str) -> str:
    """The words of a message inside of another one, without its full stop."""
    return f"{words[:-1].rstrip('.')}{END}" if words.endswith(END) else words.rstrip(".")


ENGLISH = language_of("en")
