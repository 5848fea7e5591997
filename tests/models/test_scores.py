import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scores.probability import brier_score, isotonic_fit
from sklearn.metrics import brier_score_loss, roc_auc_score

from configs import Region
from features.build import cell_coordinates
from features.hazards import LEVELS, hazards
from models.verification.comparison import no_worse
from models.verification.inference import benjamini_hochberg, sign_flip_p, skill_interval
from models.verification.samples import Sample, by_lead, sample
from models.verification.scores import COLUMNS, assess, claimed, corp, roc_area


def made_out_of_fold(
    truth_known: float, years: int = 12, seed: int = 0, hazard: str = "heat"
) -> xr.Dataset:
    """Out-of-fold predictions of a model that knows the share ``truth_known``; 120 days a year."""
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
        "published": model,
        "persistence": usual,
        "climatology": usual,
        "climatology_smoothed": usual,
        "outcome": outcome,
    }
    coords = {"level": list(LEVELS), "init_time": days, "location": ["here"]}
    coords |= cell_coordinates(hazards()[hazard])
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
    assert scores["brier_published"].to_numpy() == pytest.approx(scores["brier"].to_numpy())


def test_a_smoother_calendar_is_not_called_knowing(made_region: Region) -> None:
    """Frequencies with noise lose to a number that tells nothing but averages."""
    made = made_out_of_fold(0.0)
    noise = np.random.default_rng(1).normal(0.0, 0.08, made["climatology"].shape)
    noisy = made.assign(climatology=np.clip(made["climatology"] + noise, 0.0, 1.0))
    believed = assess(
        {"heat": noisy.assign(climatology_smoothed=noisy["climatology"])}, made_region, {}
    )
    found_out = assess({"heat": noisy}, made_region, {})
    assert {"known", "skilful"} & set(believed["verdict"])
    assert set(found_out["verdict"]) == {"no better than usual"}


def test_known_is_said_where_persistence_does_as_well(made_region: Region) -> None:
    made = made_out_of_fold(1.0)
    made["persistence"] = made["model"]  # the known state knows all that the model knows
    scores = assess({"heat": made}, made_region, {})
    assert set(scores["verdict"]) == {"known"} and set(scores["fallback"]) == {"persistence"}


def test_longer_leads_are_claimed_in_turn(made_region: Region) -> None:
    made, blind = made_out_of_fold(1.0), made_out_of_fold(0.0)
    made["published"][2] = blind["model"][2]  # lead 2 knows nothing
    scores = (
        assess({"heat": made}, made_region, {})
        .query("window_days == 1 and level == 1")
        .set_index("lead_days")
    )
    assert scores["verdict"].tolist() == ["skilful"] * 2 + ["no better than usual"] * 8


def test_the_verdict_is_of_the_published_number_and_the_scores_of_the_model(
    made_region: Region,
) -> None:
    made = made_out_of_fold(1.0)
    made["published"] = made["climatology"]
    scores = assess({"heat": made}, made_region, {})
    assert set(scores["verdict"]) == {"no better than usual"}
    assert (scores["bss_climatology"] > 0.05).all()
    assert scores["brier_published"].to_numpy() == pytest.approx(scores["brier_climatology"])


def test_a_family_is_judged_by_its_shortest_lead() -> None:
    """Families: heat levels 1 and 2, single days; drought level 1, both windows as one."""
    rows = [
        ("heat", 1, 0, 1, 0.001),
        ("heat", 1, 1, 1, 0.09),  # within the limit of .10 x 2 / 3 = .067? no
        ("heat", 1, 2, 1, 0.01),  # behind one that is not claimed
        ("heat", 2, 0, 1, 0.9),
        ("heat", 2, 1, 1, 0.0001),
        ("drought", 1, 30, 365, 0.05),
        ("drought", 1, 60, 90, 0.06),
    ]
    scores = pd.DataFrame(rows, columns=["hazard", "level", "lead_days", "window_days", "p_value"])
    found = claimed(scores, pd.Series(True, index=scores.index), "p_value")
    assert found.tolist() == [True, False, False, False, False, True, True]


