import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import brier_score_loss

from configs import Region
from features.hazards import LEVELS, hazards
from models.scores import (
    COLUMNS,
    assess,
    beats_by_bootstrap,
    corp,
    discoveries,
    nest,
    no_worse,
    publish,
    sample,
    sign_flip_p,
    skill_interval,
)


def made_out_of_fold(
    truth_known: float, years: int = 12, seed: int = 0, hazard: str = "heat"
) -> xr.Dataset:
    """Out-of-fold predictions whose model knows the share ``truth_known`` of the log-odds of what happened; 120 days a year."""
    rng = np.random.default_rng(seed)
    days = np.concatenate(
        [pd.date_range(f"{1990 + y}-06-01", periods=120).values for y in range(years)]
    ).astype("datetime64[ns]")
    cells = hazards()[hazard].cells
    shape = (len(cells), len(days), 1)
    signal = rng.normal(0, 1.5, shape)
    chance = [1 / (1 + np.exp(-(signal - offset))) for offset in (1.5, 2.5, 4.0)]
    draw = rng.random(shape)
    outcome = np.stack([draw < p for p in chance], axis=1).astype(float)
    usual = np.broadcast_to(outcome.mean(axis=(2, 3), keepdims=True), outcome.shape)
    model = np.stack(
        [usual[:, k] + truth_known * (chance[k] - usual[:, k]) for k in range(3)], axis=1
    )
    dims = ("cell", "level", "init_time", "location")
    arrays = {
        "model": model,
        "persistence": usual,
        "climatology": usual,
        "climatology_smoothed": usual,
        "outcome": outcome,
    }
    coords = {"level": list(LEVELS), "init_time": days, "location": ["here"]}
    return xr.Dataset(
        {name: (dims, part.astype(np.float32)) for name, part in arrays.items()}, coords
    ).assign_attrs(delay_days=1)


@pytest.mark.parametrize(
    ("truth_known", "verdict"), [(1.0, "skilful"), (0.0, "no better than usual")]
)
def test_a_model_that_knows_is_skilful_and_one_that_does_not_is_no_better_than_usual(
    truth_known: float, verdict: str, made_region: Region
) -> None:
    scores = assess({"heat": made_out_of_fold(truth_known)}, made_region, {})
    assert list(scores.columns) == list(COLUMNS)
    assert set(scores["verdict"]) == {verdict}
    published = scores["brier"] if truth_known else scores["brier_climatology"]
    assert scores["brier_published"].to_numpy() == pytest.approx(published.to_numpy())


def test_a_smoother_calendar_is_not_called_knowing(made_region: Region) -> None:
    """Frequencies with noise lose to a state that tells nothing but averages; without the noise there is nothing to gain."""
    made = made_out_of_fold(0.0)
    noise = np.random.default_rng(1).normal(0.0, 0.08, made["climatology"].shape)
    noisy = made.assign(climatology=np.clip(made["climatology"] + noise, 0.0, 1.0))
    believed = assess(
        {"heat": noisy.assign(climatology_smoothed=noisy["climatology"])}, made_region, {}
    )
    found_out = assess({"heat": noisy}, made_region, {})
    assert "known" in set(believed["verdict"])
    assert set(found_out["verdict"]) == {"no better than usual"} and set(found_out["fallback"]) == {
        "climatology"
    }


def test_known_is_said_where_the_fallback_is_the_known_state(made_region: Region) -> None:
    made = made_out_of_fold(1.0)
    made["persistence"] = made["model"]  # the known state knows all that the model knows
    scores = assess({"heat": made}, made_region, {})
    assert set(scores["verdict"]) == {"known"} and set(scores["fallback"]) == {"persistence"}
    # the first three test years have no earlier folds to choose by, and were published from the calendar
    assert (scores["brier_published"] > scores["brier_persistence"]).all()
    common = scores[scores["level"] == 1]
    assert (common["brier_published"] < common["brier_climatology"]).all()


def test_a_lead_counts_only_if_every_shorter_one_does(made_region: Region) -> None:
    made, blind = made_out_of_fold(1.0), made_out_of_fold(0.0)
    made["model"][2] = blind["model"][2]  # lead 2 knows nothing
    scores = (
        assess({"heat": made}, made_region, {})
        .query("window_days == 1 and level == 1")
        .set_index("lead_days")
    )
    assert scores["verdict"].tolist() == ["skilful"] * 2 + ["no better than usual"] * 8


def test_few_events_are_not_assessed(made_region: Region) -> None:
    made = made_out_of_fold(1.0)
    happened = made["outcome"].values
    happened[:, 2] = 0.0
    happened[:, 2, : 4 * 120] = np.where(
        np.arange(480)[:, None] % 20 == 0, 1.0, 0.0
    )  # 24 events, but in 4 years
    scores = assess({"heat": made}, made_region, {}).query("level == 3")
    assert set(scores["verdict"]) == {"not assessed"} and scores["p_value"].isna().all()
    assert set(scores["n_event_years"]) == {4}


def test_a_hazard_that_cannot_be_assessed_has_a_row_for_every_declared_cell(
    made_region: Region,
) -> None:
    scores = assess({}, made_region, {"flash_flood": "the record has no precipitation"})
    assert len(scores) == 3 * len(hazards()["flash_flood"].cells)
    assert set(scores["verdict"]) == {"not assessed"} and set(scores["n"]) == {0}


