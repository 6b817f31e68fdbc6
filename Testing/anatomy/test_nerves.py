"""Estimated nerve bands: the phantom's nerves lie inside them; they warn and never reassure."""

import itertools
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from grids import ball, oblique_grid
from phantoms import coarse_case, coarse_result

from BoneAblationPlannerLib.anatomy.ball_joints import BallJoint
from BoneAblationPlannerLib.anatomy.body import find_body
from BoneAblationPlannerLib.anatomy.bone import bone_mask
from BoneAblationPlannerLib.anatomy.bone_landmarks import LandmarkBone
from BoneAblationPlannerLib.anatomy.bones import SeparatedBones, separate_bones
from BoneAblationPlannerLib.anatomy.nerves import (
    ESTIMATED,
    band_rules,
    band_structures,
    bands_provenance,
    expected_nerves,
)
from BoneAblationPlannerLib.anatomy.phantom import make_phantom
from BoneAblationPlannerLib.anatomy.unplaced_nerves import unplaced_nerves
from BoneAblationPlannerLib.case import Anatomy, Structure
from BoneAblationPlannerLib.ct import LabelMap
from BoneAblationPlannerLib.placement.near_nerves import needle_warnings, target_warnings
from BoneAblationPlannerLib.plan import CheckedStructure, Plan, Structures
from BoneAblationPlannerLib.preparation import prepare_case
from BoneAblationPlannerLib.zones.spheroid import Spheroid

NAMES = ("sacral plexus", "sciatic nerve", "femoral nerve", "obturator nerve")


@cache
def pelvis(turned=False):
    phantom = make_phantom((2.5, 2.5, 3.0), (6.0, -5.0, 8.0) if turned else (0.0, 0.0, 0.0))
    body = find_body(phantom.ct).inside
    bones = separate_bones(phantom.ct, bone_mask(phantom.ct, body, phantom.organs), body, phantom.organs)
    return phantom, bones, {band.name: band for band in expected_nerves(bones)}


def along(points, step_mm=1.0):
    """Points every millimetre of a polyline (N, 3)."""
    dense = []
    for a, b in itertools.pairwise(points):
        t = np.linspace(0, 1, max(2, int(np.linalg.norm(b - a) / step_mm) + 1))[:, None]
        dense.append(a + t * (b - a))
    return np.vstack(dense)


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("name", [f"{nerve} {side}" for nerve in NAMES for side in ("right", "left")])
def test_the_phantoms_nerves_lie_inside_their_bands(name, turned):
    """At least 90 % of the true course lies within the band's radius of the expected one, on a turned grid too."""
    phantom, _, bands = pelvis(turned)
    truth = along(dict(phantom.nerves)[name])
    expected = along(bands[name].points_ras_mm)
    inside = np.linalg.norm(truth[:, None] - expected[None], axis=2).min(axis=1) <= bands[name].radius_mm
    assert inside.mean() >= 0.9


def test_without_landmarks_there_are_no_bands():
    grid = oblique_grid()
    labels = np.zeros(grid.shape, dtype=np.uint8)
    labels[5:20, 5:20, 5:20] = 1
    assert expected_nerves(LabelMap(grid, labels, {1: "bone 1"})) == ()
    assert expected_nerves(LabelMap(grid, labels, {1: "rib_left_3"})) == ()


