"""Sides on which the image ends inside the patient, named as the patient has them, whatever way the axes run."""

import numpy as np
import pytest

from BoneAblationPlannerLib.anatomy.cut_sides import cut_sides, cut_warnings
from BoneAblationPlannerLib.frames import Grid

SHAPE, SPACING_MM = (20, 40, 50), 2.0


def grid(r=1, a=1, axes=(0, 1, 2)):
    """Axes i, j, k along the given of R, A and S, either way."""
    matrix = np.eye(4)
    matrix[:3, :3] = (np.diag([r, a, 1.0]) * SPACING_MM)[:, list(axes)]
    return Grid(SHAPE, matrix)


def body(i=(5, 45), j=(5, 35)):
    mask = np.zeros(SHAPE, dtype=bool)
    mask[:, j[0] : j[1], i[0] : i[1]] = True
    return mask


@pytest.mark.parametrize(
    ("r", "a", "expected"),
    [(1, 1, ("front", "left")), (-1, 1, ("front", "right")), (1, -1, ("back", "left")), (-1, -1, ("back", "right"))],
)
def test_sides_are_the_patients(r, a, expected):
    """The body reaches the first column and the last row."""
    cut = body(i=(0, 45), j=(5, 40))
    assert cut_sides(cut, grid(r, a)) == expected
    (warning,) = cut_warnings(cut, grid(r, a))
    assert f"({', '.join(expected)})" in warning


def test_head_and_feet_are_always_cut_and_not_named():
    assert cut_warnings(body(), grid()) == []
    # Sagittal slices: k runs along R, so the first and last slice are sides.
    assert cut_sides(body(), grid(axes=(2, 1, 0))) == ("left", "right")


def test_a_fold_at_the_edge_is_no_cut():
    """5 cm2 are 125 faces of 4 mm2."""
    fold = body()
    fold[:6, 10:30, 0] = True
    assert cut_sides(fold, grid()) == ()
    fold[:7, 10:30, 0] = True
    assert cut_sides(fold, grid()) == ("left",)
