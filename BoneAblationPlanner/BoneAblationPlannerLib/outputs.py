"""Everything that a finished plan leaves on disk: all of it or nothing, plan.json last."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import SimpleITK as sitk

from BoneAblationPlannerLib.access.landmarks import EntryLandmarks, entry_landmarks
from BoneAblationPlannerLib.case import PlanningResult
from BoneAblationPlannerLib.errors import InputError
from BoneAblationPlannerLib.plan import write_atomically, write_plan
from BoneAblationPlannerLib.progress import ReportProgress, part, silent, step
from BoneAblationPlannerLib.report.content import report_content
from BoneAblationPlannerLib.report.html import write_html
from BoneAblationPlannerLib.report.pdf import write_pdf
from BoneAblationPlannerLib.report.simulation import thermocouples_csv
from BoneAblationPlannerLib.report.trajectories import trajectories_csv, trajectories_markups
from BoneAblationPlannerLib.scene.runtime import new_scene
from BoneAblationPlannerLib.views.gl import gl_available
from BoneAblationPlannerLib.views.picture import Picture

PLAN, BUNDLE, SEGMENTATION = "plan.json", "plan.mrb", "plan.seg.nrrd"
CSV, LINES = "trajectories.csv", "trajectories.mrk.json"
CEMENT, SCREWS = "cement.stl", "screw-*.stl"
TEMPERATURE, DOSE, THERMOCOUPLES = "temperature.nii.gz", "dose.nii.gz", "thermocouples.csv"
HTML, PDF, FIGURES = "report.html", "report.pdf", "figures"
_OWN_FIGURES = ("overview-*.png", "probe-*.png", "stabilisation-*.png", "temperature-*.png")
_OWN_FILES = (CEMENT, SCREWS, TEMPERATURE, DOSE, THERMOCOUPLES)
"""What only some plans leave: a plan without it removes what an earlier one left."""
APPROVALS = "approvals.jsonl"
REVIEWED = (APPROVALS, "plan-*.json", "plan-*.mrb")
"""What a review leaves beside a plan: decisions on it, and versions of it. They do not belong to another plan."""
EARLIER = "earlier"


def write_outputs(result: PlanningResult, out_dir: Path, report: ReportProgress = silent) -> dict[str, Path]:
    """Write plan, scene, segmentation, pictures and report into a folder.

    Everything is made in a temporary folder inside `out_dir` and moved when all of it is there; `plan.json` goes first
    and comes last, so that a folder with a plan.json is complete. Other files in the folder stay. A plan that somebody
    reviewed is kept: it moves to ``earlier-1`` (or the next free number) with its scene, decisions and versions.

    Returns
    -------
    dict
        File name to path, figures as ``figures/NAME.png``; ``earlier`` to the folder that a reviewed plan moved to.

    Raises
    ------
    InputError
        When the folder cannot be written or the disk is full; nothing was written.
    Cancelled
        When `report` asks to stop; nothing was written.
    """
    out_dir = Path(out_dir)
    with _one_line_errors(out_dir), _output_folder(out_dir), _staging(out_dir) as staging:
        _stage(result, staging / "new", report)
        step(report, 0.98, "moving files into place")
        with _reviewed_apart(out_dir) as earlier:
            names = _publish(staging / "new", out_dir, staging / "old")
    return {name: out_dir / name for name in names} | ({EARLIER: earlier} if earlier else {})


def _stage(result: PlanningResult, folder: Path, report: ReportProgress) -> None:
    (folder / FIGURES).mkdir(parents=True)
    step(report, 0.0, "building the scene")
    scene = new_scene()
    # These need VTK: imported when `new_scene` has said in one line if the runtime is missing.
    from BoneAblationPlannerLib.scene.build import add_plan
    from BoneAblationPlannerLib.scene.bundle import save_bundle, write_segmentation

    nodes = add_plan(scene, result)
    _write_bodies(result, folder)
    _write_temperatures(result, folder)
    step(report, 0.1, "drawing pictures")
    pictures, missing = _pictures(scene, nodes, result, folder / FIGURES, part(report, 0.1, 0.5))
    step(report, 0.5, f"writing {BUNDLE}")
    save_bundle(scene, folder / BUNDLE)
    step(report, 0.8, f"writing {SEGMENTATION}")
    write_segmentation(nodes, folder / SEGMENTATION)
    step(report, 0.85, f"writing {HTML} and {PDF}")
    blocks = report_content(result.plan, pictures, missing, _landmarks(result))
    title = f"Ablation plan - {result.plan.input.ct}"
    write_html(blocks, title, folder / HTML)
    write_pdf(blocks, title, folder / PDF)
    write_atomically(folder / CSV, trajectories_csv(result.plan).encode("utf-8"))
    write_atomically(folder / LINES, trajectories_markups(result.plan).encode("utf-8"))
    write_plan(result.plan, folder / PLAN)


def _write_bodies(result: PlanningResult, folder: Path) -> None:
    """Screws and cement as surfaces, for printing and for other planners."""
    from BoneAblationPlannerLib.scene.stabilisation import cement_surface, screw_surface
    from BoneAblationPlannerLib.scene.stl import write_stl

    for number, screw in enumerate(result.plan.screws, start=1):
        write_stl(screw_surface(screw), folder / f"screw-{number:02d}.stl")
    cement = cement_surface(result)
    if cement is not None:
        write_stl(cement, folder / CEMENT)


def _write_temperatures(result: PlanningResult, folder: Path) -> None:
    """What was simulated: the extreme temperature (degrees C) and the dose (CEM43 min) as volumes, thermocouples."""
    fields, simulation = result.temperatures, result.plan.simulation
    if fields is not None:
        cold = result.plan.zone.model == "ice"
        extreme = fields.coldest_celsius if cold else fields.hottest_celsius
        sitk.WriteImage(fields.grid.image(extreme), str(folder / TEMPERATURE), useCompression=True)
        if fields.cem43_min is not None:
            sitk.WriteImage(fields.grid.image(fields.cem43_min), str(folder / DOSE), useCompression=True)
    if simulation is not None and simulation.thermocouples:
        write_atomically(folder / THERMOCOUPLES, thermocouples_csv(simulation).encode("utf-8"))


def _landmarks(result: PlanningResult) -> dict[str, EntryLandmarks]:
    """Where each probe's entry lies, by the probe's name."""
    anatomy, plan = result.anatomy, result.plan
    return {
        p.name: entry_landmarks(
            anatomy.body,
            anatomy.bone | anatomy.lesion,
            anatomy.ct.grid,
            p.entry_ras_mm,
            p.tip_ras_mm,
            plan.lesion.centroid_ras_mm,
            plan.position,
        )
        for p in plan.probes
    }


def _pictures(
    scene: Any, nodes: Any, result: PlanningResult, folder: Path, report: ReportProgress
) -> tuple[tuple[Picture, ...], str]:
    available, how_to_mend = gl_available()
    if not available:
        return (), how_to_mend
    from BoneAblationPlannerLib.views.pictures import take_pictures

    return take_pictures(scene, nodes, result, folder, report), ""


def _publish(new: Path, out_dir: Path, old: Path) -> list[str]:
    """Move the new files into place; on failure put back what was there."""
    names = sorted(p.relative_to(new).as_posix() for p in new.rglob("*") if p.is_file() and p.name != PLAN)
    stale = [p.relative_to(out_dir).as_posix() for pattern in _OWN_FIGURES for p in (out_dir / FIGURES).glob(pattern)]
    stale += [p.name for pattern in _OWN_FILES for p in out_dir.glob(pattern)]
    made_figures = not (out_dir / FIGURES).exists()
    placed: list[Path] = []
    try:
        for name in (PLAN, *names, *stale):
            _set_aside(out_dir / name, old / name)
        (out_dir / FIGURES).mkdir(exist_ok=True)
        for name in (*names, PLAN):
            (new / name).replace(out_dir / name)
            placed.append(out_dir / name)
    except BaseException:
        _restore(placed, out_dir, old)
        if made_figures:
            shutil.rmtree(out_dir / FIGURES, ignore_errors=True)
        raise
    return [PLAN, *names]


@contextmanager
def _reviewed_apart(out_dir: Path) -> Iterator[Path | None]:
    """Move a reviewed plan into a folder of its own, which is given; back when the block fails."""
    found = sorted(p for pattern in REVIEWED for p in out_dir.glob(pattern) if p.is_file())
    if not found:
        yield None
        return
    found += [out_dir / name for name in (BUNDLE, PLAN) if (out_dir / name).is_file()]
    number = next(n for n in range(1, len(list(out_dir.iterdir())) + 2) if not (out_dir / f"{EARLIER}-{n}").exists())
    folder = out_dir / f"{EARLIER}-{number}"
    folder.mkdir()
    try:
        for path in found:
            path.replace(folder / path.name)
        yield folder
    except BaseException:
        for path in folder.iterdir():
            path.replace(out_dir / path.name)
        folder.rmdir()
        raise


def _set_aside(path: Path, aside: Path) -> None:
    if path.is_dir():
        raise InputError(f"{path}: is a folder; expected a file or nothing")
    if path.exists():
        aside.parent.mkdir(parents=True, exist_ok=True)
        path.replace(aside)


def _restore(placed: list[Path], out_dir: Path, old: Path) -> None:
    for path in placed:
        path.unlink(missing_ok=True)
    kept = [p for p in old.rglob("*") if p.is_file()]
    for path in sorted(kept, key=lambda p: p.name == PLAN):
        path.replace(out_dir / path.relative_to(old))


@contextmanager
def _one_line_errors(out_dir: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputError(f"{out_dir}: {reason}; expected a folder with room to write, nothing was written") from None


@contextmanager
def _output_folder(out_dir: Path) -> Iterator[None]:
    """Make the folder and its parents; take away again what was made when the block fails."""
    made = [p for p in (out_dir, *out_dir.parents) if not p.exists()]
    try:
        out_dir.mkdir(parents=True, exist_ok=True)
        yield
    except BaseException:
        for folder in made:
            if folder.is_dir() and not any(folder.iterdir()):
                folder.rmdir()
        raise


@contextmanager
def _staging(out_dir: Path) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix=".bone-plan-", dir=out_dir))
    try:
        yield folder
    except InputError as error:
        # The user asked for out_dir and never sees the temporary folder.
        raise InputError(str(error).replace(str(folder / "new"), str(out_dir))) from None
    finally:
        shutil.rmtree(folder, ignore_errors=True)
