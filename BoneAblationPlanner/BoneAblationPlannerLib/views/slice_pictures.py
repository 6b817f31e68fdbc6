"""Slices with what is named on them: structures, outlines, needles."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from BoneAblationPlannerLib.case import PlanningResult
from BoneAblationPlannerLib.plan import Plan, Point, Probe
from BoneAblationPlannerLib.progress import ReportProgress, step
from BoneAblationPlannerLib.scene.colours import ROLE_COLOURS, Colour
from BoneAblationPlannerLib.scene.plan_nodes import PlanNodes
from BoneAblationPlannerLib.scene.segmentation import HIDDEN_ROLES, NamedMask, masks_of
from BoneAblationPlannerLib.views import stabilisation
from BoneAblationPlannerLib.views.annotate import SMALL_FONT_SIZE, Frame, Sheet
from BoneAblationPlannerLib.views.finishing import SIZE, LegendItem, saved
from BoneAblationPlannerLib.views.offscreen import SliceView
from BoneAblationPlannerLib.views.picture import Picture
from BoneAblationPlannerLib.views.sampling import sample_points, sampled
from BoneAblationPlannerLib.views.slice_shots import SliceShot, slice_shots

_MOST_NAMES = 10
_GREY = (0.6, 0.6, 0.6)
# Outlines carry a number too, for prints without colour; letters would be taken for orientation.
_MARKS = {"lesion": ("1", 35.0), "target": ("2", 125.0), "zone": ("3", 215.0), "zone-visible": ("4", 305.0)}


def take_slices(
    scene: Any, nodes: PlanNodes, result: PlanningResult, folder: Path, report: ReportProgress
) -> list[Picture]:
    """Draw every slice of the report."""
    masks = [m for m in masks_of(result) if m.role not in HIDDEN_ROLES and m.kind != "skin"]
    shots = slice_shots(result)
    pictures = []
    with SliceView(scene, SIZE) as view:
        view.show(nodes.ct)
        for n, shot in enumerate(shots):
            step(report, n / len(shots), f"picture: {shot.title}")
            view.place(shot.plane, shot.field_of_view_mm)
            sheet = Sheet(view.pixels())
            legend = _annotate_slice(sheet, shot, result, masks)
            pictures.append(saved(sheet, legend, folder, shot.name, shot.title, shot.caption, shot.probe, shot.kind))
    return pictures


def _annotate_slice(
    sheet: Sheet, shot: SliceShot, result: PlanningResult, masks: Sequence[NamedMask]
) -> list[LegendItem]:
    frame = Frame(shot.plane, shot.field_of_view_mm, SIZE)
    points = sample_points(frame)
    sheet.orientation(shot.plane.right, shot.plane.up)
    sheet.scale_bar(frame.mm_per_pixel)
    drawn = _needles(shot, result.plan)
    for entry, tip, _name, colour in drawn:
        sheet.needle(frame, entry, tip, colour, float(result.anatomy.ct.grid.half_diagonal_mm))
    legend = []
    named = 0
    for item in masks:
        hit = sampled(item.mask, result.anatomy.ct.grid, points)
        if not hit.any():
            continue
        mark, angle = _MARKS.get(item.role, ("", 0.0))
        if item.role == "structure":
            if named < _MOST_NAMES:
                named += 1
                at = points[hit][np.argmin(np.linalg.norm(points[hit] - points[hit].mean(axis=0), axis=1))]
                x, y = frame.to_pixel(at)[0]
                sheet.label((float(x), float(y)), item.name, SMALL_FONT_SIZE)
        elif shot.kind != "context":
            x, y = _outer_pixel(frame.to_pixel(points[hit]), angle)
            sheet.label((x, y), mark, colour=item.colour)
        line = LegendItem(_legend_text(item, result), item.colour, mark)
        if line not in legend:
            legend.append(line)
    for entry, tip, name, colour in drawn:
        sheet.needle_name(frame, entry, tip, name, colour)
    return legend


def _needles(shot: SliceShot, plan: Plan) -> list[tuple[Point, Point, str, Colour]]:
    """Entry, tip, name and colour of what a slice shows: all probes, or cement needles and screws."""
    if shot.kind == "stabilisation":
        return [(i.entry_ras_mm, i.tip_ras_mm, i.name, i.colour) for i in stabilisation.instruments(plan)]
    return [
        (p.entry_ras_mm, p.tip_ras_mm, p.name, ROLE_COLOURS["probe"] if shot.probe in (None, p.name) else _GREY)
        for p in _drawn_last(plan.probes, shot.probe)
    ]


def _legend_text(item: NamedMask, result: PlanningResult) -> str:
    if item.role == "target":
        return f"Lesion + {result.plan.coverage.margin_mm:g} mm"
    if item.role == "zone":
        return "Zone"
    if item.role == "estimate":
        return f"expected {item.kind}"
    return item.kind or item.name  # one entry per kind; names stand in the picture


def _outer_pixel(pixels: NDArray[np.float64], angle_deg: float) -> tuple[float, float]:
    """A little outside the pixel that lies farthest in a direction."""
    direction = np.array([np.cos(np.radians(angle_deg)), -np.sin(np.radians(angle_deg))])
    x, y = pixels[np.argmax(pixels @ direction)] + 12 * direction
    return float(x), float(y)


def _drawn_last(probes: Sequence[Probe], name: str | None) -> list[Probe]:
    return sorted(probes, key=lambda p: p.name == name)
