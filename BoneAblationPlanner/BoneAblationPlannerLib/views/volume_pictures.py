"""3D pictures: overview, margins, ease of access, entries, cement and screws."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from BoneAblationPlannerLib.case import PlanningResult
from BoneAblationPlannerLib.frames import unit_vector
from BoneAblationPlannerLib.plan import Probe
from BoneAblationPlannerLib.progress import ReportProgress, step
from BoneAblationPlannerLib.scene.colours import MARGIN_RANGE_MM, ROLE_COLOURS, margin_table
from BoneAblationPlannerLib.scene.convert import points_array
from BoneAblationPlannerLib.scene.plan_nodes import PlanNodes
from BoneAblationPlannerLib.scene.segmentation import masks_of
from BoneAblationPlannerLib.scene.skin_access import LEGEND
from BoneAblationPlannerLib.views import planes, stabilisation
from BoneAblationPlannerLib.views.annotate import Sheet, colour_bar
from BoneAblationPlannerLib.views.display import show, skin_access_models
from BoneAblationPlannerLib.views.finishing import SIZE, LegendItem, saved
from BoneAblationPlannerLib.views.offscreen import ThreeDView
from BoneAblationPlannerLib.views.picture import Picture
from BoneAblationPlannerLib.views.slice_shots import FIELD_OF_VIEW_MM

_ENTRY_TILT_DEG = 12.0
_OVERVIEW_TURN_DEG = 40.0


def take_3d(
    scene: Any, nodes: PlanNodes, result: PlanningResult, folder: Path, report: ReportProgress
) -> list[Picture]:
    """Draw every 3D picture of the report."""
    plan = result.plan
    centre = np.array(plan.lesion.centroid_ras_mm)
    mean = _mean_direction(plan.probes)
    pictures = []
    with ThreeDView(scene, SIZE) as view:
        step(report, 0.0, "picture: 3D")
        pictures.append(_overview_3d(view, nodes, result, folder, centre, mean))
        step(report, 0.3, "picture: margin map")
        pictures.append(_margin_picture(view, nodes, folder, centre, mean))
        pictures += _access_picture(view, nodes, result, folder, centre, mean)
        if plan.cement is not None or plan.screws:
            pictures.append(_stabilisation_3d(view, nodes, result, folder, centre, mean))
        for n, probe in enumerate(plan.probes, start=1):
            step(report, 0.4 + 0.6 * (n - 1) / len(plan.probes), f"picture: entry of {probe.name}")
            pictures.append(_entry_picture(view, nodes, result, folder, n, probe))
    return pictures


def _mean_direction(probes: Sequence[Probe]) -> NDArray[np.float64]:
    """Unit mean of the needles' directions; anterior where there is none (no needle, or two that oppose)."""
    total = np.zeros(3)
    for probe in probes:
        total += unit_vector(np.subtract(probe.tip_ras_mm, probe.entry_ras_mm))
    return unit_vector(total if np.linalg.norm(total) > 1e-3 else [0.0, 1.0, 0.0])


def _overview_3d(
    view: ThreeDView,
    nodes: PlanNodes,
    result: PlanningResult,
    folder: Path,
    centre: NDArray[np.float64],
    mean: NDArray[np.float64],
) -> Picture:
    d, up, right = _turned_view(mean, _OVERVIEW_TURN_DEG)
    height = max(FIELD_OF_VIEW_MM, 1.6 * max((p.depth_mm for p in result.plan.probes), default=0.0))
    show(nodes, skin=0.15, bone=0.45, structures=1.0, zones=0.45, shafts=1.0, margin_map=1.0)
    view.look(centre, d, up, height)
    sheet = Sheet(view.pixels(), dark=False)
    sheet.orientation(right, up)
    sheet.scale_bar(height / SIZE[1])
    _label_entries(sheet, view, result.plan.probes)
    legend = [
        LegendItem("Bone", ROLE_COLOURS["bone"], filled=True),
        LegendItem("Zone", ROLE_COLOURS["zone"], filled=True),
        LegendItem("Lesion: coloured by its margin", ROLE_COLOURS["lesion"], filled=True),
        *_structure_legend(result),
    ]
    caption = "3D from the side of the entries: bone and skin translucent, needles with true diameter."
    return saved(sheet, legend, folder, "overview-5-3d", "3D overview", caption, None, "3d")


