"""How Open-Meteo's services are asked: hosts, key, patience, and the newest run of a model."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

from configs.remarks import remark
from sources.common.grid import GridCell, shortened_of
from sources.common.http import get_json
from sources.common.http_messages import Request, RetryPolicy

KEY_VARIABLE = "CLIMATE_RISK_OPEN_METEO_KEY"
RETRY_POLICY = RetryPolicy(
    wait=5.0,  # five tries span more than the minute after which a minute's limit is lifted
    # The last comes as text, with status 200.
    hopeless=("daily api", "hourly api", "modelRunUnavailable"),
)
TELL_THEM = remark("cure.tell")


def host_for(url: str) -> str:
    """The address to ask: with a key, the customer host of the service's own addresses."""
    scheme, _, rest = url.partition("://")
    ours = rest.split("/")[0].endswith(".open-meteo.com") and not rest.startswith("customer-")
    return f"{scheme}://customer-{rest}" if ours and os.environ.get(KEY_VARIABLE) else url


def cells_request(
    source: str, url: str, cells: Sequence[GridCell], what: str, params: Mapping[str, str]
) -> Request:
    """A request for some cells, with the key where there is one. ``what``: for messages."""
    key = os.environ.get(KEY_VARIABLE, "")
    points = {
        "latitude": ",".join(f"{cell.latitude:g}" for cell in cells),
        "longitude": ",".join(f"{cell.longitude:g}" for cell in cells),
    }
    secrets = {"apikey": key} if key else {}
    text = f"{shortened_of(cells)}, {what}"
    return Request(source, url, text, {**points, **params}, secrets=secrets)


@dataclass(frozen=True)
class NewestRun:
    """The newest run that a service gives, where it does not say of which run its answer is.

    ``about`` asks, ``latest`` is the last initialisation to use. Answers that a cache on the way
    keeps are passed by. Asking does not count as a call.
    """

    about: Request
    latest: datetime
    policy: RetryPolicy

    def initialised(self) -> datetime:
        """When it was initialised. Raises SourceUnavailable."""
        now = {"cache_buster": f"{datetime.now(UTC).timestamp():.0f}"}
        request = replace(self.about, params=now)
        return get_json(request, partial(_initialised, request=self.about), self.policy)

    def is_usable(self) -> bool:
        """Whether it may be used at the issue time."""
        return self.initialised() <= self.latest

    def require_usable(self) -> None:
        """Raises BadResponse where it may not be used: the answer before may be of it."""
        initialised = self.initialised()
        if initialised > self.latest:
            too_new = remark(
                "answer.too_new",
                run=f"{initialised:%Y-%m-%d %H}",
                latest=f"{self.latest:%Y-%m-%d %H:%M}",
            )
            raise self.about.bad_response(too_new, remark("cure.without"))


def _initialised(body: Any, request: Request) -> datetime:
    try:
        return datetime.fromtimestamp(int(body["last_run_initialisation_time"]), UTC)
    except (KeyError, TypeError, ValueError, OverflowError, OSError):
        missing = remark("answer.without", name="last_run_initialisation_time")
        raise request.unavailable(missing, TELL_THEM) from None
