"""What the report says of heat or ice simulated in this patient's tissues."""

from BoneAblationPlannerLib.plan import Plan
from BoneAblationPlannerLib.report.blocks import Block, Heading, Paragraph, Table
from BoneAblationPlannerLib.report.words import UNKNOWN, ml, mm


def simulation(plan: Plan) -> list[Block]:
    """Heat or ice in this patient's tissues, where it was simulated."""
    simulated = plan.simulation
    if simulated is None:
        return []
    spread = ""
    if simulated.smallest_ml is not None and simulated.largest_ml is not None:
        spread = (
            f" Over the plausible range of perfusion and conductivity it is {ml(simulated.smallest_ml)} to "
            f"{ml(simulated.largest_ml)}."
        )
    broken = tuple(n for n, e in enumerate(simulated.effects) if e.ok is False)
    rows = tuple(
        (
            e.structure,
            e.kind,
            f"{e.coldest_celsius:.1f} to {e.hottest_celsius:.1f} °C",
            UNKNOWN if e.cem43_min is None else f"{e.cem43_min:.1f} min",
            mm(e.zone_mm),
            {True: "ok", False: "BEYOND", None: "no known limit"}[e.ok],
        )
        for e in simulated.effects
    )
    columns = ("Structure", "Kind", "Temperature", "Dose (CEM43)", "From zone", "Limit")
    return [
        Heading("Heat or ice simulated in this patient"),
        Paragraph(
            f"Simulated zone {ml(plan.zone.volume_ml)}, chart {ml(simulated.chart_ml)}: Dice "
            f"{simulated.chart_dice:.2f}, surfaces {mm(simulated.chart_mean_surface_mm)} apart on average, "
            f"{mm(simulated.chart_largest_surface_mm)} at most.{spread} Tissue properties come from tables, not from "
            "this patient; see the sources."
        ),
        Table(columns, rows, broken, (2, 1, 1.5, 1.2, 1, 1)) if rows else Paragraph("No structure was checked."),
    ]
