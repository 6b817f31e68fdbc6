"""Bones as separate segments, and what a bone is made of.

Labelled bones are taken as they are. Without labels, bones are separated where a dark sheet (cartilage, joint space)
lies between two dense walls: a watershed from the thick parts, whose regions are merged again where no such sheet
parts them. Only what is certain gets a name: a ball in its socket tells hip and shoulder, and their sides.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree

from BoneAblationPlannerLib.anatomy.bone import implant_mask
from BoneAblationPlannerLib.anatomy.bone_names import is_bone_label
from BoneAblationPlannerLib.ct import CtVolume, LabelMap
from BoneAblationPlannerLib.distance import distance_mm
from BoneAblationPlannerLib.frames import Grid
from BoneAblationPlannerLib.morphology import dilate, erode, large_components
from BoneAblationPlannerLib.regions import bounding_region

FINE_MM, COARSE_MM = 1.25, 1.5
"""Working voxel size, for scans with thin slices and for others."""
MOST_VOXELS = 4e6
HU_RANGE = (-200.0, 900.0)
"""Contrast beyond this (metal, dense cortex) says nothing about joints."""
SHEET_MM = 1.4
SHEET_FROM_HU = 50.0
"""Second derivative times squared scale from which a voxel belongs to a dark sheet."""
JOINT_FROM_HU = 60.0
"""Mean sheet strength over an interface of two regions from which they are different bones."""
JOINT_FACES_MM2 = 60.0
MARKER_DEPTHS_MM = (5.0, 4.0, 3.0, 2.0)
SMALLEST_MARKER_ML = 0.15
CRUMB_ML = 3.0
SMALLEST_BONE_ML = 1.0
LABEL_REACH_MM = 4.0
"""Bone without a label this near to a labelled bone belongs to it."""

BALL_RADIUS_MM = (15.0, 32.0)
BALL_SPREAD_MM = 2.5
HIP_SOCKET_SHARE = 0.22
SHOULDER_SOCKET_SHARE = 0.16
"""Share of the ball that faces its socket: an acetabulum holds nearly half, a glenoid about a tenth."""
SIDEWAYS = 0.25
SACROILIAC_MM2 = 300.0
LARGEST_ML = {"hip": 450.0, "femur": 700.0, "scapula": 200.0, "humerus": 350.0, "sacrum": 400.0}
"""Filled volume that no bone of an adult exceeds: a larger region holds more than one."""

CORTEX, TRABECULAR, MARROW_CAVITY, IMPLANT = 1, 2, 3, 4
"""Values of `tissue_map`."""
CORTEX_DEPTH_MM = 8.0
CORTEX_ABOVE_HU = 350.0
CAVITY_BELOW_HU = 60.0
CAVITY_HALF_MM = 2.0
SMALLEST_CAVITY_ML = 0.3
CEMENT_ABOVE_HU = 1500.0
CEMENT_HALF_MM = 3.5
"""Cement is homogeneous and thicker than any cortex of that density."""
STREAK_MM = 5.0


def separate_bones(
    ct: CtVolume, bone: NDArray[np.bool_], body: NDArray[np.bool_], organs: LabelMap | None = None
) -> LabelMap:
    """Label every bone on the CT's grid.

    Parameters
    ----------
    ct : CtVolume
    bone, body : (k, j, i) bool
        Filled bone (see `bone_mask`) and the patient.
    organs : LabelMap, optional
        On the CT's grid; its bones are taken as they are.

    Returns
    -------
    LabelMap
        TotalSegmentator's names (``hip_right``) where they are certain, else ``bone 1``, ``bone 2``, … by size.
    """
    bone = bone & body
    if organs is not None and any(is_bone_label(name) for name in organs.names.values()):
        return _from_labels(ct, bone, organs)
    if not bone.any():
        return LabelMap(ct.grid, np.zeros(ct.grid.shape, dtype=np.uint16), {})
    return _from_ct(ct, bone)


def has_named_bones(bones: LabelMap) -> bool:
    """Whether at least one bone is more than ``bone N``."""
    return any(is_bone_label(name) for name in bones.names.values())


def bone_at(bones: LabelMap, mask: NDArray[np.bool_]) -> str | None:
    """Name of the bone that most of a mask lies in or touches (within 4 mm), or None if it is not known."""
    region = bones.grid.region_around(bones.grid.ras_of_mask(mask), LABEL_REACH_MM + 1.0)
    near = dilate(np.ascontiguousarray(mask[region]), LABEL_REACH_MM, bones.grid.spacing_kji_mm)
    values, counts = np.unique(bones.labels[region][near], return_counts=True)
    named = [(int(c), bones.names[int(v)]) for v, c in zip(values, counts, strict=True) if int(v) in bones.names]
    if not named or not is_bone_label(max(named)[1]):
        return None
    return max(named)[1]


def tissue_map(ct: CtVolume, bone: NDArray[np.bool_], body: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Tell cortex, trabecular bone, marrow cavity and foreign material apart.

    Parameters
    ----------
    ct : CtVolume
    bone, body : (k, j, i) bool

    Returns
    -------
    (k, j, i) uint8
        0 outside bone and implants, else CORTEX, TRABECULAR, MARROW_CAVITY or IMPLANT (metal, cement).
    """
    spacing = ct.grid.spacing_kji_mm
    tissue = np.zeros(ct.grid.shape, dtype=np.uint8)
    foreign = foreign_material(ct, bone, body)
    box = bounding_region(bone | foreign)
    if box is None:
        return tissue
    inner, hu = np.ascontiguousarray(bone[box]), ct.hu[box]
    padded = np.pad(inner, 1)
    depth = distance_mm(~padded, spacing)[1:-1, 1:-1, 1:-1]
    part = np.where(inner, TRABECULAR, 0).astype(np.uint8)
    part[inner & (hu > CORTEX_ABOVE_HU) & (depth <= CORTEX_DEPTH_MM)] = CORTEX
    # The outermost voxels are cortex even where partial volume darkens them.
    part[inner & (depth <= max(1.0, float(spacing.min()) + 1e-3)) & (hu > CAVITY_BELOW_HU)] = CORTEX
    smooth = ndimage.gaussian_filter(ct.hu[box].astype(np.float32), 1.0 / spacing)
    dark = erode(inner & (smooth < CAVITY_BELOW_HU), CAVITY_HALF_MM, spacing)
    cavity = dilate(dark, CAVITY_HALF_MM, spacing) & inner & (smooth < CAVITY_BELOW_HU) if dark.any() else dark
    cavity = large_components(cavity, SMALLEST_CAVITY_ML / ct.grid.voxel_ml)
    part[cavity] = MARROW_CAVITY
    part[foreign[box]] = IMPLANT
    tissue[box] = part
    return tissue


