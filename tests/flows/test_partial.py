"""One hazard's failure publishes the others, and says what is missing and why."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from configs import Settings
from models import predict, training
from models.registry import Registry

pytestmark = pytest.mark.timeout(300)


def only_heat_fails(work: Callable[..., Any], name_of: Callable[[Any], str]) -> Callable[..., Any]:
    """The work, but for heat, where it divides by nothing."""

    def fails_for_heat(first: Any, *more: Any, **named: Any) -> Any:
        return 1 / 0 if name_of(first) == "heat" else work(first, *more, **named)

    return fails_for_heat


def told(settings: Settings) -> list[str]:
    path = settings.published / "smallville/2005-01-01/provenance.json"
    return json.loads(path.read_text(encoding="utf-8"))["degraded"]


@pytest.mark.slow
def test_a_hazard_that_cannot_be_learnt_leaves_the_others_learnt(
    ready: Any, command: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fit = only_heat_fails(training.fit_model, lambda hazard: hazard.name)
    monkeypatch.setattr(training, "fit_model", fit)
    settings = Settings(tmp_path / "home")
    said = command(settings, "daily", ready.region.path)
    assert said.status == 3
    (why,) = [line for line in said.err.splitlines() if "no model of heat" in line]
    assert "an error of the program stopped it (ZeroDivisionError in tests/flows/" in why
    assert "under run" in why and any("no model of heat" in one for one in told(settings))
    registry = Registry(settings)
    models = {
        name: registry.champion(ready.region, name).model is not None
        for name in ("heat", "drought", "flash_flood")
    }
    assert models == {"heat": False, "drought": True, "flash_flood": True}
    assert (settings.published / "smallville/2005-01-01/report.en.html").is_file()


def test_a_hazard_that_cannot_be_forecast_leaves_the_others_as_they_were(
    ready: Any, command: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(Path(shutil.copytree(ready.settings.home, tmp_path / "home")))
    shutil.rmtree(settings.published)
    forecast = only_heat_fails(predict._forecast_with_model, lambda issue: issue.hazard.name)
    monkeypatch.setattr(predict, "_forecast_with_model", forecast)
    said = command(settings, "daily", ready.region.path)
    assert said.status == 3
    assert "degraded: heat: an error of the program stopped it (ZeroDivisionError in" in said.err
    folder = settings.published / "smallville/2005-01-01"
    first, now = (pd.read_csv(path / "forecast.csv") for path in (ready.folder, folder))
    pd.testing.assert_frame_equal(
        first[first["hazard"] != "heat"].reset_index(drop=True),
        now[now["hazard"] != "heat"].reset_index(drop=True),
    )
    heat = now[now["hazard"] == "heat"]
    assert len(heat) == (first["hazard"] == "heat").sum()
    assert (heat["probability"].dropna() == heat["normal_probability"].dropna()).all()
