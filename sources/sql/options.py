"""What a region says of its database: one SELECT that changes nothing, and what its words mean."""

from __future__ import annotations

import re
from zoneinfo import available_timezones

from pydantic import Field, field_validator

from sources.common.readings import ReadingOptions, known_variables

NAME = "sql"
COLUMNS = ("time", "location", "variable", "value")
WRITES = frozenset(
    {"insert", "update", "delete", "merge", "into", "truncate", "drop", "alter", "create"}
    | {"grant", "revoke", "call", "copy", "attach"}
)
"""Words that a statement which only reads does not have."""
QUOTED = re.compile(
    r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|`[^`]*`|\[[^\]]*\]|--[^\n]*|/\*.*?\*/", re.DOTALL
)
"""What in a statement is no word of it: quoted names and texts, and comments."""


class SqlOptions(ReadingOptions):
    """What a region says of its database. ``time_zone``: of times that have none."""

    url_env: str
    select: str = Field(min_length=1)
    variables: dict[str, str] = {}
    units: dict[str, str] = {}
    locations: dict[str, str] = {}
    time_zone: str = "UTC"

    @field_validator("time_zone")
    @classmethod
    def _a_zone(cls, value: str) -> str:
        if value not in available_timezones():
            raise ValueError(
                f"found {value!r}, expected an IANA time zone such as Africa/Casablanca"
            )
        return value

    @field_validator("url_env")
    @classmethod
    def _a_name(cls, value: str) -> str:
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", value):
            raise ValueError(
                "found something else than the name of an environment variable, such as "
                "CITY_DATABASE_URL, that holds the URL"
            )
        return value

    @field_validator("select")
    @classmethod
    def _reads_only(cls, value: str) -> str:
        bare = QUOTED.sub(" x ", value).strip().rstrip(";").strip().lower()
        words = re.findall(r"[a-z_]\w*", bare)
        if not words or words[0] not in ("select", "with"):
            raise ValueError(
                "found no SELECT, expected one statement that begins with SELECT or WITH"
            )
        writing = [word for word in words if word in WRITES]
        if ";" in bare or writing:
            what = "several statements" if ";" in bare else f"the word {writing[0].upper()}"
            raise ValueError(
                f"found {what}, expected one SELECT that changes nothing (put a column of such a "
                "name in quotes)"
            )
        return value.strip().rstrip(";")

    @field_validator("variables")
    @classmethod
    def _canonical(cls, value: dict[str, str]) -> dict[str, str]:
        return known_variables(value)
