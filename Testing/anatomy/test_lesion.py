"""Lesion outline, kind, diameters and breach on made bones with a known lesion."""

import numpy as np
import pytest
from grids import ball, every_point, oblique_grid

from BoneAblationPlannerLib.anatomy.bone import bone_mask
from BoneAblationPlannerLib.anatomy.breach import breach_map
from BoneAblationPlannerLib.anatomy.lesion import diameters_mm, lesion_kind, segment_lesion
from BoneAblationPlannerLib.ct import CtVolume
from BoneAblationPlannerLib.errors import InputError

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


def test_breach_is_the_share_of_surface_that_faces_muscle():
    """A lesion ball that sticks out of the bone: its outer cap is 2 pi r h of 4 pi r^2."""
    offset, radius = 20.0, 13.0
    ct, lesion, _ = made_bone(45, radius, offset=(offset, 0, 0))
    bone = ball(ct.grid, CENTRE, BONE_RADIUS)
    # Spheres cut at x along the line of centres: x = (d^2 + R^2 - r^2) / (2 d); cap height h = d + r - x.
    x = (offset**2 + BONE_RADIUS**2 - radius**2) / (2 * offset)
    cap = (offset + radius - x) / (2 * radius)
    found = breach_map(ct, lesion, bone).fraction
    # Up to 4 mm inside the cut edge a ray still leaves the bone without meeting cortex, or meets its end.
    assert cap - 0.12 <= found <= cap + 0.12


def test_face_areas_add_up_to_the_surface_of_a_box():
    grid = oblique_grid((20, 30, 40), (1.0, 1.1, 2.0))
    mask = np.zeros(grid.shape, dtype=bool)
    mask[8:11, 10:14, 10:15] = True
    ct = CtVolume(grid, np.full(grid.shape, 40, dtype=np.int16), "made", "0")
    k, j, i = 3 * 2.0, 4 * 1.1, 5 * 1.0
    expected = 2 * (k * j + j * i + i * k)
    assert breach_map(ct, mask, mask).face_area_mm2.sum() == pytest.approx(expected)
