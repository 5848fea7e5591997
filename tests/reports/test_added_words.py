"""A hazard that is added brings its words: pages in every language, and no catalogue is touched."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import numpy as np
import pytest

import features.hazards
from features.hazards import hazards
from models.explain import causes_of

AVALANCHE = '''"""Avalanches."""

from dataclasses import replace

from features.hazards.heat import HAZARD as HEAT

NAMED = tuple(
    replace(row, cause="fresh snow") if row.cause else row for row in HEAT.predictors
)
HAZARD = replace(HEAT, name="avalanche", title="Avalanche", predictors=NAMED)
'''


@pytest.fixture
def avalanche(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """One more module among the hazards, in a folder of its own."""
    (tmp_path / "hazards").mkdir()
    (tmp_path / "hazards" / "avalanche.py").write_text(AVALANCHE)
    paths = [*features.hazards.__path__, str(tmp_path / "hazards")]
    monkeypatch.setattr(features.hazards, "__path__", paths)
    hazards.cache_clear()
    yield
    hazards.cache_clear()


@pytest.mark.usefixtures("avalanche", "without_paper")
@pytest.mark.parametrize("tag", ["fr", "ar"])
def test_a_hazard_that_is_added_is_shown_in_english_and_marked(
    tag: str, made, tmp_path: Path
) -> None:
    names = ("avalanche", "heat")
    one = made(hazards=names, languages=(tag,), colour="orange")
    assert "fresh snow" in causes_of(hazards()["avalanche"])
    assert not np.isnan(one.forecast["probability"].values).all()
    folder = one.publish(tmp_path / "day")
    page = (folder / f"report.{tag}.html").read_text(encoding="utf-8")
    shown = unescape(re.sub(r"<[^>]*>", "", page))
    assert "Avalanche" in shown
    assert '<bdi lang="en" dir="ltr">Avalanche</bdi>' in page
    assert "fresh snow" not in shown or '<bdi lang="en" dir="ltr">fresh snow</bdi>' in page
