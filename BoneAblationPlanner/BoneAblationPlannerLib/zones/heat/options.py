"""How heat or ice is simulated for a plan."""

from collections.abc import Mapping
from dataclasses import dataclass

from BoneAblationPlannerLib.plan import Plan, Point
from BoneAblationPlannerLib.zones.heat.patient import VOXEL_MM


@dataclass(frozen=True)
class HeatOptions:
    """How to simulate.

    Parameters
    ----------
    voxel_mm : float
    with_spread : bool
        Whether to simulate the ends of the plausible ranges too.
    thermocouples : {name: RAS mm} or None
        Points to read; None takes those of the plan's earlier simulation.
    shortest : bool
        Whether to look first for the shortest program that covers the lesion and breaks no limit.
    keep : bool
        Whether results are kept on disk between sessions.
    together : bool
        Whether probes of heat run at the same time, not one after the other as charts imply.
    keep_placement : bool
        Whether planned probes stay where the charts put them, also where the simulated zone leaves lesion.
    """

    voxel_mm: float = VOXEL_MM
    with_spread: bool = True
    thermocouples: Mapping[str, Point] | None = None
    shortest: bool = False
    keep: bool = True
    together: bool = False
    keep_placement: bool = False


def thermocouples_of(plan: Plan) -> dict[str, Point]:
    """The points that a plan's simulation read."""
    return {} if plan.simulation is None else {t.name: t.point_ras_mm for t in plan.simulation.thermocouples}
