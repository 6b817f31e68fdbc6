"""Where an entry lies, on a box of known size, also on an oblique grid."""

import numpy as np
import pytest
from grids import oblique_grid

from BoneAblationPlannerLib.access.landmarks import entry_landmarks, skin_to_bone_mm
from BoneAblationPlannerLib.frames import Grid

FINE = Grid((40, 100, 120), np.diag([1.0, 1.0, 2.0, 1.0]))


def box(grid, low, high):
    """Voxels whose centre lies between two corners, RAS mm."""
    points = grid.ras_from_ijk(np.argwhere(np.ones(grid.shape, dtype=bool))[:, ::-1])
    return ((points >= low) & (points <= high)).all(axis=1).reshape(grid.shape)


@pytest.mark.parametrize(
    ("position", "above"), [("supine", 50.0), ("prone", 10.0), ("left-lateral", 25.0), ("right-lateral", 55.0)]
)
def test_distances_in_a_box(position, above):
    """Body R 20..100, A 20..80, S 10..70; entry at R 45, A 70, S 40."""
    body = box(FINE, [20, 20, 10], [100, 80, 70])
    found = entry_landmarks(body, box(FINE, [40, 30, 30], [50, 50, 50]), FINE, [45, 70, 40], [45, 35, 40],
                            [45, 40, 52], position)  # fmt: skip
    assert found.above_table_mm == pytest.approx(above)
    assert found.right_of_middle_mm == pytest.approx(45 - 60)
    assert found.superior_to_lesion_mm == pytest.approx(-12)
    assert found.skin_to_bone_mm == pytest.approx(70 - 50.5, abs=0.25)


def test_only_the_section_at_the_entry_counts():
    """Shoulders above do not lower the table of the hips."""
    body = box(FINE, [20, 40, 10], [100, 80, 30]) | box(FINE, [20, 5, 50], [100, 80, 70])
    found = entry_landmarks(body, ~body, FINE, [45, 70, 20], [45, 60, 20], [45, 60, 20], "supine")
    assert found.above_table_mm == pytest.approx(30)


def test_an_oblique_grid_gives_the_same_within_a_voxel():
    grid = oblique_grid()
    middle = grid.ras_from_ijk((np.array(grid.shape[::-1]) - 1) / 2)[0]
    half = np.array([15.0, 12.0, 20.0])
    body = box(grid, middle - half, middle + half)
    found = entry_landmarks(body, body, grid, middle + [5, 12, 0], middle, middle, "supine")
    tolerance = float(grid.spacing_ijk_mm.max())
    assert found.above_table_mm == pytest.approx(24, abs=tolerance)
    assert found.right_of_middle_mm == pytest.approx(5, abs=tolerance)


def test_a_path_that_meets_no_bone_has_no_depth_to_it():
    assert skin_to_bone_mm(np.zeros(FINE.shape, dtype=bool), FINE, [1, 1, 1], [50, 50, 50]) is None


def test_no_body_no_distances():
    empty = np.zeros(FINE.shape, dtype=bool)
    found = entry_landmarks(empty, empty, FINE, [45, 70, 40], [45, 35, 40], [45, 40, 52], "supine")
    assert (found.above_table_mm, found.right_of_middle_mm, found.skin_to_bone_mm) == (None, None, None)
    assert found.superior_to_lesion_mm == pytest.approx(-12)
