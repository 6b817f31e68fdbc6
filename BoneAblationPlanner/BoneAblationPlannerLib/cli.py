"""The command line: ``bone-ablation-planner COMMAND``.

Exit codes: 0 plan made; 2 bad input; 3 no admissible plan; 1 a defect.
"""

import argparse
import json
import math
import os
import sys
import tempfile
import traceback
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from BoneAblationPlannerLib.access.limits import access_limits
from BoneAblationPlannerLib.advice.order import pull_backs
from BoneAblationPlannerLib.anatomy.structure_table import StructureTable, builtin_table, load_structure_table
from BoneAblationPlannerLib.case import Case, Choices, FixedProbe, LesionMarks, NerveCurve, PlanningResult
from BoneAblationPlannerLib.devices.catalogue import Device, builtin_devices, find_device, read_devices
from BoneAblationPlannerLib.errors import Cancelled, InputError, PlanningError
from BoneAblationPlannerLib.evaluation import software_version
from BoneAblationPlannerLib.heat_arguments import (
    add_heat_arguments,
    add_inserted_argument,
    heat_options,
    read_inserted,
)
from BoneAblationPlannerLib.placement.probe_figures import Placement
from BoneAblationPlannerLib.plan import INTENTS, MODALITIES, POSITIONS, Cement, Plan, Point, read_plan
from BoneAblationPlannerLib.progress import ReportProgress, part, silent
from BoneAblationPlannerLib.zones.heat.planned import HeatOptions

RESEARCH_USE = "Decision support for research use. Not a medical device."
BAD_INPUT, NO_PLAN, INTERRUPTED = 2, 3, 130  # a defect ends with Python's own 1
LARGEST_MARGIN_MM = 30.0
LARGEST_ERROR_MM = 20.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    sys.excepthook = _report_defect
    options = _parser().parse_args(arguments)
    try:
        return int(options.run(options))
    except InputError as error:
        return _fail(str(error), BAD_INPUT)
    except PlanningError as error:
        return _fail(error.reason, NO_PLAN)
    except (KeyboardInterrupt, Cancelled):
        return _fail("cancelled; nothing was written", INTERRUPTED)


def _demo(options: argparse.Namespace) -> int:
    from BoneAblationPlannerLib.demo import demo_case

    report = _progress()
    _check_output(options.out)
    report(0.0, "making the phantom")
    return _plan_and_write(demo_case(Choices(cement=options.cement)), options.out, part(report, 0.1, 1.0))


def _plan(options: argparse.Namespace) -> int:
    from BoneAblationPlannerLib.reading import frame_of_reference, read_ct, read_label_map, read_mask, read_nerve_curve

    _check_marks(options)
    report = _progress()
    choices, devices, heat = _choices(options), _catalogue(options), heat_options(options)
    if (options.lesion_seed is None) == (options.lesion is None):
        raise InputError("plan: expected either --lesion-seed R A S (mm) or --lesion MASK")
    stabilising = _stabilising(options)
    if options.organ_names and not options.organs:
        raise InputError("--organ-names: given without --organs MAP")
    _check_output(options.out)
    ct = read_ct(options.ct, options.series, part(report, 0.0, 0.1))
    notes: list[str] = []
    lesion = organs = None
    if options.lesion is not None:
        lesion, found = read_mask(options.lesion, ct.grid)
        notes += found
    if options.organs is not None:
        frame = frame_of_reference(options.ct, options.series) if options.organs.suffix.lower() == ".dcm" else None
        organs, found = read_label_map(options.organs, options.organ_names, ct.grid, frame)
        notes += found
    inserted, found = read_inserted(options.inserted, ct.grid)
    notes += found
    nerves = [NerveCurve(name, points) for path in options.nerve for name, points in read_nerve_curve(path)]
    case = Case(
        ct,
        options.lesion_seed,
        lesion,
        organs,
        tuple(nerves),
        choices,
        tuple(notes),
        devices,
        marks=_marks(options),
        structure_table=_structure_table(options),
        fixed=_kept_probes(options, devices),
        inserted=inserted,
    )
    return _plan_and_write(case, options.out, part(report, 0.1, 1.0), heat, stabilising)


