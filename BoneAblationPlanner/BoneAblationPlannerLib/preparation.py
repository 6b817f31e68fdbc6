"""From what the user gave to anatomy with its figures: where planning and evaluation both start."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from BoneAblationPlannerLib.access.painted import painted_skin
from BoneAblationPlannerLib.anatomy.barred import barred_structures
from BoneAblationPlannerLib.anatomy.body import Body
from BoneAblationPlannerLib.anatomy.bone_names import is_known_bone
from BoneAblationPlannerLib.anatomy.bone_tissue import bone_tissue_near
from BoneAblationPlannerLib.anatomy.bones import has_labelled_bones
from BoneAblationPlannerLib.anatomy.cut_sides import cut_warnings
from BoneAblationPlannerLib.anatomy.edited import body_of, bone_of, bones_of
from BoneAblationPlannerLib.anatomy.host_bone import bone_at, host_bone
from BoneAblationPlannerLib.anatomy.joints import (
    NEAR_MM,
    OF_LABELLED_BONES,
    Joint,
    find_joints,
    joint_distance_mm,
    joints_checked,
    limiting_part,
)
from BoneAblationPlannerLib.anatomy.label_fit import label_fit_doubt
from BoneAblationPlannerLib.anatomy.label_sides import check_label_sides
from BoneAblationPlannerLib.anatomy.lesion import (
    LesionOutline,
    LesionReport,
    densities,
    describe_outline,
    outline_warnings,
)
from BoneAblationPlannerLib.anatomy.looked_for import Site, map_too_small, undrawn
from BoneAblationPlannerLib.anatomy.names import side_of
from BoneAblationPlannerLib.anatomy.nerves import band_structures, expected_nerves
from BoneAblationPlannerLib.anatomy.structures import checked_structure, collect_structures, joint_structure
from BoneAblationPlannerLib.anatomy.unplaced_nerves import unplaced_nerves
from BoneAblationPlannerLib.case import Anatomy, Case, Structure
from BoneAblationPlannerLib.ct import LabelMap
from BoneAblationPlannerLib.errors import InputError
from BoneAblationPlannerLib.morphology import dilate
from BoneAblationPlannerLib.outlining import outline_of
from BoneAblationPlannerLib.placement.defaults import DEFAULTS
from BoneAblationPlannerLib.placement.near_nerves import bands_near, target_warnings
from BoneAblationPlannerLib.placement.probe_figures import rounded_point
from BoneAblationPlannerLib.placement.target import Target, build_target
from BoneAblationPlannerLib.plan import POSITIONS, Lesion, Position, Structures
from BoneAblationPlannerLib.progress import ReportProgress, silent, step
from BoneAblationPlannerLib.zones.heat.inserted import inserted_from_labels


@dataclass(frozen=True, eq=False)
class PreparedCase:
    """Anatomy with its figures: what planning and evaluation both start from.

    `no_entry` (k, j, i) bool is what the user painted as no entry with the skin beside it, None where nothing was.
    """

    case: Case
    anatomy: Anatomy
    structures: Structures
    lesion: Lesion
    position: Position
    margin_mm: float
    target: Target
    warnings: tuple[str, ...]
    no_entry: NDArray[np.bool_] | None = None


def prepare_case(case: Case, report: ReportProgress = silent) -> PreparedCase:
    """Anatomy, lesion and target of a case."""
    step(report, 0.0, "finding body and skin")
    body = body_of(case)
    no_entry, warnings = _no_entry(case, body)
    warnings += check_label_sides(case.organs, body.inside, case.structure_table)
    step(report, 0.3, "finding bone")
    bone = bone_of(case, body.inside)
    step(report, 0.6, "outlining the lesion")
    outline = outline_of(case, bone)
    mask = outline.mask
    if not (mask & body.inside).any():
        raise InputError("lesion: the outline lies outside the patient; expected voxels inside the body")
    step(report, 0.7, "separating bones")
    bones = bones_of(case, bone, body.inside)
    joints = find_joints(bones)
    limiting, joint_warnings = _limiting_joints(case, joints, mask)
    step(report, 0.85, "collecting critical structures")
    host = host_bone(bones, mask)
    bone_name = host.name or _bone_name(mask, case)
    barred = barred_structures(case.choices.barred_bones, bones, mask, bone_name, case.structure_table)
    site = Site(case.ct.grid, mask, side_of(bone_name or ""))
    doubt = label_fit_doubt(case.ct, case.organs, mask, case.structure_table)
    if doubt is None and case.organs is not None:
        doubt = map_too_small(case.organs, body.inside, site)
    from_labels = has_labelled_bones(case.organs, case.structure_table)
    joints_known = not (doubt and from_labels) and joints_checked(bones, joints, mask)
    found, structures = collect_structures(
        case.ct,
        body,
        case.organs,
        case.nerves,
        [*limiting, *barred],
        joints_known,
        case.structure_table,
        site,
        doubt,
    )
    margin = case.choices.margin_mm
    margin = DEFAULTS[f"margin_{case.choices.intent}_mm"] if margin is None else margin
    treated = dilate(mask, margin, case.ct.grid.spacing_kji_mm) if margin else mask
    bands = expected_nerves(bones)
    estimates = band_structures(bands, case.ct.grid)
    structures = replace(structures, estimated=tuple(checked_structure(s) for s in estimates))
    drawn = [structure for structure in found if structure.kind == "nerve"]
    unplaced = unplaced_nerves(bones, bands, mask, bone_name, [nerve.name for nerve in drawn])
    expected = [band for band, _ in bands_near(estimates, mask, case.ct.grid, NEAR_MM)]
    missing = undrawn(expected, drawn, site)
    structures = _with_unchecked_nerves(structures, missing, bool(unplaced))
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
        case.edited.names,
        bone_tissue_near(case.ct, bone, body.inside, mask),
    )
    position, said = _position(case)
    warnings += said
    nearest = joint_distance_mm(joints, mask, case.ct.grid)
    lesion = lesion_record(case, outline, measured, bone_name, nearest, joints_known)
    if structures.not_checked:
        warnings.append(
            f"not checked, no outline was given for this site, they may lie in the way: "
            f"{', '.join(structures.not_checked)}"
        )
    warnings += structures.why_not
    warnings += [host.doubt] if host.doubt and (host.name or bone_name is None) else []
    warnings += joint_warnings
    warnings += target_warnings(estimates, treated, case.ct.grid)
    warnings += unplaced
    warnings += cut_warnings(body.inside, case.ct.grid)
    warnings += outline_warnings(mask, bone, body.inside, case.ct.grid, bone_name)
    warnings += [f"lesion outline: {check}" for check in outline.checks]
    if case.edited.names:
        warnings.append(f"used as drawn by hand, not as found on the CT: {', '.join(case.edited.names)}")
    warnings += [*case.ct.notes, *case.notes]
    target = build_target(mask, case.ct.grid, margin)
    return PreparedCase(case, anatomy, structures, lesion, position, margin, target, tuple(warnings), no_entry)


def _no_entry(case: Case, body: Body) -> tuple[NDArray[np.bool_] | None, list[str]]:
    """Where no needle is to enter, and a sentence on it; None and nothing to say where no skin was painted."""
    if case.excluded_entries is None:
        return None, []
    excluded, said = painted_skin(case.excluded_entries, body.skin, case.ct.grid, DEFAULTS["painted_reaches_mm"])
    return excluded, [said]


def _with_unchecked_nerves(structures: Structures, undrawn_names: Sequence[str], some_unplaced: bool) -> Structures:
    """Nerves count as checked only if all that are expected near the lesion were drawn."""
    if "nerve" in structures.not_checked or not (undrawn_names or some_unplaced):
        return structures
    reasons = [f"expected near the lesion and not drawn: {', '.join(undrawn_names)}"] if undrawn_names else []
    reasons += ["others are expected that could not be placed"] if some_unplaced else []
    reason = f"nerve: {'; '.join(reasons)}; so nerves are not checked"
    return replace(structures, not_checked=("nerve", *structures.not_checked), why_not=(*structures.why_not, reason))


def _limiting_joints(
    case: Case, joints: Sequence[Joint], lesion: NDArray[np.bool_]
) -> tuple[list[Structure], list[str]]:
    """Joints as structures, and what the lesion itself has reached."""
    from_labels = has_labelled_bones(case.organs, case.structure_table)
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
            computed = joint_structure(name, mask, from_labels, case.structure_table)
            structures.append(replace(computed, origin=OF_LABELLED_BONES) if from_labels else computed)
    return structures, warnings


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
    joints_known: bool,
) -> Lesion:
    """What the plan stores of an outline; `joint` is the nearest of those found, with its distance."""
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
        mean_hu=float(densities(case.ct, mask).mean()),
        outline="given" if given else "segmented",
        checks=outline.checks,
        breached_area_mm2=measured.breached_area_mm2,
        soft_tissue_ml=measured.soft_tissue_ml,
        nearest_joint=joint[0] if joint else None,
        joint_distance_mm=joint[1] if joint else None,
        joints_known=joints_known,
        confidence=None if given else outline.confidence,
    )


def _bone_name(mask: NDArray[np.bool_], case: Case) -> str | None:
    """Name of the labelled bone, or group of bones, that holds or touches most of the lesion."""
    if case.organs is None:
        return None
    bones = {v: name for v, name in case.structure_table.bones_of(case.organs.names).items() if is_known_bone(name)}
    return bone_at(LabelMap(case.organs.grid, case.organs.labels, bones), mask)
