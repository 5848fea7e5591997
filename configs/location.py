"""A place that forecasts are made for."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class Location(BaseModel):
    """A place forecasts are made for.

    ``names`` maps a language tag to the name in that language.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str = Field(min_length=1, max_length=200)
    names: dict[str, str] = {}
    latitude: float | None = Field(default=None, ge=-90, le=90)
    longitude: float | None = Field(default=None, ge=-180, le=180)
    elevation: float | None = None
    population: int | None = Field(default=None, ge=0)
    river_point: tuple[float, float] | None = None
