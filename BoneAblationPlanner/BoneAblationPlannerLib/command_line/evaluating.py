"""Command `evaluate`: the figures of a plan that was edited, or of lines."""

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path

from BoneAblationPlannerLib.case import PlanningResult
from BoneAblationPlannerLib.command_line.choices import add_choice_arguments, catalogue_of, choices_of
from BoneAblationPlannerLib.command_line.heat import add_heat_arguments, heat_options
from BoneAblationPlannerLib.command_line.kept import placed_lines
from BoneAblationPlannerLib.command_line.summary import summarise
from BoneAblationPlannerLib.command_line.terminal import progress_bar
from BoneAblationPlannerLib.command_line.values import Commands, check_output, folder
from BoneAblationPlannerLib.devices.catalogue import Device
from BoneAblationPlannerLib.errors import InputError
from BoneAblationPlannerLib.plan import Plan, read_plan
from BoneAblationPlannerLib.zones.heat.options import HeatOptions


def add_evaluate_command(commands: Commands) -> None:
    evaluate = commands.add_parser("evaluate", help="figures of a plan that was edited")
    evaluate.add_argument("plan", type=Path, nargs="?", metavar="PLAN.json|SCENE.mrb")
    evaluate.add_argument("--lesion", type=Path, metavar="MASK")
    evaluate.add_argument("--probes", type=Path, metavar="LINES.mrk.json")
    evaluate.add_argument("--program", help="program of the device, see 'devices'")
    evaluate.add_argument("--out", type=folder, metavar="DIR")
    evaluate.add_argument("--json", action="store_true", help="print the whole plan")
    add_heat_arguments(evaluate)
    add_choice_arguments(evaluate)
    evaluate.set_defaults(run=_evaluate)


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
        result = _evaluate_stored(options.plan, catalogue_of(options), heat)
    print(json.dumps(result.plan.to_json(), indent=1)) if options.json else summarise(result)
    if options.out is not None:
        from BoneAblationPlannerLib.outputs import write_outputs

        check_output(options.out)
        files = write_outputs(result, options.out, progress_bar())
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
    from BoneAblationPlannerLib.zones.heat.options import thermocouples_of

    if heat.thermocouples is None:
        heat = replace(heat, thermocouples=thermocouples_of(plan))
    return simulate_result(result, devices, progress_bar(), heat)


def _measured_stored(path: Path, devices: tuple[Device, ...]) -> tuple[Plan, PlanningResult]:
    """A stored plan as it was, and as the charts measure it."""
    from BoneAblationPlannerLib.reevaluation import evaluate_stored, placements_of_plan
    from BoneAblationPlannerLib.scene.bundle import load_bundle
    from BoneAblationPlannerLib.scene.stored import read_plan_nodes

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
    devices = catalogue_of(options)
    placements = placed_lines(options.probes, options, devices)
    mask, grid = read_lone_mask(options.lesion)
    return evaluate_lines(mask, grid, placements, choices_of(options), Path(options.lesion).name)
