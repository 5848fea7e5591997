"""Messages as data: what is to be said, by a code and its values; reports and the CLI word them.

``remark("record.stale", day=day, n=5)`` makes one, ``text`` puts it into English and
``reports.text.language.Language.remark`` into any language. MESSAGES is the list of all of them.
"""

from __future__ import annotations

import string
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, NamedTuple

from configs.messages import ENGLISH, MESSAGES, Plural

__all__ = [
    "MESSAGES", "Plural", "Remark", "Stored", "Value", "as_remark", "from_json", "holds_code",
    "names_in", "read_stored", "remark", "sentences", "several", "template_of", "text", "to_json",
    "with_texts",
]  # fmt: skip


@dataclass(frozen=True)
class Remark:
    """A message: a key of MESSAGES and the values of its {names}. Make it with ``remark``."""

    code: str
    values: Mapping[str, Value]

    def __hash__(self) -> int:
        return hash((self.code, tuple(sorted(self.values.items(), key=lambda item: item[0]))))

    def __str__(self) -> str:
        """The English text."""
        return text(self)


Value = str | int | float | date | Remark | tuple["Value", ...]
"""What a message may hold. A text is a name, or one of WORDS, which languages have a word for."""


class Stored(NamedTuple):
    """A list of remarks as files hold it: English texts for anybody, and the same as data."""

    texts: list[str]
    data: list[dict[str, Any]]


def remark(code: str, /, **values: Value) -> Remark:
    """A message. Raises KeyError for an unknown code, and where the names are not its own."""
    wanted = names_in(code)
    if wanted != set(values):
        raise KeyError(f"{code}: found {sorted(values)}, expected {sorted(wanted)}")
    return Remark(code, values)


def as_remark(message: str | Remark) -> Remark:
    """A message that may be mere English, which other languages show as it is."""
    return message if isinstance(message, Remark) else remark(ENGLISH, english=message)


def several(messages: Sequence[Remark]) -> Remark:
    """Messages as one, each a sentence of its own."""
    *first, last = messages
    for each in reversed(first):
        last = remark("several", first=each, rest=last)
    return last


def holds_code(message: Remark, code: str) -> bool:
    """Whether a message is of a code, or one inside of it is."""
    inside = [value for value in message.values.values() if isinstance(value, Remark)]
    return message.code == code or any(holds_code(value, code) for value in inside)


def names_in(code: str) -> set[str]:
    """The {names} of a message's text. Raises KeyError for an unknown code."""
    message = MESSAGES[code]
    template = message.other if isinstance(message, Plural) else message
    return {name for _, name, _, _ in string.Formatter().parse(template) if name}


def template_of(message: Remark) -> str:
    """The English text with its {names} still to be filled in, in the right number."""
    template = MESSAGES[message.code]
    if isinstance(template, Plural):
        return template.one if message.values["n"] == 1 else template.other
    return template


def text(message: Remark) -> str:
    """The message in English. A remark inside of another one loses its full stop."""
    return template_of(message).format(
        **{name: _english(value) for name, value in message.values.items()}
    )


LARGE = 10_000
"""Whole numbers from here on have their thousands apart: no year is as large."""


def _english(value: Value) -> str:
    if isinstance(value, Remark):
        return text(value).rstrip(".")
    if isinstance(value, tuple):
        return ", ".join(map(_english, value))
    if isinstance(value, int) and value >= LARGE:
        return f"{value:,}"
    return value.isoformat() if isinstance(value, date) else str(value)


def with_texts(message: Remark, change: Callable[[str], str]) -> Remark:
    """The message with every text in its values changed, in remarks inside of it too."""

    def changed(value: Value) -> Value:
        if isinstance(value, Remark):
            return with_texts(value, change)
        if isinstance(value, tuple):
            return tuple(changed(part) for part in value)
        return change(value) if isinstance(value, str) else value

    return Remark(message.code, {name: changed(value) for name, value in message.values.items()})


def to_json(message: Remark) -> dict[str, Any]:
    """The message as JSON holds it; a date is {"date": "2026-06-01"}."""
    values = {name: _to_json(value) for name, value in sorted(message.values.items())}
    return {"code": message.code, "values": values}


def _to_json(value: Value) -> Any:
    if isinstance(value, Remark):
        return to_json(value)
    if isinstance(value, tuple):
        return [_to_json(part) for part in value]
    return {"date": value.isoformat()} if isinstance(value, date) else value


def from_json(stored: Any) -> Remark:
    """The message of ``to_json``; of a mere text one in English.

    Raises KeyError for a message that this version does not know.
    """
    if isinstance(stored, str):
        return as_remark(stored)
    values = {name: _from_json(value) for name, value in stored["values"].items()}
    return remark(stored["code"], **values)


def _from_json(stored: Any) -> Value:
    if isinstance(stored, list):
        return tuple(_from_json(part) for part in stored)
    if isinstance(stored, dict):
        return date.fromisoformat(stored["date"]) if "date" in stored else from_json(stored)
    value: str | int | float = stored
    return value


def sentences(messages: Sequence[Remark]) -> Stored:
    """Messages as files hold them."""
    return Stored([text(each) for each in messages], [to_json(each) for each in messages])


def read_stored(texts: Sequence[str], data: Sequence[Any] | None) -> tuple[Remark, ...]:
    """The messages of a file. Those whose data is missing or unknown are mere English."""
    if data is None or len(data) != len(texts):
        return tuple(map(as_remark, texts))
    return tuple(_read_one(words, stored) for words, stored in zip(texts, data, strict=True))


def _read_one(words: str, stored: Any) -> Remark:
    try:
        return from_json(stored)
    except (KeyError, TypeError, ValueError, AttributeError):
        return as_remark(words)