@dataclass(frozen=True)
class _Stabilising:
    """What the command line says of cement (fields of ``CementChoices``), screws and stability, where it does."""

    cement: dict[str, Any] = field(default_factory=dict)
    screw_clearance_mm: float | None = None
    pain: int | None = None


CEMENT_OPTIONS = {
    "cement_gauge": "gauge",
    "cement_filling": "filling_fraction",
    "cement_viscosity": "viscosity",
    "cement_needles": "needles",
    "pull_back_times": "pull_back_times",
    "pull_back_mm": "pull_back_mm",
}


def _stabilising(options: argparse.Namespace) -> _Stabilising:
    """Checked before any work is done."""
    from CementTrajectoryLib.workflow import CementChoices, check_cement_choices, check_screw_clearance

    needs = {**dict.fromkeys(CEMENT_OPTIONS, ("cement",)), "screw_clearance_mm": ("screws",),
             "pain": ("cement", "screws")}  # fmt: skip
    for name, wanted in needs.items():
        if getattr(options, name) is not None and not any(getattr(options, other) for other in wanted):
            others = " or ".join(f"--{other}" for other in wanted)
            raise InputError(f"--{name.replace('_', '-')}: given without {others}")
    given = {to: getattr(options, name) for name, to in CEMENT_OPTIONS.items() if getattr(options, name) is not None}
    check_cement_choices(CementChoices(**given))
    check_screw_clearance(options.screw_clearance_mm)
    return _Stabilising(given, options.screw_clearance_mm, options.pain)


def _kept_probes(options: argparse.Namespace, devices: tuple[Device, ...]) -> tuple[FixedProbe, ...]:
    """Probes that stay where they are: lines with the device of --device, or those of a plan."""
    from BoneAblationPlannerLib.reevaluation import placements_of_plan

    kept = []
    if options.keep is not None:
        if options.device is None:
            raise InputError("--keep: given without --device; expected the device of the lines")
        kept += _placed_lines(options.keep, options, devices)
    elif options.program is not None:
        raise InputError("--program: given without --keep; expected the lines that it belongs to")
    if options.keep_plan is not None:
        kept += placements_of_plan(read_plan(options.keep_plan), devices)
    names = [p.name for p in kept]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise InputError(f"probes to keep: two are called {twice!r}; expected each name once")
    return tuple(FixedProbe(p.name, p.device, p.program, p.entry_ras_mm, p.tip_ras_mm) for p in kept)


def _placed_lines(path: Path, options: argparse.Namespace, devices: tuple[Device, ...]) -> list[Placement]:
    """Lines from entry to tip as probes with the device and program of the command line."""
    from BoneAblationPlannerLib.reading import read_nerve_curve
    from BoneAblationPlannerLib.reevaluation import find_program, placement

    device = find_device(options.device, devices)
    program = find_program(device, options.program)
    placed = []
    for name, points in read_nerve_curve(path):
        if len(points) != 2:
            raise InputError(f"{path}: {name} has {len(points)} points; expected lines from entry to tip")
        placed.append(placement(name, device.id, program.id, points[0], points[1], devices))
    return placed


def _check_marks(options: argparse.Namespace) -> None:
    """Marks guide an outline from a seed; a finished outline is taken as it is."""
    given = [f"--lesion-{name}" for name in ("box", "inside", "outside") if getattr(options, f"lesion_{name}")]
    if given and options.lesion is not None:
        raise InputError(f"{given[0]}: guides the outline from --lesion-seed; expected no --lesion beside it")


def _marks(options: argparse.Namespace) -> LesionMarks:
    from BoneAblationPlannerLib.reading import read_points

    box = None if options.lesion_box is None else np.reshape(options.lesion_box, (2, 3))
    inside, outside = (None if path is None else read_points(path)
                       for path in (options.lesion_inside, options.lesion_outside))  # fmt: skip
    return LesionMarks(box, inside, outside)


def _structure_table(options: argparse.Namespace) -> StructureTable:
    """The shipped table of structures, with the user's file on top."""
    return builtin_table() if options.structures is None else load_structure_table(options.structures)


