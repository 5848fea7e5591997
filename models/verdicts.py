"""Verdicts on a cell of the forecast: the values of ``verdict`` in scores.csv and forecast.csv.

They are part of both file formats. A cell that a hazard does not have at a location has none, "".
"""

from __future__ import annotations

SKILFUL = "skilful"
"""Better than the climatologies and than persistence."""
KNOWN = "known"
"""Better than the climatologies."""
NO_BETTER = "no better than usual"
"""Not shown to be better than the climatologies."""
NOT_ASSESSED = "not assessed"
"""Too few events, or no number."""
PROVISIONAL = "provisional"
"""With weather forecasts, of which the archive is too short for a verdict."""

STATE, WEATHER, COMBINED = "state", "weather", "combined"
"""Which model a row of scores is of, or a published probability holds."""
