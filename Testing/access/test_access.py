"""Paths, angles and bone entry on small scenes with a known answer."""

import numpy as np
import pytest
from grids import ball, every_point, oblique_grid, rotation

from BoneAblationPlannerLib.access.angles import axial_angle_deg, craniocaudal_angle_deg, towards_table
from BoneAblationPlannerLib.access.bone_entry import bone_entry
from BoneAblationPlannerLib.access.limits import access_limits, limits_provenance
from BoneAblationPlannerLib.access.paths import find_paths, skin_entries
from BoneAblationPlannerLib.access.region import STEP_MM, build_region
from BoneAblationPlannerLib.case import Anatomy, Structure
from BoneAblationPlannerLib.ct import CtVolume
from BoneAblationPlannerLib.frames import Grid
from BoneAblationPlannerLib.placement.clearance import shaft_distance_mm
from BoneAblationPlannerLib.plan import POSITIONS

CENTRE = np.array([12.0, -34.0, 56.0])
LIMITS = access_limits({})


def anatomy(structures=(), spacing=(2.0, 2.2, 3.1), shape=(40, 60, 70)):
    """A ball of body of 55 mm, a lesion of 6 mm in its middle, no bone, on an oblique anisotropic grid."""
    grid = oblique_grid(shape, spacing)
    body, lesion = ball(grid, CENTRE, 55.0), ball(grid, CENTRE, 6.0)
    ct = CtVolume(grid, np.where(body, 40, -1000).astype(np.int16), "ball", "0")
    return Anatomy(ct, body, np.zeros(grid.shape, dtype=bool), lesion, tuple(structures))


def nerve(grid, centre, radius, shaft=5.0):
    return Structure("nerve", "nerve", ball(grid, centre, radius), shaft, 10.0, "organ label")


def entries_around(count=300, radius=53.0):
    directions = np.random.default_rng(0).normal(size=(count, 3))
    return CENTRE + radius * directions / np.linalg.norm(directions, axis=1, keepdims=True)


@pytest.mark.parametrize("position", POSITIONS)
def test_a_needle_straight_down_has_no_angle(position):
    down = towards_table(position)
    assert axial_angle_deg([0, 0, 0], down * 50, position) == pytest.approx(0)
    assert craniocaudal_angle_deg([0, 0, 0], down * 50) == pytest.approx(0)


def test_axial_angle_is_positive_towards_the_right_of_the_picture():
    # Supine, seen from the feet: the patient's left is on the right of the picture; left is -R.
    assert axial_angle_deg([0, 0, 0], [-10, -10, 0], "supine") == pytest.approx(45)
    assert axial_angle_deg([0, 0, 0], [10, -10, 0], "supine") == pytest.approx(-45)
    # Prone, the patient's right is on the right of the picture.
    assert axial_angle_deg([0, 0, 0], [10, 10, 0], "prone") == pytest.approx(45)


def test_craniocaudal_angle_is_positive_for_a_tip_above_the_entry():
    assert craniocaudal_angle_deg([0, 0, 0], [0, -10, 10]) == pytest.approx(45)
    assert craniocaudal_angle_deg([0, 0, 0], [0, 0, -10]) == pytest.approx(-90)
    assert axial_angle_deg([0, 0, 0], [0, 0, -10], "supine") == 0


def test_angles_of_no_needle_are_refused():
    with pytest.raises(ValueError, match="no direction"):
        craniocaudal_angle_deg([1, 2, 3], [1, 2, 3])


def test_region_distances_are_never_overstated():
    a = anatomy()
    a = anatomy([nerve(a.ct.grid, CENTRE + [20.0, 0, 0], 5.0)])
    region = build_region(a, 40.0)
    points = every_point(region.grid)[::37]
    stored = region.distances[..., 0].ravel()[::37] * STEP_MM
    voxels = np.argwhere(a.structures[0].mask)
    for point, distance in list(zip(points, stored, strict=True))[::50]:
        assert distance <= shaft_distance_mm(voxels, a.ct.grid, point, point + [1e-3, 0, 0]) + 1e-6


def test_no_accepted_path_breaks_a_constraint():
    grid = anatomy().ct.grid
    a = anatomy([nerve(grid, CENTRE + [0.0, 25, 5], 6.0), nerve(grid, CENTRE + [-22.0, 5, 0], 8.0)])
    region = build_region(a, 100.0)
    entries = entries_around()
    paths = find_paths(region, entries, CENTRE[None] + [[0, 0, 0], [2.0, 1, -3]], LIMITS, "supine", 1.2)
    assert 20 < len(paths) < 2 * len(entries)
    voxels = np.argwhere(a.structures[0].mask | a.structures[1].mask)
    up = -towards_table("supine")
    for n in range(len(paths)):
        tip = paths.aims_ras_mm[n] + paths.directions[n] * paths.extension_mm[n]
        assert shaft_distance_mm(voxels, a.ct.grid, paths.entries_ras_mm[n], tip) - 1.2 >= 5.0 - 1e-6
        assert -(paths.directions[n] @ up) >= -np.sin(np.radians(LIMITS.below_horizontal_deg)) - 1e-9
        assert abs(craniocaudal_angle_deg(paths.entries_ras_mm[n], tip)) <= LIMITS.craniocaudal_limit_deg + 1e-6


