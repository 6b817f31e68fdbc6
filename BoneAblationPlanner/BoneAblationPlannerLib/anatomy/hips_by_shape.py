"""Hip bones told by their shape, where slices are too thick to show the joint space that parts them from the femur.

The usual hip bone is laid into all bone: each of its places should lie in bone, and bone where only a hip bone's wing
can be should lie at one of its places. Where it fits, bone at its places is hip; the ball in its socket, and what lies
beside it, is femur; a watershed along the darkest way parts them.
"""

from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from scipy import ndimage
from scipy.optimize import minimize
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from BoneAblationPlannerLib.anatomy.bone_regions import Work
from BoneAblationPlannerLib.anatomy.hip_frame import BoneFrame, Side
from BoneAblationPlannerLib.anatomy.usual_hip import usual_hip
from BoneAblationPlannerLib.distance import distance_mm
from BoneAblationPlannerLib.morphology import closed, filled_slices
from BoneAblationPlannerLib.regions import bounding_region

FITS_MM = 2.0
"""Mean distance of the usual hip's places to bone up to which it fits: 0.6 to 1.2 in hips that are there, 3.0 and more
where bone but no hip is (6 pelvises whole, without either hip and without both; scans of three pelvises and two
shoulders)."""
SMALLEST_SEEN = 0.6
"""Share of the usual hip that must lie inside the image."""
MOST_TURN_DEG = 32.0
"""From how a hip bone usually stands: people differ by some 10 degrees, and patients lie turned by 20."""
SIZES = (0.78, 1.2)
"""Of hip bones, the usual one being 1."""
AROUND_MM = 40.0
"""Bone of hip and femur farther than this from the usual hip's places is not looked at."""
FAR_MM = 12.0
"""A place farther from bone than this is not worse than one this far."""
STARTS, SAMPLES, TRIED = 400, 6000, 4
WING = np.array([[0.5, 3.5], [-0.5, 3.5], [-2.5, 2.5]])
"""Box in own coordinates that holds the wing of the ilium and no other bone."""
WING_WEIGHT, WING_MM = 0.7, 15.0
PLACE_MM, BETWEEN_MM, ELSEWHERE_MM = 5.0, 14.0, 16.0
"""Bone this near to a place of the usual hip is hip; this far from all of them it can be femur, or another bone."""
HEAD_RADIUS_MM = (19.0, 30.0)
USUAL_HEAD_RADIUS_MM = 22.0
"""Femoral heads without cartilage measure 40 to 50 mm across in adults."""
HEAD_SHIFT_MM, HEAD_STEP_MM, SHIFT_COST = 10.0, 2.5, 0.002
BESIDE_MM, ABOVE_HEAD_MM, FRONT_MM = 15.0, 35.0, 60.0
"""Bone of the femur lies this far beside its head at least, and this far above, before or behind it at most."""
EDGE_HU_PER_MM, SHEET_HU, WALL_HU = 25.0, 25.0, 150.0
RAYS = 300


GAP_MM, CORTEX_MM = 10.0, 3.0
"""Thick slices leave gaps of up to twice this in the wall around a hip's marrow; what is filled in lies this deep."""


@dataclass(frozen=True, eq=False)
class PartedHip:
    """A hip bone and the femur in its socket, masks (k, j, i) on the working grid; the femur's may be empty.

    `frame` is that of the usual hip laid into it: `expected_head` says where it has its femoral head.

    The hip holds its marrow also where gaps in its thin wall left that out of the bone.
    """

    hip: NDArray[np.bool_]
    femur: NDArray[np.bool_]
    frame: BoneFrame


def part_hip(work: Work, bone: NDArray[np.bool_], side: Side) -> PartedHip | None:
    """The hip bone of one side among bone (k, j, i), and the femur in it; None where no hip bone fits."""
    if not bone.any():
        return None
    frame = fitted_hip(work, bone, side)
    return None if frame is None else _parted(work, bone, frame, side)