def _plan_and_write(
    case: Case,
    out: Path,
    report: ReportProgress,
    heat: HeatOptions | None = None,
    stabilising: _Stabilising | None = None,
) -> int:
    from BoneAblationPlannerLib.outputs import write_outputs
    from BoneAblationPlannerLib.workflow import plan_case

    chosen = stabilising or _Stabilising()
    result = plan_case(case, part(report, 0.0, 0.5))
    if heat is not None:
        from BoneAblationPlannerLib.simulating import simulate_result

        result = simulate_result(result, case.devices, part(report, 0.5, 0.8), heat)
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
    _summarise(result)
    print(f"report: {files['report.html']}")
    return 0


def _evaluate(options: argparse.Namespace) -> int:
    heat = heat_options(options)
    if options.plan is None:
        if heat is not None:
            raise InputError("--heat: needs the tissues of a CT; expected PLAN.json or SCENE.mrb")
        result = _evaluate_lines(options)
    elif options.lesion or options.probes:
        raise InputError("evaluate: expected either PLAN.json or SCENE.mrb, or --lesion with --probes and --device")
    elif ignored := _given_choices(options):
        raise InputError(f"evaluate: {ignored} cannot change a stored plan; expected only --catalogue, --out, --json")
    else:
        result = _evaluate_stored(options.plan, _catalogue(options), heat)
    print(json.dumps(result.plan.to_json(), indent=1)) if options.json else _summarise(result)
    if options.out is not None:
        from BoneAblationPlannerLib.outputs import write_outputs

        _check_output(options.out)
        files = write_outputs(result, options.out, _progress())
        print(f"report: {files['report.html']}", file=sys.stderr if options.json else sys.stdout)
    return 0


def _given_choices(options: argparse.Namespace) -> str:
    """Choices that were given although a stored plan brings its own."""
    unset = dict.fromkeys(("device", "program", "margin_mm", "position", "lateral_error_mm", "depth_error_mm"))
    defaults: dict[str, object] = {"modality": "auto", "intent": "curative", "seed": 1, "limit": [], **unset}
    given = [name for name, default in defaults.items() if getattr(options, name) != default]
    return ", ".join(f"--{name.replace('_', '-')}" for name in given)


def _evaluate_stored(path: Path, devices: tuple[Device, ...], heat: HeatOptions | None) -> PlanningResult:
    """The figures of a stored plan; simulated where that is asked for, at its own thermocouples by default."""
    plan, result = _measured_stored(path, devices)
    if heat is None:
        return result
    from BoneAblationPlannerLib.simulating import simulate_result
    from BoneAblationPlannerLib.zones.heat.planned import thermocouples_of

    if heat.thermocouples is None:
        heat = replace(heat, thermocouples=thermocouples_of(plan))
    return simulate_result(result, devices, _progress(), heat)


def _measured_stored(path: Path, devices: tuple[Device, ...]) -> tuple[Plan, PlanningResult]:
    """A stored plan as it was, and as the charts measure it."""
    from BoneAblationPlannerLib.reevaluation import evaluate_stored, placements_of_plan
    from BoneAblationPlannerLib.scene.build import read_plan_nodes
    from BoneAblationPlannerLib.scene.bundle import load_bundle

    if path.suffix.lower() == ".mrb":
        stored = read_plan_nodes(load_bundle(path))
        return stored.plan, evaluate_stored(stored, devices=devices)
    plan = read_plan(path)
    scene = path.with_suffix(".mrb")
    if not scene.is_file():
        raise InputError(f"{path}: the anatomy is missing; expected the scene {scene.name} beside it")
    return plan, evaluate_stored(read_plan_nodes(load_bundle(scene)), placements_of_plan(plan, devices), devices)


def _evaluate_lines(options: argparse.Namespace) -> PlanningResult:
    from BoneAblationPlannerLib.reading import read_lone_mask
    from BoneAblationPlannerLib.reevaluation import evaluate_lines

    if not (options.lesion and options.probes and options.device):
        raise InputError("evaluate: expected PLAN.json or SCENE.mrb, or all of --lesion, --probes and --device")
    devices = _catalogue(options)
    placements = _placed_lines(options.probes, options, devices)
    mask, grid = read_lone_mask(options.lesion)
    return evaluate_lines(mask, grid, placements, _choices(options), Path(options.lesion).name)


