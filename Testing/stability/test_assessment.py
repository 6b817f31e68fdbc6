"""Mirels' table, acetabular classes and the weakest section, on bones whose answers are known."""

from dataclasses import replace

import numpy as np
import pytest
from grids import ball, every_point, oblique_grid
from phantoms import coarse_result

from BoneAblationPlannerLib.case import Anatomy, Structure
from BoneAblationPlannerLib.ct import CtVolume, LabelMap
from BoneAblationPlannerLib.frames import Grid
from CementTrajectoryLib.stability.acetabulum import acetabular_class, sphere_of
from CementTrajectoryLib.stability.assessment import assess_stability
from CementTrajectoryLib.stability.mirels import mirels_risk, mirels_score, width_share
from CementTrajectoryLib.stability.modulus import bone_modulus_mpa
from CementTrajectoryLib.stability.rigidity import lesion_rigidity
from CementTrajectoryLib.stability.sections import Axis


@pytest.mark.parametrize(
    ("bone", "depth", "kind", "share", "pain", "expected"),
    [
        ("humerus_left", 60, "sclerotic", 0.2, 1, 4),
        ("femur_right", 60, "lytic", 0.9, 3, 12),
        ("femur_right", 200, "mixed", 0.5, 2, 8),
        ("tibia", 10, "lytic", 0.34, 1, 8),
    ],
)
def test_totals_of_the_published_table(bone, depth, kind, share, pain, expected):
    score = mirels_score(bone, depth, kind, share, pain)
    assert score.total == score.lowest == score.highest == expected


def test_pain_that_was_not_asked_leaves_a_range():
    score = mirels_score("femur_left", 60.0, "lytic", 0.5)
    assert (score.pain, score.total) == (None, None)
    assert (score.lowest, score.highest) == (9, 11)
    assert score.risk.startswith("high")
    wide = mirels_score("humerus_left", 60.0, "lytic", 0.5)
    assert (wide.lowest, wide.highest) == (7, 9)
    assert wide.risk.count(" to ") == 2


def test_a_flat_bone_has_no_score():
    score = mirels_score("hip_left", 60.0, "lytic", 0.5, 3)
    assert score.site is None
    assert score.total is score.lowest is score.highest is None


def test_nonsense_is_refused():
    with pytest.raises(ValueError, match="pain: 4"):
        mirels_score("tibia", 10.0, "lytic", 0.2, 4)
    with pytest.raises(ValueError, match="total: 3"):
        mirels_risk(3)


CENTRE = np.array([12.0, -34.0, 56.0])
AXIS = np.array([0.48, -0.6, -0.64])


def shaft(lesion_radius, lesion_at=0.0):
    """A solid rod (radius 14, 100 mm, 800 HU) with a ball of 40 HU on its axis."""
    grid = oblique_grid((100, 100, 100), (1.2, 1.2, 1.2))
    away = every_point(grid) - CENTRE
    along = (away @ AXIS).reshape(grid.shape)
    across = np.linalg.norm(away - np.outer(away @ AXIS, AXIS), axis=1).reshape(grid.shape)
    bone = (across <= 14) & (np.abs(along) <= 50)
    lesion = ball(grid, CENTRE + lesion_at * AXIS, lesion_radius) & bone
    hu = np.where(lesion, 40, np.where(bone, 800, 50)).astype(np.int16)
    anatomy = Anatomy(CtVolume(grid, hu, "made", "0"), np.ones_like(bone), bone, lesion, ())
    return anatomy, LabelMap(grid, bone.astype(np.uint8), {1: "femur_left"})


def plan_of(anatomy, bone="femur_left"):
    plan = coarse_result().plan
    centroid = tuple(float(v) for v in anatomy.ct.grid.ras_of_mask(anatomy.lesion).mean(axis=0))
    return replace(plan, lesion=replace(plan.lesion, bone=bone, kind="lytic", centroid_ras_mm=centroid), screws=())


def test_width_share_of_a_ball_in_a_rod():
    anatomy, bones = shaft(7.0)
    share = width_share(anatomy.ct.grid, bones.labels == 1, anatomy.lesion, Axis(CENTRE - 50 * AXIS, AXIS, 3.0, 34))
    assert share == pytest.approx(0.5, abs=0.06)


def test_the_weakest_section_is_the_lesions_and_loses_what_beams_lose():
    anatomy, bones = shaft(10.0, 15.0)
    rigidity = lesion_rigidity(anatomy, bones, plan_of(anatomy), None)
    # At the ball's middle a disc of radius 10 of 14 is soft; stations smooth over 3 mm.
    stiff, soft = (float(bone_modulus_mpa(np.array([hu]))[0]) for hu in (800, 40))
    lost = (10 / 14) ** 2 * (1 - soft / stiff)
    assert rigidity.reduction_fraction == pytest.approx(lost, abs=0.05)
    assert np.linalg.norm(np.subtract(rigidity.weakest_ras_mm, CENTRE + 15 * AXIS)) < 4.0
    assert rigidity.validated
    assert rigidity.after == rigidity.before
    low, high = rigidity.uncertainty_factor
    assert low < 1 < high


