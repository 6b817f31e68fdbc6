"""The plan's figures as table nodes."""

from collections.abc import Sequence
from typing import Any

import vtk

from BoneAblationPlannerLib.plan import Plan
from BoneAblationPlannerLib.scene.convert import unique_name

Cell = str | float | int | bool | None


def add_tables(scene: Any, plan: Plan, name: str) -> tuple[Any, Any, Any]:
    """Table nodes: probes, clearances, coverage."""
    probes = _add(scene, f"{name} probes", _PROBE_COLUMNS, [_probe_row(p) for p in plan.probes])
    clearances = _add(
        scene,
        f"{name} clearances",
        _CLEARANCE_COLUMNS,
        [
            (p.name, c.structure, c.kind, c.shaft_mm, c.required_shaft_mm, c.zone_mm, c.required_zone_mm, _word(c.ok))
            for p in plan.probes
            for c in p.clearances
        ],
    )
    coverage = _add(scene, f"{name} coverage", ("figure", "value", "unit"), _coverage_rows(plan))
    return probes, clearances, coverage


_PROBE_COLUMNS = (
    "probe",
    "device",
    "program",
    "entry R mm",
    "entry A mm",
    "entry S mm",
    "tip R mm",
    "tip A mm",
    "tip S mm",
    "slice",
    "axial angle deg",
    "craniocaudal angle deg",
    "depth mm",
    "shaft length mm",
)
_CLEARANCE_COLUMNS = (
    "probe",
    "structure",
    "kind",
    "shaft mm",
    "required shaft mm",
    "zone mm",
    "required zone mm",
    "result",
)


def _probe_row(p: Any) -> tuple[Cell, ...]:
    angles = (p.axial_angle_deg, p.craniocaudal_angle_deg)
    slice_number = "" if p.slice_number is None else str(p.slice_number)
    head = (p.name, p.device, p.program, *p.entry_ras_mm, *p.tip_ras_mm, slice_number)
    return (*head, *angles, p.depth_mm, p.shaft_length_mm)


def _coverage_rows(plan: Plan) -> list[tuple[Cell, ...]]:
    c, r = plan.coverage, plan.coverage.robust
    return [
        ("lesion covered", 100 * c.lesion_fraction, "%"),
        ("margin asked for", c.margin_mm, "mm"),
        ("lesion + margin covered", 100 * c.lesion_plus_margin_fraction, "%"),
        ("minimum margin", c.minimum_margin_mm, "mm"),
        ("minimum margin, worst placement", r.worst_minimum_margin_mm, "mm"),
        ("minimum margin, 5th percentile", r.p05_minimum_margin_mm, "mm"),
        ("lesion covered, 5th percentile", 100 * r.p05_lesion_fraction, "%"),
        ("lesion not covered", c.uncovered_ml, "ml"),
        ("zone outside the target", c.zone_outside_target_ml, "ml"),
    ]


def _word(ok: bool) -> str:
    return "ok" if ok else "FAIL"


def _add(scene: Any, name: str, columns: Sequence[str], rows: Sequence[Sequence[Cell]]) -> Any:
    node = scene.AddNewNodeByClass("vtkMRMLTableNode", unique_name(scene, name))
    for n, title in enumerate(columns):
        node.AddColumn(_column(title, [row[n] for row in rows]))
    node.SetLocked(True)
    return node


def _column(title: str, values: Sequence[Cell]) -> Any:
    numeric = bool(values) and all(isinstance(v, int | float) for v in values)
    column = vtk.vtkDoubleArray() if numeric else vtk.vtkStringArray()
    column.SetName(title)
    for value in values:
        column.InsertNextValue(value if numeric else str(value))
    return column
