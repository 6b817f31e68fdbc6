"""Painted skin: what it keeps needles out of, how much skin that is, and paint that would exclude nothing."""

import numpy as np
import pytest
from grids import ball, every_point, oblique_grid

from BoneAblationPlannerLib.access.painted import painted_skin
from BoneAblationPlannerLib.errors import InputError

CENTRE = np.array([12.0, -34.0, 56.0])
GRID = oblique_grid((60, 64, 70), (1.5, 1.6, 1.8))
RADIUS_MM = 40.0
REACHES_MM = 5.0
AWAY = np.linalg.norm(every_point(GRID) - CENTRE, axis=-1).reshape(GRID.shape)
SKIN = (AWAY <= RADIUS_MM) & (AWAY > RADIUS_MM - 1.8)
TOP = CENTRE + [0.0, RADIUS_MM, 0.0]


@pytest.mark.parametrize("off_mm", [-4.0, 0.0, 4.0])
def test_paint_under_on_and_over_the_skin_excludes_the_skin_beside_it(off_mm):
    """A spot of 10 mm, off the skin by less than the reach: skin within both radii of its middle is excluded."""
    spot = ball(GRID, TOP + [0.0, off_mm, 0.0], 10.0)
    excluded, said = painted_skin(spot, SKIN, GRID, REACHES_MM)
    from_spot = np.linalg.norm(every_point(GRID) - (TOP + [0.0, off_mm, 0.0]), axis=-1).reshape(GRID.shape)
    rounding = GRID.half_diagonal_mm
    assert excluded[SKIN & (from_spot <= 10.0 + REACHES_MM - 2 * rounding)].all()
    assert not excluded[from_spot > 10.0 + REACHES_MM + rounding].any()
    assert "cm2 of skin" in said


def test_the_area_is_that_of_the_cap():
    """Paint over a whole cap of the sphere, 2 pi R h: to a fifth, as voxels count it."""
    height = every_point(GRID)[:, 1].reshape(GRID.shape) - CENTRE[1]
    cap = SKIN & (height > 10.0 + REACHES_MM)
    _, said = painted_skin(cap, SKIN, GRID, REACHES_MM)
    # The paint reaches on along the sphere by 5 mm: by a height of 5 mm times the cosine of its slope, nearly 5.
    expected_cm2 = 2 * np.pi * RADIUS_MM * (RADIUS_MM - 10.0) / 100
    assert float(said.split("about ")[1].split(" cm2")[0]) == pytest.approx(expected_cm2, rel=0.2)


@pytest.mark.parametrize("off_mm", [-22.0, 22.0])
def test_paint_that_reaches_no_skin_is_refused(off_mm):
    spot = ball(GRID, TOP + [0.0, off_mm, 0.0], 4.0)
    with pytest.raises(InputError, match="no skin within 5 mm"):
        painted_skin(spot, SKIN, GRID, REACHES_MM)


def test_paint_on_another_grid_is_refused():
    with pytest.raises(InputError, match="expected"):
        painted_skin(SKIN[1:], SKIN, GRID, REACHES_MM)
