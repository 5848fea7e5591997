"""Provenance: what a forecast was made from, as its report tells it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any

from configs import Region
from configs.remarks import Remark, sentences, text, to_json
from data_contracts.batch import Source
from data_contracts.merging import newest_origins
from flows.issue import Issue
from flows.run import newest_day
from models.registry import code_version
from models.training import Model, reference_years
from reports.storage.ledger import head_before
from reports.storage.retraction import forecast_digest, retraction_of
from sources import is_exercise, sources_of


def provenance_of(
    issue: Issue, degraded: Sequence[Remark], told: Sequence[Remark]
) -> dict[str, Any]:
    """What the forecast was made from. Nothing in it varies between two runs of one day.

    ``missing``, ``degraded`` and ``notes`` are in English; ``remarks`` holds the same as data.
    """
    missing = issue.possible.missing | issue.possible.absent | issue.missing
    return {
        **origin_of(issue),
        "title": issue.region.title,
        "data_until": newest_day(issue.observations).isoformat(),
        "sources": [
            {
                "name": one.name,
                "attribution": credit_of(one, issue.region),
                "licence": one.licence,
                "delay_days": one.delay_days,
            }
            for one in sources_of(issue.region)
        ],
        "origins": newest_origins(issue.observations),
        "withheld": len(issue.store.withheld(issue.snapshot)),
        "contract": issue.rules_broken,
        "missing": {name: text(why) for name, why in missing.items()},
        "degraded": sentences(degraded).texts,
        "reference": "{}-{}".format(*normal_years(issue)),
        "hindcast": issue.hindcast,
        "exercise": is_exercise(issue.region),
        "notes": sentences(told).texts,
        "remarks": {
            "missing": {name: to_json(why) for name, why in missing.items()},
            "degraded": sentences(degraded).data,
            "notes": sentences(told).data,
        },
    }


def origin_of(issue: Issue) -> dict[str, Any]:
    """What decides a forecast: issues of one origin have the same report, byte for byte.

    ``previous``: the digest of the report that it is held against, empty where there is none.
    """
    before = issue.before
    return {
        "region": issue.region.name,
        "issued": issue.issued.isoformat(),
        "snapshot": issue.snapshot,
        "ledger": head_before(issue.settings.published / issue.region.name, issue.issued),
        "code_version": code_version(),
        "region_file": _region_digest(issue.region),
        "previous": forecast_digest(before) if before and not retraction_of(before) else "",
        "models": {
            name: describe_model(one.model, one.version)
            for name, one in issue.champions.items()
            if one.model is not None
        },
    }


def _region_digest(region: Region) -> str:
    """The SHA-256 of what a region file says, with the actions and outlines beside it."""
    actions = {
        hazard: {colour: action.model_dump() for colour, action in of.items()}
        for hazard, of in region.actions.items()
    }
    outlines = region.path.parent / region.boundaries if region.boundaries else None
    parts = [region.path.read_bytes(), json.dumps(actions, sort_keys=True).encode()]
    parts += [outlines.read_bytes()] if outlines and outlines.is_file() else []
    parts += [region.fingerprint.encode()] if region.grid else []  # the land of its mask
    return hashlib.sha256(b"".join(parts)).hexdigest()


def normal_years(issue: Issue) -> tuple[int, int]:
    """First and last year the normals were learnt from: the models', or a new model's."""
    models = [one.model for one in issue.champions.values() if one.model is not None]
    return (
        tuple(models[0].meta["reference_years"])
        if models
        else reference_years(issue.region, issue.observations)
    )


def credit_of(source: Source, region: Region) -> str:
    """Whom to credit: for a region's own files the one its region file names."""
    return region.attribution if source.own_files and region.attribution else source.attribution


def describe_model(model: Model, version: str) -> dict[str, Any]:
    """What provenance says of a model."""
    meta = model.meta
    return {
        "version": version,
        "trained_from": meta["data_from"],
        "trained_until": meta["trained_until"],
        "rounds": meta["rounds"],
    }
