"""Screws: catalogue, purchase, breaches, collisions and access on bones whose answers are known."""

import itertools

import numpy as np
import pytest
from grids import ball, every_point, oblique_grid

from BoneAblationPlannerLib.case import Anatomy, Structure
from BoneAblationPlannerLib.ct import CtVolume, LabelMap
from BoneAblationPlannerLib.placement.clearance import StructureSurface
from CementTrajectoryLib.screws.catalogue import DEFAULTS, largest_screw, screw_provenance, screw_types
from CementTrajectoryLib.screws.choosing import segments_apart_mm
from CementTrajectoryLib.screws.depth import depth_map
from CementTrajectoryLib.screws.figures import ScrewMeasure
from CementTrajectoryLib.screws.measure import (
    breach,
    density_profile,
    joints_met,
    lesion_contact,
    skin_entry,
)
from CementTrajectoryLib.screws.planning import propose_screws, with_lesion

CENTRE = np.array([12.0, -34.0, 56.0])
AXIS = np.array([0.48, -0.6, 0.64])


def along_and_across(grid):
    away = every_point(grid) - CENTRE
    along = away @ AXIS
    return along.reshape(grid.shape), np.linalg.norm(away - np.outer(along, AXIS), axis=1).reshape(grid.shape)


@pytest.mark.parametrize(("radius", "expected"), [(6.0, 8.0), (5.9, 7.3), (5.25, 6.5), (4.3, 4.5), (3.75, 3.5)])
def test_the_thickest_screw_that_keeps_two_millimetres(radius, expected):
    assert largest_screw(radius, 2.0).diameter_mm == expected


def test_no_screw_for_a_narrow_corridor():
    assert largest_screw(3.7, 2.0) is None
    assert largest_screw(3.7, 1.0) is not None


def test_lengths_come_in_steps_and_never_exceed_the_room():
    kind = screw_types()[0]
    for room in np.arange(20.0, 200.0, 3.7):
        length = kind.length_mm(room)
        if length is None:
            assert room < kind.shortest_mm
        else:
            assert length <= room
            assert (length - kind.shortest_mm) % kind.step_mm == 0
            assert length == kind.longest_mm or length + kind.step_mm > room


def test_purchase_on_both_sides_of_a_ball():
    grid = oblique_grid((70, 90, 100), (0.8, 0.9, 1.1))
    lesion = ball(grid, CENTRE + 4 * AXIS, 8.0)
    contact = lesion_contact(grid, lesion, CENTRE - 30 * AXIS, CENTRE + 30 * AXIS)
    assert contact.before_mm == pytest.approx(26.0, abs=1.2)
    assert contact.inside_mm == pytest.approx(16.0, abs=1.5)
    assert contact.beyond_mm == pytest.approx(18.0, abs=1.2)
    assert lesion_contact(grid, lesion, CENTRE + 20 * AXIS, CENTRE + 30 * AXIS) is None


def test_breaches_of_a_screw_in_a_rod():
    grid = oblique_grid((80, 80, 80), (1.0, 1.0, 1.0))
    along, across = along_and_across(grid)
    depth = depth_map(grid, (across <= 6.0) & (np.abs(along) <= 30.0))
    u = np.linalg.svd(AXIS[None])[2][1]
    inside = breach(depth, CENTRE - 30 * AXIS, CENTRE + 15 * AXIS, 3.0, 12.0)
    assert inside.side_mm == inside.tip_mm == 0.0
    assert inside.clearance_mm == pytest.approx(3.0, abs=1.2)
    # 5 mm off the axis, a screw of 3 mm radius stands out by 2 mm.
    shifted = breach(depth, CENTRE - 30 * AXIS + 5 * u, CENTRE + 15 * AXIS + 5 * u, 3.0, 12.0)
    assert shifted.side_mm == pytest.approx(2.0, abs=1.1)
    through = breach(depth, CENTRE - 30 * AXIS, CENTRE + 37 * AXIS, 3.0, 12.0)
    assert through.tip_mm == pytest.approx(7.0, abs=1.1)


def test_segments_against_dense_sampling():
    rng = np.random.default_rng(3)
    steps = np.linspace(0, 1, 201)
    for _ in range(40):
        p, q = rng.normal(size=(2, 2, 3)) * 20
        a, b = (e[0] + steps[:, None] * (e[1] - e[0]) for e in (p, q))
        sampled = np.linalg.norm(a[:, None] - b[None], axis=2).min()
        exact = segments_apart_mm((p[0], p[1]), (q[0], q[1]))
        assert exact <= sampled + 1e-9
        assert sampled - exact < 0.5
    parallel = segments_apart_mm((np.zeros(3), np.array([9.0, 0, 0])), (np.array([4.0, 3, 0]), np.array([20.0, 3, 0])))
    assert parallel == pytest.approx(3.0)


def patient(lesion_radius=9.0, bowel_at=None):
    """A rod of bone (radius 9, 90 mm) in a ball of soft tissue with a lesion in its middle."""
    grid = oblique_grid((100, 110, 110), (1.2, 1.2, 1.3))
    along, across = along_and_across(grid)
    bone = (across <= 9.0) & (np.abs(along) <= 45.0)
    lesion = ball(grid, CENTRE, lesion_radius) & bone
    body = ball(grid, CENTRE, 60.0)
    hu = np.where(lesion, 40, np.where(bone, 300, np.where(body, 50, -1000))).astype(np.int16)
    structures = []
    if bowel_at is not None:
        structures.append(Structure("colon", "bowel", ball(grid, bowel_at, 4.0), 5.0, 10.0, "organ label"))
    structures.append(Structure("hip joint", "joint", ball(grid, CENTRE + 12 * AXIS, 3.0), 2.0, 5.0, "organ label"))
    return Anatomy(CtVolume(grid, hu, "made", "0"), body, bone, lesion, tuple(structures)), bone


