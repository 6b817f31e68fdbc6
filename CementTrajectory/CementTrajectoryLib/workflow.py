"""Cement, screws and stability after ablation, and screw corridors: the one workflow that every host calls."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from BoneAblationPlannerLib.anatomy.body import find_body
from BoneAblationPlannerLib.anatomy.bone import bone_mask
from BoneAblationPlannerLib.anatomy.bones import separate_bones
from BoneAblationPlannerLib.case import PlanningResult
from BoneAblationPlannerLib.ct import LabelMap
from BoneAblationPlannerLib.errors import InputError
from BoneAblationPlannerLib.placement.probe_figures import rounded_point
from BoneAblationPlannerLib.plan import Cement, CementLeak, CementNeedle, Plan, Point, Probe
from BoneAblationPlannerLib.progress import ReportProgress, part, silent, step
from BoneAblationPlannerLib.reading import read_ct, read_label_map
from BoneAblationPlannerLib.reading.images import grid_of, read_image
from BoneAblationPlannerLib.reading.labels import is_label_map
from CementTrajectoryLib.cement.cautions import advised_stop_ml, fill_cautions, plan_cautions
from CementTrajectoryLib.cement.defaults import DEFAULTS, GAUGE_DIAMETER_MM
from CementTrajectoryLib.cement.defects import Defect, find_defects
from CementTrajectoryLib.cement.filling import VISCOSITIES, Fill, Viscosity, simulate_fill
from CementTrajectoryLib.screws.catalogue import screw_provenance
from CementTrajectoryLib.screws.corridor_file import corridor_document
from CementTrajectoryLib.screws.corridors import find_corridors
from CementTrajectoryLib.screws.naming import named_pelvis, pelvic_name
from CementTrajectoryLib.screws.planning import propose_screws
from CementTrajectoryLib.stability.assessment import assess_stability

LARGEST_CLEARANCE_MM = 10.0
TIP_SPACING_MM = 4.0


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
    bones, notes = _bones_of_file(path, names_path, part(report, 0.0, 0.5))
    pelvis, found = named_pelvis(bones)
    corridors, missing = find_corridors(pelvis, part(report, 0.5, 1.0))
    return corridor_document(corridors, missing, path.name, [*notes, *found])


def _bones_of_file(path: Path, names_path: Path | None, report: ReportProgress) -> tuple[LabelMap, list[str]]:
    step(report, 0.0, "reading")
    if names_path is not None or is_label_map(path):
        return read_label_map(path, names_path, grid_of(read_image(path, layers=True), path.name))
    ct = read_ct(path)
    step(report, 0.3, "finding bone")
    body = find_body(ct).inside
    step(report, 0.5, "separating bones")
    bones = separate_bones(ct, bone_mask(ct, body), body)
    if not any(name.startswith(("hip_", "sacrum")) for name in bones.names.values()):
        raise InputError(
            f"{path.name}: hip bones and sacrum cannot be told in this CT; expected a pelvis, or a label map of its "
            "bones with --names"
        )
    return bones, list(ct.notes)


def plan_screws(
    result: PlanningResult, clearance_mm: float | None = None, report: ReportProgress = silent
) -> PlanningResult:
    """Add screws to a plan: the thickest that fit the corridors across or beside the lesion.

    What was left out and why is among the plan's warnings.

    Raises
    ------
    InputError
        For a clearance out of range.
    """
    if clearance_mm is not None and not 0 <= clearance_mm <= LARGEST_CLEARANCE_MM:
        raise InputError(f"screw clearance: {clearance_mm:g} mm; expected 0 to {LARGEST_CLEARANCE_MM:g}")
    bones = result.anatomy.bones
    if bones is None:
        raise InputError("screws: the plan's bones were not separated; expected a plan made from a CT")
    step(report, 0.1, "looking for screw corridors")
    plan = result.plan
    named = LabelMap(bones.grid, bones.labels, {value: pelvic_name(name) for value, name in bones.names.items()})
    proposal = propose_screws(result.anatomy, named, plan.probes, clearance_mm)
    cautions = tuple(f"screws: {caution}" for caution in proposal.cautions)
    provenance = screw_provenance({screw.screw_type for screw in proposal.screws})
    return replace(
        result,
        plan=replace(
            plan,
            screws=proposal.screws,
            warnings=(*plan.warnings, *cautions),
            provenance=(*plan.provenance, *provenance),
        ),
    )


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
    """Share of every voxel of the CT that the advised volume of cement fills; None without cement."""
    cement = result.plan.cement
    if cement is None or not cement.stop_ml:
        return None
    tips = [needle.tip_ras_mm for needle in cement.needles]
    viscosity: Viscosity = next((v for v in VISCOSITIES if v == cement.viscosity), "medium")
    fill = simulate_fill(result.anatomy, tips, cement.stop_ml, (), viscosity)
    share = np.zeros(result.anatomy.ct.grid.shape, dtype=np.float32)
    share[fill.region] = fill.share(cement.stop_ml)
    return share


@dataclass(frozen=True)
class CementChoices:
    """What the user decided; None takes the default with its provenance."""

    gauge: int = 11
    filling_fraction: float | None = None
    viscosity: Viscosity = "medium"


def plan_cement(
    result: PlanningResult, choices: CementChoices | None = None, report: ReportProgress = silent
) -> PlanningResult:
    """Add cement to a plan: one needle along the probe track that reaches the lesion's middle best.

    The volume is a share of the lesion; its way is simulated (see `cement.filling`). Leaks are named per cortical
    defect, with the volume at which simulated cement leaves there; the advised volume stops before the first one.

    Raises
    ------
    InputError
        For a gauge or filling fraction out of range, or a plan without probes.
    """
    choices = choices or CementChoices()
    fraction = DEFAULTS["filling_fraction"] if choices.filling_fraction is None else choices.filling_fraction
    if choices.gauge not in GAUGE_DIAMETER_MM:
        known = ", ".join(f"{gauge} G" for gauge in GAUGE_DIAMETER_MM)
        raise InputError(f"cement needle: {choices.gauge} G; expected one of {known}")
    if not 0 < fraction <= 1:
        raise InputError(f"cement filling: {fraction:g}; expected more than 0 and at most 1")
    if not result.plan.probes:
        raise InputError("cement: the plan has no probes; expected a planned ablation to share a track with")
    step(report, 0.1, "looking for cortical defects")
    defects = find_defects(result.anatomy, DEFAULTS["smallest_defect_mm2"])
    step(report, 0.6, "choosing the needle's track")
    plan = result.plan
    fill_ml = plan.lesion.volume_ml * fraction
    step(report, 0.7, "filling")
    needle, fill = _best_needle(result, choices, fill_ml, defects)
    needles = (needle,)
    leaks = tuple(
        CementLeak(d.towards, d.distance_mm, round(d.area_mm2, 1), None if at is None else round(at, 2))
        for d, at in zip(defects, fill.leak_ml, strict=True)
    )
    stop_ml = advised_stop_ml(fill, fill_ml)
    cement = Cement(
        needles=needles,
        fill_ml=fill_ml,
        fill_fraction=fraction,
        leaks=leaks,
        cautions=(
            *plan_cautions(plan, _central_probe(plan), defects, choices.gauge),
            *fill_cautions(fill, fill_ml, stop_ml),
        ),
        provenance=DEFAULTS.provenance(),
        stop_ml=round(stop_ml, 2),
        viscosity=choices.viscosity,
        cavity_ml=plan.lesion.volume_ml,
        steps=tuple(fill.at(ml) for ml in _step_volumes(fill.injected_ml)),
    )
    return replace(result, plan=replace(plan, cement=cement))


def _step_volumes(injected_ml: float) -> list[float]:
    """Every millilitre, and the end."""
    whole = [float(ml) for ml in range(1, int(injected_ml) + 1)]
    return whole if whole and injected_ml - whole[-1] < 0.05 else [*whole, injected_ml]


def _best_needle(
    result: PlanningResult, choices: CementChoices, fill_ml: float, defects: Sequence[Defect]
) -> tuple[CementNeedle, Fill]:
    """Along the track of the central probe, with the tip where most cement goes in before it leaks.

    The zone's centre is tried first and kept unless another place in the lesion is better by a tenth of the volume.
    """
    probe = _central_probe(result.plan)
    best: tuple[CementNeedle, Fill] | None = None
    for tip in _tips(result, probe):
        needle = CementNeedle("Cement needle 1", choices.gauge, probe.entry_ras_mm, tip, probe.name)
        fill = simulate_fill(result.anatomy, [tip], fill_ml, defects, choices.viscosity)
        stop = advised_stop_ml(fill, fill_ml)
        if best is None or stop > advised_stop_ml(best[1], fill_ml) + 0.1 * fill_ml:
            best = needle, fill
        if stop >= fill_ml - 0.05:
            break
    if best is None:
        raise InputError("cement: the probes' tracks hold no place for a tip; expected a planned ablation")
    return best


def _tips(result: PlanningResult, probe: Probe) -> list[Point]:
    """The zone's centre, then the places on the probe's track inside the lesion, nearest to that centre first."""
    grid, lesion = result.anatomy.ct.grid, result.anatomy.lesion
    entry, tip = np.array(probe.entry_ras_mm), np.array(probe.tip_ras_mm)
    count = int(np.linalg.norm(tip - entry) // TIP_SPACING_MM)
    track = np.linspace(entry, tip, max(count, 2))
    index = np.rint(grid.ijk_from_ras(track)[:, ::-1]).astype(int)
    seen = ((index >= 0) & (index < grid.shape)).all(axis=1)
    inside = track[seen][lesion[tuple(index[seen].T)]]
    centre = np.array(probe.zone_centre_ras_mm)
    order = np.argsort(np.linalg.norm(inside - centre, axis=1), kind="stable")
    return [probe.zone_centre_ras_mm, *(rounded_point(point) for point in inside[order])]


def _central_probe(plan: Plan) -> Probe:
    centroid = plan.lesion.centroid_ras_mm

    def off_centre(probe: Probe) -> float:
        return sum((a - b) ** 2 for a, b in zip(probe.zone_centre_ras_mm, centroid, strict=True))

    return min(plan.probes, key=off_centre)