def test_clear_paths_are_found():
    """With nothing in the way only table side and angle exclude, and what they leave is accepted."""
    region = build_region(anatomy(), 100.0)
    entries = entries_around()
    paths = find_paths(region, entries, CENTRE[None], LIMITS, "supine", 1.2)
    outward = (entries - CENTRE) / np.linalg.norm(entries - CENTRE, axis=1, keepdims=True)
    allowed = (outward[:, 1] >= -np.sin(np.radians(15))) & (np.abs(outward[:, 2]) <= np.sin(np.radians(45)))
    assert len(paths) == allowed.sum()
    assert sum(paths.excluded_by.values()) == len(entries) - allowed.sum()


def test_a_shield_excludes_everything_and_is_named():
    grid = anatomy().ct.grid
    shell = ball(grid, CENTRE, 24.0) & ~ball(grid, CENTRE, 18.0)
    a = anatomy([Structure("shield", "bowel", shell, 5.0, 10.0, "organ label")])
    paths = find_paths(build_region(a, 100.0), entries_around(), CENTRE[None], LIMITS, "supine", 1.2)
    assert len(paths) == 0
    assert paths.excluded_by["bowel"] > 0


def test_paths_that_leave_the_body_or_the_image_are_excluded():
    a = anatomy()
    gap = every_point(a.ct.grid)[:, 1].reshape(a.ct.grid.shape) > CENTRE[1] + 20
    body = a.body & ~(gap & (every_point(a.ct.grid)[:, 1].reshape(a.ct.grid.shape) < CENTRE[1] + 30))
    split = Anatomy(a.ct, body, a.bone, a.lesion, ())
    entry = CENTRE[None] + [[0.0, 52, 0]]
    assert find_paths(build_region(split, 100.0), entry, CENTRE[None], LIMITS, "supine", 1.0).excluded_by == {
        "needle too short": 0, "table side (supine)": 0, "craniocaudal angle": 0, "leaves the body": 1}  # fmt: skip
    outside = CENTRE[None] + [[0.0, 150, 0]]
    found = find_paths(build_region(a, 100.0), outside, CENTRE[None], LIMITS, "supine", 1.0)
    assert found.excluded_by["leaves the image"] == 1


def test_turning_the_scene_about_the_long_axis_turns_the_paths():
    """Lying on the other side is the same as turning the patient: prone paths mirror supine ones."""
    region = build_region(anatomy(), 100.0)
    entries = entries_around()
    half_turn = rotation(2, 180)
    mirrored = (entries - CENTRE) @ half_turn.T + CENTRE
    supine = find_paths(region, entries, CENTRE[None], LIMITS, "supine", 1.2)
    prone = find_paths(region, mirrored, CENTRE[None], LIMITS, "prone", 1.2)
    np.testing.assert_allclose((supine.entries_ras_mm - CENTRE) @ half_turn.T + CENTRE, prone.entries_ras_mm)


def test_no_entries_or_aims_is_refused():
    with pytest.raises(ValueError, match="at least one"):
        find_paths(build_region(anatomy(), 50.0), np.zeros((0, 3)), CENTRE[None], LIMITS, "supine", 1.0)


def test_skin_entries_lie_on_the_skin_and_apart():
    a = anatomy()
    skin = a.body & ~ball(a.ct.grid, CENTRE, 52.0)
    entries = skin_entries(a.ct.grid, skin, CENTRE, LIMITS)
    skin_points = a.ct.grid.ras_of_mask(skin)
    assert all(np.linalg.norm(skin_points - e, axis=1).min() < 1e-9 for e in entries[::20])
    assert len(np.unique(np.floor((entries - CENTRE) / LIMITS.entry_spacing_mm), axis=0)) == len(entries)


def flat_bone(spacing=(1.0, 1.0, 1.0), tilt_deg=0.0):
    """Bone below a plane through the origin, a 2 mm cortex at its top; the plane's normal tilted about R."""
    matrix = np.diag([*spacing, 1.0])
    matrix[:3, 3] = -30.0
    grid = Grid((60, 60, 60), matrix)
    normal = rotation(0, tilt_deg) @ [0, 1.0, 0]
    depth = -(every_point(grid) @ normal).reshape(grid.shape)
    hu = np.where(depth < 0, 40, np.where(depth <= 2, 1200, 200)).astype(np.int16)
    return depth >= 0, hu, grid, normal


@pytest.mark.parametrize("tilt", [0.0, 25.0, 50.0])
def test_incidence_and_bone_path_on_a_tilted_plane(tilt):
    bone, hu, grid, _ = flat_bone(tilt_deg=tilt)
    met = bone_entry(bone, hu, grid, [0, 25, 0], [0, -10, 0])
    assert met.incidence_deg == pytest.approx(tilt, abs=3)
    # The plane passes through the origin, so 10 mm of the vertical path lie in bone whatever the tilt.
    assert met.bone_path_mm == pytest.approx(10, abs=1.0)
    assert met.cortices_crossed == 1


def test_no_bone_no_incidence():
    bone, hu, grid, _ = flat_bone()
    met = bone_entry(bone, hu, grid, [0, 25, 0], [0, 10, 0])
    assert met.incidence_deg is None
    assert met.bone_path_mm == 0
    assert met.cortices_crossed == 0


def test_every_limit_has_a_source():
    assert all(p.source and p.status in ("seen", "derived", "unverified", "default") for p in limits_provenance({}))
