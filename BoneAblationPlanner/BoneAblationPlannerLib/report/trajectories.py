"""Every planned path as a table for a spreadsheet and as lines for navigation, in the order the instruments go in."""

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass

from BoneAblationPlannerLib.access.angles import axial_angle_deg, craniocaudal_angle_deg
from BoneAblationPlannerLib.access.execution import Execution, execution
from BoneAblationPlannerLib.plan import Plan, Point
from BoneAblationPlannerLib.report.words import zeroed

_SCHEMA = (
    "https://raw.githubusercontent.com/slicer/slicer/master/Modules/Loadable/Markups/Resources/Schema/"
    "markups-schema-v1.0.3.json#"
)
_COLUMNS = (
    "order", "instrument", "kind", "device", "entry_R_mm", "entry_A_mm", "entry_S_mm", "tip_R_mm", "tip_A_mm",
    "tip_S_mm", "length_mm", "axial_angle_deg", "craniocaudal_angle_deg", "gantry_tilt_deg", "c_arm_along_lao_deg",
    "c_arm_along_cranial_deg", "c_arm_across_lao_deg", "c_arm_across_cranial_deg", "beyond_usual_reach",
)  # fmt: skip


@dataclass(frozen=True)
class Trajectory:
    """One straight path, entry and tip in RAS mm."""

    name: str
    kind: str
    device: str
    entry_ras_mm: Point
    tip_ras_mm: Point


def trajectories(plan: Plan) -> tuple[Trajectory, ...]:
    """Ablation probes, then cement needles, then screws."""
    return tuple(_trajectories(plan))


def trajectories_csv(plan: Plan) -> str:
    """One row per path; units and frame are in the names of the columns, angles are for the plan's position."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for number, t in enumerate(trajectories(plan), start=1):
        dialled = execution(t.entry_ras_mm, t.tip_ras_mm, plan.position)
        length = sum((a - b) ** 2 for a, b in zip(t.entry_ras_mm, t.tip_ras_mm, strict=True)) ** 0.5
        tilt = "" if dialled.gantry_tilt_deg is None else _degrees(dialled.gantry_tilt_deg)
        angles = (
            axial_angle_deg(t.entry_ras_mm, t.tip_ras_mm, plan.position),
            craniocaudal_angle_deg(t.entry_ras_mm, t.tip_ras_mm),
        )
        arms = (dialled.along.lao_deg, dialled.along.cranial_deg, dialled.across.lao_deg, dialled.across.cranial_deg)
        points = [f"{c:.2f}" for c in (*t.entry_ras_mm, *t.tip_ras_mm)]
        row = [str(number), *(_cell(text) for text in (t.name, t.kind, t.device)), *points, f"{length:.2f}"]
        writer.writerow([*row, *(_degrees(a) for a in angles), tilt, *(_degrees(a) for a in arms), _unusual(dialled)])
    return stream.getvalue()


def trajectories_markups(plan: Plan) -> str:
    """Slicer's markups file: a line from entry to tip for every path."""
    lines = [
        {
            "type": "Line",
            "coordinateSystem": "RAS",
            "coordinateUnits": "mm",
            "name": t.name,
            "controlPoints": [
                {"id": str(n), "label": f"{t.name} {end}", "position": list(point), "positionStatus": "defined"}
                for n, (end, point) in enumerate((("entry", t.entry_ras_mm), ("tip", t.tip_ras_mm)), start=1)
            ],
        }
        for t in trajectories(plan)
    ]
    return json.dumps({"@schema": _SCHEMA, "markups": lines}, indent=1, allow_nan=False) + "\n"


def _trajectories(plan: Plan) -> Iterator[Trajectory]:
    for p in plan.probes:
        yield Trajectory(p.name, "ablation probe", f"{p.device}, {p.program}", p.entry_ras_mm, p.tip_ras_mm)
    for n in plan.cement.needles if plan.cement else ():
        yield Trajectory(n.name, "cement needle", f"{n.gauge} G", n.entry_ras_mm, n.tip_ras_mm)
    for s in plan.screws:
        size = f"{s.diameter_mm:g} x {s.length_mm:g} mm"
        yield Trajectory(s.name, "screw", f"{s.corridor}, {size}", s.entry_ras_mm, s.tip_ras_mm)


def _unusual(dialled: Execution) -> str:
    """What gantries and C-arms do not usually reach."""
    usual = (
        ("gantry tilt", dialled.tilt_is_usual),
        ("C-arm along", dialled.along.is_usual),
        ("C-arm across", dialled.across.is_usual),
    )
    return "; ".join(name for name, reached in usual if not reached)


def _degrees(angle: float) -> str:
    return f"{zeroed(angle, 1):.1f}"


def _cell(text: str) -> str:
    """Spreadsheets run what begins like a formula; names come from files."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text
