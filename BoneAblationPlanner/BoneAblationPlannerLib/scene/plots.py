"""Curves of a plan as plots: bending rigidity along the bone, and density along every screw."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from BoneAblationPlannerLib.plan import Plan
from BoneAblationPlannerLib.scene.colours import ROLE_COLOURS, Colour
from BoneAblationPlannerLib.scene.convert import unique_name
from BoneAblationPlannerLib.scene.tables import Cell, add_table

PLOT = "stabilisation-plot"
ALONG = "mm from the bone's upper end"
_REFERENCE: Colour = (0.6, 0.6, 0.6)


@dataclass(frozen=True)
class Curves:
    """Columns of numbers over a first one; one line each, with its colour."""

    title: str
    across: str
    up: str
    columns: tuple[str, ...]
    rows: list[tuple[Cell, ...]]
    colours: tuple[Colour, ...]


def add_plots(scene: Any, plan: Plan) -> Iterator[Any]:
    """Table, lines and chart of every curve that the plan has."""
    for curves in _curves(plan):
        table = add_table(scene, curves.title, (curves.across, *curves.columns), curves.rows)
        chart = scene.AddNewNodeByClass("vtkMRMLPlotChartNode", unique_name(scene, curves.title))
        chart.SetTitle(curves.title)
        chart.SetXAxisTitle(curves.across)
        chart.SetYAxisTitle(curves.up)
        lines = [
            _line(scene, table, curves.across, column, colour)
            for column, colour in zip(curves.columns, curves.colours, strict=True)
        ]
        for line in lines:
            chart.AddAndObservePlotSeriesNodeID(line.GetID())
        for node in (table, *lines, chart):
            node.SetAttribute("BonePlan.Role", PLOT)
            yield node


def _line(scene: Any, table: Any, across: str, column: str, colour: Colour) -> Any:
    line = scene.AddNewNodeByClass("vtkMRMLPlotSeriesNode", unique_name(scene, column))
    line.SetAndObserveTableNodeID(table.GetID())
    line.SetXColumnName(across)
    line.SetYColumnName(column)
    line.SetPlotType(line.PlotTypeScatter)
    line.SetMarkerStyle(line.MarkerStyleNone)
    line.SetColor(*colour)
    return line


def _curves(plan: Plan) -> Iterator[Curves]:
    rigidity = plan.stability.rigidity
    if rigidity is not None and rigidity.curve is not None:
        curve = rigidity.curve
        rows: Sequence[tuple[Cell, ...]] = list(
            zip(curve.station_mm, curve.reference_EI_min, curve.before_EI_min, curve.after_EI_min, strict=True)
        )
        yield Curves(
            "Rigidity along the bone",
            ALONG,
            "smaller bending rigidity EI, N mm2",
            ("reference", "before treatment", "after treatment"),
            list(rows),
            (_REFERENCE, ROLE_COLOURS["lesion"], ROLE_COLOURS["zone-visible"]),
        )
    for screw in plan.screws:
        if screw.hu_every_5_mm:
            values: list[tuple[Cell, ...]] = list(zip(screw.hu_at_mm, screw.hu_every_5_mm, strict=True))
            yield Curves(
                f"Density along {screw.name}",
                "mm from the head",
                "mean HU on and around it",
                (f"{screw.name} HU",),
                values,
                (ROLE_COLOURS["screw"],),
            )
