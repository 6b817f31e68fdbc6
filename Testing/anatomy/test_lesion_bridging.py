"""Lines that meet bone on both sides: against stepping along each of them, one by one."""

import numpy as np
import pytest

from BoneAblationPlannerLib.anatomy.directions import fibonacci_sphere
from BoneAblationPlannerLib.anatomy.lesion.bridging import LINES, SPAN_MM, bridged

VOXEL_MM = 2.5


def meets(bone, start, direction):
    """Whether bone lies within the span in one direction; the grid's edge ends the line."""
    for step in range(1, int(SPAN_MM / VOXEL_MM) + 1):
        place = np.floor(start + step * direction + 0.5).astype(int)
        if (place < 0).any() or (place >= bone.shape).any():
            return False
        if bone[tuple(place)]:
            return True
    return False


@pytest.mark.parametrize("filled", [0.03, 0.003])
def test_share_and_directions_are_those_of_every_line_by_itself(filled):
    rng = np.random.default_rng(12)
    bone = rng.random((9, 12, 15)) < filled
    wanted = rng.random(bone.shape) < 0.1
    lines = fibonacci_sphere(2 * LINES)
    lines = lines[lines[:, 2] > 0]
    share, tensor = np.zeros(bone.shape), np.zeros((3, 3))
    share[bone & wanted] = 1
    for place in np.argwhere(wanted & ~bone):
        both = [line for line in lines if meets(bone, place, line) and meets(bone, place, -line)]
        share[tuple(place)] = len(both) / len(lines)
        tensor += sum((np.outer(line, line) for line in both), np.zeros((3, 3)))
    found_share, found_tensor = bridged(bone, wanted, VOXEL_MM)
    assert 0 < share[~bone].max() < 1
    np.testing.assert_allclose(found_share, share, atol=1e-6)
    np.testing.assert_allclose(found_tensor, tensor, atol=1e-9)


def test_inside_a_shell_all_lines_are_walled_in_and_beside_a_plate_none():
    index = np.indices((21, 21, 21)) - 10
    far = np.linalg.norm(index, axis=0)
    middle = np.zeros(far.shape, dtype=bool)
    middle[10, 10, 10] = True
    assert bridged((far > 6) & (far < 9), middle, VOXEL_MM)[0][10, 10, 10] == 1
    assert bridged(index[0] > 4, middle, VOXEL_MM)[0][10, 10, 10] == 0
