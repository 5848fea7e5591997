from datetime import date

import pytest

from configs.remarks import as_remark
from reports.text.language import ENGLISH
from reports.view.verdicts import hazard_verdicts, published_skill

ISSUED = date(2003, 6, 12)


def test_neighbouring_leads_with_one_verdict_are_one_phrase(made):
    scores = made(hazards=("heat",)).scores
    first = scores["level"] == 1
    scores["verdict"] = "no better than usual"
    scores.loc[first & (scores["lead_days"] <= 2) & (scores["window_days"] == 1), "verdict"] = (
        "skilful"
    )
    scores.loc[first & (scores["window_days"] > 1), "verdict"] = "known"
    levels = hazard_verdicts(scores, {}, ["heat"], {}, ISSUED, ENGLISH)[0].levels
    assert [phrase[:2] for phrase in levels[0].phrases] == [
        ("today to 2 days ahead", "skilful"),
        ("3 to 9 days ahead", "no better than usual"),
        ("any of the next 3 or 7 days", "known"),
    ]
    assert [phrase[:2] for phrase in levels[1].phrases] == [
        ("all days ahead", "no better than usual")
    ]


def test_an_index_is_judged_by_lead_whatever_its_window(made):
    scores = made(hazards=("drought",)).scores.drop_duplicates(["level", "lead_days"]).copy()
    scores["window_days"] = scores["lead_days"].map({30: 90, 60: 365, 90: 365})
    verdicts = {30: "known", 60: "known", 90: "no better than usual"}
    scores["verdict"] = scores["lead_days"].map(verdicts)
    phrases = hazard_verdicts(scores, {}, ["drought"], {}, ISSUED, ENGLISH)[0].levels[0].phrases
    assert [phrase[:2] for phrase in phrases] == [
        ("30 and 60 days ahead", "known"),
        ("90 days ahead", "no better than usual"),
    ]


def test_no_scores_and_a_missing_hazard_say_why(made):
    one = made(scored=False)
    missing = {"river_flood": as_remark("no river_discharge in the record")}
    found = hazard_verdicts(one.scores, {}, ["heat", "river_flood"], missing, ISSUED, ENGLISH)
    assert [str(panel.reason) for panel in found] == [
        "not assessed: the record is too short for a backtest",
        "no river_discharge in the record",
    ]
    assert not found[0].levels and found[0].skills == ()


@pytest.mark.parametrize(
    ("published", "climatology", "skill"),
    [(0.06, 0.09, 1 / 3), (0.09, 0.09, 0.0), (0.18, 0.09, -1.0)],
)
def test_the_skill_shown_is_of_the_published_number(published, climatology, skill):
    assert published_skill(
        {"brier_published": published, "brier_climatology": climatology}
    ) == pytest.approx(skill)


def test_a_level_not_assessed_shows_no_skill(made, tmp_path):
    made(hazards=("heat",)).publish(tmp_path / "day")
    html = (tmp_path / "day" / "details.en.html").read_text(encoding="utf-8")
    extreme = (
        html.split('<table class="scores"')[1]
        .split('<th scope="row">Extreme</th>')[1]
        .split("</tr>")[0]
    )
    assert extreme.count("<small>not assessed</small>") == 12 and "model" not in extreme