def foreign_material(ct: CtVolume, bone: NDArray[np.bool_], body: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Metal anywhere in the body, and old cement: chunks inside bone that are denser and thicker than cortex."""
    metal = implant_mask(ct, body)
    dense = bone & (ct.hu > CEMENT_ABOVE_HU)
    box = bounding_region(dense)
    if box is None:
        return metal
    local, spacing = np.pad(np.ascontiguousarray(dense[box]), 1), ct.grid.spacing_kji_mm
    core = erode(local, CEMENT_HALF_MM, spacing)
    if core.any():
        cement = (dilate(core, CEMENT_HALF_MM + 1.0, spacing) & local)[1:-1, 1:-1, 1:-1]
        metal = metal.copy()
        metal[box] |= cement
    return metal


def measurable_bone(ct: CtVolume, mask: NDArray[np.bool_], foreign: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The part of a mask whose Hounsfield units mean something: away from metal and cement and their streaks."""
    if not foreign.any():
        return mask
    return mask & ~dilate(foreign, STREAK_MM, ct.grid.spacing_kji_mm)


# From labels --------------------------------------------------------------------------------------------------------


def _from_labels(ct: CtVolume, bone: NDArray[np.bool_], organs: LabelMap) -> LabelMap:
    values = sorted(value for value, name in organs.names.items() if is_bone_label(name))
    spacing = ct.grid.spacing_kji_mm
    labels = np.zeros(ct.grid.shape, dtype=np.uint16)
    known = np.isin(organs.labels, values)
    labels[known] = organs.labels[known]
    names = {value: organs.names[value] for value in values if (labels == value).any()}
    loose = bone & (organs.labels == 0)
    if known.any() and loose.any():
        surface = np.argwhere(known & ~ndimage.binary_erosion(known))
        places = np.argwhere(loose)
        near, row = cKDTree(surface * spacing).query(places * spacing, distance_upper_bound=LABEL_REACH_MM + 1e-3)
        adopted, row = places[np.isfinite(near)], row[np.isfinite(near)]
        labels[tuple(adopted.T)] = labels[tuple(surface[row].T)]
        loose[tuple(adopted.T)] = False
    return _numbered(ct.grid, labels, names, loose, max(values, default=0))


def _numbered(grid: Grid, labels: NDArray, names: dict[int, str], loose: NDArray[np.bool_], used: int) -> LabelMap:
    """Give the components that have no name numbers by size."""
    parts, count = ndimage.label(loose)
    sizes = np.bincount(parts.ravel(), minlength=count + 1)
    order = [n for n in np.argsort(-sizes[1:], kind="stable") + 1 if sizes[n] * grid.voxel_ml >= SMALLEST_BONE_ML]
    table = np.zeros(count + 1, dtype=np.uint16)
    for number, part in enumerate(order, start=1):
        table[part] = used + number
        names[used + number] = f"bone {number}"
    labels[loose] = table[parts[loose]]
    return LabelMap(grid, labels, names)


# From the CT --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Work:
    """Cubic voxels around all bone: `hu` float32, `bone`, and the strength of dark sheets (0 where there is none)."""

    grid: Grid
    hu: NDArray[np.float32]
    bone: NDArray[np.bool_]
    sheet: NDArray[np.float32]

    @property
    def step_mm(self) -> float:
        return float(self.grid.spacing_ijk_mm[0])


class _Interface(NamedTuple):
    """Where two regions meet: area, mean sheet strength and points (N, 3) in k, j, i."""

    area_mm2: float
    sheet_hu: float
    points: NDArray[np.float64]


def _from_ct(ct: CtVolume, bone: NDArray[np.bool_]) -> LabelMap:
    box = bounding_region(bone) or (slice(0), slice(0), slice(0))
    work = _work(ct, bone, box)
    regions = _merged(work, _watershed(work))
    names = _names(work, regions)
    at = [
        np.clip(np.rint((np.arange(s.stop - s.start) + 0.5) * mm / work.step_mm - 0.5).astype(int), 0, n - 1)
        for s, mm, n in zip(box, ct.grid.spacing_kji_mm, regions.shape, strict=True)
    ]
    labels = np.zeros(ct.grid.shape, dtype=np.uint16)
    labels[box] = np.where(bone[box], regions[np.ix_(*at)], 0)
    sizes = np.bincount(labels.ravel(), minlength=int(regions.max()) + 1)[1:] * ct.grid.voxel_ml
    table = np.zeros(len(sizes) + 1, dtype=np.uint16)
    result: dict[int, str] = {}
    unnamed = 0
    for region in np.argsort(-sizes, kind="stable") + 1:
        name = names.get(int(region))
        if sizes[region - 1] < SMALLEST_BONE_ML:
            continue
        unnamed += name is None
        table[region] = len(result) + 1
        result[len(result) + 1] = name or f"bone {unnamed}"
    return LabelMap(ct.grid, table[labels], result)


def _work(ct: CtVolume, bone: NDArray[np.bool_], box: tuple[slice, slice, slice]) -> _Work:
    local = ct.grid.crop(box)
    volume_mm3 = float(np.prod(np.array(local.shape) * local.spacing_kji_mm))
    step = FINE_MM if local.spacing_ijk_mm.max() <= 1.6 else COARSE_MM
    step = max(step, (volume_mm3 / MOST_VOXELS) ** (1 / 3))
    factors = step / local.spacing_ijk_mm
    matrix = np.array(local.ijk_to_ras)
    matrix[:3, :3] = local.ijk_to_ras[:3, :3] * factors
    matrix[:3, 3] = local.ras_from_ijk((factors - 1) / 2)[0]
    k, j, i = (int(np.ceil(n * mm / step)) for n, mm in zip(local.shape, local.spacing_kji_mm, strict=True))
    grid = Grid((k, j, i), matrix)
    hu = np.clip(ct.hu[box], *HU_RANGE).astype(np.float32)
    hu = ndimage.gaussian_filter(hu, np.where(local.spacing_kji_mm < 0.8 * step, 0.4 * factors[::-1], 0.0))
    filled = _sampled(local, np.ascontiguousarray(bone[box]), grid, sitk.sitkNearestNeighbor).astype(bool)
    hu = _sampled(local, hu, grid, sitk.sitkLinear)
    return _Work(grid, hu, filled, _sheets(hu, filled, SHEET_MM / step))


def _sampled(local: Grid, values: NDArray, grid: Grid, how: int) -> NDArray:
    resample = sitk.ResampleImageFilter()
    resample.SetReferenceImage(grid.image(np.zeros(grid.shape, dtype=np.uint8)))
    resample.SetInterpolator(how)
    resample.UseNearestNeighborExtrapolatorOn()
    return np.asarray(sitk.GetArrayFromImage(resample.Execute(local.image(values))))


def _sheets(hu: NDArray[np.float32], bone: NDArray[np.bool_], scale: float) -> NDArray[np.float32]:
    """Strength of dark sheets inside bone: curvature across, less that along and the slope, in HU."""
    second = np.empty((int(bone.sum()), 3, 3), dtype=np.float32)
    for a in range(3):
        for b in range(a, 3):
            order = tuple(int(n == a) + int(n == b) for n in range(3))
            second[:, a, b] = second[:, b, a] = ndimage.gaussian_filter(hu, scale, order=order)[bone]
    curvature = np.linalg.eigvalsh(second)
    slope = ndimage.gaussian_gradient_magnitude(hu, scale)[bone] * scale
    strength = np.zeros(hu.shape, dtype=np.float32)
    # The dark side of a step is curved as well, but steep; the middle of a sheet is level.
    strength[bone] = np.maximum((curvature[:, 2] - np.abs(curvature[:, 1])) * scale**2 - slope, 0)
    return strength


def _watershed(work: _Work) -> NDArray[np.int32]:
    """Regions of bone that grow from its thick parts and meet along dark sheets; every piece of bone has one."""
    solid = work.bone & (work.sheet < SHEET_FROM_HU)
    spacing = work.grid.spacing_kji_mm
    depth = distance_mm(np.pad(~solid, 1, constant_values=True), spacing)[1:-1, 1:-1, 1:-1]
    markers, count = _markers(depth, work.grid.voxel_ml)
    pieces, number = ndimage.label(work.bone)
    has_marker = np.zeros(number + 1, dtype=bool)
    has_marker[np.unique(pieces[markers > 0])] = True
    alone = work.bone & ~has_marker[pieces]
    markers[alone] = count + pieces[alone]
    relief = np.where(work.bone, 0.1 * work.sheet - depth, 1e3).astype(np.float32)
    grown = sitk.MorphologicalWatershedFromMarkers(
        sitk.GetImageFromArray(relief), sitk.GetImageFromArray(markers), markWatershedLine=False
    )
    regions = np.where(work.bone, sitk.GetArrayFromImage(grown), 0)
    _, dense = np.unique(regions, return_inverse=True)
    # A region may flood into another piece of bone through the background: what is not connected is not one bone.
    labels = dense.reshape(regions.shape).astype(np.int64) * (number + 1) + pieces
    labels[~work.bone] = 0
    _, dense = np.unique(labels, return_inverse=True)
    return dense.reshape(regions.shape).astype(np.int32)


def _markers(depth: NDArray[np.float32], voxel_ml: float) -> tuple[NDArray[np.int32], int]:
    """Thick parts first; thinner ones join as markers of their own where they hold no thicker one. Labels and count."""
    markers = np.zeros(depth.shape, dtype=np.int32)
    count = 0
    for least in MARKER_DEPTHS_MM:
        parts, number = ndimage.label(depth > least)
        new = np.bincount(parts.ravel(), minlength=number + 1) * voxel_ml >= SMALLEST_MARKER_ML
        new[0] = False
        new[np.unique(parts[markers > 0])] = False
        table = np.where(new, count + np.cumsum(new), 0).astype(np.int32)
        markers += table[parts]
        count += int(new.sum())
    return markers, count


def _interfaces(work: _Work, regions: NDArray[np.int32]) -> dict[tuple[int, int], _Interface]:
    """All pairs of touching regions."""
    lows, highs, sheets, points = [], [], [], []
    for axis in range(3):
        one, two = (np.moveaxis(regions, axis, 0)[s] for s in (slice(None, -1), slice(1, None)))
        near = np.moveaxis(work.sheet, axis, 0)
        at = np.argwhere((one != two) & (one > 0) & (two > 0))
        a, b = one[tuple(at.T)], two[tuple(at.T)]
        strength = np.maximum(near[:-1][tuple(at.T)], near[1:][tuple(at.T)])
        place = at + [0.5, 0.0, 0.0]
        lows.append(np.minimum(a, b))
        highs.append(np.maximum(a, b))
        sheets.append(strength)
        points.append(np.insert(place[:, 1:], axis, place[:, 0], axis=1))
    low, high, sheet, point = (np.concatenate(parts) for parts in (lows, highs, sheets, points))
    if not len(low):
        return {}
    pairs, inverse = np.unique(np.stack([low, high], axis=1), axis=0, return_inverse=True)
    order = np.argsort(inverse.ravel(), kind="stable")
    cuts = np.cumsum(np.bincount(inverse.ravel(), minlength=len(pairs)))[:-1]
    face = work.step_mm**2
    return {
        (int(a), int(b)): _Interface(len(rows) * face, float(sheet[rows].mean()), point[rows])
        for (a, b), rows in zip(pairs, np.split(order, cuts), strict=True)
    }


def _merged(work: _Work, regions: NDArray[np.int32]) -> NDArray[np.int32]:
    """Join regions, weakest boundary first, until only boundaries of joint strength are left; 1, 2, … without gaps."""
    found = {pair: (i.area_mm2, i.area_mm2 * i.sheet_hu) for pair, i in _interfaces(work, regions).items()}
    parent = np.arange(int(regions.max()) + 1)
    volume_ml = np.bincount(regions.ravel()) * work.grid.voxel_ml
    while found:
        strengths = {
            pair: total / area
            for pair, (area, total) in found.items()
            # Two bones that touch in a few faces stay apart; a crumb belongs to its neighbour.
            if area >= JOINT_FACES_MM2 or min(volume_ml[list(pair)]) < CRUMB_ML
        }
        pair = min(strengths, key=lambda p: strengths[p], default=(0, 0))
        if not strengths or strengths[pair] >= JOINT_FROM_HU:
            break
        keep, gone = pair
        parent[parent == gone] = keep
        volume_ml[keep] += volume_ml[gone]
        merged: dict[tuple[int, int], tuple[float, float]] = {}
        for (a, b), (area, total) in found.items():
            a, b = (keep if a == gone else a), (keep if b == gone else b)
            if a != b:
                before = merged.get((min(a, b), max(a, b)), (0.0, 0.0))
                merged[min(a, b), max(a, b)] = (before[0] + area, before[1] + total)
        found = merged
    _, dense = np.unique(parent[regions], return_inverse=True)
    return dense.reshape(regions.shape).astype(np.int32)


# Names --------------------------------------------------------------------------------------------------------------


def _names(work: _Work, regions: NDArray[np.int32]) -> dict[int, str]:
    """Names of the regions that a ball-and-socket joint identifies, and of a sacrum between two such hips."""
    joints = _interfaces(work, regions)
    names: dict[int, str] = {}
    for (a, b), interface in joints.items():
        for ball, socket in ((a, b), (b, a)):
            found = _ball_joint(work, regions == ball, interface)
            if found is not None:
                joint, side = found
                pair = (f"femur_{side}", f"hip_{side}") if joint == "hip" else (f"humerus_{side}", f"scapula_{side}")
                _give(names, zip((ball, socket), pair, strict=True))
    hips = [region for region, name in names.items() if name.startswith("hip_")]
    for region in {r for pair in joints for r in pair} - set(names):
        area = [
            joints[min(h, region), max(h, region)].area_mm2 for h in hips if (min(h, region), max(h, region)) in joints
        ]
        if len(area) == 2 and min(area) >= SACROILIAC_MM2:
            _give(names, [(region, "sacrum")])
    volumes_ml = np.bincount(regions.ravel()) * work.grid.voxel_ml
    return {r: name for r, name in names.items() if name and volumes_ml[r] <= LARGEST_ML[name.split("_")[0]]}


def _give(names: dict[int, str], pairs: "Sequence[tuple[int, str]] | zip[tuple[int, str]]") -> None:
    """Note names; what would carry two names, or share one, is not certain and stays without (an empty name)."""
    for region, name in pairs:
        twice = [r for r, n in names.items() if n == name and r != region]
        certain = names.get(region, name) == name and not twice
        names[region] = name if certain else ""
        for other in twice:
            names[other] = ""


def _ball_joint(work: _Work, ball: NDArray[np.bool_], interface: _Interface) -> tuple[str, str] | None:
    """Joint (hip or shoulder) and side, if the interface lies on a sphere around the thickest part of `ball`."""
    if interface.area_mm2 < JOINT_FACES_MM2 or interface.sheet_hu < JOINT_FROM_HU:
        return None
    centre_of_interface = interface.points.mean(axis=0)
    reach = int(np.ceil(2 * BALL_RADIUS_MM[1] / work.step_mm))
    low = np.maximum(np.floor(centre_of_interface).astype(int) - reach, 0)
    region = tuple(slice(int(a), int(a) + 2 * reach) for a in low)
    depth = distance_mm(np.pad(~ball[region], 1, constant_values=True), work.grid.spacing_kji_mm)[1:-1, 1:-1, 1:-1]
    radius = float(depth.max())
    if not BALL_RADIUS_MM[0] <= radius <= BALL_RADIUS_MM[1]:
        return None
    centre = np.argwhere(depth >= radius - 0.5 * work.step_mm).mean(axis=0) + low
    away = (interface.points - centre) * work.step_mm
    distance = np.linalg.norm(away, axis=1)
    middle = float(np.median(distance))
    if float(np.median(np.abs(distance - middle))) * 1.5 > BALL_SPREAD_MM or not -1.0 < middle - radius < 7.0:
        return None
    on_ball = away[np.abs(distance - middle) < 4.0]
    share = len(on_ball) / len(away) * interface.area_mm2 / 1.5 / (4 * np.pi * middle**2)
    to_socket_kji = on_ball.mean(axis=0)
    to_socket = work.grid.ijk_to_ras[:3, :3] @ to_socket_kji[::-1]
    sideways = float(to_socket[0] / np.linalg.norm(to_socket))
    if abs(sideways) < SIDEWAYS or SHOULDER_SOCKET_SHARE < share < HIP_SOCKET_SHARE:
        return None
    return ("hip" if share >= HIP_SOCKET_SHARE else "shoulder"), ("right" if sideways < 0 else "left")
