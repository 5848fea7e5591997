"""What is wrong with a file's keys, as pydantic finds it, in a reader's words."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

# What pydantic's error types ask for, in a reader's words; for the others its own words do.
_EXPECTED = {
    "string_type": "text; put it in quotes",
    "tuple_type": "a list such as [one, another]",
    "dict_type": "keys and values",
    "model_type": "keys and values",
    "string_pattern_mismatch": "small letters, digits and hyphens such as my-town",
    "too_short": "more values",
    "too_long": "fewer values",
    "string_too_short": "some text",
    "string_too_long": "a shorter text",
    "multiple_of": "hours in quarters of an hour such as 5.75",
}

NOT_IN_FILES = frozenset({"path", "places"})
"""Fields of a region that no file gives."""


def sentence_of(error: ValidationError, model: type[BaseModel]) -> str:
    """What is wrong with keys and values that are read into ``model``."""
    return " ".join(_part(item, model) for item in error.errors())


def _model_at(model: type[BaseModel], steps: Sequence[str]) -> type[BaseModel]:
    """The model whose key the last of the steps is."""
    for step in steps[:-1]:
        if step in model.model_fields:
            model = _inner(model.model_fields[step].annotation) or model
    return model


def _inner(annotation: Any) -> type[BaseModel] | None:
    """The model within a type such as ``dict[str, Model]``."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((model for part in get_args(annotation) if (model := _inner(part))), None)


def _part(item: Any, model: type[BaseModel]) -> str:
    """One thing that is wrong: where, what was found, what was expected."""
    steps = [str(step) for step in item["loc"] if step != "[key]"]
    where = ".".join(steps)
    if item["type"] == "extra_forbidden":
        known = sorted(set(_model_at(model, steps).model_fields) - NOT_IN_FILES)
        near = difflib.get_close_matches(steps[-1], known, n=1)
        return f"unknown key {where!r}, " + (
            f"did you mean {near[0]!r}?" if near else f"expected one of {', '.join(known)}."
        )
    if item["type"] == "missing":
        if isinstance(item["loc"][-1], int):
            return f"{'.'.join(steps[:-1])}: found {list(item['input'])}, expected more values."
        return f"the key {where!r} is missing, add it."
    if item["type"] == "value_error":
        return f"{where}: {item['msg'].removeprefix('Value error, ')}.".removeprefix(": ")
    expected = _EXPECTED.get(item["type"]) or re.sub(
        r", (unable|input) .*", "", item["msg"]
    ).removeprefix("Input should be ")
    return f"{where}: found {item['input']!r}, expected {expected}."
