"""Cement, screws and stability after ablation, and screw corridors: the one workflow that every host calls."""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from BoneAblationPlannerLib.anatomy.body import find_body
from BoneAblationPlannerLib.anatomy.bone import bone_mask
from BoneAblationPlannerLib.anatomy.bones import separate_bones
from BoneAblationPlannerLib.case import Anatomy, PlanningResult
from BoneAblationPlannerLib.ct import LabelMap
from BoneAblationPlannerLib.errors import InputError
from BoneAblationPlannerLib.placement.near_nerves import path_warnings
from BoneAblationPlannerLib.plan import Cement, CementLeak, CementNeedle, Point, Screw
from BoneAblationPlannerLib.progress import ReportProgress, part, silent, step
from BoneAblationPlannerLib.reading import read_ct, read_label_map
from BoneAblationPlannerLib.reading.images import grid_of, read_image
from BoneAblationPlannerLib.reading.labels import is_label_map
from CementTrajectoryLib.cement.access import NeedleAccess
from CementTrajectoryLib.cement.cautions import fill_cautions, plan_cautions, site_cautions
from CementTrajectoryLib.cement.defaults import DEFAULTS, GAUGE_DIAMETER_MM
from CementTrajectoryLib.cement.defects import Defect, find_defects
from CementTrajectoryLib.cement.exotherm import heat_cautions
from CementTrajectoryLib.cement.filling import Viscosity
from CementTrajectoryLib.cement.needles import FULL_ML, MOST_NEEDLES, ChosenNeedles, PullBack, choose_needles
from CementTrajectoryLib.cement.sites import Site, propose_site
from CementTrajectoryLib.screws.catalogue import screw_provenance
from CementTrajectoryLib.screws.corridor_file import corridor_document
from CementTrajectoryLib.screws.corridors import find_corridors
from CementTrajectoryLib.screws.figures import ScrewMeasure
from CementTrajectoryLib.screws.naming import SEARCHED_BONES, named_pelvis, pelvic_name
from CementTrajectoryLib.screws.planning import propose_screws, with_lesion
from CementTrajectoryLib.stability.assessment import assess_stability

LARGEST_CLEARANCE_MM = 10.0
OF_SCREWS = "screws: "
BY_HAND = " (moved by hand)"
UNMOVED_MM = 0.02
"""Twice the rounding of stored points."""


def corridors_of_file(path: Path, names_path: Path | None = None, report: ReportProgress = silent) -> dict[str, Any]:
    """Screw corridors of a CT, or of a label map of bones, as the document that ``corridor_document`` describes.

    Parameters
    ----------
    path : Path
        A CT (DICOM folder, NRRD, NIfTI, MetaImage), whose bones are separated first, or a label map.
    names_path : Path or None
        Names of a label map's labels; with them the image is a label map.

    Raises
    ------
    InputError
        If the file is neither, or its bones are no pelvis.
    """
    bones, notes, hu = _bones_of_file(path, names_path, part(report, 0.0, 0.5))
    pelvis, found = named_pelvis(bones)
    corridors, missing = find_corridors(pelvis, part(report, 0.5, 1.0), hu)
    return corridor_document(corridors, missing, path.name, [*notes, *found])


def _bones_of_file(
    path: Path, names_path: Path | None, report: ReportProgress
) -> tuple[LabelMap, list[str], NDArray[np.int16] | None]:
    """Bones, notes, and the CT that they were found in, if any."""
    step(report, 0.0, "reading")
    if names_path is not None or is_label_map(path):
        return *read_label_map(path, names_path, grid_of(read_image(path, layers=True), path.name)), None
    ct = read_ct(path)
    step(report, 0.3, "finding bone")
    body = find_body(ct).inside
    step(report, 0.5, "separating bones")
    bones = separate_bones(ct, bone_mask(ct, body), body)
    if not set(bones.names.values()) & SEARCHED_BONES:
        raise InputError(
            f"{path.name}: pelvis, femur, humerus and scapula cannot be told in this CT; expected thinner slices, or a "
            "label map of its bones with --names"
        )
    return bones, list(ct.notes), ct.hu


