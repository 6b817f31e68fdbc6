"""What the user may ask of a plan: no distance given up, ice probes in one direction, bones not to cross."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from phantoms import coarse_case, coarse_result

from BoneAblationPlannerLib.anatomy.structure_table import builtin_table, with_distances
from BoneAblationPlannerLib.errors import InputError, PlanningError
from BoneAblationPlannerLib.workflow import plan_case


def directions(plan):
    vectors = [np.subtract(p.tip_ras_mm, p.entry_ras_mm) for p in plan.probes]
    return [v / np.linalg.norm(v) for v in vectors]


def test_without_giving_up_a_distance_there_is_no_plan_and_the_reason_is_the_joint():
    """The phantom's lesion lies 2.5 mm from the hip joint, and 5 mm are wanted between zone and joint."""
    given_up = {c.kind for p in coarse_result().plan.probes for c in p.clearances if not c.ok}
    assert given_up == {"joint"}
    with pytest.raises(PlanningError, match=r"all wanted distances kept.*joint 2\.5 mm from the lesion") as caught:
        plan_case(coarse_case(strict=True))
    assert next(iter(caught.value.excluded_by)) == "wanted distance to joint"


def test_a_strict_plan_keeps_everything_where_that_can_be_done():
    """Distances of 0.5 mm to the joint can be kept."""
    case = coarse_case(strict=True)
    case = replace(case, structure_table=with_distances(builtin_table(), {"joint": [0.5, 0.5]}))
    plan = plan_case(case).plan
    assert all(c.ok for p in plan.probes for c in p.clearances)
    assert plan.coverage.lesion_fraction >= 0.99
    assert plan.coverage.robust.p05_lesion_fraction >= 0.95


def test_parallel_ice_probes_lie_in_one_direction():
    plan = plan_case(coarse_case("cryo", parallel=True)).plan
    assert len(plan.probes) > 1
    for a, b in itertools.combinations(directions(plan), 2):
        assert np.degrees(np.arccos(np.clip(a @ b, -1, 1))) <= 10.0 + 0.1  # stored points are rounded to 0.01 mm
    assert plan.parameters["parallel"] is True


def test_a_barred_bone_is_not_crossed_and_its_distance_is_shown():
    plan = plan_case(coarse_case(barred_bones=("sacrum",))).plan
    rows = [c for p in plan.probes for c in p.clearances if c.structure == "sacrum" and c.kind == "barred bone"]
    assert len(rows) == len(plan.probes)
    assert all(c.ok and c.shaft_mm >= c.required_shaft_mm > 0 for c in rows)
    assert "barred bone" not in plan.structures.not_checked


def test_the_bone_of_the_lesion_cannot_be_barred():
    host = coarse_result().plan.lesion.bone
    with pytest.raises(InputError, match="holds the lesion"):
        plan_case(coarse_case(barred_bones=(host,)))
