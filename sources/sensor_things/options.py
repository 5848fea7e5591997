"""What a region says of its SensorThings service."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, field_validator

from sources.common.http import Address
from sources.common.readings import ReadingOptions, known_variables


class LocationSensors(BaseModel):
    """Whose readings a location has: those of a Thing's Datastreams, or of one by variable."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    thing: int | str | None = None
    datastreams: dict[str, int | str] = {}

    @field_validator("datastreams")
    @classmethod
    def _canonical(cls, value: dict[str, int | str]) -> dict[str, int | str]:
        known_variables({name: name for name in value})
        return value


class SensorThingsOptions(ReadingOptions):
    """What a region says of its service.

    ``units``: of a variable where the service names a wrong one. ``page``: readings a request.
    ``order_by``: by what the service sorts while we page; it must be something that it can sort by,
    or empty.
    """

    url: Address
    places: dict[str, LocationSensors] = Field(min_length=1)
    properties: dict[str, str] = {}
    authorization_env: str | None = Field(None, pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")
    units: dict[str, str] = {}
    bad_quality: tuple[str, ...] = ("bad",)
    page: int = Field(default=1000, ge=1, le=100_000)
    order_by: str = "phenomenonTime asc"

    @field_validator("properties")
    @classmethod
    def _canonical(cls, value: dict[str, str]) -> dict[str, str]:
        return known_variables(value)