def plan_screws(
    result: PlanningResult,
    clearance_mm: float | None = None,
    report: ReportProgress = silent,
    only: Collection[str] | None = None,
) -> PlanningResult:
    """Add screws to a plan: the thickest that fit the corridors across or beside the lesion.

    What was left out and why is among the plan's warnings; what was planned before is replaced. `only` names the
    corridors to use instead of those near the lesion.

    Raises
    ------
    InputError
        For a clearance out of range.
    """
    check_screw_clearance(clearance_mm)
    bones = result.anatomy.bones
    if bones is None:
        raise InputError("screws: the plan's bones were not separated; expected a plan made from a CT")
    step(report, 0.1, "looking for screw corridors")
    plan, named = result.plan, _named(bones)
    needles = plan.cement.needles if plan.cement else ()
    proposal = propose_screws(result.anatomy, named, plan.probes, clearance_mm, only, needles)
    said = (*_near_expected_nerves(result.anatomy, proposal.screws), *proposal.cautions)
    cautions = tuple(OF_SCREWS + caution for caution in said)
    provenance = screw_provenance({screw.screw_type for screw in proposal.screws})
    earlier = {row.name for row in screw_provenance({screw.screw_type for screw in plan.screws})}
    return replace(
        result,
        plan=replace(
            plan,
            screws=proposal.screws,
            corridors=proposal.corridors,
            warnings=(*(w for w in plan.warnings if not w.startswith(OF_SCREWS)), *cautions),
            provenance=(*(p for p in plan.provenance if p.name not in earlier), *provenance),
        ),
    )


def _near_expected_nerves(anatomy: Anatomy, screws: Sequence[Screw]) -> list[str]:
    """Screws whose way in or thread comes too near to a nerve that was estimated from the bones."""
    paths = [(s.name, s.skin_entry_ras_mm or s.entry_ras_mm, s.tip_ras_mm, s.diameter_mm / 2) for s in screws]
    return path_warnings(anatomy.estimates, anatomy.ct.grid, paths)


def check_screw_clearance(clearance_mm: float | None) -> None:
    """Refuse a clearance that is out of range; None stands for the default.

    Raises
    ------
    InputError
        Naming the range.
    """
    if clearance_mm is not None and not 0 <= clearance_mm <= LARGEST_CLEARANCE_MM:
        raise InputError(f"screw clearance: {clearance_mm:g} mm; expected 0 to {LARGEST_CLEARANCE_MM:g}")


def screw_measure(result: PlanningResult) -> ScrewMeasure:
    """What measures screws of a plan that a person places.

    Raises
    ------
    InputError
        If the plan's bones were not separated.
    """
    if result.anatomy.bones is None:
        raise InputError("screws: the plan's bones were not separated; expected a plan made from a CT")
    bones = _named(result.anatomy.bones)
    return ScrewMeasure(result.anatomy, with_lesion(bones, result.anatomy.lesion))


def place_screws(
    result: PlanningResult, lines: Mapping[str, tuple[Point, Point]], measure: ScrewMeasure | None = None
) -> PlanningResult:
    """A plan whose screws lie where a person put them, with the figures of those places.

    Parameters
    ----------
    lines : mapping of screw name to (entry, tip) in RAS mm
        Screws without a line are removed.
    measure : ScrewMeasure, optional
        Kept from an earlier move.
    """
    measure = measure or screw_measure(result)
    screws = []
    for screw in result.plan.screws:
        if screw.name not in lines:
            continue
        entry, tip = lines[screw.name]
        kept = max(math.dist(entry, screw.entry_ras_mm), math.dist(tip, screw.tip_ras_mm)) < UNMOVED_MM
        corridor = screw.corridor if kept or screw.corridor.endswith(BY_HAND) else f"{screw.corridor}{BY_HAND}"
        screws.append(screw if kept else measure.screw(screw.name, corridor, screw.screw_type, entry, tip))
    return replace(result, plan=replace(result.plan, screws=tuple(screws)))


