"""Lesion outline, kind, diameters and breach on made bones with a known lesion."""

import numpy as np
import pytest
from grids import ball, every_point, oblique_grid

from BoneAblationPlannerLib.anatomy.body import find_body
from BoneAblationPlannerLib.anatomy.bone import bone_mask
from BoneAblationPlannerLib.anatomy.breach import breach_map
from BoneAblationPlannerLib.anatomy.lesion import (
    LesionOutline,
    densities,
    describe_outline,
    diameters_mm,
    lesion_kind,
    segment_lesion,
)
from BoneAblationPlannerLib.anatomy.lesion.growth import SOFT_RIM_MM
from BoneAblationPlannerLib.anatomy.phantom import make_phantom
from BoneAblationPlannerLib.ct import CtVolume
from BoneAblationPlannerLib.errors import InputError
from BoneAblationPlannerLib.frames import Grid

CENTRE = np.array([12.0, -34.0, 56.0])
BONE_RADIUS, CORTEX = 28.0, 3.0


def made_bone(lesion_hu=None, lesion_radius=10.0, offset=(0.0, 0.0, 0.0), noise=12.0, spacing=(1.0, 1.1, 1.4)):
    """A ball of bone in muscle: trabecular 230 HU, cortex 1100 HU, and a ball-shaped lesion."""
    grid = oblique_grid((60, 76, 84), spacing)
    bone, inner = ball(grid, CENTRE, BONE_RADIUS), ball(grid, CENTRE, BONE_RADIUS - CORTEX)
    rng = np.random.default_rng(3)
    hu = np.where(inner, 230.0, np.where(bone, 1100.0, 55.0)) + rng.normal(scale=noise, size=grid.shape)
    lesion = ball(grid, CENTRE + offset, lesion_radius)
    if lesion_hu is not None:
        hu[lesion] = lesion_hu + rng.normal(scale=noise, size=lesion.sum())
    ct = CtVolume(grid, np.round(hu).astype(np.int16), "made", "0")
    return ct, lesion, np.ones(grid.shape, dtype=bool)


def dice(a, b):
    return 2 * (a & b).sum() / (a.sum() + b.sum())


@pytest.mark.parametrize(("hu", "kind"), [(45, "lytic"), (750, "sclerotic")])
def test_outline_and_kind_from_one_point(hu, kind):
    ct, lesion, body = made_bone(hu)
    outline = segment_lesion(ct, bone_mask(ct, body), CENTRE)
    assert outline.kind == kind
    assert dice(outline.mask, lesion) > 0.9


def test_mixed_lesion_is_called_mixed():
    ct, lesion, body = made_bone(45)
    half = lesion & (every_point(ct.grid)[:, 0].reshape(ct.grid.shape) > CENTRE[0])
    ct.hu[half] = 750
    outline = segment_lesion(ct, bone_mask(ct, body), CENTRE)
    assert outline.kind == "mixed"
    assert dice(outline.mask, lesion) > 0.85


def test_a_lytic_outline_misses_next_to_nothing():
    """A shell of half a voxel of a ball of 10 mm is 17 % of it; the outline errs outwards by less than twice that."""
    ct, lesion, body = made_bone(45)
    mask = segment_lesion(ct, bone_mask(ct, body), CENTRE).mask
    shell = 1 - (1 - SOFT_RIM_MM / 10.0) ** 3
    assert (lesion & ~mask).sum() < 0.03 * lesion.sum()
    assert (mask & ~lesion).sum() < 2 * shell * lesion.sum()


def test_a_click_off_the_middle_gives_nearly_the_same_outline():
    ct, _, body = made_bone(45)
    bone = bone_mask(ct, body)
    first = segment_lesion(ct, bone, CENTRE).mask
    assert dice(first, segment_lesion(ct, bone, CENTRE + [4.0, -2, 2]).mask) > 0.95


def test_a_lytic_lesion_does_not_leak_through_a_gap_in_the_cortex():
    ct, lesion, body = made_bone(45, 11.0, offset=(18.0, 0, 0))
    outline = segment_lesion(ct, bone_mask(ct, body), CENTRE + [16.0, 0, 0])
    outside = ~ball(ct.grid, CENTRE, BONE_RADIUS + 3)
    assert not (outline.mask & outside).any()
    assert dice(outline.mask, lesion & ball(ct.grid, CENTRE, BONE_RADIUS)) > 0.8


