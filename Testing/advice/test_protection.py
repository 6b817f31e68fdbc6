"""Protection proposals and questions: by distance, kind and modality, always with a source."""

import pytest

from BoneAblationPlannerLib.advice.protection import patient_questions, propose_protection
from BoneAblationPlannerLib.plan import Clearance


def near(kind, zone_mm, name="it"):
    return Clearance(name, kind, 20.0, zone_mm, 5.0, 10.0, zone_mm >= 10)


def test_a_nerve_near_a_heat_zone_calls_for_dextrose_and_a_thermocouple():
    measures = " ".join(p.measure for p in propose_protection([near("nerve", 8.0)], "rfa"))
    assert "dextrose" in measures
    assert "thermocouple" in measures


def test_ice_near_a_nerve_does_not_call_for_dextrose():
    assert "dextrose" not in " ".join(p.measure for p in propose_protection([near("nerve", 8.0)], "cryo"))


@pytest.mark.parametrize("modality", ["rfa", "mwa", "cryo"])
def test_what_is_far_needs_no_protection(modality):
    far = [near(kind, 40.0) for kind in ("nerve", "bowel", "skin", "joint", "vessel", "lung")]
    assert propose_protection(far, modality) == ()


def test_every_structure_counts_with_its_nearest_zone_and_the_nearest_comes_first():
    rows = propose_protection([near("bowel", 30.0, "colon"), near("bowel", 6.0, "colon"), near("nerve", 3.0)], "mwa")
    assert rows[0].kind == "nerve"
    assert {r.zone_mm for r in rows if r.structure == "colon"} == {6.0}


def test_closer_never_means_fewer_measures():
    counts = [len(propose_protection([near("nerve", mm)], "mwa")) for mm in (20.0, 14.0, 9.0, 1.0, -3.0)]
    assert counts == sorted(counts)


def test_everything_has_a_source():
    rows = (*propose_protection([near("nerve", 1.0), near("joint", 1.0)], "cryo"), *patient_questions())
    assert all(r.source and r.status in ("seen", "derived", "unverified", "default") for r in rows)
    assert all(q.question.endswith("?") for q in patient_questions())