def _named(bones: LabelMap) -> LabelMap:
    return LabelMap(bones.grid, bones.labels, {value: pelvic_name(name) for value, name in bones.names.items()})


def plan_stability(result: PlanningResult, pain: int | None = None, report: ReportProgress = silent) -> PlanningResult:
    """Add stability to a plan: fracture score, acetabular class, rigidity before and after its cement and screws.

    Parameters
    ----------
    result : PlanningResult
        With cement and screws as far as they are planned.
    pain : int, optional
        Mirels' points for pain, 1 mild to 3 functional; without it the score is a range.

    Raises
    ------
    InputError
        If the plan's bones were not separated.
    """
    bones = result.anatomy.bones
    if bones is None:
        raise InputError("stability: the plan's bones were not separated; expected a plan made from a CT")
    step(report, 0.1, "measuring cross-sections")
    stability = assess_stability(result.anatomy, bones, result.plan, _cement_share(result), pain)
    return replace(result, plan=replace(result.plan, stability=stability))


def _cement_share(result: PlanningResult) -> NDArray[np.float32] | None:
    """Share of every voxel of bone that the advised volume of cement fills; None without cement."""
    cement = result.plan.cement
    if cement is None or not cement.stop_ml or result.cement is None:
        return None
    shape, lesion = result.anatomy.ct.grid.shape, result.anatomy.lesion
    room = np.where(lesion, DEFAULTS["cavity_share"], DEFAULTS["trabecular_share"]).astype(np.float32)
    return room * (result.cement.mask(cement.stop_ml, shape) & (result.anatomy.bone | lesion))


@dataclass(frozen=True)
class CementChoices:
    """What the user decided; None takes the default with its provenance, that of the lesion's site where it has one."""

    gauge: int | None = None
    filling_fraction: float | None = None
    viscosity: Viscosity = "medium"
    needles: int | None = None
    pull_back_times: int | None = None
    pull_back_mm: float | None = None


def plan_cement(
    result: PlanningResult, choices: CementChoices | None = None, report: ReportProgress = silent
) -> PlanningResult:
    """Add cement to a plan: one needle along the central probe's track, or up to three where one does not do.

    The volume is a share of the lesion; its way is simulated (see `cement.filling`). Leaks are named per cortical
    defect, with the volume at which simulated cement leaves there; the advised volume stops before the first one.

    Raises
    ------
    InputError
        For a gauge, filling fraction, number of needles or way back out of range, or a plan without probes.
    """
    choices = choices or CementChoices()
    check_cement_choices(choices)
    fraction = DEFAULTS["filling_fraction"] if choices.filling_fraction is None else choices.filling_fraction
    ways = _ways_to_pull_back(choices)
    if not result.plan.probes:
        raise InputError("cement: the plan has no probes; expected a planned ablation to share a track with")
    step(report, 0.1, "looking for cortical defects")
    defects = find_defects(result.anatomy, DEFAULTS["smallest_defect_mm2"])
    step(report, 0.6, "choosing needles and filling")
    plan = result.plan
    fill_ml = plan.lesion.volume_ml * fraction
    site = propose_site(result.anatomy.bones, plan.lesion)
    gauge = choices.gauge or int(site.gauge.value if site else DEFAULTS["gauge"])
    chosen = _best_needles(result, choices, gauge, fill_ml, defects, ways, site)
    fill, stop_ml = chosen.fill, chosen.stop_ml
    step(report, 0.9, "heat of setting")
    leaks = tuple(
        CementLeak(d.towards, d.distance_mm, round(d.area_mm2, 1), None if at is None else round(at, 2))
        for d, at in zip(defects, fill.leak_ml, strict=True)
    )
    cement = Cement(
        needles=chosen.needles,
        fill_ml=fill_ml,
        fill_fraction=fraction,
        leaks=leaks,
        cautions=(
            *NeedleAccess(result.anatomy, gauge).warnings(chosen.needles, plan.coverage.robust.lateral_error_mm),
            *plan_cautions(plan, chosen.needles, defects),
            *fill_cautions(fill, fill_ml, stop_ml),
            *heat_cautions(result.anatomy, fill, stop_ml, (*result.anatomy.structures, *result.anatomy.estimates)),
            *_too_few(chosen.needles, choices.needles),
            *site_cautions(site, fill_ml),
        ),
        provenance=(*DEFAULTS.provenance(), *(site.provenance() if site else ())),
        stop_ml=round(stop_ml, 2),
        viscosity=choices.viscosity,
        cavity_ml=plan.lesion.volume_ml,
        steps=tuple(fill.at(ml) for ml in _step_volumes(fill.injected_ml)),
        pull_back_after_ml=chosen.pull_back_after_ml,
        site=None if site is None else site.compared(fill_ml),
    )
    return replace(result, plan=replace(plan, cement=cement), cement=fill.body())


