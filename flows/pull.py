"""Pull: sources -> contract -> store. Nothing is stored that the contract has not passed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

import pandas as pd
from prefect import task
from prefect.client.schemas.objects import State, TaskRun
from prefect.tasks import Task

from configs import Region, RiskError, Settings
from configs.remarks import Remark, as_remark, holds_code, remark, several, text
from configs.tiles import tiles_of
from data_contracts.batch import Batch, Source, SourceUnavailable
from data_contracts.store import IngestResult, Store
from data_contracts.tiled_store import AnyStore, open_store
from flows.artifacts import show_pulled
from flows.check import open_region
from flows.data_quality import show_artifact
from flows.engine import engine, working
from flows.orchestration import risk_flow
from flows.progress import stage
from flows.run import Outcome, as_prefect_state, newest_day, region_lock, task_options
from flows.tile_words import MOST_TOLD, in_some_tiles
from sources import sources_of
from sources.common.http import asked_first
from sources.common.http_messages import BadResponse, Throttled

FIRST_HOURS = 12
"""The first pull of decades from a slow service takes hours; one that takes longer hangs."""
PULL_HOURS = 2
"""A later one asks for days. One that takes longer hangs."""


@dataclass(frozen=True)
class Pulled:
    """What a pull brought.

    ``withheld``: how many cells the contract withheld. ``failures``: by source, why nothing of it
    could be stored. ``remarks``: of the other sources. ``notes``: on values in doubt, which are
    used. ``rows``: of each source, what it brought and what became of it.
    """

    withheld: int = 0
    failures: dict[str, RiskError] = field(default_factory=dict)
    remarks: tuple[Remark, ...] = ()
    notes: tuple[Remark, ...] = ()
    rows: tuple[Mapping[str, Any], ...] = ()

    @property
    def degraded(self) -> tuple[Remark, ...]:
        """A message for each thing that is not as it should be."""
        remarks = [degraded_by(name, error) for name, error in self.failures.items()]
        remarks += self.remarks
        if self.withheld:
            remarks.append(remark("record.withheld", n=self.withheld))
        return tuple(remarks)


def degraded_by(source: str, error: RiskError) -> Remark:
    """The message on a source that delivered nothing that could be stored."""
    code = "source.down" if isinstance(error, SourceUnavailable) else "source.unusable"
    return remark(code, source=source, reason=error.remark)


def revised_by(source: Source, stored: IngestResult) -> Remark:
    """The message on values that a source has replaced by other ones."""
    first, last = stored.revised[0], stored.revised[-1]
    n = len(stored.revised)
    return remark("record.revised", source=source.name, n=n, first=first, last=last)


def worth_a_retry(task: Task[..., Any], run: TaskRun, state: State[Any]) -> bool:
    """True for a source that is down; whatever else is wrong stays as it is."""
    error = state.result(raise_on_failure=False)
    return isinstance(error, SourceUnavailable) and not isinstance(error, BadResponse | Throttled)


def worth_a_first_retry(task: Task[..., Any], run: TaskRun, state: State[Any]) -> bool:
    """As ``worth_a_retry``, but not of one out of reach or silent: someone waits for an answer."""
    error = state.result(raise_on_failure=False)
    cut_off = isinstance(error, RiskError) and any(
        holds_code(error.remark, code) for code in ("http.unreachable", "http.timeout")
    )
    return worth_a_retry(task, run, state) and not cut_off


@task(
    name="pull",
    task_run_name="pull {source.name}",
    retries=3,
    retry_delay_seconds=[5, 20, 60],
    retry_condition_fn=worth_a_retry,
    **task_options(FIRST_HOURS),
)
def fetch(source: Source, region: Region, settings: Settings) -> Batch:
    """What the source delivers now."""
    request = Store(settings, region).fetch_request(source.name)
    nothing = request.stored.observations is None and request.stored.forecasts is None
    with asked_first() if nothing else nullcontext():
        return source.fetch(request)


@task(name="check and store", task_run_name="check and store {source.name}", **task_options())
def check_and_store(source: Source, batch: Batch, store: Store) -> IngestResult:
    """The contract first, then the store; raises ContractBroken with nothing stored."""
    return store.ingest(source, batch)


def until_day(source: Source, batch: Batch, last: date) -> tuple[Source, Batch]:
    """The batch without the days after ``last``, and the source as one that adds to the store.

    So later days that are stored stay. Raises RiskError when nothing is left of a complete record;
    another source may have nothing new.
    """
    observations, forecasts = (
        _until(batch.observations, "time", last),
        _until(batch.forecasts, "init_time", last),
    )
    quality = _until(batch.quality, "time", last)
    if source.complete and observations.empty:
        raise RiskError(
            f"{source.name}: found no day until {last}, expected at least one; give a later "
            "--until."
        )
    return replace(source, complete=False), replace(
        batch, observations=observations, forecasts=forecasts, quality=quality
    )


def _until(table: pd.DataFrame, column: str, last: date) -> pd.DataFrame:
    return table if table.empty else table[table[column] <= pd.Timestamp(last)]


def require_years(name: str, days: pd.Series, years: float, then: str) -> None:
    """Raises RiskError when the days span fewer than ``years`` years.

    ``then``: what came of it and what cures it.
    """
    span = ((days.max() - days.min()).days + 1) / 365.25 if len(days) else 0.0
    if not round(span, 1) >= years:
        raise RiskError(
            f"{name}: found {span:.1f} years of observations, expected at least {years:g} for a "
            f"backtest; {then}."
        )


def require_stored_years(store: AnyStore, years: float) -> None:
    """``require_years`` of what the region's sources have brought together, in all pulls."""
    then = "what was pulled is stored, add earlier years to its sources"
    require_years(
        f"region {store.region.name}", pd.Series(store.observations()["time"].values), years, then
    )


