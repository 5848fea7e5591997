"""CPU seconds of learning Tunis, beside plain logistic regressions on the same training sets.

The floor: scikit-learn's logistic regression of each cell and level on the same predictors and
labels, learnt once for each model of ours, and nothing else (no replicas, no choice of rounds).
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from time import process_time

from peers import learn_peers
from records import records

from features.hazards import hazards
from models.training import fit_model
from models.verification.backtest import backtest, folds, reasons_missing


def seconds(what: Callable[[], object]) -> float:
    """CPU seconds of one call."""
    start = process_time()
    what()
    return process_time() - start


def main() -> None:
    name = sys.argv[1] if len(sys.argv) > 1 else "tunis"
    region, observations = next(iter(records([name])))
    head = ("backtest", "fit", "floor", "ours/floor")
    print(f"{name}, CPU seconds of one run")
    print(f"{'hazard':<14}" + "".join(f"{word:>12}" for word in head))
    whole = [0.0, 0.0, 0.0]
    for hazard in hazards().values():
        if reasons_missing(hazard, observations) is not None:
            continue
        every = list(folds(hazard, observations, region))  # also compiles what numba compiles
        once = [
            fold
            for number, fold in enumerate(every)
            if number == 0 or fold.training is not every[number - 1].training
        ]
        made = [
            seconds(lambda: backtest(hazard, observations, region)),  # noqa: B023
            seconds(lambda: fit_model(hazard, observations, region)),  # noqa: B023
            seconds(lambda: [learn_peers(fold, trees=False) for fold in once]),  # noqa: B023
        ]
        whole = [total + part for total, part in zip(whole, made, strict=True)]
        _line(hazard.name, made)
    _line("together", whole)


def _line(name: str, made: list[float]) -> None:
    ratio = (made[0] + made[1]) / made[2]
    print(f"{name:<14}" + "".join(f"{part:>12.1f}" for part in made) + f"{ratio:>12.1f}")


if __name__ == "__main__":
    main()
