"""Names in the 3D view cover no other, from wherever it is seen."""

from itertools import combinations

import numpy as np
import pytest

from BoneAblationPlannerLib.review.names import _HEIGHT, _LETTER, _LINE, Names
from BoneAblationPlannerLib.views.labels import overlap


class Line:
    """A markups line as far as names go."""

    def __init__(self, name, entry, tip):
        self.name, self.points, self.label = name, (entry, tip), f"{name}\n\n"

    def GetName(self):
        return self.name

    def GetAttribute(self, _name):
        return self.name

    def GetNthControlPointPositionWorld(self, n):
        return self.points[n]

    def GetNthControlPointLabel(self, _n):
        return self.label

    def SetNthControlPointLabel(self, _n, label):
        self.label = label


@pytest.mark.parametrize("turn", range(6))
def test_names_stand_apart_on_a_shared_track_from_every_side(turn):
    angle = np.radians(15.0 * turn)
    right = np.array([np.cos(angle), np.sin(angle), 0.0])

    def to_display(point):
        return float(400 + 3 * point @ right), float(300 + 3 * point[2])

    probes = [Line("Probe 1", (60.0, 0.0, 0.0), (0.0, 0.0, 0.0)), Line("Probe 2", (50.0, 20.0, 3.0), (0.0, 0.0, 9.0))]
    cement = [Line(f"Cement needle {n}", (30.0 - n, 0.0, 2.0 * n), (0.0, 0.0, 0.0)) for n in (1, 2, 3)]
    Names(probes, cement, to_display).arrange()
    boxes = []
    for line in (*probes, *cement):
        is_probe = line in probes
        x, y = to_display(np.mean(line.points, axis=0) if is_probe else np.array(line.points[0]))
        text = f"{line.name}: 000.0mm" if is_probe else line.name
        y += 0 if is_probe else _LINE * line.label.count("\n")
        boxes.append((x, y, x + _LETTER * len(text), y + _HEIGHT))
        assert line.label.startswith(line.name)
    pairs = [(a, b) for a, b in combinations(range(5), 2) if b >= 2]
    assert not any(overlap(boxes[a], boxes[b]) for a, b in pairs)


def test_a_name_that_covers_nothing_is_not_lifted():
    (needle,) = needles = [Line("Cement needle 1", (0.0, 0.0, 0.0), (0.0, 0.0, 50.0))]
    Names([], needles, lambda point: (float(point[0]), float(point[2]))).arrange()
    assert needle.label == "Cement needle 1"
