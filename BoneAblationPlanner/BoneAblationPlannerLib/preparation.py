"""From what the user gave to anatomy with its figures: where planning and evaluation both start."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from BoneAblationPlannerLib.anatomy.barred import barred_structures
from BoneAblationPlannerLib.anatomy.body import find_body
from BoneAblationPlannerLib.anatomy.bone import METAL_ABOVE_HU, bone_mask
from BoneAblationPlannerLib.anatomy.bone_names import is_bone_label
from BoneAblationPlannerLib.anatomy.bone_tissue import STREAK_MM, measurable_bone
from BoneAblationPlannerLib.anatomy.bones import bone_at, separate_bones
from BoneAblationPlannerLib.anatomy.joints import Joint, find_joints, joint_distance_mm, joints_checked, limiting_part
from BoneAblationPlannerLib.anatomy.lesion import (
    LesionOutline,
    LesionReport,
    describe_outline,
    lesion_kind,
    outline_warnings,
    segment_lesion,
)
from BoneAblationPlannerLib.anatomy.nerves import band_structures, expected_nerves
from BoneAblationPlannerLib.anatomy.structures import checked_structure, collect_structures, joint_structure
from BoneAblationPlannerLib.case import Anatomy, Case, Structure
from BoneAblationPlannerLib.ct import CtVolume, LabelMap
from BoneAblationPlannerLib.errors import InputError
from BoneAblationPlannerLib.morphology import dilate
from BoneAblationPlannerLib.placement.defaults import DEFAULTS
from BoneAblationPlannerLib.placement.near_nerves import target_warnings
from BoneAblationPlannerLib.placement.probe_figures import rounded_point
from BoneAblationPlannerLib.placement.target import Target, build_target
from BoneAblationPlannerLib.plan import POSITIONS, Lesion, Position, Structures
from BoneAblationPlannerLib.progress import ReportProgress, silent, step
from BoneAblationPlannerLib.zones.heat.inserted import inserted_from_labels

LARGEST_SHARE = 0.5
"""Of the image; an outline beyond it is that of the patient, not of a lesion."""


@dataclass(frozen=True, eq=False)
class PreparedCase:
    """Anatomy with its figures: what planning and evaluation both start from."""

    case: Case
    anatomy: Anatomy
    structures: Structures
    lesion: Lesion
    position: Position
    margin_mm: float
    target: Target
    warnings: tuple[str, ...]


def prepare_case(case: Case, report: ReportProgress = silent) -> PreparedCase:
    """Anatomy, lesion and target of a case."""
    if case.excluded_entries is not None and case.excluded_entries.shape != case.ct.grid.shape:
        raise InputError(
            f"excluded entries: shape {case.excluded_entries.shape}; expected {case.ct.grid.shape} of the CT"
        )
    step(report, 0.0, "finding body and skin")
    body = find_body(case.ct)
    step(report, 0.3, "finding bone")
    bone = bone_mask(case.ct, body.inside, case.organs)
    step(report, 0.6, "outlining the lesion")
    outline = _outline(case, bone)
    mask = outline.mask
    step(report, 0.7, "separating bones")
    bones = separate_bones(case.ct, bone, body.inside, case.organs)
    joints = find_joints(bones)
    limiting, joint_warnings = _limiting_joints(case, joints, mask)
    step(report, 0.85, "collecting critical structures")
    bone_name = bone_at(bones, mask) or _bone_name(mask, case.organs, case.ct.grid.spacing_kji_mm)
    barred = barred_structures(case.choices.barred_bones, bones, mask, bone_name, case.structure_table)
    found, structures = collect_structures(
        case.ct,
        body,
        case.organs,
        case.nerves,
        [*limiting, *barred],
        joints_checked(bones, joints, mask),
        case.structure_table,
    )
    estimates = band_structures(expected_nerves(bones), case.ct.grid)
    structures = replace(structures, estimated=tuple(checked_structure(s) for s in estimates))
    measured = describe_outline(case.ct, bone, outline)
    anatomy = Anatomy(
        case.ct,
        body.inside,
        bone | mask,
        mask,
        found,
        estimates,
        bones,
        measured.breach.on_grid(case.ct.grid),
        (*inserted_from_labels(case.organs), *case.inserted),
    )
    position, warnings = _position(case)
    margin = case.choices.margin_mm
    margin = DEFAULTS[f"margin_{case.choices.intent}_mm"] if margin is None else margin
    lesion = lesion_record(case, outline, measured, bone_name, joint_distance_mm(joints, mask, case.ct.grid))
    if structures.not_checked:
        warnings.append(
            f"not checked, no outline was given, they may lie in the way: {', '.join(structures.not_checked)}"
        )
    warnings += joint_warnings
    treated = dilate(mask, margin, case.ct.grid.spacing_kji_mm) if margin else mask
    warnings += target_warnings(estimates, treated, case.ct.grid)
    warnings += outline_warnings(mask, bone, body.inside, case.ct.grid, bone_name)
    warnings += [f"lesion outline: {check}" for check in outline.checks]
    warnings += [*case.ct.notes, *case.notes]
    target = build_target(mask, case.ct.grid, margin)
    return PreparedCase(case, anatomy, structures, lesion, position, margin, target, tuple(warnings))


def _limiting_joints(
    case: Case, joints: Sequence[Joint], lesion: NDArray[np.bool_]
) -> tuple[list[Structure], list[str]]:
    """Joints as structures, and what the lesion itself has reached."""
    from_labels = case.organs is not None and any(is_bone_label(name) for name in case.organs.names.values())
    structures, warnings = [], []
    for joint in joints:
        mask, reached = limiting_part(joint.mask, lesion, case.ct.grid)
        name = joint.name
        if reached:
            warnings.append(
                f"the lesion reaches the {name} ({max(1, round(100 * reached))} % of its surface): that part cannot be "
                "kept clear of and does not limit the plan; expect damage to cartilage and subchondral bone there"
            )
            name = f"{name}, beyond the lesion"
        if mask.any():
            structures.append(joint_structure(name, mask, from_labels, case.structure_table))
    return structures, warnings


def outline_case(case: Case, report: ReportProgress = silent) -> tuple[LesionOutline, LesionReport]:
    """Only the lesion of a case, with its figures: what a person looks at and edits before planning.

    Raises
    ------
    InputError
        As `prepare_case` for the lesion.
    """
    step(report, 0.0, "finding body and skin")
    body = find_body(case.ct)
    step(report, 0.4, "finding bone")
    bone = bone_mask(case.ct, body.inside, case.organs)
    step(report, 0.7, "outlining the lesion")
    outline = _outline(case, bone)
    step(report, 0.9, "measuring the lesion")
    measured = describe_outline(case.ct, bone, outline)
    step(report, 1.0, "lesion outlined")
    return outline, measured


def _outline(case: Case, bone: NDArray[np.bool_]) -> LesionOutline:
    """The lesion as given, or from the seed and what else the user marked."""
    if case.lesion is not None:
        if case.lesion.shape != case.ct.grid.shape:
            raise InputError(f"lesion: shape {case.lesion.shape}; expected the CT's {case.ct.grid.shape}")
        if not case.lesion.any() or case.lesion.mean() > LARGEST_SHARE:
            raise InputError("lesion: the outline is empty or fills the image; expected the voxels of one lesion")
        mask = case.lesion.astype(bool)
        kind = lesion_kind(case.ct, mask)
        if case.computed is None:
            return LesionOutline(mask, kind)
        return LesionOutline(mask, kind, case.computed.checks, case.computed.confidence)
    if case.seed_ras_mm is None:
        raise InputError("lesion: neither a seed point nor an outline; expected one of them")
    marks = case.marks
    return segment_lesion(
        case.ct,
        bone,
        case.seed_ras_mm,
        box_ras_mm=marks.box_ras_mm,
        inside=marks.inside_ras_mm,
        outside=marks.outside_ras_mm,
    )


def _position(case: Case) -> tuple[Position, list[str]]:
    """The position that was asked for, else as scanned, else supine with a warning."""
    scanned, asked = case.ct.scanned_position, case.choices.position
    if asked is not None:
        if scanned is not None and scanned != asked:
            return asked, [f"planned {asked} on a scan made {scanned}: organs move, verify on a scan in position"]
        return asked, []
    for position in POSITIONS:
        if position == scanned:
            return position, []
    return "supine", ["patient position is not known from the image and was not given: supine is assumed"]


def lesion_record(
    case: Case,
    outline: LesionOutline,
    measured: LesionReport,
    bone_name: str | None,
    joint: tuple[str, float] | None,
) -> Lesion:
    """What the plan stores of an outline; `joint` is the nearest one with its distance."""
    grid, mask = case.ct.grid, outline.mask
    given = case.lesion is not None and case.computed is None
    return Lesion(
        volume_ml=measured.volume_ml,
        kind=measured.kind,
        diameters_mm=measured.diameters_mm,
        centroid_ras_mm=rounded_point(grid.ras_of_mask(mask).mean(axis=0)),
        seed_ras_mm=case.seed_ras_mm,
        cortical_breach_fraction=measured.breached_fraction,
        bone=bone_name,
        mean_hu=_mean_hu(case.ct, mask),
        outline="given" if given else "segmented",
        checks=outline.checks,
        breached_area_mm2=measured.breached_area_mm2,
        soft_tissue_ml=measured.soft_tissue_ml,
        nearest_joint=joint[0] if joint else None,
        joint_distance_mm=joint[1] if joint else None,
        confidence=None if given else outline.confidence,
    )


def _mean_hu(ct: CtVolume, mask: NDArray[np.bool_]) -> float:
    """Mean density away from metal and its streaks; of the whole outline where metal leaves nothing else."""
    region = ct.grid.region_around(ct.grid.ras_of_mask(mask), STREAK_MM + 1.0)
    inside, hu = np.ascontiguousarray(mask[region]), ct.hu[region]
    usable = measurable_bone(CtVolume(ct.grid.crop(region), hu, ct.source, ""), inside, hu > METAL_ABOVE_HU)
    return float(hu[usable if usable.any() else inside].mean())


def _bone_name(mask: NDArray[np.bool_], organs: LabelMap | None, spacing: NDArray) -> str | None:
    """Name of the labelled bone that holds or touches most of the lesion."""
    if organs is None:
        return None
    values, counts = np.unique(organs.labels[dilate(mask, 4.0, spacing)], return_counts=True)
    bones = [(int(c), organs.names.get(int(v), "")) for v, c in zip(values, counts, strict=True)]
    named = [row for row in bones if is_bone_label(row[1])]
    return max(named)[1] if named else None
