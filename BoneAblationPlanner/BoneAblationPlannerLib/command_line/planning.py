"""Commands `demo` and `plan`: a case planned and written."""

import argparse
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from BoneAblationPlannerLib.anatomy.structure_table import StructureTable, builtin_table, load_structure_table
from BoneAblationPlannerLib.case import Case, Choices, LesionMarks, PlanningResult
from BoneAblationPlannerLib.command_line.anatomy import add_anatomy_arguments, check_anatomy_options, read_anatomy
from BoneAblationPlannerLib.command_line.choices import add_choice_arguments, catalogue_of, choices_of
from BoneAblationPlannerLib.command_line.heat import (
    add_heat_arguments,
    add_inserted_argument,
    add_placing_argument,
    heat_options,
    read_inserted,
)
from BoneAblationPlannerLib.command_line.kept import kept_probes
from BoneAblationPlannerLib.command_line.stabilising import Stabilising, add_stabilising_arguments, stabilising_of
from BoneAblationPlannerLib.command_line.summary import summarise
from BoneAblationPlannerLib.command_line.terminal import progress_bar
from BoneAblationPlannerLib.command_line.values import Commands, PointAction, check_output, finite, folder
from BoneAblationPlannerLib.errors import InputError, PlanningError
from BoneAblationPlannerLib.frames import Grid
from BoneAblationPlannerLib.progress import ReportProgress, part
from BoneAblationPlannerLib.zones.heat.options import HeatOptions


def add_demo_command(commands: Commands) -> None:
    demo = commands.add_parser("demo", help="plan the built-in phantom")
    demo.add_argument("--out", type=folder, required=True, metavar="DIR")
    demo.add_argument("--cement", action="store_true", help="plan cement after ablation")
    demo.set_defaults(run=_demo)


def add_plan_command(commands: Commands) -> None:
    plan = commands.add_parser("plan", help="plan a CT")
    plan.add_argument("ct", type=Path, metavar="CT", help="DICOM folder, NRRD, NIfTI or MHA")
    plan.add_argument("--series", help="series UID or number, where a folder holds several")
    plan.add_argument("--lesion-seed", type=finite, nargs=3, action=PointAction, metavar=("R", "A", "S"),
                      help="a point inside the lesion, RAS in mm")  # fmt: skip
    plan.add_argument("--lesion", type=Path, metavar="MASK", help="a finished outline on the CT's grid")
    plan.add_argument("--lesion-box", type=finite, nargs=6, metavar=("R1", "A1", "S1", "R2", "A2", "S2"),
                      help="with --lesion-seed: two opposite corners that the outline stays between")  # fmt: skip
    plan.add_argument("--lesion-inside", type=Path, metavar="MARKS",
                      help="with --lesion-seed: points (.mrk.json) or a painted mask inside that were left out; the "
                      "outline moves there")  # fmt: skip
    plan.add_argument("--lesion-outside", type=Path, metavar="MARKS",
                      help="with --lesion-seed: points or a mask outside that were taken in; one to three points of "
                      "both kinds usually suffice")  # fmt: skip
    plan.add_argument("--structures", type=Path, metavar="FILE.json",
                      help="names of structures and distances to keep, on top of the shipped table")  # fmt: skip
    add_anatomy_arguments(plan)
    plan.add_argument("--keep", type=Path, metavar="LINES.mrk.json",
                      help="probes that stay: lines from entry to tip, with --device")  # fmt: skip
    plan.add_argument("--program", help="program of --keep's lines, see 'devices'")
    plan.add_argument("--keep-plan", type=Path, metavar="PLAN.json", help="keep the probes of a plan")
    plan.add_argument("--parallel", action="store_true", help="place ice probes in one direction")
    plan.add_argument("--strict", action="store_true",
                      help="no plan rather than one that gives up a wanted distance")  # fmt: skip
    plan.add_argument("--not-through", action="append", default=[], metavar="BONE", dest="barred_bones",
                      help="a bone that no path may cross, as hip_left; may be repeated")  # fmt: skip
    add_inserted_argument(plan)
    add_heat_arguments(plan)
    add_placing_argument(plan)
    add_stabilising_arguments(plan)
    plan.add_argument("--out", type=folder, required=True, metavar="DIR")
    add_choice_arguments(plan)
    plan.set_defaults(run=_plan)


def _demo(options: argparse.Namespace) -> int:
    from BoneAblationPlannerLib.demo import demo_case

    report = progress_bar()
    check_output(options.out)
    report(0.0, "making the phantom")
    return _plan_and_write(demo_case(Choices(cement=options.cement)), options.out, part(report, 0.1, 1.0))