def test_normal_bone_is_not_a_lesion():
    ct, _, body = made_bone(None)
    with pytest.raises(InputError, match="nothing there differs"):
        segment_lesion(ct, bone_mask(ct, body), CENTRE)


@pytest.mark.parametrize(
    ("seed", "message"),
    [(CENTRE + 500, "outside the image"), (CENTRE + [0.0, 0, 46.0], "no bone within 15 mm")],
)
def test_bad_seeds_are_refused(seed, message):
    ct, _, body = made_bone(45)
    with pytest.raises(InputError, match=message):
        segment_lesion(ct, bone_mask(ct, body), seed)


def test_a_seed_in_air_is_refused():
    ct, lesion, body = made_bone(45)
    ct.hu[lesion] = -900
    with pytest.raises(InputError, match="in air"):
        segment_lesion(ct, bone_mask(ct, body), CENTRE)


def test_kind_by_share_of_dense_voxels():
    ct, lesion, _ = made_bone(45)
    assert lesion_kind(ct, lesion) == "lytic"
    ct.hu[lesion & ball(ct.grid, CENTRE, 7.0)] = 700  # 0.7^3 = 34 %
    assert lesion_kind(ct, lesion) == "mixed"
    ct.hu[lesion] = 700
    assert lesion_kind(ct, lesion) == "sclerotic"


def test_diameters_of_an_oblique_ellipsoid():
    grid = oblique_grid((60, 70, 80), (0.9, 1.0, 1.2))
    points = every_point(grid) - CENTRE
    axes = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]
    mask = ((points @ axes / [20.0, 14.0, 9.0]) ** 2).sum(axis=1).reshape(grid.shape) <= 1
    np.testing.assert_allclose(diameters_mm(mask, grid), [40, 28, 18], atol=2 * grid.half_diagonal_mm)


def test_contained_lesion_has_no_breach():
    ct, lesion, body = made_bone(45)
    assert breach_map(ct, lesion, bone_mask(ct, body)).fraction == 0


def test_breach_is_the_open_share_of_the_bone_surface_over_the_lesion():
    """A lesion ball that sticks out of a ball of bone.

    A point at distance rho from the lesion's centre, at an angle t from the line of centres, lies outside the bone if
    cos t > (R^2 - d^2 - rho^2) / (2 d rho): open where the lesion's own surface does (rho = r), under the bone's outer
    surface where the end of a ray of 2 mm does.
    """
    offset, radius = 20.0, 13.0
    ct, lesion, _ = made_bone(45, radius, offset=(offset, 0, 0))

    def cap(rho):
        return (1 - (BONE_RADIUS**2 - offset**2 - rho**2) / (2 * offset * rho)) / 2

    found = breach_map(ct, lesion, ball(ct.grid, CENTRE, BONE_RADIUS))
    # Voxel faces and the ray's start at a voxel's centre shift both edges by up to a voxel.
    assert found.fraction == pytest.approx(cap(radius) / cap(radius + 2.0), abs=0.12)
    assert found.area_mm2 == pytest.approx(found.surface_area_mm2[found.open_surface].sum())


def test_breach_of_the_phantom():
    for spacing in ((1.5, 1.5, 1.5), (2.0, 2.0, 2.0)):
        phantom = make_phantom(spacing)
        bone = bone_mask(phantom.ct, find_body(phantom.ct).inside)
        truth = phantom.truth
        found = breach_map(phantom.ct, phantom.lesion, bone)
        assert found.fraction == pytest.approx(truth.cortical_breach_fraction, abs=0.1)
        middle = found.grid.ras_of_mask(found.open_surface).mean(axis=0)
        assert np.linalg.norm(middle - truth.breach_centre_ras_mm) < 7.0  # within the breach, whose radius is 7 mm


@pytest.fixture(scope="module")
def lytic():
    ct, lesion, body = made_bone(45)
    return ct, bone_mask(ct, body), lesion


def test_the_same_click_gives_the_same_outline(lytic):
    ct, bone, _ = lytic
    first, second = (segment_lesion(ct, bone, CENTRE) for _ in range(2))
    np.testing.assert_array_equal(first.mask, second.mask)
    assert (first.checks, first.confidence) == (second.checks, second.confidence)


