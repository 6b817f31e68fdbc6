"""Probes in one direction: which pairs count as parallel, and that paths for them can be chosen."""

from types import SimpleNamespace

import numpy as np
import pytest

from BoneAblationPlannerLib.placement.candidates import choose_parallel_paths
from BoneAblationPlannerLib.placement.needles import Needles, Spacing

WIDEST_DEG = 10.0


@pytest.mark.parametrize("lean_deg", [0.0, 9.9, 10.1, 80.0, 180.0])
def test_needles_are_parallel_up_to_the_angle(lean_deg):
    """The second leans by a known angle, also where their lengths differ; one that points the other way is not."""
    lean = np.radians(lean_deg)
    tip = np.array([500.0, 0, 0])
    second = tip - 40 * np.array([np.sin(lean), 0, -np.cos(lean)])
    needles = Needles.of([((0.0, 0, 80.0), (0.0, 0, 0), 2.0), (second, tip, 2.0)])
    assert needles.apart_from(needles, 0, Spacing(0.0, 0.0, 0.0, WIDEST_DEG))[1] == (lean_deg <= WIDEST_DEG)
    assert needles.apart_from(needles, 0, Spacing(0.0, 0.0, 0.0))[1]


def random_paths(seed=0, aims=6, each=200):
    rng = np.random.default_rng(seed)
    directions = rng.normal([0.0, -1.0, 0.0], 0.4, size=(aims * each, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    return SimpleNamespace(directions=directions, aim_index=np.repeat(np.arange(aims), each)), rng.uniform(size=1200)


class _Paths(SimpleNamespace):
    def __len__(self):
        return len(self.aim_index)


def test_chosen_paths_come_in_parallel_families():
    """Every aim that has a path along the easiest direction gets one, and the family keeps within the angle."""
    made, effort = random_paths()
    paths = _Paths(directions=made.directions, aim_index=made.aim_index)
    rows = choose_parallel_paths(paths, effort, WIDEST_DEG)
    assert len(set(rows.tolist())) == len(rows)
    easiest = int(effort.argmin())
    near = np.cos(np.radians(WIDEST_DEG / 2))
    along = paths.directions @ paths.directions[easiest] >= near
    family = rows[along[rows]]
    assert easiest in rows
    assert set(paths.aim_index[family]) == set(paths.aim_index[along])
    among = paths.directions[family] @ paths.directions[family].T
    assert among.min() >= np.cos(np.radians(WIDEST_DEG))
