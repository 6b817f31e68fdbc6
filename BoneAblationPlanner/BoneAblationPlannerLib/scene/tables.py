"""The plan's figures as table nodes."""

from collections.abc import Iterable, Sequence
from typing import Any

import vtk

from BoneAblationPlannerLib.plan import Plan
from BoneAblationPlannerLib.scene.convert import unique_name

Cell = str | float | int | bool | None
TABLE_ATTRIBUTE = "BonePlan.Table"
TABLES = ("probes", "clearances", "coverage")
"""Tables of a plan's figures, which are filled anew with each result."""


def add_tables(scene: Any, plan: Plan, name: str) -> tuple[Any, ...]:
    """Table nodes: probes, clearances, coverage."""
    nodes = []
    for title, columns, rows in _contents(plan):
        node = add_table(scene, title, columns, rows)
        node.SetName(unique_name(scene, f"{name} {title}"))
        nodes.append(node)
    return tuple(nodes)


def add_table(scene: Any, title: str, columns: Sequence[str], rows: Sequence[Sequence[Cell]]) -> Any:
    """A locked table node of one title."""
    node = scene.AddNewNodeByClass("vtkMRMLTableNode", unique_name(scene, title))
    node.SetAttribute(TABLE_ATTRIBUTE, title)
    _fill(node, columns, rows)
    node.SetLocked(True)
    return node


def fill_tables(nodes: Iterable[Any], plan: Plan) -> None:
    """Write a plan's figures into the tables that show an earlier state of it."""
    contents = {title: (columns, rows) for title, columns, rows in _contents(plan)}
    for node in nodes:
        title = node.GetAttribute(TABLE_ATTRIBUTE)
        if title in contents:
            before = node.StartModify()
            node.RemoveAllColumns()
            _fill(node, *contents[title])
            node.EndModify(before)


def _contents(plan: Plan) -> list[tuple[str, Sequence[str], list[tuple[Cell, ...]]]]:
    clearances: list[tuple[Cell, ...]] = [
        (p.name, c.structure, c.kind, c.shaft_mm, c.required_shaft_mm, c.zone_mm, c.required_zone_mm, _word(c.ok))
        for p in plan.probes
        for c in p.clearances
    ]
    return [
        ("probes", _PROBE_COLUMNS, [_probe_row(p) for p in plan.probes]),
        ("clearances", _CLEARANCE_COLUMNS, clearances),
        ("coverage", ("figure", "value", "unit"), _coverage_rows(plan)),
    ]


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


def _fill(node: Any, columns: Sequence[str], rows: Sequence[Sequence[Cell]]) -> None:
    for n, title in enumerate(columns):
        node.AddColumn(_column(title, [row[n] for row in rows]))


def _column(title: str, values: Sequence[Cell]) -> Any:
    numeric = bool(values) and all(isinstance(v, int | float) for v in values)
    column = vtk.vtkDoubleArray() if numeric else vtk.vtkStringArray()
    column.SetName(title)
    for value in values:
        column.InsertNextValue(value if numeric else str(value))
    return column
