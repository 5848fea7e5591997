"""Search a hazard's boosting parameters on the first training windows of the records at hand, and log the study in MLflow."""

from __future__ import annotations

import argparse

from records import record_names, records

from configs import Settings
from features.hazards import hazards
from models.backtest import reasons_missing
from models.registry import Registry
from models.tune import tune


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hazard", required=True, choices=sorted(hazards()))
    parser.add_argument("--record", nargs="+", default=record_names(), choices=record_names())
    parser.add_argument("--trials", type=int, default=30)
    given = parser.parse_args()
    hazard = hazards()[given.hazard]
    usable = [
        (region, record)
        for region, record in records(given.record)
        if reasons_missing(hazard, record) is None
    ]
    if not usable:
        raise SystemExit(
            f"{hazard.name}: none of the records {', '.join(given.record)} has {' and '.join(hazard.requires)}"
        )
    study = tune(hazard, usable, given.trials)
    print(study.trials.sort_values("loss").head(5).to_string())
    print(
        f"{hazard.name} on {', '.join(study.records)}: loss {study.loss:.5f}, {study.loss_of_defaults:.5f} with models.train's own"
    )
    print(
        f"better in {study.won} blocks, worse in {study.lost}; {'take' if study.better else 'do not take'} boosting={study.best}"
    )
    Registry(Settings.from_environment()).log_study(usable[0][0], study)


if __name__ == "__main__":
    main()