def fitted_hip(work: Work, bone: NDArray[np.bool_], side: Side) -> BoneFrame | None:
    """The usual hip bone of one side, laid into bone; None where it does not fit."""
    fit = _Fit(work, bone, side)
    places = work.grid.ras_from_ijk(np.argwhere(bone)[:, ::-1])
    starts = places[:: max(1, len(places) // STARTS)]
    poses = sorted((np.array([*start, 0.0, 0.0, 0.0, 1.0]) for start in starts), key=fit.misfit_mm)[:TRIED]
    options = {"maxfev": 700, "xtol": 1e-2, "ftol": 1e-3}
    tried = [minimize(fit.misfit_mm, pose, method="Powell", options=options) for pose in poses]
    first = min(tried, key=lambda found: float(found.fun))
    if first.fun > 2 * FITS_MM:
        return None
    pose = minimize(fit.with_wing_mm, first.x, method="Powell", options={**options, "maxfev": 1500}).x
    seen = fit.seen(pose)
    turn_deg = float(np.degrees(np.linalg.norm(pose[3:6])))
    fits = fit.misfit_mm(pose) <= FITS_MM and seen >= SMALLEST_SEEN and turn_deg <= MOST_TURN_DEG
    return fit.frame(pose) if fits else None


class _Fit:
    """How badly the usual hip bone fits, by its pose (7,): origin in RAS mm, turn from the usual axes, size."""

    def __init__(self, work: Work, bone: NDArray[np.bool_], side: Side) -> None:
        self._usual = usual_hip()
        self._grid = work.grid
        self._away = distance_mm(bone, work.grid.spacing_kji_mm)
        self._axes = self._usual.axes * (np.array([[1.0], [1.0], [1.0]] if side == "right" else [[-1.0], [1.0], [1.0]]))
        self._tree = cKDTree(self._usual.places * self._usual.spread_mm)
        points = work.grid.ras_from_ijk(np.argwhere(bone)[:, ::-1])
        self._bone_ras_mm = points[:: max(1, len(points) // SAMPLES)]

    def frame(self, pose: NDArray[np.float64]) -> BoneFrame:
        turn = Rotation.from_rotvec(pose[3:6]).as_matrix()
        return BoneFrame(pose[:3], turn @ self._axes, self._usual.spread_mm * pose[6])

    def seen(self, pose: NDArray[np.float64]) -> float:
        """Share of the hip that lies inside the image."""
        return float(self._usual.share[self._inside(self._places_kji(pose))].sum())

    def misfit_mm(self, pose: NDArray[np.float64]) -> float:
        """Mean distance of its places to bone, more for a pose that no hip bone has."""
        places = self._places_kji(pose)
        inside = self._inside(places)
        share = self._usual.share[inside]
        if len(share) == 0:
            return 100.0
        away = ndimage.map_coordinates(self._away, places[inside].T, order=1)
        unusual = 50 * max(0.0, SMALLEST_SEEN - float(share.sum()))
        unusual += 40 * (max(0.0, SIZES[0] - pose[6]) + max(0.0, pose[6] - SIZES[1]))
        unusual += 3 * max(0.0, float(np.linalg.norm(pose[3:6])) - 0.5)
        return float(np.average(np.minimum(away, FAR_MM), weights=share)) + unusual

    def with_wing_mm(self, pose: NDArray[np.float64]) -> float:
        """The misfit, and mean distance of bone in the wing's box to the places: or the smallest hip would fit best."""
        own = self.frame(pose).own(self._bone_ras_mm)
        within = ((own > WING[:, 0]) & (own < WING[:, 1])).all(axis=1)
        if within.sum() < 10:
            return self.misfit_mm(pose)
        away = self._tree.query(own[within] * self._usual.spread_mm)[0]
        return self.misfit_mm(pose) + WING_WEIGHT * float(np.minimum(away, WING_MM).mean())

    def _places_kji(self, pose: NDArray[np.float64]) -> NDArray[np.float64]:
        return self._grid.ijk_from_ras(self.frame(pose).ras_mm(self._usual.places))[:, ::-1]

    def _inside(self, places_kji: NDArray[np.float64]) -> NDArray[np.bool_]:
        last = np.array(self._grid.shape) - 1
        return np.asarray(((places_kji >= 0) & (places_kji <= last)).all(axis=1))


def _parted(work: Work, bone: NDArray[np.bool_], frame: BoneFrame, side: Side) -> PartedHip:
    """Hip and femur by a watershed from what is surely one, the other or neither."""
    usual = usual_hip()
    box = work.grid.region_around(frame.ras_mm(usual.places), AROUND_MM)
    grid, local = work.grid.crop(box), np.ascontiguousarray(bone[box])
    at = np.argwhere(local)
    points = grid.ras_from_ijk(at[:, ::-1])
    away = cKDTree(usual.places * frame.spread_mm).query(frame.own(points) * frame.spread_mm)[0]
    head_ras_mm, radius_mm = _head(work, frame.ras_mm(usual.head))
    offset = points - head_ras_mm
    from_head = np.linalg.norm(offset, axis=1)
    outwards = offset[:, 0] if side == "right" else -offset[:, 0]
    beside = (outwards > BESIDE_MM) & (offset[:, 2] < ABOVE_HEAD_MM) & (np.abs(offset[:, 1]) < FRONT_MM)
    femur = (from_head < 0.65 * radius_mm) | ((away > BETWEEN_MM) & beside)
    markers = np.zeros(local.shape, dtype=np.int32)
    markers[tuple(at[away > ELSEWHERE_MM].T)] = 3
    markers[tuple(at[(away < PLACE_MM) & (from_head > radius_mm + 4.0)].T)] = 1
    markers[tuple(at[femur].T)] = 2
    relief = np.where(local, 0.2 * work.sheet[box] - work.hu[box] / 25.0, 1e3).astype(np.float32)
    grown = sitk.MorphologicalWatershedFromMarkers(
        sitk.GetImageFromArray(relief), sitk.GetImageFromArray(markers), markWatershedLine=False
    )
    parts = np.where(local, sitk.GetArrayFromImage(grown), 0)
    hip, thigh = np.zeros_like(bone), np.zeros_like(bone)
    hip[box] = _with_marrow(parts == 1, grid.spacing_kji_mm) & ~(local & (parts != 1))
    thigh[box] = parts == 2
    return PartedHip(hip, thigh, frame)


def expected_head(frame: BoneFrame) -> tuple[NDArray[np.float64], float]:
    """Where a hip bone has its femoral head (centre, RAS mm), and the usual radius in mm for its size."""
    usual = usual_hip()
    size = float(np.mean(frame.spread_mm / usual.spread_mm))
    return frame.ras_mm(usual.head), USUAL_HEAD_RADIUS_MM * size


def _with_marrow(hip: NDArray[np.bool_], spacing_kji_mm: NDArray[np.float64]) -> NDArray[np.bool_]:
    """A hip with what lies deep inside it once the gaps in its wall are closed."""
    box = bounding_region(hip)
    if box is None:
        return hip
    pad = np.ceil(GAP_MM / spacing_kji_mm).astype(int) + 1
    padded = np.pad(hip[box], [(n, n) for n in pad])
    whole = filled_slices(closed(padded, GAP_MM, spacing_kji_mm))
    deep = distance_mm(~whole, spacing_kji_mm) > CORTEX_MM
    inner = tuple(slice(n, -n) for n in pad)
    result = hip.copy()
    result[box] |= deep[inner]
    return result


def _head(work: Work, expected_ras_mm: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
    """Centre and radius of the ball near a place whose surface most directions show: an edge, or a sheet in bone."""
    best, centre = (-np.inf, HEAD_RADIUS_MM[0]), expected_ras_mm
    for step in (2 * HEAD_STEP_MM, HEAD_STEP_MM):
        around = centre
        for offset in step * np.array(list(np.ndindex(5, 5, 5))) - 2 * step:
            there = around + offset
            shift = float(np.linalg.norm(there - expected_ras_mm))
            if np.linalg.norm(offset) > 2 * step or shift > HEAD_SHIFT_MM:
                continue
            score, radius_mm = _ball_score(work, there)
            score -= SHIFT_COST * shift**2
            if score > best[0]:
                best, centre = (score, radius_mm), there
    return centre, best[1]


def _ball_score(work: Work, centre_ras_mm: NDArray[np.float64]) -> tuple[float, float]:
    """Share of directions inside the image in which bone falls off, or a dark sheet lies, at the best radius."""
    step = 0.75
    radii = np.arange(12.0, 40.0, step)
    centre = work.grid.ijk_from_ras(centre_ras_mm)[0][::-1]
    places = centre + _directions()[:, None, :] * (radii[None, :, None] / work.step_mm)
    visible = ((places >= 0) & (places <= np.array(work.hu.shape) - 1)).all(axis=-1)
    hu = ndimage.map_coordinates(work.hu, places.reshape(-1, 3).T, order=1, mode="nearest").reshape(visible.shape)
    fall = -np.gradient(hu, step, axis=1)
    before, after = np.full_like(hu, -1e3), np.full_like(hu, -1e3)
    for n in range(1, 8):
        after[:, :-n] = np.maximum(after[:, :-n], hu[:, n:])
        if n < 5:
            before[:, n:] = np.maximum(before[:, n:], hu[:, :-n])
    sheet = np.where(np.minimum(before, after) > WALL_HU, np.minimum(before, after) - hu, 0.0)
    best = (-1.0, HEAD_RADIUS_MM[0])
    for at in np.flatnonzero((radii >= HEAD_RADIUS_MM[0]) & (radii <= HEAD_RADIUS_MM[1])):
        near, seen = np.abs(radii - radii[at]) <= 2 * step + 0.1, visible[:, at]
        count = max(int(seen.sum()), RAYS // 3)
        edges = int(((fall[:, near].max(axis=1) > EDGE_HU_PER_MM) & seen).sum())
        sheets = int(((sheet[:, near].max(axis=1) > SHEET_HU) & seen).sum())
        best = max(best, ((edges + sheets) / count, float(radii[at])))
    return best


def _directions() -> NDArray[np.float64]:
    """Unit vectors (N, 3), evenly spread."""
    n = np.arange(RAYS) + 0.5
    up, around = np.arccos(1 - 2 * n / RAYS), np.pi * (1 + 5**0.5) * n
    return np.stack([np.cos(up), np.sin(around) * np.sin(up), np.cos(around) * np.sin(up)], axis=1)
