"""The report's pictures, drawn by Slicer's own slice and 3D views."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from BoneAblationPlannerLib.case import PlanningResult
from BoneAblationPlannerLib.frames import Grid, unit_vector
from BoneAblationPlannerLib.plan import Plan, Probe
from BoneAblationPlannerLib.progress import ReportProgress, part, silent, step
from BoneAblationPlannerLib.scene.build import PlanNodes
from BoneAblationPlannerLib.scene.colours import MARGIN_RANGE_MM, ROLE_COLOURS, margin_table
from BoneAblationPlannerLib.scene.convert import points_array
from BoneAblationPlannerLib.scene.segmentation import NamedMask, masks_of
from BoneAblationPlannerLib.scene.stabilisation import CORRIDOR, THREAD
from BoneAblationPlannerLib.views import planes, stabilisation
from BoneAblationPlannerLib.views.annotate import SMALL_FONT_SIZE, Frame, LegendItem, Sheet, colour_bar, finished
from BoneAblationPlannerLib.views.offscreen import SliceView, ThreeDView
from BoneAblationPlannerLib.views.picture import Picture, PictureKind
from BoneAblationPlannerLib.views.planes import Plane
from BoneAblationPlannerLib.views.temperature import temperature_pictures

SIZE = (900, 800)
_FIELD_OF_VIEW_MM = 200.0
_ACROSS_MM = 100.0
_ENTRY_TILT_DEG = 12.0
_OVERVIEW_TURN_DEG = 40.0
_SAMPLES = 240
_MOST_NAMES = 10
# Outlines carry a number too, for prints without colour; letters would be taken for orientation.
_MARKS = {"lesion": ("1", 35.0), "target": ("2", 125.0), "zone": ("3", 215.0), "zone-visible": ("4", 305.0)}


def take_pictures(
    scene: Any, nodes: PlanNodes, result: PlanningResult, folder: Path, report: ReportProgress = silent
) -> tuple[Picture, ...]:
    """Draw every picture of the report as PNG; needs OpenGL (`gl.gl_available`) and leaves the scene as it was."""
    with _display_of_pictures(nodes):
        pictures = _take_slices(scene, nodes, result, folder, part(report, 0.0, 0.6))
        pictures += _take_3d(scene, nodes, result, folder, part(report, 0.6, 1.0))
        pictures += _rigidity_pictures(result.plan, folder)
        pictures += _density_pictures(result.plan, folder)
        return (*pictures, *temperature_pictures(result, folder, SIZE))


@dataclass(frozen=True, eq=False)
class _SliceShot:
    name: str
    kind: PictureKind
    title: str
    caption: str
    plane: Plane
    field_of_view_mm: float
    probe: str | None = None


def _take_slices(
    scene: Any, nodes: PlanNodes, result: PlanningResult, folder: Path, report: ReportProgress
) -> list[Picture]:
    masks = [m for m in masks_of(result) if m.role not in ("skin", "bone", "single-bone") and m.kind != "skin"]
    shots = [*_overview_shots(result), *(s for n, p in enumerate(result.plan.probes, 1) for s in _probe_shots(n, p))]
    shots += [_instrument_shot(n, i) for n, i in enumerate(stabilisation.instruments(result.plan), start=1)]
    shots += _across_screws_shot(result.plan)
    pictures = []
    with SliceView(scene, SIZE) as view:
        view.show(nodes.ct)
        for n, shot in enumerate(shots):
            step(report, n / len(shots), f"picture: {shot.title}")
            view.place(shot.plane, shot.field_of_view_mm)
            sheet = Sheet(view.pixels())
            legend = _annotate_slice(sheet, shot, result, masks)
            pictures.append(_save(sheet, legend, folder, shot.name, shot.title, shot.caption, shot.probe, shot.kind))
    return pictures


def _overview_shots(result: PlanningResult) -> list[_SliceShot]:
    centre = np.array(result.plan.lesion.centroid_ras_mm)
    r, a, s = centre
    whole = _body_plane(result, centre)
    convention = "Patient's right is on the left of the picture."
    return [
        _SliceShot(
            "overview-1-context",
            "context",
            f"Axial, whole section, S {s:.1f} mm",
            f"Axial section through the lesion's centre. {convention}",
            whole,
            _width_mm(result, whole),
        ),
        _SliceShot(
            "overview-2-axial",
            "axial",
            f"Axial through the lesion, S {s:.1f} mm",
            f"Axial, centred on the lesion. {convention}",
            planes.axial(centre),
            _FIELD_OF_VIEW_MM,
        ),
        _SliceShot(
            "overview-3-coronal",
            "coronal",
            f"Coronal through the lesion, A {a:.1f} mm",
            f"Coronal, centred on the lesion. {convention}",
            planes.coronal(centre),
            _FIELD_OF_VIEW_MM,
        ),
        _SliceShot(
            "overview-4-sagittal",
            "sagittal",
            f"Sagittal through the lesion, R {r:.1f} mm",
            "Sagittal, centred on the lesion. Anterior is on the left of the picture.",
            planes.sagittal(centre),
            _FIELD_OF_VIEW_MM,
        ),
    ]


def _probe_shots(number: int, probe: Probe) -> list[_SliceShot]:
    entry, tip = np.array(probe.entry_ras_mm), np.array(probe.tip_ras_mm)
    d = unit_vector(tip - entry)
    middle = (entry + tip) / 2
    field = max(_FIELD_OF_VIEW_MM, 1.4 * probe.depth_mm)
    centre = tip + float((np.array(probe.zone_centre_ras_mm) - tip) @ d) * d
    barrel = planes.down_the_barrel(centre, d)
    prefix = f"probe-{number:02d}"
    ticks = "Solid in this plane, else dashed; ring: skin entry; ticks every 10 mm from the tip."
    return [
        _SliceShot(
            f"{prefix}-1-along",
            "along",
            f"{probe.name}: slice along the needle, nearest to axial",
            f"Holds {probe.name}, nearest to axial. {ticks}",
            planes.along_needle(middle, d),
            field,
            probe.name,
        ),
        _SliceShot(
            f"{prefix}-2-across",
            "across",
            f"{probe.name}: slice along the needle, upright to the first",
            f"Holds {probe.name}, perpendicular to the picture before. {ticks}",
            planes.across_needle(middle, d),
            field,
            probe.name,
        ),
        _SliceShot(
            f"{prefix}-3-barrel",
            "barrel",
            f"{probe.name}: down the barrel, at the zone's centre",
            f"Perpendicular to {probe.name} at the centre of its zone, seen from the hub: "
            f"{planes.letter(-barrel.right)} is on the left of the picture.",
            barrel,
            _FIELD_OF_VIEW_MM / 2,
            probe.name,
        ),
    ]


def _instrument_shot(number: int, instrument: stabilisation.Instrument) -> _SliceShot:
    return _SliceShot(
        f"stabilisation-{number:02d}",
        "stabilisation",
        f"{instrument.name}: slice along it, nearest to axial",
        f"Holds {instrument.name}. Solid in this plane, else dashed; ring: entry; ticks every 10 mm from the tip.",
        instrument.plane,
        max(_FIELD_OF_VIEW_MM, 1.3 * instrument.length_mm),
    )


def _across_screws_shot(plan: Plan) -> list[_SliceShot]:
    plane = stabilisation.across_screws(plan)
    if plane is None:
        return []
    first = plan.screws[0].name
    caption = f"Perpendicular to {first}, seen from its head: where screws lie to each other and to the cortex."
    return [_SliceShot("stabilisation-across", "stabilisation", f"Across {first}", caption, plane, _ACROSS_MM)]


def _annotate_slice(
    sheet: Sheet, shot: _SliceShot, result: PlanningResult, masks: Sequence[NamedMask]
) -> list[LegendItem]:
    frame = Frame(shot.plane, shot.field_of_view_mm, SIZE)
    points = _sample_points(frame)
    legend = []
    named = 0
    for item in masks:
        hit = _sampled(item.mask, result.anatomy.ct.grid, points)
        if not hit.any():
            continue
        mark, angle = _MARKS.get(item.role, ("", 0.0))
        if item.role == "structure":
            if named < _MOST_NAMES:
                named += 1
                at = points[hit][np.argmin(np.linalg.norm(points[hit] - points[hit].mean(axis=0), axis=1))]
                x, y = frame.to_pixel(at)[0]
                sheet.text((float(x), float(y)), item.name, SMALL_FONT_SIZE)
        elif shot.kind != "context":
            x, y = _outer_pixel(frame.to_pixel(points[hit]), angle)
            sheet.text((x, y), mark, colour=item.colour)
        entry = LegendItem(_legend_text(item, result), item.colour, mark)
        if entry not in legend:
            legend.append(entry)
    near_mm = float(result.anatomy.ct.grid.half_diagonal_mm)
    if shot.kind == "stabilisation":
        for i in stabilisation.instruments(result.plan):
            sheet.needle(frame, i.entry_ras_mm, i.tip_ras_mm, i.name, i.colour, near_mm)
    for probe in _drawn_last(result.plan.probes if shot.kind != "stabilisation" else (), shot.probe):
        colour = ROLE_COLOURS["probe"] if shot.probe in (None, probe.name) else (0.6, 0.6, 0.6)
        sheet.needle(frame, probe.entry_ras_mm, probe.tip_ras_mm, probe.name, colour, near_mm)
    sheet.orientation(shot.plane.right, shot.plane.up)
    sheet.scale_bar(frame.mm_per_pixel)
    return legend


def _legend_text(item: NamedMask, result: PlanningResult) -> str:
    if item.role == "target":
        return f"Lesion + {result.plan.coverage.margin_mm:g} mm"
    if item.role == "zone":
        return "Zone"
    if item.role == "estimate":
        return f"expected {item.kind}"
    return item.kind or item.name  # one entry per kind; names stand in the picture


def _drawn_last(probes: Sequence[Probe], name: str | None) -> list[Probe]:
    return sorted(probes, key=lambda p: p.name == name)


def _outer_pixel(pixels: NDArray[np.float64], angle_deg: float) -> tuple[float, float]:
    """A little outside the pixel that lies farthest in a direction."""
    direction = np.array([np.cos(np.radians(angle_deg)), -np.sin(np.radians(angle_deg))])
    x, y = pixels[np.argmax(pixels @ direction)] + 12 * direction
    return float(x), float(y)


def _sample_points(frame: Frame) -> NDArray[np.float64]:
    """RAS points (N, 3) spread over the picture."""
    width, height = frame.size
    across = np.linspace(-0.5, 0.5, _SAMPLES) * frame.field_of_view_mm
    upwards = np.linspace(-0.5, 0.5, _SAMPLES) * frame.field_of_view_mm * height / width
    x, y = np.meshgrid(across, upwards)
    offsets = np.outer(x.ravel(), frame.plane.right) + np.outer(y.ravel(), frame.plane.up)
    return frame.plane.centre + offsets


def _sampled(mask: NDArray[np.bool_], grid: Grid, points: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether the mask holds each point."""
    ijk = np.rint(grid.ijk_from_ras(points)).astype(int)
    inside = ((ijk >= 0) & (ijk < np.array(grid.shape[::-1]))).all(axis=1)
    hit = np.zeros(len(points), dtype=bool)
    i, j, k = ijk[inside].T
    hit[inside] = mask[k, j, i]
    return hit


