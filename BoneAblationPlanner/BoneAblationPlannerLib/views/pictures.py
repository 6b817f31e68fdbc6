"""The report's pictures, drawn by Slicer's own slice and 3D views."""

from pathlib import Path
from typing import Any

from BoneAblationPlannerLib.case import PlanningResult
from BoneAblationPlannerLib.plan import Plan
from BoneAblationPlannerLib.progress import ReportProgress, part, silent
from BoneAblationPlannerLib.scene.plan_nodes import PlanNodes
from BoneAblationPlannerLib.views import stabilisation
from BoneAblationPlannerLib.views.display import display_of_pictures
from BoneAblationPlannerLib.views.finishing import SIZE
from BoneAblationPlannerLib.views.picture import Picture
from BoneAblationPlannerLib.views.slice_pictures import take_slices
from BoneAblationPlannerLib.views.temperature import temperature_pictures
from BoneAblationPlannerLib.views.volume_pictures import take_3d


def take_pictures(
    scene: Any, nodes: PlanNodes, result: PlanningResult, folder: Path, report: ReportProgress = silent
) -> tuple[Picture, ...]:
    """Draw every picture of the report as PNG; needs OpenGL (`gl.gl_available`) and leaves the scene as it was."""
    with display_of_pictures(nodes):
        pictures = take_slices(scene, nodes, result, folder, part(report, 0.0, 0.6))
        pictures += take_3d(scene, nodes, result, folder, part(report, 0.6, 1.0))
        pictures += _rigidity_pictures(result.plan, folder)
        pictures += _density_pictures(result.plan, folder)
        return (*pictures, *temperature_pictures(result, folder, SIZE))


def _rigidity_pictures(plan: Plan, folder: Path) -> list[Picture]:
    rigidity = plan.stability.rigidity
    if rigidity is None or rigidity.curve is None or len(rigidity.curve.station_mm) < 2:
        return []
    path = folder / "stabilisation-rigidity.png"
    stabilisation.rigidity_picture(rigidity.curve, SIZE).save(path, compress_level=3)
    caption = "Smaller bending rigidity along the bone: as it is, after treatment, and the reference."
    return [Picture(path, "Bending rigidity", caption, None, "rigidity")]


def _density_pictures(plan: Plan, folder: Path) -> list[Picture]:
    if not any(len(s.hu_every_5_mm) > 1 for s in plan.screws):
        return []
    path = folder / "stabilisation-density.png"
    stabilisation.density_picture(plan.screws, SIZE).save(path, compress_level=3)
    caption = "Mean density on the axis and around the thread of each screw, from its head to its tip."
    return [Picture(path, "Density along the screws", caption, None, "density")]