def test_moving_the_scene_moves_the_outline(lytic):
    ct, bone, _ = lytic
    matrix = np.array(ct.grid.ijk_to_ras)
    shift = np.array([30.0, -12.0, 7.0])
    matrix[:3, 3] += shift
    moved = CtVolume(Grid(ct.grid.shape, matrix), ct.hu, "moved", "0")
    there = segment_lesion(moved, bone, CENTRE + shift).mask
    here = segment_lesion(ct, bone, CENTRE).mask
    assert dice(here, there) > 0.999  # only rounding


def test_scribbles_are_honoured_exactly(lytic):
    ct, bone, _ = lytic
    beyond = ball(ct.grid, CENTRE + [14.0, 0, 0], 2.5)
    within = ball(ct.grid, CENTRE + [-5.0, 0, 0], 2.5)
    mask = segment_lesion(ct, bone, CENTRE, inside=beyond, outside=within).mask
    assert mask[beyond].all()
    assert not mask[within].any()


def test_scribbled_points_are_honoured_exactly(lytic):
    ct, bone, _ = lytic
    beyond, within = CENTRE + [[13.0, 0, 0]], CENTRE + [[-6.0, 0, 0]]
    mask = segment_lesion(ct, bone, CENTRE, inside=beyond, outside=within).mask
    assert mask[ct.grid.nearest_voxel(beyond[0])]
    assert not mask[ct.grid.nearest_voxel(within[0])]


def test_the_outline_stays_in_its_box(lytic):
    ct, bone, lesion = lytic
    corners = np.array([CENTRE - 20.0, CENTRE + [4.0, 20, 20]])
    mask = segment_lesion(ct, bone, CENTRE, box_ras_mm=corners).mask
    points = ct.grid.ras_of_mask(mask)
    assert (points >= corners[0]).all()
    assert (points <= corners[1]).all()
    half = lesion & (every_point(ct.grid)[:, 0].reshape(ct.grid.shape) <= CENTRE[0] + 4.0)
    assert dice(mask, half) > 0.85


@pytest.mark.parametrize(
    ("marks", "message"),
    [
        ({"inside": CENTRE + [[2.0, 0, 0]], "outside": CENTRE + [[2.0, 0, 0]]}, "marked inside are also outside"),
        ({"inside": np.zeros((2, 2))}, r"expected points \(N, 3\)"),
        ({"outside": CENTRE + [[900.0, 0, 0]]}, "expected points inside the image"),
        ({"box_ras_mm": np.zeros((3, 3))}, "expected two corners"),
        ({"box_ras_mm": np.array([CENTRE + 900, CENTRE + 910])}, "holds no voxel"),
    ],
)
def test_bad_marks_are_refused(lytic, marks, message):
    ct, bone, _ = lytic
    with pytest.raises(InputError, match=message):
        segment_lesion(ct, bone, CENTRE, **marks)


def test_contrast_in_an_organ_is_refused():
    grid = oblique_grid((60, 76, 84), (1.0, 1.1, 1.4))
    hu = np.full(grid.shape, 45.0) + np.random.default_rng(4).normal(scale=12.0, size=grid.shape)
    hu[ball(grid, CENTRE, 20.0)] = 400.0
    ct = CtVolume(grid, np.round(hu).astype(np.int16), "made", "0")
    with pytest.raises(InputError, match="contrast in bladder"):
        segment_lesion(ct, bone_mask(ct, np.ones(grid.shape, dtype=bool)), CENTRE)


def test_metal_is_refused():
    ct, _, body = made_bone(3000, 14.0)
    with pytest.raises(InputError, match="mostly metal"):
        segment_lesion(ct, bone_mask(ct, body), CENTRE)


def test_report_of_a_contained_lesion(lytic):
    ct, bone, lesion = lytic
    report = describe_outline(ct, bone, LesionOutline(lesion, "lytic"))
    assert report.kind == "lytic"
    assert report.volume_ml == pytest.approx(4 / 3 * np.pi, rel=0.03)  # a ball of 10 mm
    np.testing.assert_allclose(report.diameters_mm, 20.0, atol=2 * ct.grid.half_diagonal_mm)
    assert report.soft_tissue_ml == 0
    assert report.breached_fraction == 0


def surface_area_mm2(grid, mask):
    ct = CtVolume(grid, np.full(grid.shape, 40, dtype=np.int16), "made", "0")
    found = breach_map(ct, mask, mask)
    area = np.zeros(grid.shape)
    area[found.region] = found.surface_area_mm2
    return area