def _body_plane(result: PlanningResult, centre: NDArray[np.float64]) -> Plane:
    """Axial through a point, centred on the body's section there."""
    section = _body_section(result, planes.axial(centre))
    if len(section) == 0:
        return planes.axial(centre)
    middle = (section.min(axis=0) + section.max(axis=0)) / 2
    return planes.axial([middle[0], middle[1], centre[2]])


def _width_mm(result: PlanningResult, plane: Plane) -> float:
    """Field of view that shows the whole section of the body."""
    section = _body_section(result, plane)
    if len(section) == 0:
        return 2 * _FIELD_OF_VIEW_MM
    right, up = (section.max(axis=0) - section.min(axis=0))[:2]
    return max(1.1 * float(right), 1.1 * float(up) * SIZE[0] / SIZE[1], _FIELD_OF_VIEW_MM)


def _body_section(result: PlanningResult, plane: Plane) -> NDArray[np.float64]:
    frame = Frame(plane, 1000.0, SIZE)
    points = _sample_points(frame)
    return points[_sampled(result.anatomy.body, result.anatomy.ct.grid, points)]


def _take_3d(
    scene: Any, nodes: PlanNodes, result: PlanningResult, folder: Path, report: ReportProgress
) -> list[Picture]:
    plan = result.plan
    centre = np.array(plan.lesion.centroid_ras_mm)
    mean = _mean_direction(plan.probes)
    pictures = []
    with ThreeDView(scene, SIZE) as view:
        step(report, 0.0, "picture: 3D")
        pictures.append(_overview_3d(view, nodes, result, folder, centre, mean))
        step(report, 0.3, "picture: margin map")
        pictures.append(_margin_picture(view, nodes, folder, centre, mean))
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
    height = max(_FIELD_OF_VIEW_MM, 1.6 * max((p.depth_mm for p in result.plan.probes), default=0.0))
    _show(nodes, skin=0.15, bone=0.45, structures=1.0, zones=0.45, shafts=1.0, margin_map=1.0)
    view.look(centre, d, up, height)
    sheet = Sheet(view.pixels(), dark=False)
    for probe in result.plan.probes:
        _label_entry(sheet, view, probe)
    sheet.orientation(right, up)
    sheet.scale_bar(height / SIZE[1])
    legend = [
        LegendItem("Bone", ROLE_COLOURS["bone"], filled=True),
        LegendItem("Zone", ROLE_COLOURS["zone"], filled=True),
        LegendItem("Lesion: coloured by its margin", ROLE_COLOURS["lesion"], filled=True),
        *_structure_legend(result),
    ]
    caption = "3D from the side of the entries: bone and skin translucent, needles with true diameter."
    return _save(sheet, legend, folder, "overview-5-3d", "3D overview", caption, None, "3d")