def test_a_humerus_has_its_axillary_and_radial_nerve_around_it():
    grid = oblique_grid((90, 60, 60), (2.0, 2.0, 2.5))
    axis = grid.ijk_to_ras[:3, 2] / 2.5
    centre = grid.ras_from_ijk([[30, 30, 75]])[0]
    points = grid.ras_of_mask(np.ones(grid.shape, dtype=bool)) - centre
    height = points @ axis
    shaft = (np.linalg.norm(points - height[:, None] * axis, axis=1) <= 11) & (height < 0) & (height > -150)
    labels = (shaft | (np.linalg.norm(points, axis=1) <= 23)).reshape(grid.shape).astype(np.uint8)
    bands = {band.name: band for band in expected_nerves(LabelMap(grid, labels, {1: "humerus_left"}))}
    assert set(bands) == {"axillary nerve left", "radial nerve left"}
    for band, heights in ((bands["axillary nerve left"], (-40, -28)), (bands["radial nerve left"], (-150, -75))):
        offset = (band.points_ras_mm - centre) @ axis
        assert heights[0] <= offset.min()
        assert offset.max() <= heights[1]
        # On the surface of the 11 mm shaft, a few mm of soft tissue between.
        away = np.linalg.norm((band.points_ras_mm - centre) - offset[:, None] * axis, axis=1)
        assert away.min() >= 11
        assert away.max() <= 18


def test_a_head_that_thick_slices_cut_apart_is_taken_from_what_told_the_bones():
    """Femurs without their heads: no ball is left in the label, the ball that was seen places the same bands."""
    _, bones, _ = pelvis()
    values = {name: value for value, name in bones.names.items()}
    labels, balls = bones.labels.copy(), {}
    for side in ("right", "left"):
        centre, radius = LandmarkBone.of(bones, values[f"femur_{side}"]).head()
        balls[f"femur_{side}"] = BallJoint(centre, radius)
        labels[ball(bones.grid, centre, radius + 4) & (labels == values[f"femur_{side}"])] = 0
    whole = {band.name: band for band in expected_nerves(bones)}

    def farthest_mm(bands):
        """From the courses of whole bones to those of the bones without heads."""
        return max(
            np.linalg.norm(along(whole[b.name].points_ras_mm)[:, None] - along(b.points_ras_mm)[None], axis=2)
            .min(axis=1)
            .max()
            for b in bands
        )

    placed = expected_nerves(SeparatedBones(bones.grid, labels, bones.names, balls=balls))
    assert {band.name for band in placed} == set(whole)
    # The head's bone also counts where the sciatic nerve passes between femur and tuberosity: half a band is allowed.
    half_mm = min(band.radius_mm for band in placed) / 2
    assert farthest_mm(placed) < half_mm
    lost = expected_nerves(LabelMap(bones.grid, labels, bones.names))
    assert not lost or farthest_mm(lost) > half_mm, "the labels alone do not do it"


def test_landmarks_that_the_image_cuts_off_place_no_band():
    """The front of the pelvis lies outside the image: spine and tubercle would be wherever the image ends."""
    _, bones, _ = pelvis()
    centre, _ = LandmarkBone.of(bones, {n: v for v, n in bones.names.items()}["femur_right"]).head()
    front = round(float(bones.grid.ijk_from_ras([centre + [0.0, 20.0, 0.0]])[0][1]))
    towards_front = bones.grid.ijk_to_ras[1, 1] > 0
    box = (slice(None), slice(0, front) if towards_front else slice(front, None), slice(None))
    cut = LabelMap(bones.grid.crop(box), np.ascontiguousarray(bones.labels[box]), bones.names)
    names = {band.name for band in expected_nerves(cut)}
    assert {"sciatic nerve right", "sacral plexus right"} <= names
    assert not any(name.startswith(("femoral", "obturator")) for name in names)
    lesion = ball(cut.grid, centre + [0.0, -5.0, 0.0], 8.0)
    said = unplaced_nerves(cut, expected_nerves(cut), lesion, "hip_right")
    assert any("image does not show" in line and "femoral nerve right" in line for line in said)


