"""Forecast: the stored record and the champions -> probabilities -> a published report."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import xarray as xr
from prefect import task

import reports
from configs import Region, RiskError, Settings
from configs.remarks import Remark, as_remark, remark
from data_contracts.tiled_store import open_store
from features.build import delays_of, options_for
from features.hazards import hazards
from flows.artifacts import own_link, show_report, show_skill
from flows.check import open_region
from flows.data_quality import (
    newest_withheld,
    unfit_places,
    write_page,
)
from flows.engine import engine, working
from flows.grids import forecast_grid
from flows.impacts import collect, known_here
from flows.issue import Issue, Made
from flows.orchestration import failed_hazards, name_run, risk_flow
from flows.past import Past, assessment_of, colours_of
from flows.platforms import hand_over
from flows.progress import stage
from flows.provenance import provenance_of
from flows.recent import recent
from flows.run import (
    Outcome,
    as_prefect_state,
    known_before,
    newest_day,
    region_lock,
    task_options,
    today,
)
from flows.train import (
    available_hazards,
    champions_of,
    forecasts_of,
    out_of_fold_of,
)
from flows.verify import keep_record
from models import predict as prediction
from models.registry import Champion, Registry
from models.verification.weather_scores import Assessment
from sources import is_exercise


@task(name="score", task_run_name="score {region.name}", **task_options())
def score(
    region: Region, settings: Settings, champions: dict[str, Champion], missing: set[str]
) -> Assessment:
    """The scores of the champions' out-of-fold predictions, all hazards of the region together."""
    return assessment_of(region, settings, champions, missing)


@task(
    name="forecast", task_run_name="forecast {issue.region.name} {issue.issued}", **task_options()
)
def predict(issue: Issue, assessment: Assessment) -> prediction.Predicted:
    """The forecast of the issue day and its messages.

    A colour given before is only withdrawn with a margin.
    """
    request = prediction.ForecastRequest(
        region=issue.region,
        issued=issue.issued,
        observations=issue.observations,
        models=issue.models,
        backtests=out_of_fold_of(issue.champions),
        assessment=assessment,
        versions=issue.versions,
        previous=issue.previous,
        forecasts=issue.forecasts,
    )
    return prediction.predict_with_remarks(request)


@task(name="publish", task_run_name="publish {issue.region.name} {issue.issued}", **task_options())
def publish(
    issue: Issue, made: Made, assessment: Assessment, provenance: dict[str, Any]
) -> reports.Publication:
    """The report's folder; an official forecast also enters the index."""
    issue.folder.parent.mkdir(parents=True, exist_ok=True)
    before, settings = (
        None if issue.hindcast else issue.before,
        issue.settings if issue.official else None,
    )
    past = colours_of(issue.region, issue.settings, issue.champions, assessment)
    publication = reports.publish(
        made.forecast,
        assessment.table,
        made.past,
        issue.drawable[0],
        provenance,
        issue.folder,
        issue.hindcast,
        before,
        settings,
        past,
        late=issue.late,
        again=issue.again,
        graded=made.graded,
        cells=made.cells,
    )
    if issue.official and not issue.late:  # the pages are of all days: today's run writes them
        collect(issue.region, issue.settings, known_here(issue.region, issue.observations))
    if issue.official:
        reports.write_index(issue.settings)  # readers need no registry
        write_page(issue.store, issue.rules_broken, issue.record_checked, issue.issued)
    return publication


@task(name="track", task_run_name="track {issue.region.name} {issue.issued}", **task_options())
def track(issue: Issue, forecast: xr.Dataset, provenance: dict[str, Any]) -> str:
    """The id of the forecast's run in MLflow."""
    return Registry(issue.settings).log_forecast(
        issue.region, issue.issued, forecast, provenance, issue.folder, own_link()
    )


def recent_past(issue: Issue) -> dict[str, xr.Dataset]:
    """For each hazard with a model, the days before the issue: value, normal and threshold.

    Of an index hazard also how it stands on the newest day: see features.runs.present_state.
    """
    past = {}
    for name, champion in issue.champions.items():
        if champion.model is not None:
            hazard, normals = hazards()[name], champion.model.normals
            options = options_for(hazard, issue.region, issue.observations)
            past[name] = recent(hazard, normals, issue.observations, options, issue.issued)
            if hazard.present is not None:
                state = hazard.present(issue.observations, normals, options)
                past[name] = past[name].assign(state.data_vars)
            past[name] = past[name].compute()
    return past


def make(issue: Issue, assessment: Assessment) -> Made:
    """The forecast of an issue, of a grid that of its areas."""
    if issue.region.grid is not None:
        return forecast_grid(issue, assessment, working())
    predicted = predict(issue, assessment)
    degraded = (*failed_hazards(predicted.failures), *predicted.degraded)
    return Made(predicted.forecast, recent_past(issue), degraded, predicted.notes)


def stale(observations: xr.Dataset, issued: date) -> tuple[Remark, ...]:
    """A message when the newest observation is older than the fastest variable's delay allows."""
    newest = newest_day(observations)
    expected = issued - timedelta(days=min(delays_of(observations).values()))
    if newest >= expected:
        return ()
    late = (expected - newest).days
    return (remark("record.stale", day=newest, n=late),)