def _margin_picture(
    view: ThreeDView, nodes: PlanNodes, folder: Path, centre: NDArray[np.float64], mean: NDArray[np.float64]
) -> Picture:
    """The lesion's surface from two opposite sides, so that no part of it stays hidden."""
    _show(nodes, skin=0.0, bone=0.0, structures=0.0, zones=0.0, shafts=0.0, margin_map=1.0)
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
    return _save(sheet, [], folder, "overview-6-margin", title, caption, None, "margin-map")


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
    height = max(_FIELD_OF_VIEW_MM * 0.7, 2.4 * float(np.linalg.norm(ends - centre, axis=1).max(initial=0.0)))
    _show(nodes, skin=0.0, bone=0.3, structures=0.0, zones=0.0, shafts=0.0, margin_map=0.0, added=1.0)
    view.look(centre, d, up, height)
    sheet = Sheet(view.pixels(), dark=False)
    places = [view.to_screen(instrument.label_ras_mm) for instrument in shown]
    for instrument, at in zip(shown, stabilisation.apart([(at[0], at[1] - 32) for at in places]), strict=True):
        sheet.text(at, instrument.name)
    sheet.orientation(right, up)
    sheet.scale_bar(height / SIZE[1])
    drawn = {"bone": True, "cement": result.plan.cement is not None, "screw": bool(result.plan.screws)}
    legend = [LegendItem(name.capitalize(), ROLE_COLOURS[name], filled=True) for name, there in drawn.items() if there]
    caption = "Cement at the advised volume and screws with their true size; bone translucent."
    return _save(sheet, legend, folder, "stabilisation-3d", "Cement and screws", caption, None, "stabilisation")


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


