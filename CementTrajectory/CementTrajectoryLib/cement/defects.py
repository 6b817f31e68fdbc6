"""Cortical defects of a lesion: where cement could leave the bone, how large each is and what lies beyond it."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from BoneAblationPlannerLib.anatomy.breach import BreachMap, breach_map
from BoneAblationPlannerLib.case import Anatomy
from BoneAblationPlannerLib.plan import Point

FARTHEST_MM = 30.0
"""A structure farther than this from a defect is not what a leak is named after."""
ONE_WAY = 0.5
"""A hole whose mean outward vector is at least this long faces one way: half a ball's is exactly as long."""


@dataclass(frozen=True)
class Defect:
    """One hole in the shell around the lesion; its area is that of the lesion's smooth surface there.

    `voxels_kji` (N, 3) are the lesion's voxels at the hole, indices on the CT's grid.
    """

    centre_ras_mm: Point
    area_mm2: float
    towards: str
    distance_mm: float
    voxels_kji: NDArray[np.int64] = field(compare=False, repr=False)


def find_defects(anatomy: Anatomy, smallest_mm2: float) -> tuple[Defect, ...]:
    """Connected breached parts of the lesion's surface of at least `smallest_mm2`, largest first.

    A hole that goes round the lesion, as in a flat bone whose both tables are gone, is one defect for each face.
    """
    breach = breach_map(anatomy.ct, anatomy.lesion, anatomy.bone, FARTHEST_MM)
    labels, count = ndimage.label(breach.open_surface, structure=np.ones((3, 3, 3)))
    defects = []
    for label in range(1, count + 1):
        for patch in _faces(breach, labels == label, smallest_mm2):
            area = float(breach.surface_area_mm2[patch].sum())
            if area < smallest_mm2:
                continue
            centre = breach.grid.ras_of_mask(patch).mean(axis=0)
            towards, distance = _beyond(anatomy, breach, centre)
            x, y, z = (round(float(v), 1) for v in centre)
            voxels = np.argwhere(patch) + [s.start for s in breach.region]
            defects.append(Defect((x, y, z), area, towards, distance, voxels))
    return tuple(sorted(defects, key=lambda d: -d.area_mm2))


def _faces(breach: BreachMap, patch: NDArray[np.bool_], smallest_mm2: float) -> list[NDArray[np.bool_]]:
    """The patch, or its two faces where it goes round so far that it has no one direction."""
    area, normals = breach.surface_area_mm2[patch], breach.normals_kji[patch]
    total = max(float(area.sum()), 1e-9)
    if np.linalg.norm(area @ normals) >= ONE_WAY * total:
        return [patch]
    across = np.linalg.eigh((normals * area[:, None]).T @ normals)[1][:, -1]
    ahead = normals @ across > 0
    if min(area[ahead].sum(), area[~ahead].sum()) < smallest_mm2:
        return [patch]
    faces = [np.zeros_like(patch), np.zeros_like(patch)]
    faces[0][patch], faces[1][patch] = ahead, ~ahead
    return faces


def _beyond(anatomy: Anatomy, breach: BreachMap, centre_ras_mm: NDArray[np.float64]) -> tuple[str, float]:
    """The nearest known structure to a defect, or soft tissue."""
    best, nearest = "soft tissue", 0.0
    for structure in anatomy.structures:
        voxels = breach.grid.ras_of_mask(structure.mask[breach.region])
        if structure.kind == "skin" or len(voxels) == 0:
            continue
        distance = float(np.linalg.norm(voxels - centre_ras_mm, axis=1).min())
        if distance <= FARTHEST_MM and (best == "soft tissue" or distance < nearest):
            best, nearest = f"{structure.name} ({structure.kind})", round(distance, 1)
    return best, nearest
