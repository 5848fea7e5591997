"""Daily: pull, train what has no model yet, forecast, publish. The one flow an operator runs."""

from __future__ import annotations

from dataclasses import replace

from configs import Settings
from configs.remarks import Remark
from data_contracts.tiled_store import open_store
from flows.after_run import after_run
from flows.catch_up import catch_up, published_whole
from flows.check import open_region
from flows.engine import engine
from flows.forecast import make_forecast
from flows.issue import Issue
from flows.orchestration import name_run, risk_flow
from flows.pull import pull_sources, require_values
from flows.run import Outcome, as_prefect_state, known_before, region_lock, today
from flows.tidy import tidy_when_due
from flows.train import (
    available_hazards,
    champions_of,
    forecasts_of,
    out_of_fold_of,
    train_hazards,
)
from models.registry import Registry


@risk_flow("daily", hours=20)
def daily(region: str) -> Outcome:
    """Makes today's report of a region.

    Pulls and checks the sources, trains the hazards that have no model for this region yet,
    forecasts and publishes. Where a source is down or delivers what cannot be used, what was stored
    before is used. Days since the newest report that have none are issued first, in order, as late
    ones. A day that is published whole, from the same record, models, code and region file, is left
    as it is.

    Args:
        region: A name under configs/regions, or the path of a region's YAML file.
    """
    settings, place = Settings.from_environment(), open_region(region)
    with region_lock(place, settings), engine():
        pulled = pull_sources(place, settings)
        store = open_store(settings, place)
        require_values(store, pulled)
        observations, forecasts, snapshot = (
            store.observations(),
            forecasts_of(store),
            store.snapshot(),
        )
        issued = today(place, observations)
        name_run(place, issued)
        known, registry = known_before(observations, issued), Registry(settings)
        registry.close_dead_runs(place)
        possible = available_hazards(known, place)
        champions = champions_of(place, registry, possible.hazards, known)
        new = tuple(
            name for name, one in champions.items() if one.model is None and not one.degraded
        )
        missing: dict[str, Remark] = {}
        if new:
            registered, missing = train_hazards(
                new,
                known,
                forecasts,
                place,
                registry,
                snapshot,
                out_of_fold_of(champions),
                possible.missing,
            )
            champions |= champions_of(place, registry, tuple(registered), known)
        issue = Issue(
            place,
            settings,
            issued,
            snapshot,
            known,
            forecasts,
            champions,
            possible,
            settings.published / place.name / issued.isoformat(),
            False,
            pulled.degraded,
            missing,
            pulled.notes,
        )
        outcome = published_whole(issue)
        if outcome is None:
            missed = catch_up(issue, observations)
            outcome = make_forecast(replace(issue, degraded=(*pulled.degraded, *missed)))
        kept = *registry.mended, *tidy_when_due(place, settings)
        outcome = replace(outcome, degraded=(*outcome.degraded, *kept))
        return as_prefect_state(after_run(outcome, settings))
