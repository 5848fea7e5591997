"""Actions: what a region asks its people and officers to do when a hazard reaches a colour."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from configs.yaml_files import YamlError, read_yaml

MAX_LENGTH = 500
Words = Annotated[str | None, Field(min_length=1, max_length=MAX_LENGTH)]


class ActionText(BaseModel):
    """What to do, in each language; ``plain`` is a text that is the same in all of them.

    ``source``: the published guidance that it is taken from. ``approved``: whether who is in charge
    has agreed to it; where not, readers are told so.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    en: Words = None
    fr: Words = None
    ar: Words = None
    plain: Words = None
    source: Words = None
    approved: bool = True

    @model_validator(mode="after")
    def _says_something(self) -> ActionText:
        if not self.words("en"):
            raise ValueError("found no text, expected one in en, fr or ar; add it")
        return self

    def words(self, tag: str) -> str:
        """What to do in a language; where it is not told in it, in English, else as it is told."""
        by_tag = {"en": self.en, "fr": self.fr, "ar": self.ar}
        known = [by_tag.get(tag), self.plain, *by_tag.values()]
        return next((text for text in known if text), "")


def _as_mapping(value: Any) -> Any:
    return {"plain": value} if isinstance(value, str) else value


Action = Annotated[ActionText, BeforeValidator(_as_mapping)]
"""An ``ActionText``, for which a region file may give a mere text."""


def actions_from(content: Any, path: Path) -> Any:
    """What a region file holds, with its ``actions`` read where they name a file beside it.

    Raises YamlError.
    """
    if not isinstance(content, dict) or not isinstance(content.get("actions"), str):
        return content
    beside = path.parent / content["actions"]
    if not beside.is_file():
        raise YamlError(
            f"actions: there is no file {beside}, expected one of hazards, colours and texts; add "
            "it, or write the actions here."
        )
    return content | {"actions": read_yaml(beside)}
