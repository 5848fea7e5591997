"""When a region's forecasts are issued, and in whose name: ``schedule`` and ``issuer``."""

from __future__ import annotations

import re
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator


class Schedule(BaseModel):
    """When ``climate-risk schedule`` runs the region, in its own time zone: ``daily`` is HH:MM."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    daily: str = "06:30"
    train_day: int = Field(default=1, ge=1, le=28)

    @field_validator("daily", mode="before")
    @classmethod
    def _hour(cls, value: Any) -> str:
        if isinstance(value, int):  # YAML 1.1 reads 06:30 as the sexagesimal number 390
            value = f"{value // 60:02d}:{value % 60:02d}"
        if not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", str(value)):
            raise ValueError(f"found {value!r}, expected a time such as 06:30")
        return str(value)


class Issuer(BaseModel):
    """Who issues alerts.

    Without ``authorised``, which needs a name and a sender, they are sent with the status Test.

    ``sender``: what identifies the issuer worldwide, an e-mail address or a domain of its own.
    ``public_url``: the address under which readers find the folder ``published``.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str | None = Field(default=None, min_length=1, max_length=200)
    sender: str | None = Field(default=None, max_length=200)
    authorised: bool = False
    contact: str | None = Field(default=None, min_length=1, max_length=500)
    public_url: str | None = Field(default=None, max_length=120)

    @field_validator("public_url")
    @classmethod
    def _address(cls, value: str | None) -> str | None:
        if value is not None and not re.fullmatch(r"https?://[\w.:-]+(/[\w.~%/-]*)?", value):
            raise ValueError(
                f"found {value!r}, expected an address such as https://risk.city.example"
            )
        return value and value.rstrip("/")

    @field_validator("sender")
    @classmethod
    def _one_word(cls, value: str | None) -> str | None:
        if value is not None and not re.fullmatch(r"[\w.+-]+(@[\w.-]+)?", value, re.ASCII):
            raise ValueError(
                f"found {value!r}, expected an e-mail address or a domain such as risk@city.example"
            )
        return value

    @model_validator(mode="after")
    def _known(self) -> Issuer:
        if self.authorised and not (self.name and self.sender):
            raise ValueError(
                "found authorised without a name and a sender, expected both; add them"
            )
        return self
