"""Thin cortex over a lesion, made with known thickness: open or not, whatever the voxels' size and how they lie."""

import numpy as np
import pytest
from grids import every_point, oblique_grid

from BoneAblationPlannerLib.anatomy.breach import breach_map
from BoneAblationPlannerLib.ct import CtVolume

CENTRE = np.array([12.0, -34.0, 56.0])
NORMALS = np.array([[1.0, 0.0, 0.0], [0.3, -0.2, 0.933], [0.577, 0.577, 0.577]])
HALF_MM, DISC_MM, EXTENT_MM = 4.5, 12.0, 36.0
SAMPLES = 3
SPACINGS = [(0.8, 0.8, 0.8), (0.9, 0.9, 3.0), (2.0, 2.0, 2.0), (3.0, 3.0, 3.0)]


def flat_bone(spacing, normal, shell_mm, hole_mm=0.0, contrast=0.0):
    """A lesion, a disc of 9 mm between two sheets of cortex, averaged over each voxel; and where the bone is.

    A hole goes through one sheet. Contrast medium brightens lesion and soft tissue.
    """
    shape = tuple(int(EXTENT_MM / s) for s in spacing[::-1])
    grid = oblique_grid(shape, spacing)
    middle = grid.ras_from_ijk((np.array(shape[::-1]) - 1) / 2)[0]
    corners = np.stack(np.meshgrid(*[(np.arange(SAMPLES) + 0.5) / SAMPLES - 0.5] * 3), axis=-1).reshape(-1, 3)
    width = float(np.abs(normal @ grid.ijk_to_ras[:3, :3]).sum()) / SAMPLES
    hu, lesion, bone = np.zeros(grid.shape), np.zeros(grid.shape), np.zeros(grid.shape)
    for offset in corners @ grid.ijk_to_ras[:3, :3].T:
        away = every_point(grid) + offset - middle
        height = (away @ normal).reshape(grid.shape)
        aside = np.linalg.norm(away - (away @ normal)[:, None] * normal, axis=1).reshape(grid.shape)
        # Shares of a sample's width: a sheet thinner than that is weighed, not hit or missed.
        within, under = (np.clip((edge - np.abs(height)) / width + 0.5, 0, 1) for edge in (HALF_MM, HALF_MM + shell_mm))
        sheet = np.where((aside < hole_mm) & (height > 0), 0.0, under - within)
        filled = np.where(aside < DISC_MM, 45 + contrast, 230)
        hu += within * filled + sheet * 1200 + (1 - within - sheet) * (55 + contrast)
        lesion += within * (aside < DISC_MM)
        bone += under
    ct = CtVolume(grid, np.round(hu / len(corners)).astype(np.int16), "made", "0")
    return ct, lesion > len(corners) / 2, bone > len(corners) / 2, middle


def faces(spacing, normal, **made):
    """Open and whole area of the faces away from the disc's rim, and open area within 7 mm of the middle, in mm2."""
    ct, lesion, bone, middle = flat_bone(spacing, normal, **made)
    found = breach_map(ct, lesion, bone)
    away = every_point(found.grid) - middle
    aside = np.linalg.norm(away - (away @ normal)[:, None] * normal, axis=1).reshape(found.grid.shape)
    face = found.outer_surface & (aside < DISC_MM - 3.0)
    open_part = face & found.open_surface
    area = found.surface_area_mm2
    return area[open_part].sum(), area[face].sum()


@pytest.mark.parametrize("spacing", SPACINGS)
@pytest.mark.parametrize("normal", NORMALS)
def test_a_thin_cortex_is_no_hole_and_a_missing_one_is(spacing, normal):
    normal = normal / np.linalg.norm(normal)
    open_mm2, whole_mm2 = faces(spacing, normal, shell_mm=0.6)
    assert whole_mm2 > 0.7 * 2 * np.pi * (DISC_MM - 3.0) ** 2
    # At the steps of thick slices the surface's direction is uncertain: a tenth may look open, which is the safe error.
    assert open_mm2 <= (0.1 if max(spacing) > 2 * min(spacing) else 0.02) * whole_mm2
    for shell_mm in (0.0, 0.1):
        open_mm2, whole_mm2 = faces(spacing, normal, shell_mm=shell_mm)
        assert open_mm2 >= 0.95 * whole_mm2


@pytest.mark.parametrize("spacing", SPACINGS)
def test_a_hole_in_a_thin_cortex_has_its_own_area(spacing):
    normal = NORMALS[1] / np.linalg.norm(NORMALS[1])
    open_mm2, _whole_mm2 = faces(spacing, normal, shell_mm=0.6, hole_mm=6.0)
    # Blurred over a voxel, the rim lies within a quarter of one of where it is.
    reach = 0.25 * np.array([-1, 1]) * max(spacing)
    smallest, largest = np.pi * (6.0 + reach) ** 2
    assert smallest <= open_mm2 <= 1.1 * largest


def test_contrast_medium_is_no_cortex():
    for spacing in SPACINGS:
        open_mm2, whole_mm2 = faces(spacing, NORMALS[0], shell_mm=0.0, contrast=70.0)
        assert open_mm2 >= 0.98 * whole_mm2