def test_the_windows_of_an_index_are_judged_by_lead_together(made_region: Region) -> None:
    made = made_out_of_fold(1.0, hazard="drought")
    summer = np.isin(made["init_time"].dt.month.values, (6, 7))
    for number, cell in enumerate(hazards()["drought"].cells):
        gone = summer if cell.window_days == 90 else ~summer
        for name in made.data_vars:
            made[name].values[number][:, gone] = np.nan
    judged = by_lead(hazards()["drought"], made)
    assert judged["lead_days"].values.tolist() == [30, 60, 90]
    assert np.isfinite(judged["outcome"].values).all()
    scores = assess({"drought": made}, made_region, {})
    assert len(scores) == 9 and set(scores["n"]) == {12 * 120}
    # of 120 days from June on, 61 are in June and July: the longer window counts most often
    assert set(scores["window_days"]) == {365}


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


@pytest.mark.parametrize(
    ("events_a_year", "assessed"),
    [((2, 2, 2, 2, 2), True), ((2, 2, 2, 2, 1), False), ((3, 3, 2, 2, 0), False)],
)
def test_a_sample_is_assessed_from_10_event_days_in_5_years_on(
    events_a_year: tuple[int, ...], assessed: bool
) -> None:
    days = np.concatenate(
        [np.arange(f"{year}-06-01", f"{year}-06-11", dtype="M8[D]") for year in range(2001, 2006)]
    )
    event = np.concatenate([np.arange(10) < count for count in events_a_year]).astype(float)
    flat = np.full(len(days), 0.2)
    forecasters = dict.fromkeys(
        ("model", "published", "persistence", "climatology", "climatology_smoothed"), flat
    )
    years = days.astype("M8[Y]").astype(int)
    assert Sample(outcome=event, **forecasters, block=years, day=days).assessed == assessed


def test_a_hazard_that_cannot_be_assessed_has_a_row_for_every_declared_cell(
    made_region: Region,
) -> None:
    scores = assess({}, made_region, {"flash_flood": "the record has no precipitation"})
    assert len(scores) == 3 * len(hazards()["flash_flood"].cells)
    assert set(scores["verdict"]) == {"not assessed"} and set(scores["n"]) == {0}


def test_shuffled_labels_are_almost_never_called_skill(made_region: Region) -> None:
    shares = []
    for seed in range(10):
        made = made_out_of_fold(1.0, seed=seed)
        order = np.random.default_rng(seed).permutation(12 * 8)  # blocks of 15 days
        blocks = made["outcome"].values.reshape(12, 3, 96, 15, 1)
        made["outcome"].values[:] = blocks[:, :, order].reshape(made["outcome"].shape)
        verdicts = assess({"heat": made}, made_region, {})["verdict"]
        shares.append(verdicts.isin(("skilful", "known")).mean())
    assert np.mean(shares) <= 0.02


def test_corp_brier_and_roc_are_those_of_other_libraries() -> None:
    """Held against github.com/nci/scores: Brier, and CORP's parts by its isotonic fit; and
    scikit-learn."""
    rng = np.random.default_rng(1)
    p = np.round(rng.random(2_000), 2)
    y = (rng.random(2_000) < p**2).astype(float)
    brier = float(brier_score(xr.DataArray(p), xr.DataArray(y)))
    fit = isotonic_fit(xr.DataArray(p), xr.DataArray(y), functional="mean")
    recalibrated = np.interp(p, fit["fcst_sorted"], fit["regression_values"])
    calibrated_brier = np.mean((recalibrated - y) ** 2)
    climate_brier = np.var(y)
    reliability, resolution, uncertainty = corp(p, y)
    assert brier == pytest.approx(brier_score_loss(y, p))
    assert reliability == pytest.approx(brier - calibrated_brier)
    assert resolution == pytest.approx(climate_brier - calibrated_brier)
    assert uncertainty == pytest.approx(climate_brier)
    assert roc_area(p, y) == pytest.approx(roc_auc_score(y, p), abs=1e-12)
    assert np.isnan(roc_area(p, y * 0)) and np.isnan(roc_area(p, y * 0 + 1))


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
    limit = benjamini_hochberg(np.array(p), 0.05)
    assert limit == pytest.approx(0.05 * 4 / 15)
    assert (np.array(p) <= limit).tolist() == [True] * 4 + [False] * 11
    assert benjamini_hochberg(np.array([0.2, 0.6])) == benjamini_hochberg(np.array([])) == 0.0


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


def test_the_gate_refuses_a_worse_challenger_and_accepts_a_better_one() -> None:
    good, bad = made_out_of_fold(1.0), made_out_of_fold(0.2)
    accepted, why = no_worse(good, bad)
    assert accepted and "not worse" in str(why)
    refused, why = no_worse(bad, good)
    assert not refused and "worse" in str(why) and "12 years" in str(why)
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