def _plan(options: argparse.Namespace) -> int:
    from BoneAblationPlannerLib.reading import read_ct, read_mask

    _check_marks(options)
    report = progress_bar()
    choices, devices, heat = choices_of(options), catalogue_of(options), heat_options(options)
    if (options.lesion_seed is None) == (options.lesion is None):
        raise InputError("plan: expected either --lesion-seed R A S (mm) or --lesion MASK")
    stabilising = stabilising_of(options)
    check_anatomy_options(options)
    check_output(options.out)
    ct = read_ct(options.ct, options.series, part(report, 0.0, 0.1))
    notes: list[str] = []
    lesion = None
    if options.lesion is not None:
        lesion, found = read_mask(options.lesion, ct.grid)
        notes += found
    table = _structure_table(options)
    anatomy = read_anatomy(options, ct.grid, table)
    notes += anatomy.notes
    inserted, found = read_inserted(options.inserted, ct.grid)
    notes += found
    case = Case(
        ct,
        options.lesion_seed,
        lesion,
        anatomy.organs,
        anatomy.nerves,
        choices,
        tuple(notes),
        devices,
        anatomy.no_entry,
        marks=_marks(options, ct.grid),
        structure_table=table,
        fixed=kept_probes(options, devices),
        inserted=inserted,
    )
    return _plan_and_write(case, options.out, part(report, 0.1, 1.0), heat, stabilising)


def _placed(case: Case, heat: HeatOptions | None, report: ReportProgress) -> PlanningResult:
    """The plan of the probes; what reading noticed is said where there is none, as it may be the reason."""
    try:
        if heat is None:
            from BoneAblationPlannerLib.workflow import plan_case

            return plan_case(case, part(report, 0.0, 0.5))
        from BoneAblationPlannerLib.planning_with_heat import plan_with_heat

        return plan_with_heat(case, heat, part(report, 0.0, 0.8))
    except PlanningError:
        for note in (*case.ct.notes, *case.notes):
            print(f"note: {note}", file=sys.stderr)
        raise


def _check_marks(options: argparse.Namespace) -> None:
    """Marks guide an outline from a seed; a finished outline is taken as it is."""
    given = [f"--lesion-{name}" for name in ("box", "inside", "outside") if getattr(options, f"lesion_{name}")]
    if given and options.lesion is not None:
        raise InputError(f"{given[0]}: guides the outline from --lesion-seed; expected no --lesion beside it")


def _marks(options: argparse.Namespace, grid: Grid) -> LesionMarks:
    box = None if options.lesion_box is None else np.reshape(options.lesion_box, (2, 3))
    return LesionMarks(box, marked(options.lesion_inside, grid), marked(options.lesion_outside, grid))


def marked(path: Path | None, grid: Grid) -> NDArray[np.float64] | None:
    """Points (N, 3) RAS mm of a point list, or the voxels that were painted in a mask."""
    from BoneAblationPlannerLib.reading import is_image_name, read_mask, read_points

    if path is None:
        return None
    return grid.ras_of_mask(read_mask(path, grid)[0]) if is_image_name(path) else read_points(path)


def _structure_table(options: argparse.Namespace) -> StructureTable:
    """The shipped table of structures, with the user's file on top."""
    return builtin_table() if options.structures is None else load_structure_table(options.structures)


def _plan_and_write(
    case: Case,
    out: Path,
    report: ReportProgress,
    heat: HeatOptions | None = None,
    stabilising: Stabilising | None = None,
) -> int:
    from BoneAblationPlannerLib.outputs import write_outputs

    chosen = stabilising or Stabilising()
    result = _placed(case, heat, report)
    if case.choices.cement:
        from CementTrajectoryLib.workflow import CementChoices, plan_cement

        result = plan_cement(result, CementChoices(**chosen.cement))
    if case.choices.screws:
        from CementTrajectoryLib.workflow import plan_screws

        result = plan_screws(result, chosen.screw_clearance_mm)
    if case.choices.cement or case.choices.screws:
        from CementTrajectoryLib.workflow import plan_stability

        result = plan_stability(result, chosen.pain)
    files = write_outputs(result, out, part(report, 0.5 if heat is None else 0.8, 1.0))
    report(1.0, "done")
    summarise(result)
    if "earlier" in files:
        print(f"kept: {files['earlier']}, the plan that was reviewed in this folder")
    print(f"report: {files['report.html']}")
    return 0
