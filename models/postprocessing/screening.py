"""From what was known on one morning to a calibration: screen, fit, flag what is silent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

import numpy as np
import xarray as xr

from configs.remarks import Remark, remark, to_json
from features.build import delays_of
from models.postprocessing.calibration import (
    MONTHS,
    N_TRAJECTORIES,
    Calibration,
    CalibrationPlan,
    fit_calibration,
)
from models.postprocessing.forecast_pairs import DAY, has_pair, known_by
from models.postprocessing.model_changes import (
    MIN_DAYS_BETWEEN_CHANGES,
    MIN_DAYS_IN_SEGMENT,
    model_changes,
    without_near_changes,
)
from models.postprocessing.quality import MIN_DAYS_IN_SEASON, quality_flags, usable_pairs
from models.postprocessing.schaake import near_day_of_year
from models.postprocessing.silence import (
    QualityFlag,
    any_temporary,
    describe_flags,
)


@dataclass(frozen=True)
class Screened:
    """What can be calibrated on the morning of ``today``.

    Usable pairs by variable, flags of the rest, changes of the forecast model, days a run is late.
    """

    today: np.datetime64
    usable: Mapping[str, xr.Dataset]
    flags: Sequence[QualityFlag]
    changes: Sequence[np.datetime64]
    run_delay: int

    def agrees_with(self, other: Screened) -> bool:
        """Whether both have the same flags and, within 30 days, the same changes."""
        own, others = (
            {(flag.variable, flag.horizon, flag.location, flag.reason.code) for flag in flags}
            for flags in (self.flags, other.flags)
        )
        same_changes = len(self.changes) == len(other.changes) and all(
            abs(first - second) < MIN_DAYS_BETWEEN_CHANGES * DAY
            for first, second in zip(self.changes, other.changes, strict=True)
        )
        return same_changes and own == others


def screen(
    archive: Mapping[str, xr.Dataset],
    observations: xr.Dataset,
    today: np.datetime64,
    changes: Sequence[np.datetime64] | None = None,
) -> Screened:
    """What was known on the morning of ``today``, without what cannot be used.

    ``archive``: pairs by variable. ``changes`` of the forecast model: those given, else those seen
    in the errors.
    """
    delays = delays_of(observations)
    run_delay = max((part.attrs["run_delay"] for part in archive.values()), default=0)
    today = today.astype("datetime64[ns]")
    known = {name: known_by(part, today, delays[name], run_delay) for name, part in archive.items()}
    known = {name: part for name, part in known.items() if part.sizes["init_time"]}
    flags = [flag for part in known.values() for flag in quality_flags(part)]
    usable = {name: usable_pairs(part, flags) for name, part in known.items()}
    usable = {name: part for name, part in usable.items() if np.isfinite(part["mean"].values).any()}
    given = model_changes(usable) if changes is None else [day for day in changes if day <= today]
    return Screened(today, usable, flags, without_near_changes(given), run_delay)


def calibrate_on(
    archive: Mapping[str, xr.Dataset],
    observations: xr.Dataset,
    today: np.datetime64,
    changes: Sequence[np.datetime64] | None = None,
    months: Sequence[int] = MONTHS,
) -> Calibration:
    """The calibration from what was known on the morning of ``today``; see ``screen``.

    Its meta says what is not used on the first of ``months`` and why (``left_out``), and whether
    it is ``settled``: nothing waits for more days.
    """
    return calibrate(screen(archive, observations, today, changes), observations, months)


def calibrate(
    screened: Screened,
    observations: xr.Dataset,
    months: Sequence[int],
    n_trajectories: int = N_TRAJECTORIES,
) -> Calibration:
    """``calibrate_on`` of what was screened."""
    delays, today = delays_of(observations), screened.today
    plan = CalibrationPlan(
        changes=screened.changes,
        run_delay=screened.run_delay,
        first_lead=1 - max((delays[name] for name in screened.usable), default=1),
        months=months,
        n_trajectories=n_trajectories,
        today=today,
    )
    past = observations.sel(time=slice(None, today - DAY))
    calibration = fit_calibration(screened.usable, past, plan)
    waiting = [silent_columns(calibration, screened.usable, month, today) for month in months]
    temporary = any(any_temporary(flags) for flags in (screened.flags, *waiting))
    return replace(
        calibration,
        meta={
            **calibration.meta,
            "issued_until": str(today)[:10],
            "left_out": list(map(to_json, describe_flags([*screened.flags, *waiting[0]]))),
            "settled": not calibration.meta["thin"] and not temporary,
        },
    )


def silent_columns(
    calibration: Calibration, pairs: Mapping[str, xr.Dataset], month: int, today: np.datetime64
) -> list[QualityFlag]:
    """Flags of the columns of usable pairs that have no error model for a month yet."""
    changes = np.sort(np.array(calibration.meta["changes"], "datetime64[ns]"))
    flags = []
    for name, part in pairs.items():
        present, days = has_pair(part), part["init_time"].values
        newest = present[days >= changes[-1]] if len(changes) else present
        near = present & near_day_of_year(days, today)[:, None, None]
        bias = calibration.by_variable[name]["bias"].values
        score = calibration.by_variable[name]["score"].sel(month=month).values
        for column, number in zip(*np.nonzero(present.any(axis=0)), strict=True):
            reason = None
            if not np.isfinite(bias[column, number]):
                reason = _too_new(int(newest[:, column, number].sum()), changes)
            elif not np.isfinite(score[column]).any():
                count = int(near[:, column, number].sum())
                reason = remark("weather.thin_season", n=count, least=MIN_DAYS_IN_SEASON)
            if reason:
                horizon, location = part["horizon"].values[column], part["location"].values[number]
                flags.append(QualityFlag(name, int(horizon), str(location), reason))
    return flags


def _too_new(days: int, changes: np.ndarray) -> Remark | None:
    if not len(changes):
        return None
    day = date.fromisoformat(str(changes[-1])[:10])
    return remark("weather.new_model", day=day, n=days, least=MIN_DAYS_IN_SEGMENT)