def pull_sources(
    region: Region, settings: Settings, until: date | None = None, least_years: float = 0
) -> Pulled:
    """Pulls every source of the region, checks and stores each; of a grid tile by tile.

    Goes on where one is down or delivers what cannot be used. With ``least_years`` a record too
    short for a backtest is refused: before it is stored where it is the region's only one, complete
    in itself, else once all that the sources bring is stored.
    """
    if region.grid is not None:
        return _pull_tiles(region, settings, until, least_years)
    store, sources = Store(settings, region), sources_of(region)
    store.verify()
    in_itself = least_years if len(sources) == 1 and sources[0].complete else 0
    pulled = Pulled()
    for source in sources:
        try:
            batch = _fetched(source, store)
            if until is not None:
                source, batch = until_day(source, batch, until)  # noqa: PLW2901
        except RiskError as error:
            pulled = _failed(pulled, source, error)
            continue
        if in_itself:
            days, then = batch.observations["time"], "nothing was stored, add earlier years"
            require_years(source.name, days, in_itself, then)
        try:
            pulled = _with(pulled, source, batch, _stored(source, batch, store))
        except RiskError as error:
            pulled = _failed(pulled, source, error)
    show_pulled(region, pulled.rows)
    show_artifact(store)
    if least_years and (pulled.failures or not in_itself):
        require_values(store, pulled)
        require_stored_years(store, least_years)
    return pulled


def pull_here(region: Region, settings: Settings, until: date | None) -> Pulled:
    """Pulls every source of a tile, checks and stores each, in the process that calls it."""
    try:
        store, pulled = Store(settings, region), Pulled()
        store.verify()
    except RiskError as error:
        return Pulled(failures=dict.fromkeys(region.sources, error))
    for source in sources_of(region):
        try:
            batch = source.fetch(store.fetch_request(source.name))
            if until is not None:
                source, batch = until_day(source, batch, until)  # noqa: PLW2901
            pulled = _with(pulled, source, batch, store.ingest(source, batch))
        except RiskError as error:
            pulled = _failed(pulled, source, error)
        except Exception as error:
            unexpected = RiskError(f"{type(error).__name__}: {error}")
            pulled = _failed(pulled, source, unexpected)
    return pulled


@task(name="pull tiles", task_run_name="pull tiles of {region.name}", **task_options(FIRST_HOURS))
def pull_tiles(region: Region, settings: Settings, until: date | None) -> list[Pulled]:
    """What each tile's pull brought, in the order of the tiles."""
    return [*working().each(pull_here, tiles_of(region), settings, until)]


def _pull_tiles(
    region: Region, settings: Settings, until: date | None, least_years: float
) -> Pulled:
    with stage("pull tiles") as say:
        tiles = pull_tiles(region, settings, until)
        say(tiles=len(tiles), withheld=sum(tile.withheld for tile in tiles))
    pulled = _brought_together(region, tiles)
    show_pulled(region, pulled.rows)
    store = open_store(settings, region)
    require_values(store, pulled)
    if least_years:
        require_stored_years(store, least_years)
    return pulled


