"""Screws of the femoral neck, in a femur made of a ball and two rods."""

import numpy as np
import pytest
from grids import every_point
from made_femur import HEAD, femur

from BoneAblationPlannerLib.ct import LabelMap
from BoneAblationPlannerLib.frames import Grid
from CementTrajectoryLib.screws.corridor import MissingCorridor
from CementTrajectoryLib.screws.depth import depth_map
from CementTrajectoryLib.screws.femur import femoral_neck
from CementTrajectoryLib.screws.search import line_clearance_mm


@pytest.mark.parametrize("side", ["left", "right"])
def test_three_parallel_screws_in_an_inverted_triangle(side):
    bones, neck = femur(side)
    places = femoral_neck(bones, side)
    assert [p.name.split(", ")[1] for p in places] == ["inferior", "anterior", "posterior"]
    directions = [(p.exit_ras_mm - p.entry_ras_mm) / p.length_mm for p in places]
    for direction in directions:
        assert np.allclose(direction, directions[0], atol=1e-6)
        assert np.degrees(np.arccos(direction @ -neck)) < 12
    tips = np.array([p.exit_ras_mm for p in places])
    assert tips[0, 2] < tips[1:, 2].min() - 3
    assert tips[1, 1] > tips[2, 1] + 5
    for place in places:
        # From the lateral cortex into the head, with at least the bone that the screws are spread for.
        assert np.linalg.norm(place.exit_ras_mm - HEAD) < 24 - 2
        assert place.clearance_mm >= 7.3 / 2 + 2.0 - 1.0
        assert 70 < place.length_mm < 115


def test_clearances_are_those_of_the_bone():
    bones, _neck = femur()
    depth = depth_map(bones.grid, bones.labels == 1)
    for place in femoral_neck(bones, "right"):
        measured = line_clearance_mm(depth, place.entry_ras_mm, place.exit_ras_mm, place.trims_mm)
        assert place.clearance_mm == pytest.approx(measured)


def test_a_thin_neck_holds_one():
    bones, _neck = femur(neck_radius=9.0)
    (place,) = femoral_neck(bones, "right")
    assert place.name == "femoral neck"
    assert 6.0 < place.clearance_mm < 9.5


def test_no_head_no_screws():
    bones, _neck = femur()
    below = LabelMap(bones.grid, bones.labels.copy(), bones.names)
    below.labels[(every_point(bones.grid)[:, 2] > HEAD[2] - 30).reshape(bones.grid.shape)] = 0
    (missing,) = femoral_neck(below, "right")
    assert isinstance(missing, MissingCorridor)
    assert femoral_neck(bones, "left") == ()


def test_a_face_of_the_image_is_no_cortex():
    """The image ends between head and lesser trochanter, as pelvic scans do: screws would enter below it."""
    bones, _neck = femur()
    height = (every_point(bones.grid)[:, 2]).reshape(bones.grid.shape)
    matrix = np.diag([1.5, 1.5, 1.5, 1.0])
    matrix[:3, 3] = HEAD + [-40.0, -40.0, -36.0]
    whole = Grid((60, 55, 80), matrix)
    kji = np.rint(bones.grid.ijk_from_ras(every_point(whole))[:, ::-1]).astype(int)
    inside = ((kji >= 0) & (kji < bones.grid.shape)).all(axis=1)
    labels = np.zeros(len(kji), dtype=np.uint8)
    labels[inside] = bones.labels[tuple(kji[inside].T)]
    labels = labels.reshape(whole.shape)
    assert height.min() < HEAD[2] - 60  # there is more of the bone than the cut image shows
    assert labels[0].any()
    (missing,) = femoral_neck(LabelMap(whole, labels, bones.names), "right")
    assert missing.reason == "not looked for: the image ends where screws would enter"