def test_density_is_that_of_lesion_and_bone():
    anatomy, _bone = patient()
    profile, shares = density_profile(anatomy, CENTRE - 40 * AXIS, CENTRE + 40 * AXIS, 3.25)
    assert len(profile) == 17
    assert profile[8] == pytest.approx(40, abs=15)
    assert profile[2] == pytest.approx(300, abs=15)
    assert sum(shares.values()) == pytest.approx(1.0)
    assert shares["cortical"] < 0.05 < shares["weak"] < 0.35


def test_the_skin_is_where_the_body_ends():
    anatomy, _bone = patient()
    skin = skin_entry(anatomy, CENTRE - 45 * AXIS, AXIS)
    assert np.linalg.norm(skin - CENTRE) == pytest.approx(60.0, abs=1.5)
    cut = Anatomy(anatomy.ct, np.ones_like(anatomy.body), anatomy.bone, anatomy.lesion, ())
    assert skin_entry(cut, CENTRE - 45 * AXIS, AXIS) is None


def test_structures_and_joints_on_the_way():
    u = np.linalg.svd(AXIS[None])[2][1]
    anatomy, _bone = patient(bowel_at=CENTRE - 50 * AXIS + 12 * u)
    surfaces = [StructureSurface.of(s) for s in anatomy.structures]
    bones = LabelMap(anatomy.ct.grid, anatomy.bone.astype(np.uint8), {1: "hip_left"})
    entry, tip = (tuple(map(float, CENTRE + at * AXIS)) for at in (-45, 40))
    screw = ScrewMeasure(anatomy, bones).screw("Screw 1", "by hand", "cannulated-6.5", entry, tip)
    # Joints that it meets are named apart; the way in from the skin counts too.
    assert [r.structure for r in screw.clearances] == ["colon"]
    assert screw.joints_met == ("hip joint",)
    # 12 mm away, less the ball's radius and the screw's.
    assert screw.clearances[0].distance_mm == pytest.approx(12.0 - 4.0 - 3.25, abs=1.0)
    grid = anatomy.ct.grid
    assert joints_met(surfaces, grid, CENTRE - 40 * AXIS, CENTRE + 40 * AXIS, 3.0) == ("hip joint",)
    assert joints_met(surfaces, grid, CENTRE - 40 * AXIS, CENTRE - 5 * AXIS, 3.0) == ()


def test_a_hole_in_bone_is_filled_and_a_bulge_is_not():
    anatomy, bone = patient(lesion_radius=6.0)
    labels = np.where(bone & ~anatomy.lesion, 7, 0).astype(np.uint8)
    bulge = ball(anatomy.ct.grid, CENTRE + 30 * np.linalg.svd(AXIS[None])[2][1], 5.0)
    whole = with_lesion(LabelMap(anatomy.ct.grid, labels, {7: "hip_left"}), anatomy.lesion | bulge)
    assert (whole.labels[anatomy.lesion] == 7).mean() > 0.95
    assert not whole.labels[bulge].any()
    assert not labels[anatomy.lesion].any()


@pytest.mark.parametrize(
    ("name", "words"), [("bone 1", "cannot be told in this scan"), ("humerus_left", "no screw corridor was found")]
)
def test_without_a_known_bone_no_screw_is_made_up(name, words):
    anatomy, bone = patient()
    proposal = propose_screws(anatomy, LabelMap(anatomy.ct.grid, bone.astype(np.uint8), {1: name}), ())
    assert proposal.screws == ()
    assert sum(words in caution for caution in proposal.cautions) == 1


def test_every_number_says_where_it_comes_from():
    rows = screw_provenance({kind.id for kind in screw_types()})
    assert all(row.source and row.status in ("seen", "derived", "unverified", "default") for row in rows)
    assert DEFAULTS["clearance_mm"] == 2.0


def test_thicker_screws_never_need_less_room():
    for thin, thick in itertools.pairwise(sorted(screw_types(), key=lambda s: s.diameter_mm)):
        assert largest_screw(thick.diameter_mm / 2 + 2, 2.0).diameter_mm >= thin.diameter_mm


def test_corridors_that_could_not_be_looked_for_are_said_with_the_reason_once(monkeypatch):
    from CementTrajectoryLib.screws import planning
    from CementTrajectoryLib.screws.corridor import MissingCorridor

    ends = "not looked for: the image ends before it does"
    missing = (
        MissingCorridor("ischium", "left", ends, None),
        MissingCorridor("superior ramus", "left", ends, None),
        MissingCorridor("transsacral S1", "both", "not found: widest is 2.0 mm", 2.0),
    )
    searches = []
    monkeypatch.setattr(planning, "find_corridors", lambda bones, hu: searches.append(bones) or ((), missing))
    anatomy, bone = patient()
    bones = LabelMap(anatomy.ct.grid, bone.astype(np.uint8), {1: "hip_left"})
    said = propose_screws(anatomy, bones, ()).cautions
    assert "not looked for, the image ends before it does: ischium, left; superior ramus, left" in said
    assert sum("widest is 2.0 mm" in line for line in said) == 1
    # The same bones are searched once, whatever clearance is asked for; others again.
    propose_screws(anatomy, bones, (), 1.0)
    assert len(searches) == 1
    propose_screws(anatomy, LabelMap(bones.grid, bones.labels, {1: "hip_right"}), ())
    assert len(searches) == 2