def _brought_together(region: Region, tiles: Sequence[Pulled]) -> Pulled:
    """The pulls of tiles as one: a source failed where it did in every tile."""
    failures, remarks, rows = dict[str, RiskError](), list[Remark](), list[Mapping[str, Any]]()
    for name in region.sources:
        errors = [tile.failures[name] for tile in tiles if name in tile.failures]
        if errors and len(errors) == len(tiles):
            failures[name] = errors[0]
        elif errors:
            reason = errors[0].remark
            remarks.append(
                remark("tiles.source", source=name, n=len(errors), tiles=len(tiles), reason=reason)
            )
        rows.append(_sum_of_rows([row for tile in tiles for row in tile.rows], name))
    return Pulled(
        sum(tile.withheld for tile in tiles),
        failures,
        (*remarks, *in_some_tiles([tile.remarks for tile in tiles])),
        tuple(in_some_tiles([tile.notes for tile in tiles])),
        tuple(rows),
    )


def _sum_of_rows(rows: Sequence[Mapping[str, Any]], source: str) -> dict[str, Any]:
    own = [row for row in rows if row["source"] == source]
    counts = [key for row in own[:1] for key in row if key not in ("source", "came of it")]
    outcomes = Counter(str(row["came of it"]) for row in own)
    came = "; ".join(f"{n} tiles: {words}" for words, n in outcomes.most_common(MOST_TOLD))
    return {"source": source, "came of it": came} | {
        key: sum(row.get(key, 0) for row in own) for key in counts
    }


def _failed(pulled: Pulled, source: Source, error: RiskError) -> Pulled:
    row = {"source": source.name, "came of it": str(error)}
    failures = pulled.failures | {source.name: error}
    return replace(pulled, failures=failures, rows=(*pulled.rows, row))


def _with(pulled: Pulled, source: Source, batch: Batch, stored: IngestResult) -> Pulled:
    """What was pulled before, and now of one more source."""
    row = {
        "source": source.name,
        "came of it": "stored" if stored.changed else "nothing new",
        "observations": len(batch.observations),
        "weather forecasts": len(batch.forecasts),
        "withheld": len(stored.withheld),
        "in doubt": len(stored.flagged),
        "revised days": len(stored.revised),
    }
    return replace(
        pulled,
        rows=(*pulled.rows, row),
        withheld=pulled.withheld + len(stored.withheld),
        remarks=(*pulled.remarks, *map(as_remark, batch.remarks), *stored.remarks),
        notes=(*pulled.notes, *stored.notes),
    )


def require_values(store: AnyStore, pulled: Pulled) -> None:
    """Raises what the sources that failed say, where one did and no observed value is stored."""
    if pulled.failures:
        try:
            newest_day(store.observations())
        except RiskError:
            raise RiskError(several([each.remark for each in pulled.failures.values()])) from None


def _fetched(source: Source, store: Store) -> Batch:
    first = fetch.with_options(retry_condition_fn=worth_a_first_retry)
    hours = PULL_HOURS if _is_known(source, store) else FIRST_HOURS
    with stage(f"pull {source.name}") as say:
        try:
            asked = (fetch if store.path.exists() else first).with_options(
                timeout_seconds=hours * 3600
            )
            batch = asked(source, store.region, store.settings)
        except TimeoutError:
            raise SourceUnavailable(
                remark("source.hangs", source=source.name, hours=f"{hours:g}")
            ) from None
        say("", **counts_of(batch))
    return batch


def _is_known(source: Source, store: Store) -> bool:
    """Whether anything of the source is stored, so that a pull brings what is new alone."""
    stored = store.fetch_request(source.name).stored
    return stored.observations is not None or stored.forecasts is not None


def counts_of(batch: Batch) -> dict[str, int]:
    """How many places and days a batch has observations of, which no contract has seen yet."""
    counts = dict[str, int]()
    for column, name in (("location", "places"), ("time", "days")):
        with suppress(KeyError, TypeError):  # no such column, two of them, or lists in it
            counts[name] = int(batch.observations[column].nunique())
    return counts


def _stored(source: Source, batch: Batch, store: Store) -> IngestResult:
    with stage(f"check and store {source.name}") as say:
        stored = check_and_store(source, batch, store)
        say("stored" if stored.changed else "nothing new")
        if stored.revised:
            say(text(revised_by(source, stored)))
        say(withheld=len(stored.withheld))
    return stored


@risk_flow("pull", hours=20)
def pull(region: str, until: date | None = None) -> Outcome:
    """Pulls, checks and stores a region's records.

    Args:
        region: A name under configs/regions, or the path of a region's YAML file.
        until: Leave out later days of what is delivered; later days already stored stay.
    """
    settings, place = Settings.from_environment(), open_region(region)
    with region_lock(place, settings), engine():
        pulled = pull_sources(place, settings, until)
        if len(pulled.failures) == len(place.sources):
            raise RiskError(" ".join(dict.fromkeys(map(str, pulled.failures.values()))))
        require_values(open_store(settings, place), pulled)
        store = settings.data / "store" / place.name
        return as_prefect_state(Outcome(place.name, store, pulled.degraded, pulled.notes))
