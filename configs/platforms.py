"""Platforms that a region's forecasts are sent to: ``publish_to`` of a region file."""

from __future__ import annotations

import re

from pydantic import BaseModel, ConfigDict, Field, field_validator


class _Service(BaseModel):
    """Where a service is. ``authorization_env``: a variable that holds "Bearer abc"."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: str = Field(max_length=2000)
    authorization_env: str | None = Field(None, pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")

    @field_validator("url")
    @classmethod
    def _address(cls, value: str) -> str:
        if not re.fullmatch(r"https?://[^\s/@?#]+(/[^\s?#]*)?", value):
            raise ValueError(
                f"found {re.sub('//.*@', '//***@', value)!r}, expected an address such as "
                "https://broker.example.org/ngsi-ld/v1, without a password or a query"
            )
        return value.rstrip("/")


class NgsiLdBroker(_Service):
    """A FIWARE context broker, ETSI GS CIM 009. ``context``: the JSON-LD context of the names."""

    tenant: str | None = Field(None, max_length=200)
    fiware_service: str | None = Field(None, max_length=200)
    fiware_service_path: str | None = Field(None, max_length=200)
    context: str = "https://smartdatamodels.org/context.jsonld"


class SensorThingsServer(_Service):
    """A service of the OGC SensorThings API 1.1."""


class PublishTo(BaseModel):
    """The platforms of a region, each at most once."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    ngsi_ld: NgsiLdBroker | None = None
    sensor_things: SensorThingsServer | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Those that are named."""
        return tuple(name for name in type(self).model_fields if getattr(self, name) is not None)
