"""The fast screen of lines against exact distances, and the limits that a user may change."""

import numpy as np
import pytest
from grids import ball, oblique_grid

from BoneAblationPlannerLib.access.limits import access_limits, limits_provenance
from BoneAblationPlannerLib.access.region import build_region
from BoneAblationPlannerLib.access.screen import SAFETY_MM, StructureScreen
from BoneAblationPlannerLib.case import Anatomy, Structure
from BoneAblationPlannerLib.ct import CtVolume
from BoneAblationPlannerLib.errors import InputError
from BoneAblationPlannerLib.placement.clearance import shaft_distance_mm

CENTRE = np.array([12.0, -34.0, 56.0])
RADIUS_MM, KEPT_MM = 0.75, 4.0


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (0.8, 0.9, 2.5)])
def test_no_line_is_let_through_and_few_are_refused_for_nothing(spacing):
    """Exact: distance of each segment to the voxel boxes of the structures."""
    grid = oblique_grid((40, 90, 100) if spacing[2] > 1 else (90, 90, 90), spacing, CENTRE)
    vessel, nerve = ball(grid, CENTRE + [14.0, 0, 5], 6.0), ball(grid, CENTRE + [-10.0, 12, -4], 4.0)
    structures = (Structure("artery", "vessel", vessel, KEPT_MM, 0.0, "organ label"),
                  Structure("n", "nerve", nerve, KEPT_MM, 0.0, "drawn curve"))  # fmt: skip
    lesion = ball(grid, CENTRE, 3.0)
    ct = CtVolume(grid, np.zeros(grid.shape, dtype=np.int16), "box", "0")
    region = build_region(Anatomy(ct, np.ones_like(lesion), np.zeros_like(lesion), lesion, structures), 100.0)
    rng = np.random.default_rng(3)
    sides = rng.normal(size=(120, 3))
    entries = CENTRE + 32 * sides / np.linalg.norm(sides, axis=1, keepdims=True)
    aims = CENTRE + rng.normal(size=(3, 3)) * 4
    found = StructureScreen.of(region, RADIUS_MM).blocked_by(entries, aims)
    exact = np.array([[[shaft_distance_mm(np.argwhere(s.mask), grid, e, a) for s in structures] for a in aims]
                      for e in entries]) - RADIUS_MM  # fmt: skip
    kinds = [region.kinds.index(s.kind) for s in structures]
    free = exact.min(axis=2)
    assert (found[free < KEPT_MM] > 0).all()
    # What is refused is never farther than rounding can account for: half a diagonal, twice, and the safety.
    spare = 2 * region.grid.half_diagonal_mm + grid.half_diagonal_mm + SAFETY_MM + 0.5
    assert (found[free > KEPT_MM + spare] == 0).all()
    assert (found > 0).any()
    assert (found == 0).any()
    for n, kind in enumerate(kinds):
        only_this = (exact[..., n] < KEPT_MM) & (exact[..., 1 - n] > KEPT_MM + spare)
        assert (found[only_this] == 1 + kind).all()


def test_a_chosen_limit_replaces_the_shipped_one_and_says_so():
    shipped, chosen = access_limits({}), access_limits({"bone_path_limit_mm": 80})
    assert chosen.bone_path_limit_mm == 80
    assert chosen.hub_mm == shipped.hub_mm
    rows = [r for r in limits_provenance({"bone_path_limit_mm": 80.0}) if r.source.startswith("chosen for this case")]
    assert [r.value for r in rows] == [80.0]


@pytest.mark.parametrize(
    ("chosen", "message"),
    [({"bone_path": 80}, "expected one of .*bone_path_limit_mm"), ({"hub_mm": -1}, "hub_mm: -1; expected 0 to 100"),
     ({"hub_mm": float("nan")}, "expected 0 to 100"), ({"hub_mm": "20"}, "expected 0 to 100")],
)  # fmt: skip
def test_a_limit_that_cannot_be_used_is_refused(chosen, message):
    with pytest.raises(InputError, match=message):
        access_limits(chosen)
