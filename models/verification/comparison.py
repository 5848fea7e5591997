"""A new model against the champion: the yearly paired difference of their Brier scores."""

from __future__ import annotations

import numpy as np
import xarray as xr

from configs.remarks import Remark, remark
from models import remarks
from models.verification.inference import bootstrap_years


def no_worse(challenger: xr.Dataset, champion: xr.Dataset) -> tuple[bool, Remark]:
    """Whether a challenger may take the champion's place, and why.

    It may unless the whole 95 % interval of its mean Brier difference, by bootstrap over years, is
    above 0. Both are out-of-fold predictions; what they have in common is compared.
    """
    new, old = xr.align(challenger, champion, join="inner", exclude=("cell",))
    comparable = new.sizes["init_time"] and new.sizes["location"]
    if not comparable or new.sizes["cell"] != old.sizes["cell"]:
        return True, remark("gate.nothing_to_compare")
    squared = [(part["model"] - part["outcome"]) ** 2 for part in (new, old)]
    difference = (squared[0] - squared[1]).astype(float)
    total, count = (
        part.groupby("init_time.year").sum(["cell", "level", "init_time", "location"]).values
        for part in (difference, difference.notnull())
    )
    if not count.sum():
        return True, remark("gate.nothing_to_compare")
    drawn = bootstrap_years(len(total))
    low, high = np.quantile((drawn @ total) / np.maximum(drawn @ count, 1), [0.025, 0.975])
    accepted = not low > 0
    mean = total.sum() / count.sum()
    return accepted, remarks.brier_difference(accepted, mean, (low, high), len(total))