def _best_needles(
    result: PlanningResult,
    choices: CementChoices,
    gauge: int,
    fill_ml: float,
    defects: Sequence[Defect],
    ways: Sequence[PullBack],
    site: Site | None,
) -> ChosenNeedles:
    """The needles of the first way through which the wanted volume goes in, else of the one with most before a leak."""
    most = int(site.most_needles.value) if site else MOST_NEEDLES
    found = []
    for way in ways:
        found.append(choose_needles(result, gauge, fill_ml, defects, choices.viscosity, choices.needles, way, most))
        if found[-1].stop_ml >= fill_ml - FULL_ML:
            break
    return max(found, key=lambda chosen: chosen.stop_ml)


def check_cement_choices(choices: CementChoices) -> None:
    """Refuse choices that are out of range.

    Raises
    ------
    InputError
        Naming the choice and what is expected.
    """
    if choices.gauge is not None and choices.gauge not in GAUGE_DIAMETER_MM:
        known = ", ".join(f"{gauge} G" for gauge in GAUGE_DIAMETER_MM)
        raise InputError(f"cement needle: {choices.gauge} G; expected one of {known}")
    if choices.filling_fraction is not None and not 0 < choices.filling_fraction <= 1:
        raise InputError(f"cement filling: {choices.filling_fraction:g}; expected more than 0 and at most 1")
    if choices.needles is not None and not 1 <= choices.needles <= MOST_NEEDLES:
        raise InputError(f"cement needles: {choices.needles}; expected 1 to {MOST_NEEDLES}")
    for name, value in (("pull_back_times", choices.pull_back_times), ("pull_back_mm", choices.pull_back_mm)):
        lowest, highest = DEFAULTS.range(name)
        if value is not None and not lowest <= value <= highest:
            raise InputError(f"cement needle, {name}: {value:g}; expected {lowest:g} to {highest:g}")


def _ways_to_pull_back(choices: CementChoices) -> tuple[PullBack, ...]:
    """As chosen; where nothing was chosen by the default, or not at all: near a gap that may bring the leak later."""
    times = int(DEFAULTS["pull_back_times"]) if choices.pull_back_times is None else choices.pull_back_times
    step_mm = DEFAULTS["pull_back_mm"] if choices.pull_back_mm is None else choices.pull_back_mm
    chosen = PullBack(times, step_mm)
    return (chosen, PullBack(0, step_mm)) if choices.pull_back_times is None else (chosen,)


def _too_few(needles: Sequence[CementNeedle], wanted: int | None) -> list[str]:
    if wanted is None or len(needles) >= wanted:
        return []
    return [f"{wanted} needles were asked for; the plan has tracks for {len(needles)} only"]


def _step_volumes(injected_ml: float) -> list[float]:
    """Every millilitre, and the end."""
    whole = [float(ml) for ml in range(1, int(injected_ml) + 1)]
    return whole if whole and injected_ml - whole[-1] < 0.05 else [*whole, injected_ml]