def _entry_picture(
    view: ThreeDView, nodes: PlanNodes, result: PlanningResult, folder: Path, number: int, probe: Probe
) -> Picture:
    d, up, right = _turned_view(np.subtract(probe.tip_ras_mm, probe.entry_ras_mm), _ENTRY_TILT_DEG)
    _show(nodes, skin=0.45, bone=0.6, structures=1.0, zones=0.6, shafts=1.0, margin_map=1.0)
    view.look(probe.entry_ras_mm, d, up, _FIELD_OF_VIEW_MM)
    sheet = Sheet(view.pixels(), dark=False)
    for other in _drawn_last(result.plan.probes, probe.name):
        _label_entry(sheet, view, other, other.name == probe.name)
    sheet.orientation(right, up)
    sheet.scale_bar(_FIELD_OF_VIEW_MM / SIZE[1])
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
    return _save(sheet, legend, folder, f"probe-{number:02d}-4-entry", title, caption, probe.name, "entry")


def _label_entry(sheet: Sheet, view: ThreeDView, probe: Probe, strong: bool = True) -> None:
    at = view.to_screen(probe.entry_ras_mm)
    width, height = sheet.image.size
    if not (0 <= at[0] < width and 0 <= at[1] < height):
        return
    sheet.ring(at, 14 if strong else 8, (0.0, 0.0, 0.0))
    sheet.text((at[0], at[1] - 32), probe.name)


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


