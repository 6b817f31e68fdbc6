"""Modality rules: what the clinic would expect of them, and the user's choice."""

from dataclasses import replace

from BoneAblationPlannerLib.advice.modality import LesionFacts, advise

SMALL_LYTIC = LesionFacts("lytic", 22.0, 0.0, True, {})


def first(facts):
    return advise(facts, None, ()).ranked[0].modality


def test_small_lytic_lesion_to_be_cemented_is_for_radiofrequency():
    assert first(SMALL_LYTIC) == "rfa"


def test_sclerotic_is_not_for_radiofrequency():
    advice = advise(replace(SMALL_LYTIC, kind="sclerotic"), None, ())
    assert advice.ranked[-1].modality == "rfa"


def test_large_with_soft_tissue_part_near_a_nerve_is_for_ice():
    assert first(LesionFacts("mixed", 60.0, 0.4, False, {"nerve": 8.0})) == "cryo"


def test_unknown_distances_do_not_count_as_near():
    near = advise(replace(SMALL_LYTIC, near_mm={"nerve": 5.0}), None, ())
    unknown = advise(SMALL_LYTIC, None, ("nerve",))
    score = {r.modality: r.score for r in unknown.ranked}
    assert {r.modality: r.score for r in near.ranked}["cryo"] > score["cryo"]
    assert any("nerve" in w for w in unknown.warnings)


def test_the_users_choice_wins_and_is_recorded():
    advice = advise(SMALL_LYTIC, "cryo", ())
    assert (advice.modality, advice.chosen_by) == ("cryo", "user")
    assert any("rank rfa first" in w for w in advice.warnings)


def test_every_reason_has_a_source():
    for row in advise(
        LesionFacts("mixed", 60.0, 0.4, True, {"nerve": 1.0, "vessel": 1.0, "implant": 1.0}), None, ()
    ).ranked:
        assert all(r.source and r.status for r in row.reasons)


def test_scores_are_the_sum_of_their_reasons():
    for row in advise(SMALL_LYTIC, None, ()).ranked:
        points = [float(r.rule.rsplit("(", 1)[1].rstrip(")")) for r in row.reasons]
        assert row.score == sum(points)
