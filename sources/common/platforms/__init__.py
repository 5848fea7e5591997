"""Platforms that forecasts are handed to: an NGSI-LD broker, a SensorThings service.

In: payloads as reports.exports makes them. Out: nothing, or SourceUnavailable in one sentence.
Handing over the same twice leaves one.
"""

from sources.common.http_messages import RetryPolicy

PATIENCE = RetryPolicy(
    tries=3,
    unreachable_tries=2,
    wait=1.0,
    max_wait=10.0,
    connect=5.0,
    timeout=20.0,
    max_seconds=60.0,
)
"""How patiently a platform is handed a forecast: the report is out, and readers do not wait."""