def notes(issue: Issue) -> tuple[Remark, ...]:
    """What a reader must know besides: of the record, of places left out, of a hindcast."""
    known = {
        one.model.meta.get("trained_until", "")
        for one in issue.champions.values()
        if one.model is not None
    }
    late = max((str(day) for day in known if day), default="")
    learnt_later = issue.hindcast and late >= issue.issued.isoformat()
    hindcast = (
        (remark("forecast.hindcast", day=date.fromisoformat(late[:10])),) if learnt_later else ()
    )
    unfit = unfit_places(issue.observations, issue.region, issue.possible.hazards)
    return (*hindcast, *issue.notes, *unfit, issue.record_checked)


def make_forecast(issue: Issue) -> Outcome:
    """Scores, forecasts and publishes one issue. Raises RiskError."""
    with stage("score") as say:
        missing = {*issue.possible.missing, *issue.missing}
        assessment = score(issue.region, issue.settings, issue.champions, missing)
        say(cells=len(assessment.table))
    with stage(f"forecast {issue.issued}") as say:
        made = make(issue, assessment)
        say(places=made.forecast.sizes["location"], cells=made.forecast.sizes["cell"])
    damaged = [one.degraded for one in issue.champions.values() if one.degraded]
    without = [
        remark("model.none", hazards=tuple(names), reason=why)
        for why, names in by_reason(issue.missing).items()
    ]
    degraded = list(
        dict.fromkeys(
            [
                *issue.degraded,
                *filter(None, issue.drawable[1:]),
                *stale(issue.observations, issue.issued),
                *newest_withheld(issue.store, issue.observations, issue.issued, issue.snapshot),
                *damaged,
                *without,
                *made.degraded,
            ]
        )
    )
    told_notes = list(dict.fromkeys([*notes(issue), *made.notes]))
    forecast = made.forecast.assign_attrs(prediction.as_attributes(degraded, told_notes))
    if is_exercise(issue.region):
        forecast = forecast.assign_attrs(label="EXERCISE")
    provenance, run = provenance_of(issue, degraded, told_notes), ""
    with stage("publish") as say:
        publication = publish(issue, replace(made, forecast=forecast), assessment, provenance)
        if issue.official:
            run = track(issue, forecast, provenance)
        say(files=sum(path.is_file() for path in publication.folder.rglob("*")))
    show_skill(issue.region, assessment.table)
    show_report(issue.region, issue.issued, str(publication.folder), run)
    untaken = hand_over(issue)  # before the grading: an alert waits for nothing
    if issue.official and not issue.late:
        degraded += keep_record(
            Past(
                issue.region,
                issue.settings,
                issue.issued,
                issue.observations,
                issue.champions,
                assessment,
            )
        )
    return Outcome(
        issue.region.name,
        publication.folder,
        (*degraded, *untaken),
        (*told_notes, *map(as_remark, publication.left_out)),
        assessment.table,
    )


def by_reason(missing: dict[str, Remark]) -> dict[Remark, list[str]]:
    """Reason -> the hazards that are missing for it."""
    names: dict[Remark, list[str]] = {}
    for name, why in missing.items():
        names.setdefault(why, []).append(name)
    return names


def check_issue_day(issued: date | None, now: date) -> date:
    """The day to issue for. Raises RiskError for a day to come."""
    if issued is not None and issued > now:
        raise RiskError(
            f"--issued {issued}: found a day to come, expected {now} (today there) or earlier; "
            "leave --issued out for today."
        )
    return issued or now


@risk_flow("forecast", hours=4)
def forecast(region: str, issued: date | None = None, out: str | None = None) -> Outcome:
    """Forecasts from the stored record with the champions and publishes the report.

    Pulls and trains nothing.

    Args:
        region: A name under configs/regions, or the path of a region's YAML file.
        issued: A past issue day makes a hindcast from what was known that morning, kept apart from
            the real reports; by default today.
        out: Write the report into this folder instead.
    """
    settings, place = Settings.from_environment(), open_region(region)
    with region_lock(place, settings), engine():
        store = open_store(settings, place)
        observations = store.observations()
        now = today(place, observations)
        day = check_issue_day(issued, now)
        name_run(place, day)
        known, registry = known_before(observations, day), Registry(settings)
        possible = available_hazards(known, place)
        champions = champions_of(place, registry, possible.hazards, known)
        untrained = [
            name for name, one in champions.items() if one.model is None and not one.degraded
        ]
        missing = dict.fromkeys(untrained, remark("model.train", region=region))
        usual = settings.published / place.name
        folder = usual / ("hindcast" if day < now else "") / day.isoformat()
        if out is not None:
            folder = Path(out).expanduser().resolve()
        outcome = make_forecast(
            Issue(
                place,
                settings,
                day,
                store.snapshot(),
                known,
                forecasts_of(store),
                champions,
                possible,
                folder,
                hindcast=day < now,
                missing=missing,
            )
        )
        return as_prefect_state(replace(outcome, degraded=(*outcome.degraded, *registry.mended)))
