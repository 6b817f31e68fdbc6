"""Whether cement needles keep their distance from structures on their way in, with their own thickness."""

from collections.abc import Sequence
from dataclasses import replace

from BoneAblationPlannerLib.case import Anatomy
from BoneAblationPlannerLib.placement.clearance import StructureSurface, path_clearances, shaft_too_near
from BoneAblationPlannerLib.placement.near_nerves import path_warnings
from BoneAblationPlannerLib.plan import CementNeedle, PathClearance, Point
from BoneAblationPlannerLib.rounding import mm_down
from CementTrajectoryLib.cement.defaults import GAUGE_DIAMETER_MM


class NeedleAccess:
    """Measures needles of one gauge in an anatomy."""

    def __init__(self, anatomy: Anatomy, gauge: int) -> None:
        self._anatomy = anatomy
        self._radius_mm = GAUGE_DIAMETER_MM[gauge] / 2
        self._surfaces = [StructureSurface.of(s) for s in anatomy.structures]

    def clearances(self, entry_ras_mm: Point, tip_ras_mm: Point) -> tuple[PathClearance, ...]:
        """Free distances of a needle's shaft from its entry to its deepest place, failing ones first."""
        return path_clearances(self._surfaces, self._anatomy.ct.grid, entry_ras_mm, tip_ras_mm, self._radius_mm)

    def is_free(self, entry_ras_mm: Point, tip_ras_mm: Point) -> bool:
        """Whether a needle keeps every required distance."""
        return all(c.ok for c in self.clearances(entry_ras_mm, tip_ras_mm))

    def measured(self, needles: Sequence[CementNeedle]) -> tuple[CementNeedle, ...]:
        """The needles with their clearances."""
        return tuple(replace(n, clearances=self.clearances(n.entry_ras_mm, n.tip_ras_mm)) for n in needles)

    def warnings(self, needles: Sequence[CementNeedle], lateral_error_mm: float) -> list[str]:
        """Distances of measured needles that are not kept, or that a needle off its way would not keep."""
        lines = [
            f"{needle.name}: {said}"
            for needle in needles
            for c in needle.clearances or ()
            if (said := _said(c, lateral_error_mm))
        ]
        paths = [(n.name, n.entry_ras_mm, n.tip_ras_mm, self._radius_mm) for n in needles]
        return [*lines, *path_warnings(self._anatomy.estimates, self._anatomy.ct.grid, paths)]


def _said(clearance: PathClearance, lateral_error_mm: float) -> str:
    if not clearance.ok:
        return shaft_too_near(clearance.structure, clearance.distance_mm, clearance.required_mm)
    if clearance.distance_mm < lateral_error_mm:
        return f"shaft {mm_down(clearance.distance_mm)} from {clearance.structure}: within the placement error"
    return ""
