"""What is said of a needle's way: deep ones past anatomy that nobody outlined, and skin that was painted out."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from grids import ball, oblique_grid
from plans import small_plan

from BoneAblationPlannerLib.devices.catalogue import find_device
from BoneAblationPlannerLib.evaluation import painted_warnings, unchecked_way_warnings
from BoneAblationPlannerLib.placement.defaults import DEFAULTS
from BoneAblationPlannerLib.placement.probe_figures import Placement
from BoneAblationPlannerLib.plan import Structures

DEEP_MM = DEFAULTS["unchecked_way_mm"]
GRID = oblique_grid((20, 24, 28), (1.1, 1.3, 2.2), (12.0, -34.0, 56.0))
ENTRY = GRID.ras_from_ijk([[14, 12, 10]])[0]


@pytest.mark.parametrize(
    ("depth_mm", "not_checked", "said"),
    [(DEEP_MM + 1, ("bowel", "vessel"), "bowel and vessels"), (DEEP_MM + 1, ("nerve", "vessel"), "vessels"),
     (DEEP_MM + 1, ("nerve",), None), (DEEP_MM, ("bowel",), None)],
)  # fmt: skip
def test_deep_needles_past_what_nobody_outlined(depth_mm, not_checked, said):
    probe = replace(small_plan().probes[0], depth_mm=depth_mm)
    found = unchecked_way_warnings([probe], Structures((), not_checked))
    assert [f"and {said} on the way are not checked" in text for text in found] == ([True] if said else [])


@pytest.mark.parametrize(("away_mm", "said"), [(0.0, True), (6.0, False), (300.0, False)])
def test_a_needle_that_a_person_put_through_painted_skin(away_mm, said):
    device = find_device("rfa-cooltip-17g")
    prepared = SimpleNamespace(no_entry=ball(GRID, ENTRY, 3.0), anatomy=SimpleNamespace(ct=SimpleNamespace(grid=GRID)))
    entry = tuple(float(v) for v in ENTRY + np.array([away_mm, 0.0, 0.0]))
    placement = Placement("Probe 1", device, device.programs[0], entry, tuple(ENTRY - [0.0, 30.0, 0.0]))
    assert bool(painted_warnings(prepared, [placement])) == said
    assert painted_warnings(SimpleNamespace(no_entry=None), [placement]) == []
