"""What a region says of its NGSI-LD context broker, and the Smart Data Models' own words."""

from __future__ import annotations

from pydantic import Field, field_validator

from sources.common.http import Address
from sources.common.readings import ReadingOptions, known_variables

# attribute of the Smart Data Models: (our variable, its unit there)
MODEL = {
    "temperature": ("air_temperature", "CEL"),
    "precipitation": ("precipitation", "L/m2"),
    "relativeHumidity": ("relative_humidity", "C62"),
    "windSpeed": ("wind_speed", "MTS"),
    "atmosphericPressure": ("air_pressure", "A97"),
    "solarRadiation": ("surface_downwelling_shortwave", "D54"),
    "streamGauge": ("river_level", "CMT"),
    "currentLevel": ("river_level", ""),  # the model leaves the unit open
}


class NgsiLdOptions(ReadingOptions):
    """What a region says of its broker. ``places``: location -> entity type -> entity id.

    ``attributes``: theirs -> our variable. ``units``: by attribute. ``simplified``: ask for bare
    values (options=temporalValues), which come without unitCode. ``window_days``: days asked for at
    a time. ``context``: the JSON-LD context that gives attributes their short names.
    """

    url: Address
    places: dict[str, dict[str, str]] = Field(min_length=1)
    attributes: dict[str, str] = {}
    units: dict[str, str] = {}
    tenant: str | None = None
    fiware_service: str | None = None
    fiware_service_path: str | None = None
    authorization_env: str | None = Field(None, pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")
    context: Address | None = None
    simplified: bool = False
    window_days: int = Field(default=31, ge=1, le=366)

    @field_validator("attributes")
    @classmethod
    def _canonical(cls, value: dict[str, str]) -> dict[str, str]:
        return known_variables(value)

    @property
    def wanted(self) -> dict[str, str]:
        """Our variable by attribute."""
        return self.attributes or {theirs: ours for theirs, (ours, _) in MODEL.items()}