def test_cement_gives_back_and_a_larger_lesion_takes_more():
    small, large = shaft(6.0), shaft(10.0)
    losses = [lesion_rigidity(a, b, plan_of(a), None).reduction_fraction for a, b in (small, large)]
    assert losses[0] < losses[1]
    treated = lesion_rigidity(*large, plan_of(large[0]), large[0].lesion.astype(float))
    assert treated.after.EA > treated.before.EA
    assert treated.reduction_after_fraction < treated.reduction_fraction


def test_the_whole_assessment_says_what_holds():
    anatomy, bones = shaft(10.0)
    stability = assess_stability(anatomy, bones, plan_of(anatomy))
    rules = " ".join(c.rule for c in stability.cautions)
    assert "cement alone is contraindicated" in rules
    assert "more than 35 %" in rules
    assert stability.mirels.size == 3
    assert stability.acetabulum is None
    assert all(p.source and p.status for p in stability.provenance)
    unknown = assess_stability(anatomy, LabelMap(anatomy.ct.grid, bones.labels, {1: "bone 1"}), plan_of(anatomy, None))
    assert unknown.rigidity is None
    assert unknown.mirels.site is None


@pytest.mark.parametrize("name", ["ribs_left", "vertebrae"])
def test_several_bones_under_one_name_have_no_section(name):
    anatomy, bones = shaft(10.0)
    several = LabelMap(bones.grid, bones.labels, {1: name})
    stability = assess_stability(anatomy, several, plan_of(anatomy, name))
    assert stability.rigidity is None
    assert stability.mirels.size is None


def test_sphere_fit_is_exact_on_a_part_of_a_sphere():
    rng = np.random.default_rng(2)
    directions = rng.normal(size=(300, 3))
    directions = directions[directions[:, 2] > 0.2 * np.linalg.norm(directions, axis=1)]
    points = CENTRE + 24.0 * directions / np.linalg.norm(directions, axis=1)[:, None]
    centre, radius = sphere_of(points)
    assert np.allclose(centre, CENTRE)
    assert radius == pytest.approx(24.0)


def socket(lesions):
    """A thick half shell of bone around a joint of radius 25, open downwards and outwards, with balls of lesion."""
    matrix = np.diag([2.0, 2.0, 2.0, 1.0])
    matrix[:3, 3] = -60.0
    grid = Grid((60, 60, 60), matrix)
    points = every_point(grid)
    r = np.linalg.norm(points, axis=1).reshape(grid.shape)
    hip = (r > 26) & (r < 42) & (points[:, 2] > -20).reshape(grid.shape)
    joint = (np.abs(r - 25) < 1.5) & (points[:, 2] > -10).reshape(grid.shape)
    lesion = np.zeros(grid.shape, dtype=bool)
    for centre, radius in lesions:
        lesion |= ball(grid, centre, radius) & hip
    return grid, hip, joint, lesion


@pytest.mark.parametrize(
    ("lesions", "harrington", "levy"),
    [
        ([((0, 0, 34.0), 8.0)], "I", "minor"),
        ([((-34.0, 0, 0), 30.0)], "II", "major"),
        ([((0, 0, 0), 60.0)], "III", "massive"),
    ],
)
def test_classes_of_a_right_acetabulum(lesions, harrington, levy):
    # The midline lies at -x of a right hip: RAS x grows to the right.
    found = acetabular_class(*socket(lesions), "right")
    assert (found.harrington, found.levy) == (harrington, levy)


def test_a_lesion_far_from_the_joint_has_no_class():
    grid, hip, joint, _lesion = socket([])
    far = ball(grid, (0, 0, 56.0), 3.0)
    assert acetabular_class(grid, hip, joint, far, "right") is None


def test_the_joint_is_found_among_the_structures():
    grid, hip, joint, lesion = socket([((-34.0, 0, 0), 30.0)])
    hu = np.where(hip, 400, 40).astype(np.int16)
    structure = Structure("hip joint right", "joint", joint, 2.0, 5.0, "computed from the CT")
    anatomy = Anatomy(CtVolume(grid, hu, "made", "0"), np.ones_like(hip), hip, lesion, (structure,))
    stability = assess_stability(
        anatomy, LabelMap(grid, hip.astype(np.uint8), {1: "hip_right"}), plan_of(anatomy, "hip_right")
    )
    assert stability.acetabulum.harrington == "II"
    assert any("acetabulum" in caution.rule for caution in stability.cautions)