def test_shuffled_labels_are_almost_never_called_skill(made_region: Region) -> None:
    claimed = []
    for seed in range(10):
        made = made_out_of_fold(1.0, seed=seed)
        order = np.random.default_rng(seed).permutation(12 * 8)  # blocks of 15 days
        blocks = made["outcome"].values.reshape(12, 3, 96, 15, 1)
        made["outcome"].values[:] = blocks[:, :, order].reshape(made["outcome"].shape)
        claimed.append((assess({"heat": made}, made_region, {})["verdict"] == "skilful").mean())
    assert np.mean(claimed) <= 0.02


def test_corp_adds_up_to_the_brier_score_and_is_perfect_for_sorted_frequencies() -> None:
    rng = np.random.default_rng(0)
    p = np.round(rng.random(4_000), 2)
    y = (rng.random(4_000) < p).astype(float)
    reliability, resolution, uncertainty = corp(p, y)
    assert reliability - resolution + uncertainty == pytest.approx(brier_score_loss(y, p))
    assert 0 <= reliability < 0.005
    # everything said is 0.5 too high or low: recalibration mends it all
    assert corp(np.array([0.5, 0.5, 1.0, 1.0]), np.array([0.0, 0.0, 1.0, 1.0]))[0] == pytest.approx(
        0.125
    )


def test_benjamini_hochberg_is_the_published_example() -> None:
    # Benjamini & Hochberg 1995, section 3.1: 15 p-values, q = 0.05 rejects the first 4
    p = [
        0.0001,
        0.0004,
        0.0019,
        0.0095,
        0.0201,
        0.0278,
        0.0298,
        0.0344,
        0.0459,
        0.3240,
        0.4262,
        0.5719,
        0.6528,
        0.7590,
        1.0,
    ]
    assert discoveries(np.array(p), 0.05).tolist() == [True] * 4 + [False] * 11


def test_sign_flips_count_all_signs_of_few_years() -> None:
    # three equal improvements: only +++ of the 8 sign patterns reaches their sum
    assert sign_flip_p(np.array([1.0, 1.0, 1.0])) == pytest.approx(1 / 8, abs=0.015)
    assert sign_flip_p(np.zeros(5)) == 1.0
    assert sign_flip_p(np.array([-1.0, -1.0, -1.0])) == pytest.approx(1.0, abs=1e-3)


def test_intervals_are_over_whole_years() -> None:
    own, reference = np.array([1.0] * 10), np.array([2.0] * 10)
    assert skill_interval(own, reference) == (0.5, 0.5)
    low, high = skill_interval(np.array([0.0] * 5 + [2.0] * 5), reference)
    assert low < 0.25 and high > 0.75
    assert not beats_by_bootstrap(
        np.array([2.0, 2.0]), np.array([1.0, 1.0])
    )  # two years say nothing
    assert beats_by_bootstrap(np.array([2.0] * 3), np.array([1.0] * 3))


chances = st.lists(st.floats(0, 1), min_size=3, max_size=3).map(
    lambda values: np.sort(values)[::-1]
)
flags = st.lists(st.booleans(), min_size=3, max_size=3).map(np.array)


@given(chances, chances, chances, flags, flags)
def test_what_is_published_is_nested_and_leaves_the_calendar_alone(
    model: np.ndarray,
    known: np.ndarray,
    usual: np.ndarray,
    use_model: np.ndarray,
    use_known: np.ndarray,
) -> None:
    made = publish(model, known, usual, use_model, use_known)
    assert (np.diff(made) <= 1e-12).all()
    calendar = ~use_model & ~use_known
    assert np.array_equal(made[calendar], usual[calendar])
    if not use_model.any() and use_known.all():
        assert np.array_equal(made, known)


def test_an_unknown_level_does_not_hide_its_neighbours() -> None:
    assert nest(np.array([0.5, 0.6, np.nan]), np.array([True, False, True]))[:2].tolist() == [
        0.5,
        0.5,
    ]


def test_the_gate_refuses_a_worse_challenger_and_accepts_a_better_one() -> None:
    good, bad = made_out_of_fold(1.0), made_out_of_fold(0.2)
    accepted, why = no_worse(good, bad)
    assert accepted and "not worse" in why
    refused, why = no_worse(bad, good)
    assert not refused and "worse" in why and "12 years" in why
    assert no_worse(bad, good) == no_worse(bad, good)
    assert no_worse(good, good)[0]


def test_the_gate_compares_common_days_only() -> None:
    good, bad = made_out_of_fold(1.0), made_out_of_fold(0.2)
    assert no_worse(bad.isel(init_time=slice(0, 600)), good.isel(init_time=slice(600, None)))[0]
    assert not no_worse(bad, good.isel(init_time=slice(0, 900)))[0]


def test_a_sample_counts_days_not_places() -> None:
    made = xr.concat(
        [made_out_of_fold(1.0), made_out_of_fold(1.0).assign_coords(location=["there"])], "location"
    )
    one = sample(made, 0, 1)
    assert len(one.outcome) == 2 * 1440 and len(one.event_days) == int(one.outcome.sum()) // 2
