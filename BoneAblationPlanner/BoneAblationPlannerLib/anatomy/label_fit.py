"""Whether an organ map lies where the CT shows its organs: the surface of its bones is compared with dense bone."""

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from BoneAblationPlannerLib.anatomy.bone import BONE_ABOVE_HU
from BoneAblationPlannerLib.anatomy.structure_table import StructureTable, builtin_table
from BoneAblationPlannerLib.ct import CtVolume, LabelMap
from BoneAblationPlannerLib.errors import InputError
from BoneAblationPlannerLib.morphology import dilate
from BoneAblationPlannerLib.regions import bounding_region

NEAR_BONE_MM = 3.0
"""Or one voxel, if these are larger."""
LESION_MM = 10.0
"""Around the lesion, where bone may be destroyed, nothing is compared."""
FITS_FROM = 0.6
"""0.93 of the surface fits in maps of whole pelvises (TotalSegmentator, 3 mm); 0.61 or more once these are moved by
6 mm, at most 0.48 by 20 mm."""
REFUSED_BELOW = 0.2
"""At most 0.28 of the same surfaces fit once they are moved by 60 mm, 0.14 or less if to the side or to the front."""
MISPLACED_BELOW, FITS_MOVED_FROM = 0.5, 0.8
"""A map that fits this badly and, moved as a whole, this well is one of the same patient that lies elsewhere."""
BETTER_BY = 0.1
"""Bones that were destroyed fit badly too, but nowhere better."""
MOVED_MM = (10.0, 20.0, 30.0, 40.0, 60.0, 90.0)
FEWEST_SURFACE_VOXELS = 200
MOST_POINTS = 20000


@dataclass(frozen=True)
class SurfaceFit:
    """Shares of the labelled bones' surface that lie on bone: where the map lies, and moved to where most do."""

    share: float
    moved_share: float


def label_fit_doubt(
    ct: CtVolume, organs: LabelMap | None, lesion: NDArray[np.bool_], table: StructureTable | None = None
) -> str | None:
    """Why an organ map is not to be relied on: its bones hardly lie on bone and would elsewhere. None if they do.

    Raises
    ------
    InputError
        If hardly any of their surface lies on bone, or most would if the map were moved.
    """
    fit = bone_surface_fit(ct, organs, lesion, table) if organs is not None else None
    if fit is None or fit.share >= FITS_FROM or fit.moved_share < fit.share + BETTER_BY:
        return None
    found = f"only {fit.share:.0%} of the surface of its bones lies on bone in the CT"
    moved = f"{fit.moved_share:.0%} would if it were moved"
    if fit.share < REFUSED_BELOW or (fit.share < MISPLACED_BELOW and fit.moved_share >= FITS_MOVED_FROM):
        raise InputError(f"organ map: {found}, {moved}; expected a map of this scan, not moved")
    return f"organ map: {found}, {moved}: it may belong to another scan; check it against the CT"


def bone_surface_fit(
    ct: CtVolume, organs: LabelMap, lesion: NDArray[np.bool_], table: StructureTable | None = None
) -> SurfaceFit | None:
    """How well the surface of labelled bones, away from the lesion, lies on dense bone; None if there is little of it.

    Only the surface counts: marrow and what a metastasis left of it need not be dense.
    """
    labelled = np.isin(organs.labels, list((table or builtin_table()).bones_of(organs.names)))
    held = bounding_region(labelled)
    if held is None:
        return None
    spacing = ct.grid.spacing_kji_mm
    near_mm = max(NEAR_BONE_MM, float(spacing.max()))
    pad = np.ceil(LESION_MM / spacing).astype(int) + 1
    box = tuple(slice(max(s.start - p, 0), s.stop + p) for s, p in zip(held, pad, strict=True))
    # Where the image ends a bone was cut: that is no surface.
    surface = labelled[box] & ~ndimage.binary_erosion(labelled[box], border_value=1)
    surface &= ~dilate(np.ascontiguousarray(lesion[box]), LESION_MM, spacing)
    points = np.argwhere(surface)
    if len(points) < FEWEST_SURFACE_VOXELS:
        return None
    points = points[:: -(-len(points) // MOST_POINTS)]
    share = float(dilate(ct.hu[box] > BONE_ABOVE_HU, near_mm, spacing)[tuple(points.T)].mean())
    if share >= FITS_FROM:
        return SurfaceFit(share, share)
    points += [s.start for s in box]
    on_bone = dilate(ct.hu > BONE_ABOVE_HU, near_mm, spacing)
    moved = [share]
    for direction in itertools.product((-1, 0, 1), repeat=3):
        for distance_mm in MOVED_MM if any(direction) else ():
            step = np.rint(distance_mm * np.array(direction) / np.linalg.norm(direction) / spacing).astype(int)
            at = points + step
            at = at[((at >= 0) & (at < on_bone.shape)).all(axis=1)]
            if len(at) >= len(points) / 2:
                moved.append(float(on_bone[tuple(at.T)].mean()))
    return SurfaceFit(share, max(moved))