def _margin_picture(
    view: ThreeDView, nodes: PlanNodes, folder: Path, centre: NDArray[np.float64], mean: NDArray[np.float64]
) -> Picture:
    """The lesion's surface from two opposite sides, so that no part of it stays hidden."""
    show(nodes, skin=0.0, bone=0.0, structures=0.0, zones=0.0, shafts=0.0, margin_map=1.0)
    reach = np.linalg.norm(points_array(nodes.margin_map.GetPolyData()) - centre, axis=1).max(initial=5.0)
    height = 2 * float(reach) * 1.25 * SIZE[1] / (SIZE[0] / 2)
    halves = []
    quarter = SIZE[0] // 4
    for sign, name in ((1.0, "from the entries"), (-1.0, "from the far side")):
        d, up, right = _turned_view(sign * mean, 0.0)
        view.look(centre, d, up, height)
        sheet = Sheet(view.pixels()[:, quarter : quarter + SIZE[0] // 2], dark=False)
        sheet.orientation(right, up)
        sheet.text((SIZE[0] / 4, 80), name)
        if sign > 0:
            sheet.scale_bar(height / SIZE[1])
        halves.append(np.asarray(sheet.image))
    strip = np.full((SIZE[1], 140, 3), 255, dtype=np.uint8)
    sheet = Sheet(np.concatenate([*halves, strip], axis=1), dark=False)
    colour_bar(sheet, margin_table(), MARGIN_RANGE_MM, "margin")
    caption = "Signed margin on the lesion's surface: below zero lesion is left, above zero the zone reaches beyond it."
    title = "Signed margin on the lesion's surface"
    return saved(sheet, [], folder, "overview-6-margin", title, caption, None, "margin-map")


def _access_picture(
    view: ThreeDView,
    nodes: PlanNodes,
    result: PlanningResult,
    folder: Path,
    centre: NDArray[np.float64],
    mean: NDArray[np.float64],
) -> list[Picture]:
    """From where on the skin the lesion is reached, seen from the side of the entries; none where nobody searched."""
    if not skin_access_models(nodes):
        return []
    d, up, right = _turned_view(mean, _ENTRY_TILT_DEG)
    height = max(FIELD_OF_VIEW_MM, 2.0 * max((p.depth_mm for p in result.plan.probes), default=0.0))
    show(nodes, skin=0.0, bone=0.45, structures=0.0, zones=0.0, shafts=1.0, margin_map=1.0, access=1.0)
    view.look(centre, d, up, height)
    sheet = Sheet(view.pixels(), dark=False)
    sheet.orientation(right, up)
    sheet.scale_bar(height / SIZE[1])
    _label_entries(sheet, view, result.plan.probes)
    legend = [LegendItem(name.capitalize(), colour, filled=True) for name, colour in LEGEND]
    caption = (
        "Skin from which entries were tried, by the best way in: short, near the axial plane, clear of structures and "
        "upright on the bone is easy. Grey: no way from there keeps every limit."
    )
    title = "Ease of access on the skin"
    return [saved(sheet, legend, folder, "overview-7-access", title, caption, None, "access")]


def _stabilisation_3d(
    view: ThreeDView,
    nodes: PlanNodes,
    result: PlanningResult,
    folder: Path,
    centre: NDArray[np.float64],
    mean: NDArray[np.float64],
) -> Picture:
    """Cement and screws in translucent bone, seen across the first screw."""
    shown = stabilisation.instruments(result.plan)
    turn = 0.0 if result.plan.screws else _OVERVIEW_TURN_DEG  # a needle seen along its axis shows nothing
    d, up, right = _turned_view(stabilisation.view_direction(result.plan, mean), turn)
    ends = np.array([p for s in result.plan.screws for p in (s.entry_ras_mm, s.tip_ras_mm)]).reshape(-1, 3)
    height = max(FIELD_OF_VIEW_MM * 0.7, 2.4 * float(np.linalg.norm(ends - centre, axis=1).max(initial=0.0)))
    show(nodes, skin=0.0, bone=0.3, structures=0.0, zones=0.0, shafts=0.0, margin_map=0.0, added=1.0)
    view.look(centre, d, up, height)
    sheet = Sheet(view.pixels(), dark=False)
    sheet.orientation(right, up)
    sheet.scale_bar(height / SIZE[1])
    for instrument in shown:
        x, y = view.to_screen(instrument.label_ras_mm)
        sheet.label((x, y - 32), instrument.name)
    drawn = {"bone": True, "cement": result.plan.cement is not None, "screw": bool(result.plan.screws)}
    legend = [LegendItem(name.capitalize(), ROLE_COLOURS[name], filled=True) for name, there in drawn.items() if there]
    caption = "Cement at the advised volume and screws with their true size; bone translucent."
    return saved(sheet, legend, folder, "stabilisation-3d", "Cement and screws", caption, None, "stabilisation")


def _entry_picture(
    view: ThreeDView, nodes: PlanNodes, result: PlanningResult, folder: Path, number: int, probe: Probe
) -> Picture:
    d, up, right = _turned_view(np.subtract(probe.tip_ras_mm, probe.entry_ras_mm), _ENTRY_TILT_DEG)
    show(nodes, skin=0.45, bone=0.6, structures=1.0, zones=0.6, shafts=1.0, margin_map=1.0)
    view.look(probe.entry_ras_mm, d, up, FIELD_OF_VIEW_MM)
    sheet = Sheet(view.pixels(), dark=False)
    sheet.orientation(right, up)
    sheet.scale_bar(FIELD_OF_VIEW_MM / SIZE[1])
    _label_entries(sheet, view, result.plan.probes, probe.name)
    legend = [
        LegendItem("Skin", ROLE_COLOURS["skin"], filled=True),
        LegendItem("Bone", ROLE_COLOURS["bone"], filled=True),
        LegendItem("Zone", ROLE_COLOURS["zone"], filled=True),
        *_structure_legend(result),
    ]
    r, a, s = probe.entry_ras_mm
    title = f"{probe.name}: entry, seen from outside along the needle"
    caption = (
        f"Skin entry of {probe.name} at R {r:.1f}, A {a:.1f}, S {s:.1f} mm, seen from outside along the needle "
        f"(turned {_ENTRY_TILT_DEG:.0f} degrees, so that the shaft shows)."
    )
    return saved(sheet, legend, folder, f"probe-{number:02d}-4-entry", title, caption, probe.name, "entry")


def _label_entries(sheet: Sheet, view: ThreeDView, probes: Sequence[Probe], strong: str | None = None) -> None:
    """Rings at the entries, larger at the one that the picture is about, then their names."""
    width, height = sheet.image.size
    places = [(probe.name, view.to_screen(probe.entry_ras_mm)) for probe in probes]
    seen = [(name, at) for name, at in places if 0 <= at[0] < width and 0 <= at[1] < height]
    for name, at in seen:
        sheet.ring(at, 14 if strong in (None, name) else 8, (0.0, 0.0, 0.0))
    for name, at in seen:
        sheet.label((at[0], at[1] - 40), name)


def _structure_legend(result: PlanningResult) -> list[LegendItem]:
    shown = [m for m in masks_of(result) if m.role == "structure" and m.kind != "skin"]
    by_kind = {m.kind or "other": m.colour for m in shown}
    return [LegendItem(kind, colour, filled=True) for kind, colour in by_kind.items()]


def _turned_view(
    direction: Any, turn_deg: float
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Viewing direction turned about the screen's up, and the screen's up and right."""
    plane = planes.down_the_barrel(np.zeros(3), direction)
    turn = np.radians(turn_deg)
    d = np.cos(turn) * unit_vector(direction) + np.sin(turn) * plane.right
    return d, plane.up, np.cross(d, plane.up)
