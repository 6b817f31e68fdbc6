"""The lesion of a case: as given or from a point, with its figures; what a person looks at and corrects first."""

from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from BoneAblationPlannerLib.anatomy.edited import body_of, bone_of
from BoneAblationPlannerLib.anatomy.lesion import (
    LesionOutline,
    LesionReport,
    describe_outline,
    lesion_kind,
    segment_lesion,
)
from BoneAblationPlannerLib.case import Case
from BoneAblationPlannerLib.components import find_components
from BoneAblationPlannerLib.errors import InputError
from BoneAblationPlannerLib.frames import Grid
from BoneAblationPlannerLib.progress import ReportProgress, silent, step

LARGEST_LESION_ML = 1500.0
"""An outline beyond this is the patient, all bones or the image, and no plan could cover it."""
FARTHEST_APART_MM = 40.0
"""Between pieces of one outline: more than a zone is wide."""


def outline_of(case: Case, bone: NDArray[np.bool_]) -> LesionOutline:
    """The lesion as given, or from the point and what else the user marked; `bone` (k, j, i) bool is filled.

    Raises
    ------
    InputError
        For an outline on another grid, empty or too large; without outline and point; and as `segment_lesion`.
    """
    if case.lesion is not None:
        return _given(case, case.lesion)
    if case.seed_ras_mm is None:
        raise InputError("lesion: neither a seed point nor an outline; expected one of them")
    marks = case.marks
    outline = segment_lesion(
        case.ct,
        bone,
        case.seed_ras_mm,
        box_ras_mm=marks.box_ras_mm,
        inside=marks.inside_ras_mm,
        outside=marks.outside_ras_mm,
    )
    _check_together(outline.mask, case.ct.grid)
    return outline


def _given(case: Case, lesion: NDArray) -> LesionOutline:
    if lesion.shape != case.ct.grid.shape:
        raise InputError(f"lesion: shape {lesion.shape}; expected the CT's {case.ct.grid.shape}")
    mask = lesion.astype(bool)
    volume_ml = float(mask.sum() * case.ct.grid.voxel_ml)
    if volume_ml == 0:
        raise InputError("lesion: the outline is empty; expected the voxels of one lesion")
    if volume_ml > LARGEST_LESION_ML:
        raise InputError(f"lesion: the outline holds {volume_ml:.0f} ml; expected one lesion of at most "
                         f"{LARGEST_LESION_ML:.0f} ml")  # fmt: skip
    _check_together(mask, case.ct.grid)
    kind = lesion_kind(case.ct, mask)
    if case.computed is None:
        return LesionOutline(mask, kind)
    return LesionOutline(mask, kind, case.computed.checks, case.computed.confidence)


def _check_together(mask: NDArray[np.bool_], grid: Grid) -> None:
    """Refuse an outline with pieces far apart: a stray stroke, or two lesions, which no set of zones covers at once."""
    parts = find_components(mask)
    if parts.count < 2:
        return
    sizes, labels = parts.voxels(), parts.labels()
    largest = int(sizes.argmax())
    rest = (labels > 0) & (labels != largest)
    away, _ = cKDTree(grid.ras_of_mask(labels == largest)).query(grid.ras_of_mask(rest))
    far = np.unique(labels[rest][away > FARTHEST_APART_MM])
    near = np.unique(labels[rest][away <= FARTHEST_APART_MM])
    far = far[~np.isin(far, near)]
    if len(far):
        volume_ml = float(sizes[far].sum()) * grid.voxel_ml
        raise InputError(f"lesion: {len(far)} piece(s) of the outline ({volume_ml:.2f} ml) lie more than "
                         f"{FARTHEST_APART_MM:g} mm from the rest; expected one lesion: erase what does not belong to "
                         "it, or plan each lesion by itself")  # fmt: skip


class Outliner:
    """Outlines lesions for somebody who corrects them: bone is found once while nothing that it rests on changes."""

    def __init__(self) -> None:
        self._rests_on = b""
        self._bone: NDArray[np.bool_] | None = None

    def outline(self, case: Case, report: ReportProgress = silent) -> tuple[LesionOutline, LesionReport]:
        """Only the lesion of a case, with its figures.

        Raises
        ------
        InputError
            As `outline_of`, and where no body is found.
        """
        rests_on = _digest(case)
        if self._bone is None or rests_on != self._rests_on:
            step(report, 0.0, "finding body and skin")
            body = body_of(case)
            step(report, 0.4, "finding bone")
            self._bone, self._rests_on = bone_of(case, body.inside), rests_on
        step(report, 0.7, "outlining the lesion")
        outline = outline_of(case, self._bone)
        step(report, 0.9, "measuring the lesion")
        measured = describe_outline(case.ct, self._bone, outline)
        step(report, 1.0, "lesion outlined")
        return outline, measured


def _digest(case: Case) -> bytes:
    """Of what body and bone rest on; by content, as the host may change its voxels in place."""
    drawn = case.edited
    digest = blake2b(repr((case.ct.grid, case.structure_table)).encode())
    for labels in (case.organs, drawn.bones):
        digest.update(repr(None if labels is None else labels.names).encode())
    masks = (m.labels for m in (case.organs, drawn.bones) if m is not None)
    lesion = case.lesion if drawn.names else None  # only what was drawn gives way to the CT inside it
    for array in (case.ct.hu, *masks, lesion, drawn.body, drawn.bone):
        digest.update(b"none" if array is None else np.ascontiguousarray(array).data)
    return digest.digest()
