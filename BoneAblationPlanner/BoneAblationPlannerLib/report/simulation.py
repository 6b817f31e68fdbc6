"""What the report says of heat or ice simulated in this patient's tissues."""

import csv
import io
from collections.abc import Sequence

from BoneAblationPlannerLib.plan import PlacementRound, Plan, ProgramSearch, SimulatedPlacement, Simulation
from BoneAblationPlannerLib.report.blocks import Block, Figures, Heading, Paragraph, Table
from BoneAblationPlannerLib.report.words import UNKNOWN, ml, mm, point_word
from BoneAblationPlannerLib.rounding import dose_word, percent_down
from BoneAblationPlannerLib.views.picture import Picture


def simulation(plan: Plan, pictures: Sequence[Picture] = ()) -> list[Block]:
    """Heat or ice in this patient's tissues, where it was simulated."""
    simulated = plan.simulation
    if simulated is None:
        return []
    own = tuple(p for p in pictures if p.kind == "temperature")
    return [
        Heading("Heat or ice simulated in this patient"),
        Paragraph(_in_words(plan, simulated)),
        *([] if simulated.placement is None else _placement(simulated.placement)),
        *([Figures(own)] if own else []),
        _effects(simulated),
        *_thermocouples(simulated),
        *_inserted(simulated),
        *([] if simulated.search is None else _search(simulated.search)),
    ]


def thermocouples_csv(simulated: Simulation) -> str:
    """Every thermocouple's temperature (and thermal dose of heat) over time, one column each."""
    wires = simulated.thermocouples
    dosed = [w for w in wires if w.cem43_min]
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\r\n")
    writer.writerow(["time_s", *(f"{_cell(w.name)} celsius" for w in wires),
                     *(f"{_cell(w.name)} cem43_min" for w in dosed)])  # fmt: skip
    curves = [w.celsius for w in wires] + [w.cem43_min for w in dosed]
    for n, time_s in enumerate(wires[0].times_s):
        writer.writerow([f"{time_s:g}", *(f"{curve[n]:g}" for curve in curves)])
    return stream.getvalue()


def _cell(name: str) -> str:
    """A name that no spreadsheet takes for a formula."""
    return f"'{name}" if name[:1] in "=+-@\t\r" else name


def _in_words(plan: Plan, simulated: Simulation) -> str:
    spread = ""
    if simulated.smallest_ml is not None and simulated.largest_ml is not None:
        spread = (
            " Over the plausible range of perfusion, conductivity and the device's strength it is "
            f"{ml(simulated.smallest_ml)} to {ml(simulated.largest_ml)}."
        )
    ends = (
        " Distances of structures are to the largest plausible zone, coverage and margins those of the nominal one."
        if simulated.distances_to == "largest"
        else " Distances of structures are to the nominal zone: the largest plausible one was not simulated."
    )
    turns = " The probes heat one after the other." if simulated.in_turn else ""
    size = ""
    if simulated.size is not None:
        size = (
            f" It is {simulated.size.across:.0%} of the chart's across the needle and {simulated.size.along:.0%} along "
            f"it; zones of that size, at most as large as the chart's, cover "
            f"{percent_down(simulated.size.p05_lesion_fraction)} of the lesion under placement error (5th percentile)."
        )
    return (
        f"Simulated zone {ml(plan.zone.volume_ml)}, chart {ml(simulated.chart_ml)}: Dice "
        f"{simulated.chart_dice:.2f}, surfaces {mm(simulated.chart_mean_surface_mm)} apart on average, "
        f"{mm(simulated.chart_largest_surface_mm)} at most.{size}{spread}{turns}{ends} Tissue properties come "
        "from tables, not from this patient; see the sources."
    )


def _placement(placement: SimulatedPlacement) -> list[Block]:
    """What was tried where the chart's plan left lesion or margin in this patient, the plan's own row emphasised."""
    columns = ("Round", "Placed for zones of", "Probes", "Lesion", "Lesion + margin", "Under placement error",
               "Structures not spared")  # fmt: skip
    return [
        Paragraph(placement_words(placement)),
        Table(columns, round_rows(placement), (placement.taken,), (1, 2.2, 1, 1, 1.3, 1.3, 2.2)),
        Paragraph(
            "Coverage is that of the nominal simulated zone; under placement error that of the chart's zones in the "
            "size that was simulated (5th percentile). Distances to structures are kept for zones at least as large as "
            "the chart's."
        ),
    ]