def _show(
    nodes: PlanNodes,
    *,
    skin: float,
    bone: float,
    structures: float,
    zones: float,
    shafts: float,
    margin_map: float,
    added: float = 0.0,
) -> None:
    """Set opacities of the plan's models; 0 hides. `added` is cement and screws."""
    by_role = {"bone-surface": bone, "skin-surface": skin, "structure-surface": structures}
    for node in nodes.surfaces:
        _set_opacity(node, by_role[node.GetAttribute("BonePlan.Role")])
    for node in nodes.zones:
        _set_opacity(node, zones)
    for node in nodes.visible_zones:
        _set_opacity(node, zones / 3)
    for node in nodes.shafts:
        _set_opacity(node, shafts)
    _set_opacity(nodes.margin_map, margin_map)
    for node in _added_models(nodes):
        _set_opacity(node, 0.0 if node.GetAttribute("BonePlan.Role") == CORRIDOR else added)


def _added_models(nodes: PlanNodes) -> tuple[Any, ...]:
    """Models of cement, screws and corridors."""
    return tuple(node for node in nodes.stabilisation if node.IsA("vtkMRMLModelNode"))


def _set_opacity(node: Any, opacity: float) -> None:
    node.GetDisplayNode().SetOpacity(opacity)
    node.GetDisplayNode().SetVisibility(opacity > 0)


@contextmanager
def _display_of_pictures(nodes: PlanNodes) -> Iterator[None]:
    """Let the pictures change how models look, and put that back."""
    models = [*nodes.surfaces, *nodes.zones, *nodes.visible_zones, *nodes.shafts, nodes.margin_map]
    models += _added_models(nodes)
    cut = {n.GetDisplayNode() for n in _added_models(nodes) if n.GetAttribute("BonePlan.Role") == THREAD}
    displays = [n.GetDisplayNode() for n in models]
    before = [(d.GetOpacity(), d.GetVisibility(), d.GetVisibility2D(), d.GetBackfaceCulling()) for d in displays]
    thickness = nodes.segmentation.GetDisplayNode().GetSliceIntersectionThickness()
    try:
        for display in displays:
            display.SetVisibility2D(display in cut)
            display.SetBackfaceCulling(True)  # translucent far walls only blur the picture
        nodes.segmentation.GetDisplayNode().SetSliceIntersectionThickness(3)
        yield
    finally:
        nodes.segmentation.GetDisplayNode().SetSliceIntersectionThickness(thickness)
        for display, (opacity, visible, visible_2d, culling) in zip(displays, before, strict=True):
            display.SetOpacity(opacity)
            display.SetVisibility(visible)
            display.SetVisibility2D(visible_2d)
            display.SetBackfaceCulling(culling)


def _save(
    sheet: Sheet,
    legend: Sequence[LegendItem],
    folder: Path,
    name: str,
    title: str,
    caption: str,
    probe: str | None,
    kind: PictureKind,
) -> Picture:
    path = folder / f"{name}.png"
    finished(sheet, title, legend).save(path, compress_level=3)
    return Picture(path, title, caption, probe, kind)