@pytest.mark.parametrize("spacing", [(1.0, 1.1, 1.4), (0.8, 1.1, 2.6), (0.9, 0.9, 3.0)])
@pytest.mark.parametrize("radius", [6.0, 10.0, 20.0])
def test_the_area_of_a_ball_is_not_that_of_its_steps(spacing, radius):
    grid = oblique_grid((60, 90, 100), spacing)
    area = surface_area_mm2(grid, ball(grid, CENTRE, radius)).sum()
    assert area == pytest.approx(4 * np.pi * radius**2, rel=0.03)


@pytest.mark.parametrize("normal", [(1.0, 0, 0), (0.6, 0, 0.8), (0.577, 0.577, 0.577), (-0.2, 0.5, 0.84)])
def test_the_area_of_a_plane_is_the_same_at_every_slant(normal):
    """Within 12 mm of an axis across a thick slab, each side has the area of a disc."""
    grid = oblique_grid((50, 60, 70), (0.9, 1.1, 2.2))
    away = every_point(grid) - CENTRE
    along = away @ normal / np.linalg.norm(normal)
    across = np.sqrt(np.maximum((away**2).sum(axis=1) - along**2, 0)).reshape(grid.shape)
    mask = (np.abs(along) <= 7.0).reshape(grid.shape) & (across <= 20.0)
    area = surface_area_mm2(grid, mask)[across <= 12.0].sum()
    assert area == pytest.approx(2 * np.pi * 12.0**2, rel=0.04)


def test_the_area_of_a_thin_plate():
    """A disc 5 mm thick: both sides and the rim."""
    grid = oblique_grid((60, 70, 80), (0.9, 0.9, 1.5))
    away = every_point(grid) - CENTRE
    normal = np.array([0.48, -0.6, 0.64])
    along = away @ normal
    across = np.sqrt(np.maximum((away**2).sum(axis=1) - along**2, 0))
    mask = ((np.abs(along) <= 2.5) & (across <= 17.0)).reshape(grid.shape)
    expected = 2 * np.pi * 17.0**2 + 2 * np.pi * 17.0 * 5.0
    # The smoothed normals round the edges off.
    assert surface_area_mm2(grid, mask).sum() == pytest.approx(expected, rel=0.06)


def test_breach_of_the_phantom_by_an_outline_from_one_point():
    """Where the outline goes beyond an intact cortex, this is not open; organs tell the bone from the joint's other."""
    for spacing in ((1.5, 1.5, 1.5), (1.0, 1.0, 3.0)):
        phantom = make_phantom(spacing)
        bone = bone_mask(phantom.ct, find_body(phantom.ct).inside, phantom.organs)
        outline = segment_lesion(phantom.ct, bone, phantom.seed_ras_mm).mask
        found = breach_map(phantom.ct, outline, bone)
        assert found.fraction == pytest.approx(phantom.truth.cortical_breach_fraction, abs=0.1)


def test_an_outline_beyond_an_intact_cortex_is_not_open():
    """Bone of 28 mm with 3 mm of cortex: the ball of 29 mm lies in muscle all around."""
    ct, _, body = made_bone(45)
    assert breach_map(ct, ball(ct.grid, CENTRE, BONE_RADIUS + 1.0), bone_mask(ct, body)).fraction < 0.02


def test_dense_tumour_up_to_the_surface_is_no_hole():
    ct, lesion, body = made_bone(700, 13.0, offset=(18.0, 0, 0))
    lesion &= ball(ct.grid, CENTRE, BONE_RADIUS)
    assert breach_map(ct, lesion, bone_mask(ct, body)).fraction < 0.05


@pytest.mark.parametrize("hu", [1800, 3000], ids=["cement", "metal"])
def test_old_cement_and_metal_do_not_count_for_the_kind(hu):
    """A ball of 9 mm in one of 16 mm: (9/16)^3, 18 %, of it; without the streaks around, a sixth is left to be read."""
    ct, lesion, _ = made_bone(45, 16.0)
    ct.hu[ball(ct.grid, CENTRE + [3.0, 0, 0], 9.0)] = hu
    assert (ct.hu[lesion] > 1000).mean() > 0.15  # would be mixed
    assert lesion_kind(ct, lesion) == "lytic"
    assert densities(ct, lesion).mean() == pytest.approx(45, abs=3)


def test_a_dense_lesion_is_read_though_it_could_be_cement():
    ct, lesion, _ = made_bone(1600, 12.0)
    assert lesion_kind(ct, lesion) == "sclerotic"
