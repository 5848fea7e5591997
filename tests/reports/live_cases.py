"""A made-up marks-scores.csv: what live forecasts came to."""

from __future__ import annotations

import numpy as np
import pandas as pd


def live_scores_table(region: str) -> pd.DataFrame:
    """A marks-scores.csv: heat of six years, with intervals and below its backtest; a drought of
    40 days, too early for them; flash floods, of which nothing could be graded."""
    nothing = {name: np.nan for name in ("first", "last", *LIVE_NUMBERS)}
    common = {"region": region, "below": False, "ungradable": 0, "retracted": 0, "late": 0}
    colours = enumerate(("yellow", "orange", "red"), start=1)
    rows = []
    for level, colour in colours:
        shared = {**nothing, **common, "level": level, "colour": colour}
        shared |= {"n": 0, "issue_days": 0, "shown": 0, "hits": 0, "false_alarms": 0, "missed": 0}
        told = shared | {
            "first": pd.Timestamp("1997-05-01"), "last": pd.Timestamp("2003-06-11"),
            "n": 17000, "bss_climatology": 0.21, "reliability": 0.0042, "days_a_year": 31.4 / level,
            "issue_days": 1100, "shown": 190 // level, "hits": 121 // level,
            "false_alarms": 190 // level - 121 // level, "missed": 60, "hit_rate_low": 0.55,
            "hit_rate_high": 0.74, "false_alarm_ratio_low": 0.28, "false_alarm_ratio_high": 0.44,
            "bss_climatology_low": 0.12, "bss_climatology_high": 0.29, "backtest_bss": 0.31,
            "backtest_bss_low": 0.24, "backtest_bss_high": 0.37, "ungradable": 12, "late": 36,
        }  # fmt: skip
        for lead in range(3):
            rows.append(
                told | {"hazard": "heat", "lead_days": lead, "window_days": 1, "below": level == 1}
            )
        rows.append(
            told | {"hazard": "heat", "lead_days": 0, "window_days": 3, "below": level == 1}
        )
        ends = {name: np.nan for name in LIVE_NUMBERS if name.endswith(("_low", "_high"))}
        early = {"first": pd.Timestamp("2003-01-20"), "issue_days": 40, "n": 640, "shown": 0}
        few = told | ends | early | {"hits": 0, "missed": 0, "false_alarms": 0}
        rows.append(few | {"hazard": "drought", "lead_days": 30, "window_days": 90})
        lost = shared | {"hazard": "flash_flood", "lead_days": 0, "window_days": 1}
        rows.append(lost | {"ungradable": 48, "retracted": 24})
    return pd.DataFrame(rows)


LIVE_NUMBERS = (
    "bss_climatology", "bss_climatology_low", "bss_climatology_high", "reliability",
    "backtest_bss", "backtest_bss_low", "backtest_bss_high", "days_a_year", "hit_rate_low",
    "hit_rate_high", "false_alarm_ratio_low", "false_alarm_ratio_high",
)  # fmt: skip