def _corridors(options: argparse.Namespace) -> int:
    from CementTrajectoryLib.screws.corridor_file import check_corridor_output, write_corridors
    from CementTrajectoryLib.workflow import corridors_of_file

    check_corridor_output(options.out)
    report = _progress()
    document = corridors_of_file(options.bones, options.names, report)
    write_corridors(document, options.out)
    report(1.0, "done")
    for row in document["corridors"]:
        print(f"{row['name']}, {row['side']}: {row['diameter_mm']:.1f} mm wide, {row['length_mm']:.0f} mm long")
    for row in document["not_found"]:
        print(f"{row['name']}, {row['side']}: {row['reason']}")
    for note in document["notes"]:
        print(f"note: {note}")
    print(RESEARCH_USE)
    return 0


def _devices(options: argparse.Namespace) -> int:
    catalogue = _catalogue(options)
    if options.json:
        from dataclasses import asdict

        print(json.dumps([asdict(device) for device in catalogue], indent=1))
        return 0
    print(f"{'device':22}{'program':22}{'across x along mm':>18}{'beyond tip':>12}  status      source")
    for device in catalogue:
        for p in device.programs:
            size = f"{p.short_mm:.0f} x {p.long_mm:.0f}"
            print(f"{device.id:22}{p.id:22}{size:>18}{p.beyond_tip_mm:>10.1f}    {p.status:12}{p.source}")
    return 0


def _review(options: argparse.Namespace) -> int:
    from BoneAblationPlannerLib.review.serving import serve_review

    report = _progress()

    def announce(address: str) -> None:
        report(1.0, "ready")
        print(f"review: open {address}")
        print("one reviewer at a time; end it on the page or with Ctrl C", flush=True)

    serve_review(options.folder, _catalogue(options), options.plan_version, options.port, announce, report)
    print("review ended")
    return 0


def _doctor(options: argparse.Namespace) -> int:
    from BoneAblationPlannerLib.doctor import examine

    findings = examine()
    for finding in findings:
        print(f"{'ok     ' if finding.ok else 'MISSING'} {finding.name:18} {finding.seen}")
        if not finding.ok:
            print(f"        {finding.mend}")
    bad = sum(not finding.ok for finding in findings)
    print(f"{bad} to mend" if bad else "everything is there")
    return BAD_INPUT if bad else 0


def _summarise(result: PlanningResult) -> None:
    plan = result.plan
    kind = plan.lesion.kind or "kind not known"
    a, b, c = plan.lesion.diameters_mm
    print(f"lesion: {kind}, {plan.lesion.volume_ml:.1f} ml, {a:.0f} x {b:.0f} x {c:.0f} mm")
    print(f"modality: {plan.advice.modality} (chosen by {plan.advice.chosen_by}); position: {plan.position}")
    for p in plan.probes:
        print(
            f"{p.name}: {p.device}, {p.program}; {p.depth_mm:.0f} mm deep, axial {p.axial_angle_deg:.0f}, "
            f"craniocaudal {p.craniocaudal_angle_deg:.0f} degrees"
        )
    covered = plan.coverage
    print(
        f"coverage: lesion {covered.lesion_fraction:.1%}, "
        f"lesion + {covered.margin_mm:g} mm {covered.lesion_plus_margin_fraction:.1%}, "
        f"smallest margin {covered.minimum_margin_mm:.1f} mm; "
        f"under placement error {covered.robust.p05_lesion_fraction:.1%} (5th percentile)"
    )
    for line in _stabilisation(plan):
        print(line)
    print(f"not checked: {', '.join(plan.structures.not_checked) or 'nothing'}")
    for warning in dict.fromkeys((*plan.advice.warnings, *plan.warnings)):
        print(f"warning: {warning}")
    print(RESEARCH_USE)


