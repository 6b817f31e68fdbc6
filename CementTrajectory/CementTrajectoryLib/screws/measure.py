"""What one screw does in a patient: bone left around it, breaches, purchase, density, joints, structures, skin."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from BoneAblationPlannerLib.case import Anatomy
from BoneAblationPlannerLib.frames import Grid
from BoneAblationPlannerLib.placement.clearance import StructureSurface, shaft_distance_mm
from CementTrajectoryLib.screws.catalogue import DEFAULTS
from CementTrajectoryLib.screws.depth import DepthMap

STEP_MM = 0.5
PROFILE_STEP_MM = 5.0
RINGS_MM = (0.0, 1.0)
"""Density is read on the axis, and this far outside the thread."""
AROUND = 12
LONGEST_SOFT_TISSUE_MM = 250.0


@dataclass(frozen=True)
class LesionContact:
    """Along a screw in mm: bone held before the lesion, way in the lesion, bone held beyond it."""

    before_mm: float
    inside_mm: float
    beyond_mm: float


def lesion_contact(
    grid: Grid, lesion: NDArray[np.bool_], entry_ras_mm: NDArray[np.float64], tip_ras_mm: NDArray[np.float64]
) -> LesionContact | None:
    """How a screw passes a lesion, or None if its axis does not."""
    points, along = _steps(entry_ras_mm, tip_ras_mm)
    inside = _nearest(lesion, grid, points)
    if not inside.any():
        return None
    hit = along[inside]
    step = along[1] - along[0]
    return LesionContact(float(hit[0]), float(inside.sum() * step), float(along[-1] - hit[-1]))


@dataclass(frozen=True)
class Breach:
    """How far a screw of a radius stands out of bone: at its side, and with its tip beyond the far cortex."""

    side_mm: float
    tip_mm: float
    clearance_mm: float


def breach(
    depth: DepthMap,
    entry_ras_mm: NDArray[np.float64],
    tip_ras_mm: NDArray[np.float64],
    radius_mm: float,
    trim_mm: float,
) -> Breach:
    """Breaches of a screw; its first `trim_mm`, where it enters through the cortex, are not counted."""
    points, along = _steps(entry_ras_mm, tip_ras_mm)
    depths = depth.at(points)
    inner = along >= min(trim_mm, along[-1] / 2)
    free = depths[inner] - radius_mm
    # The tip stands out as far as the axis has been outside since it last left bone.
    outside = np.flatnonzero(depths > 0)
    tip = float(along[-1] - along[outside[-1]]) if len(outside) else float(along[-1])
    tip = tip if depths[-1] <= 0 else 0.0
    return Breach(max(0.0, -float(free.min())), tip, float(free.min()))


def density_profile(
    anatomy: Anatomy, entry_ras_mm: NDArray[np.float64], tip_ras_mm: NDArray[np.float64], radius_mm: float
) -> tuple[NDArray[np.float64], dict[str, float]]:
    """Mean HU every 5 mm on and around a screw, and the shares of weak, trabecular and cortical bone around it."""
    length = float(np.linalg.norm(tip_ras_mm - entry_ras_mm))
    axis = (tip_ras_mm - entry_ras_mm) / length
    u, v = np.linalg.svd(axis[None])[2][1:]
    angles = np.linspace(0, 2 * np.pi, AROUND, endpoint=False)
    ring = np.concatenate(
        [(radius_mm + out) * (np.cos(angles)[:, None] * u + np.sin(angles)[:, None] * v) for out in RINGS_MM]
    )
    stations = entry_ras_mm + np.outer(np.arange(0.0, length + 1e-6, PROFILE_STEP_MM), axis)
    points = (stations[:, None] + np.concatenate([np.zeros((1, 3)), ring])).reshape(-1, 3)
    places = anatomy.ct.grid.ijk_from_ras(points)[:, ::-1].T
    hu = ndimage.map_coordinates(anatomy.ct.hu, places, order=1, mode="nearest", output=np.float64)
    hu = hu.reshape(len(stations), -1)
    weak, cortical = (hu < DEFAULTS["weak_hu"]).mean(), (hu >= DEFAULTS["cortical_hu"]).mean()
    shares = {"weak": float(weak), "trabecular": float(1 - weak - cortical), "cortical": float(cortical)}
    return hu.mean(axis=1), shares


def skin_entry(
    anatomy: Anatomy, entry_ras_mm: NDArray[np.float64], direction: NDArray[np.float64]
) -> NDArray[np.float64] | None:
    """Where the straight extension of a screw meets the skin, backwards from its entry; None beyond the image."""
    grid = anatomy.ct.grid
    outward = entry_ras_mm - direction * LONGEST_SOFT_TISSUE_MM
    points, _ = _steps(entry_ras_mm, outward)
    ijk = grid.ijk_from_ras(points)
    inside_image = ((ijk >= -0.5) & (ijk <= np.array(grid.shape[::-1]) - 0.5)).all(axis=1)
    last = int(np.argmin(inside_image)) if not inside_image.all() else len(points)
    body = _nearest(anatomy.body, grid, points[:last])
    inside = np.flatnonzero(body)
    # The body must end inside the image: a face of the image is not skin.
    if len(inside) == 0 or inside[-1] >= last - 2:
        return None
    return np.asarray(points[inside[-1]])


def joints_met(
    surfaces: Sequence[StructureSurface],
    grid: Grid,
    entry_ras_mm: NDArray[np.float64],
    tip_ras_mm: NDArray[np.float64],
    radius_mm: float,
) -> tuple[str, ...]:
    """Names of the joints that a screw's thread reaches into."""
    joints = [s for s in surfaces if s.structure.kind == "joint" and len(s.voxels_kji)]
    return tuple(
        s.structure.name for s in joints if shaft_distance_mm(s.voxels_kji, grid, entry_ras_mm, tip_ras_mm) < radius_mm
    )


def _steps(
    start_ras_mm: NDArray[np.float64], end_ras_mm: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Points (N, 3) every half millimetre, and how far along each is."""
    length = float(np.linalg.norm(end_ras_mm - start_ras_mm))
    along = np.linspace(0.0, length, max(int(np.ceil(length / STEP_MM)) + 1, 2))
    return start_ras_mm + np.outer(along / max(length, 1e-9), end_ras_mm - start_ras_mm), along


def _nearest(mask: NDArray[np.bool_], grid: Grid, points_ras_mm: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Values of a mask at points, false outside the image."""
    kji = np.rint(grid.ijk_from_ras(points_ras_mm)[:, ::-1]).astype(int)
    inside = ((kji >= 0) & (kji < grid.shape)).all(axis=1)
    values = np.zeros(len(points_ras_mm), dtype=bool)
    values[inside] = mask[tuple(kji[inside].T)]
    return values