def test_a_sacrum_that_the_image_cuts_gives_no_midline():
    """Half of the sacrum lies outside the image: the obturator nerve starts near where it does beside a whole one.

    Its start lies a third of the way out from the midline, and half a sacrum's middle 25 mm beside it.
    """
    _, bones, whole = pelvis()
    sacrum = LandmarkBone.of(bones, {name: value for value, name in bones.names.items()}["sacrum"])
    middle = round(float(bones.grid.ijk_from_ras(sacrum.points.mean(axis=0))[0][0]))
    right_first = bones.grid.ijk_to_ras[0, 0] < 0
    box = (slice(None), slice(None), slice(0, middle) if right_first else slice(middle, None))
    cut = LabelMap(bones.grid.crop(box), np.ascontiguousarray(bones.labels[box]), bones.names)
    assert not sacrum.cut_sideways()
    assert LandmarkBone.of(cut, next(value for value, name in cut.names.items() if name == "sacrum")).cut_sideways()
    halved = {band.name: band for band in expected_nerves(cut)}
    name = "obturator nerve right"
    assert np.linalg.norm(halved[name].points_ras_mm[0] - whole[name].points_ras_mm[0]) < 8.0


def test_nerves_that_could_not_be_placed_are_named_with_the_bone_that_is_missing():
    _, bones, _ = pelvis()
    values = {name: value for value, name in bones.names.items()}
    centre, _ = LandmarkBone.of(bones, values["femur_right"]).head()
    lesion = ball(bones.grid, centre + [0.0, 0.0, 30.0], 8.0)
    assert unplaced_nerves(bones, expected_nerves(bones), lesion, "hip_right") == []

    def said(**renamed):
        other = LabelMap(bones.grid, bones.labels, {v: renamed.get(n, n) for n, v in values.items()})
        return unplaced_nerves(other, expected_nerves(other), lesion, "hip_right")

    (line,) = said(sacrum="bone 9")
    assert "sacrum not told apart" in line
    for nerve in ("sacral plexus right", "obturator nerve right", "femoral nerve right above the inguinal ligament"):
        assert nerve in line
    assert "sciatic" not in line
    assert "left" not in line
    assert all("sciatic nerve right" in line and "right femur" in line for line in said(femur_right="bone 9")[:1])
    assert any("side of femur not given" in line for line in said(femur_right="femur"))


def test_nerves_of_a_pelvis_labelled_as_one_bone_are_all_missed():
    _, bones, _ = pelvis()
    merged = bones.labels.copy()
    values = {name: value for value, name in bones.names.items()}
    pelvic = [values[name] for name in ("hip_left", "hip_right", "sacrum")]
    merged[np.isin(merged, pelvic)] = pelvic[0]
    names = {v: n for n, v in values.items() if v not in pelvic} | {pelvic[0]: "pelvis"}
    lesion = ball(bones.grid, LandmarkBone.of(bones, values["femur_right"]).head()[0] + [0.0, 0.0, 30.0], 8.0)
    one = LabelMap(bones.grid, merged, names)
    said = " ".join(unplaced_nerves(one, expected_nerves(one), lesion, "pelvis"))
    assert all(f"{nerve} {side}" in said for nerve in NAMES for side in ("right", "left"))


def test_every_spelling_of_the_bones_gives_the_same_joints_bands_and_warnings():
    case = replace(coarse_case(), nerves=())
    before = prepare_case(case)

    def spelled(name):
        words = name.split("_")
        side = [word for word in words if word in ("left", "right")]
        return " ".join([*side, *(word for word in words if word not in side)]).capitalize()

    organs = LabelMap(case.organs.grid, case.organs.labels, {v: spelled(n) for v, n in case.organs.names.items()})
    after = prepare_case(replace(case, organs=organs))
    assert after.lesion == before.lesion
    assert after.warnings == before.warnings
    assert after.structures.not_checked == before.structures.not_checked
    assert any(s.kind == "joint" for s in before.anatomy.structures)
    assert [s.name for s in after.anatomy.estimates] == [s.name for s in before.anatomy.estimates]
    for one, two in zip(before.anatomy.structures, after.anatomy.structures, strict=True):
        assert (one.kind, one.required_shaft_mm, one.required_zone_mm) == (two.kind, two.required_shaft_mm,
                                                                           two.required_zone_mm)  # fmt: skip
        assert np.array_equal(one.mask, two.mask)