def _stabilisation(plan: Plan) -> list[str]:
    """Cement, screws and stability in a line each, as far as the plan has them."""
    lines = []
    if plan.cement is not None:
        advised = "" if plan.cement.stop_ml is None else f", stop at {plan.cement.stop_ml:.1f} ml"
        lines.append(f"cement: {plan.cement.fill_ml:.1f} ml wanted{advised}")
        lines += _cement_site(plan.cement)
    for s in plan.screws:
        lines.append(
            f"{s.name}: {s.corridor}, {s.diameter_mm:g} x {s.length_mm:.0f} mm, "
            f"{s.cortical_clearance_mm:.1f} mm of bone around it"
        )
    mirels, rigidity, acetabulum = plan.stability.mirels, plan.stability.rigidity, plan.stability.acetabulum
    if mirels.lowest is not None and mirels.highest is not None:
        total = str(mirels.lowest) if mirels.lowest == mirels.highest else f"{mirels.lowest} to {mirels.highest}"
        lines.append(f"Mirels score: {total}, risk {mirels.risk}")
    if acetabulum is not None:
        lines.append(f"acetabulum: Harrington {acetabulum.harrington}, Levy {acetabulum.levy} (proposed)")
    if rigidity is not None:
        after = rigidity.reduction_after_fraction
        treated = "" if after is None else f", {round(-after, 2) + 0.0:+.0%} after treatment"
        lines.append(f"rigidity at the weakest section: {-rigidity.reduction_fraction:+.0%} by the lesion{treated}")
    return lines + [f"caution: {caution.rule}" for caution in plan.stability.cautions]


def _cement_site(cement: Cement) -> list[str]:
    """Where cement goes and what is usual there; where its needles are pulled back."""
    site, lines = cement.site, []
    if site is not None:
        usual = "" if site.usual_ml is None else f", usually {site.usual_ml[0]:g} to {site.usual_ml[1]:g} ml"
        lines.append(f"cement site: {site.name}{usual}: {site.compared}")
        lines.append(f"usual approach: {site.approach}")
    return lines + [f"cement needles: {step}" for step in pull_backs(cement)]


def _choices(options: argparse.Namespace) -> Choices:
    """The choices of the command line; raises InputError for numbers that make no sense."""
    for name, largest in (("margin_mm", LARGEST_MARGIN_MM), ("lateral_error_mm", LARGEST_ERROR_MM),
                          ("depth_error_mm", LARGEST_ERROR_MM)):  # fmt: skip
        value = getattr(options, name)
        if value is not None and not 0 <= value <= largest:
            raise InputError(f"--{name.replace('_', '-')}: {value:g} mm; expected 0 to {largest:g}")
    if options.seed < 0:
        raise InputError(f"--seed: {options.seed}; expected 0 or more")
    return Choices(
        modality=None if options.modality == "auto" else options.modality,
        device=options.device,
        intent=options.intent,
        margin_mm=options.margin_mm,
        position=options.position,
        lateral_error_mm=options.lateral_error_mm,
        depth_error_mm=options.depth_error_mm,
        cement=getattr(options, "cement", False),
        screws=getattr(options, "screws", False),
        seed=options.seed,
        limits=_limits(options.limit),
        parallel=getattr(options, "parallel", False),
        strict=getattr(options, "strict", False),
        barred_bones=tuple(getattr(options, "barred_bones", ())),
    )


def _limits(texts: Sequence[str]) -> dict[str, float]:
    """Limits as NAME=VALUE; raises InputError for what is not one."""
    limits = {}
    for text in texts:
        name, _, value = text.partition("=")
        try:
            limits[name.strip()] = float(value)
        except ValueError:
            raise InputError(f"--limit {text}: expected NAME=VALUE with a number") from None
    access_limits(limits)
    return limits


def _catalogue(options: argparse.Namespace) -> tuple[Device, ...]:
    """The shipped devices, with the user's file on top."""
    return builtin_devices() if options.catalogue is None else read_devices(options.catalogue)


def _check_output(out: Path) -> None:
    """Refuse an output that cannot be written before any work is done."""
    folder = out if out.exists() else next(p for p in out.absolute().parents if p.exists())
    if not folder.is_dir():
        raise InputError(f"--out {out}: is a file; expected a folder")
    try:
        with tempfile.TemporaryDirectory(dir=folder, prefix=".bone-plan-"):
            pass
    except OSError as error:
        raise InputError(f"--out {out}: not writable ({error.strerror}); expected a folder you may write to") from None