def placement_words(placement: SimulatedPlacement) -> str:
    """Why probes were placed again, and which the plan has."""
    taken = (
        "No other set did better by the simulation: the probes of the chart stay."
        if placement.taken == 0
        else f"The plan has those of round {placement.taken}."
    )
    return (
        "The simulated zone of the probes placed by the chart leaves lesion or margin, so that probes were placed "
        f"again, for zones as far as they reach in this patient. {taken}"
    )


def round_rows(placement: SimulatedPlacement) -> tuple[tuple[str, ...], ...]:
    """Round, zones placed for, probes, lesion, lesion + margin, under placement error, structures not spared."""
    return tuple(_round_row(n, row) for n, row in enumerate(placement.rounds))


def _round_row(number: int, row: PlacementRound) -> tuple[str, ...]:
    name = "chart" if number == 0 else str(number)
    zones = "the chart" if number == 0 else f"{row.across:.0%} across, {row.along:.0%} along"
    if row.lesion_fraction is None or row.lesion_plus_margin_fraction is None or row.size is None:
        return (name, zones, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, row.reason)
    return (
        name,
        zones,
        str(row.probes),
        percent_down(row.lesion_fraction),
        percent_down(row.lesion_plus_margin_fraction),
        percent_down(row.size.p05_lesion_fraction),
        str(row.harmed),
    )


def _effects(simulated: Simulation) -> Block:
    broken = tuple(n for n, e in enumerate(simulated.effects) if e.ok is False or e.may_break)
    rows = tuple(
        (
            e.structure,
            e.kind,
            f"{e.coldest_celsius:.1f} to {e.hottest_celsius:.1f} °C",
            UNKNOWN if e.at_worst is None else f"{e.at_worst.coldest_celsius:.0f} to {e.at_worst.hottest_celsius:.0f}",
            UNKNOWN if e.cem43_min is None else f"{dose_word(e.cem43_min)} min",
            mm(e.zone_mm),
            "may be beyond" if e.may_break else {True: "ok", False: "BEYOND", None: "no known limit"}[e.ok],
        )
        for e in simulated.effects
    )
    columns = ("Structure", "Kind", "Temperature", "At worst °C", "Dose (CEM43)", "From zone", "Limit")
    return Table(columns, rows, broken, (2, 1, 1.5, 1, 1.2, 1, 1)) if rows else Paragraph("No structure was checked.")


def _thermocouples(simulated: Simulation) -> list[Block]:
    if not simulated.thermocouples:
        return []
    rows = tuple(
        (
            w.name,
            point_word(w.point_ras_mm),
            f"{w.lowest_celsius:.1f} °C",
            f"{w.highest_celsius:.1f} °C",
            f"{dose_word(w.cem43_min[-1])} min" if w.cem43_min else UNKNOWN,
        )
        for w in simulated.thermocouples
    )
    columns = ("Thermocouple", "R, A, S mm", "Lowest", "Highest", "Dose (CEM43)")
    return [Table(columns, rows, widths=(2, 2, 1, 1, 1.2))]


def _inserted(simulated: Simulation) -> list[Block]:
    if not simulated.inserted:
        return []
    items = ", ".join(f"{item.name} ({item.tissue}, {ml(item.volume_ml)})" for item in simulated.inserted)
    return [Paragraph(f"Put in and simulated, at body temperature and at rest: {items}.")]


def _search(search: ProgramSearch) -> list[Block]:
    wanted = percent_down(search.wanted_fraction)
    if search.chosen is None:
        said = (
            f"No program of the device covers {wanted} of the lesion without breaking a limit; the plan keeps its own."
        )
    else:
        said = f"Shortest program that covers {wanted} of the lesion and breaks no limit: {search.chosen}."
    rows = tuple(
        (t.program, f"{t.minutes:.1f} min", percent_down(t.lesion_fraction), ", ".join(t.broken) or "none")
        for t in search.tried
    )
    chosen = tuple(n for n, t in enumerate(search.tried) if t.program == search.chosen)
    said += (
        " Limits were judged in the largest plausible zone, coverage in the nominal one."
        if search.limits_at == "largest"
        else " Limits and coverage were judged in the nominal zone alone."
    )
    return [
        Paragraph(said),
        Table(("Program tried", "Time of one probe", "Lesion covered", "Limits broken"), rows, chosen, (1.5, 1, 1, 3)),
    ]