def test_nerves_count_as_checked_only_where_the_expected_ones_beside_the_target_are_drawn():
    case = coarse_case()
    assert "nerve" not in prepare_case(case).structures.not_checked
    near = {warning.split(" (")[0] for warning in prepare_case(case).warnings if "the expected course" in warning}
    assert near
    missing = next(iter(near))
    prepared = prepare_case(replace(case, nerves=tuple(n for n in case.nerves if n.name != missing)))
    assert "nerve" in prepared.structures.not_checked
    assert any(missing in reason and "not drawn" in reason for reason in prepared.structures.why_not)


def structure(grid, centre_ras_mm):
    return Structure(
        "sciatic nerve right (estimated, verify)", "nerve", ball(grid, centre_ras_mm, 6), 5.0, 10.0, ESTIMATED
    )


def test_targets_near_a_band_are_warned_of():
    grid = oblique_grid((40, 60, 60), (1.0, 1.0, 1.5))
    band = structure(grid, grid.ras_from_ijk([[15, 30, 20]])[0])
    for i, said in ((15, "crosses"), (30, "from the target"), (45, None)):
        # A target of 5 mm: from band to target 0, 4 and 19 mm; wanted 10 mm.
        warnings = target_warnings([band], ball(grid, grid.ras_from_ijk([[i, 30, 20]])[0], 5), grid)
        assert bool(warnings) == (said is not None)
        assert said is None or said in warnings[0]


def test_needles_near_a_band_are_warned_of():
    grid = oblique_grid((40, 60, 60), (1.0, 1.0, 1.5))
    band = structure(grid, grid.ras_from_ijk([[15, 30, 20]])[0])

    def warn(i):
        entry, tip = grid.ras_from_ijk([[i, 5, 20], [i, 30, 20]])
        zone = Spheroid(tip, (tip - entry) / np.linalg.norm(tip - entry), 10.0, 14.0)
        return needle_warnings([band], grid, [("Probe 1", entry, tip, 1.0, zone)])

    assert "inside the band" in warn(15)[0]
    # Shaft 20 - 6 - 1 = 13 mm away, zone 20 - 6 - 5 = 9 mm: only the zone is too near.
    assert "zone" in warn(35)[0]
    assert "shaft" not in warn(35)[0]
    assert warn(50) == []


def test_bands_never_count_as_checked_or_limit_the_plan():
    prepared = prepare_case(replace(coarse_case(), nerves=()))
    assert "nerve" in prepared.structures.not_checked
    assert not any(s.origin == ESTIMATED for s in prepared.anatomy.structures)
    assert not any(s.origin == ESTIMATED for s in prepared.structures.checked)
    names = {s.name for s in prepared.structures.estimated}
    assert {"sciatic nerve right (estimated, verify)", "femoral nerve left (estimated, verify)"} <= names
    assert {s.origin for s in prepared.anatomy.estimates} == {ESTIMATED}
    assert any("expected course" in warning for warning in prepared.warnings)


def test_bands_are_written_into_the_plan_and_older_plans_still_read():
    plan = coarse_result().plan
    assert plan.structures.estimated
    document = plan.to_json()
    assert Plan.from_json(document).structures.estimated == plan.structures.estimated
    del document["structures"]["estimated"]
    assert Plan.from_json(document).structures.estimated == ()
    assert Structures((), ()).estimated == ()
    assert Anatomy.__dataclass_fields__["estimates"].default == ()
    assert all(isinstance(row, CheckedStructure) for row in plan.structures.estimated)


def test_every_band_has_a_source():
    _, _, bands = pelvis()
    assert len(bands_provenance(list(bands.values()))) == 4
    assert all(rule.source and rule.status == "unverified" for rule in band_rules().values())
    assert band_structures(list(bands.values()), pelvis()[0].ct.grid)