def _progress() -> ReportProgress:
    """A bar on a terminal, silence elsewhere."""
    if not sys.stderr.isatty():
        return silent

    def show(fraction: float, stage: str) -> bool:
        done = round(30 * min(max(fraction, 0.0), 1.0))
        bar = f"\r[{'#' * done}{'.' * (30 - done)}] {fraction:4.0%} {stage[:44]:44}"
        print(bar, end="\n" if fraction >= 1 else "", file=sys.stderr, flush=True)
        return True

    return show


def _fail(message: str, code: int) -> int:
    line = " ".join(message.split())
    start = "\n" if sys.stderr.isatty() else ""
    print(f"{start}bone-ablation-planner: {line}", file=sys.stderr)
    return code


def _report_defect(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """One line for the user; the details only where they are asked for."""
    print(f"bone-ablation-planner: a defect in the program: {kind.__name__}: {error}", file=sys.stderr)
    if os.environ.get("BONEPLAN_DEBUG"):
        traceback.print_exception(kind, error, trace)
    else:
        print("set BONEPLAN_DEBUG=1 for the details to report", file=sys.stderr)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="bone-ablation-planner",
        description=f"Plan percutaneous ablation of bone metastases on CT. {RESEARCH_USE}",
    )
    parser.add_argument("--version", action="version", version=software_version())
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    demo = commands.add_parser("demo", help="plan the built-in phantom")
    demo.add_argument("--out", type=_folder, required=True, metavar="DIR")
    demo.add_argument("--cement", action="store_true", help="plan cement after ablation")
    demo.set_defaults(run=_demo)
    _add_plan(commands.add_parser("plan", help="plan a CT"))
    _add_evaluate(commands.add_parser("evaluate", help="figures of a plan that was edited"))
    corridors = commands.add_parser("corridors", help="screw corridors of a pelvis")
    corridors.add_argument("bones", type=Path, metavar="CT|BONES", help="a CT, or a label map of bones")
    corridors.add_argument("--names", type=Path, metavar="JSON", help='names of the labels: {"1": "hip_left"}')
    corridors.add_argument("--out", type=Path, required=True, metavar="FILE.json")
    corridors.set_defaults(run=_corridors)
    devices = commands.add_parser("devices", help="list the probe catalogue")
    devices.add_argument("--json", action="store_true")
    _add_catalogue(devices)
    devices.set_defaults(run=_devices)
    review = commands.add_parser("review", help="look at a plan in the browser, try changes, approve or reject it")
    review.add_argument("folder", type=_folder, metavar="DIR", help="what --out of a plan was")
    review.add_argument("--plan-version", type=int, metavar="N", help="default: the newest")
    review.add_argument("--port", type=_port, default=0, help="default: a free one")
    _add_catalogue(review)
    review.set_defaults(run=_review)
    doctor = commands.add_parser("doctor", help="what this machine lacks and how to mend it")
    doctor.set_defaults(run=_doctor)
    return parser


def _add_plan(plan: argparse.ArgumentParser) -> None:
    plan.add_argument("ct", type=Path, metavar="CT", help="DICOM folder, NRRD, NIfTI or MHA")
    plan.add_argument("--series", help="series UID or number, where a folder holds several")
    plan.add_argument("--lesion-seed", type=_finite, nargs=3, action=_PointAction, metavar=("R", "A", "S"),
                      help="a point inside the lesion, RAS in mm")  # fmt: skip
    plan.add_argument("--lesion", type=Path, metavar="MASK", help="a finished outline on the CT's grid")
    plan.add_argument("--lesion-box", type=_finite, nargs=6, metavar=("R1", "A1", "S1", "R2", "A2", "S2"),
                      help="with --lesion-seed: two opposite corners that the outline stays between")  # fmt: skip
    plan.add_argument("--lesion-inside", type=Path, metavar="POINTS.mrk.json",
                      help="with --lesion-seed: points that belong to the lesion")  # fmt: skip
    plan.add_argument("--lesion-outside", type=Path, metavar="POINTS.mrk.json",
                      help="with --lesion-seed: points that do not")  # fmt: skip
    plan.add_argument("--structures", type=Path, metavar="FILE.json",
                      help="names of structures and distances to keep, on top of the shipped table")  # fmt: skip
    plan.add_argument("--organs", type=Path, metavar="MAP", help="organ label map, .seg.nrrd, DICOM SEG or RTSTRUCT")
    plan.add_argument("--organ-names", type=Path, metavar="JSON", help='names of its labels: {"1": "spleen"}')
    plan.add_argument("--nerve", type=Path, action="append", default=[], metavar="FILE.mrk.json")
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
    plan.add_argument("--cement", action="store_true", help="plan cement after ablation")
    plan.add_argument("--cement-gauge", type=int, metavar="G", help="with --cement: needle; default by site, else 11")
    plan.add_argument("--cement-needles", type=int, metavar="N", help="with --cement: 1 to 3; default as few as do")
    plan.add_argument("--cement-filling", type=_finite, metavar="SHARE",
                      help="with --cement: share of the lesion to fill, up to 1; default 0.55")  # fmt: skip
    plan.add_argument("--cement-viscosity", choices=("low", "medium", "high"), help="with --cement; default medium")
    plan.add_argument("--pull-back-times", type=int, metavar="N",
                      help="with --cement: how often needles are pulled back; default 2, near a leak 0")  # fmt: skip
    plan.add_argument("--pull-back-mm", type=_finite, metavar="MM",
                      help="with --cement: how far each time; default 4")  # fmt: skip
    plan.add_argument("--screws", action="store_true", help="plan screws after ablation")
    plan.add_argument("--screw-clearance-mm", type=_finite, metavar="MM",
                      help="with --screws: bone kept around a screw; default 2")  # fmt: skip
    plan.add_argument("--pain", type=int, choices=(1, 2, 3),
                      help="with --cement or --screws: Mirels' points, 1 mild, 2 moderate, 3 when used")  # fmt: skip
    plan.add_argument("--out", type=_folder, required=True, metavar="DIR")
    _add_choices(plan)
    plan.set_defaults(run=_plan)


def _add_evaluate(evaluate: argparse.ArgumentParser) -> None:
    evaluate.add_argument("plan", type=Path, nargs="?", metavar="PLAN.json|SCENE.mrb")
    evaluate.add_argument("--lesion", type=Path, metavar="MASK")
    evaluate.add_argument("--probes", type=Path, metavar="LINES.mrk.json")
    evaluate.add_argument("--program", help="program of the device, see 'devices'")
    evaluate.add_argument("--out", type=_folder, metavar="DIR")
    evaluate.add_argument("--json", action="store_true", help="print the whole plan")
    add_heat_arguments(evaluate)
    _add_choices(evaluate)
    evaluate.set_defaults(run=_evaluate)


def _add_catalogue(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--catalogue", type=Path, metavar="FILE.json", help="devices to add or replace")


def _add_choices(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--modality", choices=("auto", *MODALITIES), default="auto")
    parser.add_argument("--device", metavar="ID", help="see 'devices'")
    _add_catalogue(parser)
    parser.add_argument("--intent", choices=INTENTS, default="curative")
    parser.add_argument("--margin-mm", type=_finite, help="margin around the lesion; default by intent")
    parser.add_argument("--position", choices=POSITIONS, help="default: as scanned, else supine with a warning")
    parser.add_argument("--lateral-error-mm", type=_finite, help="placement error across the needle")
    parser.add_argument("--depth-error-mm", type=_finite, help="placement error along the needle")
    parser.add_argument("--limit", action="append", default=[], metavar="NAME=VALUE",
                        help="change a limit or weight of access, for instance bone_path_limit_mm=80")  # fmt: skip
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="randomness")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise argparse.ArgumentTypeError(f"{text}: expected a finite number")
    return value


def _port(text: str) -> int:
    value = int(text)
    if not 0 <= value <= 65535:
        raise argparse.ArgumentTypeError(f"{text}: expected a port, 0 to 65535")
    return value


def _folder(text: str) -> Path:
    if not text.strip():
        raise argparse.ArgumentTypeError("empty; expected a folder")
    return Path(text)


class _PointAction(argparse.Action):
    """Turn three numbers into a point."""

    def __call__(self, parser, namespace, values, option_string=None):  # type: ignore[no-untyped-def]
        point: Point = (values[0], values[1], values[2])
        setattr(namespace, self.dest, point)


if __name__ == "__main__":
    sys.exit(main())
