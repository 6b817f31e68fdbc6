"""What the scanner never saw: padding around the field of view, whatever its value and shape.

A scan's field is bounded by its circle of reconstruction and by planes: the slices' own edges under a gantry tilt, the
faces of a volume that was turned. Beyond them a file holds a value below air, or the value of air. The latter is told
from air by its noise, which it lacks, and by its border: flat or round to a fraction of a voxel and, where it cuts the
body, without the blurred edge that every skin has.
"""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from BoneAblationPlannerLib.anatomy.field_borders import BEYOND_SHARE, BORDER_HALF_VOXELS, find_circle, find_plane
from BoneAblationPlannerLib.compute import parallel_kernel, prange
from BoneAblationPlannerLib.ct import UNSCANNED_BELOW_HU, CtVolume
from BoneAblationPlannerLib.morphology import dilate, large_components

OPEN_AIR_BELOW_HU = -960
"""Air around a patient reaches this once noise is averaged out; aerated lung does not."""
FIELD_RIM_MM = 2.0
"""Voxels this near to the padding may be blends of it with what was scanned."""
SMALLEST_PADDING_ML = 5.0
SLICES_LOOKED_AT = 40
STRETCH_VOXELS = 3
"""Air that a scanner clips has stretches of one value too, but smaller ones."""
CORNER_VOXELS = 3
TISSUE_ABOVE_HU = -200
EDGE_VOXELS = 4
"""A scanner blurs the edge of a body over no more voxels."""
MOST_BLURRED = 0.65
"""Of a border, that leads to tissue but does not begin with it; of a skin at least four fifths do."""
LEAST_NOISE_HU = 2.0
LEAST_OTHER_AIR_ML = 1.0
PLANE_SHARE = 0.05
"""Of all border voxels that one plane must explain."""
FEWEST_BORDER_VOXELS = 60
MOST_PLANES = 8


def unscanned(ct: CtVolume) -> NDArray[np.bool_]:
    """Padding and the rim of blends around it, (k, j, i) bool."""
    padding = ct.hu < UNSCANNED_BELOW_HU
    if padding.any():
        padding = large_components(padding, SMALLEST_PADDING_ML / ct.grid.voxel_ml)
    for value in _constant_corners(ct.hu):
        padding |= _padded_with(ct, value)
    rim = FIELD_RIM_MM + float(ct.grid.spacing_ijk_mm[:2].max())
    return dilate(padding, rim, ct.grid.spacing_kji_mm) if padding.any() else padding


def _constant_corners(hu: NDArray[np.int16]) -> list[int]:
    """Values like air that fill a corner of the image without any noise; whatever lies beyond a field does so."""
    found = set()
    ends = (slice(None, CORNER_VOXELS), slice(-CORNER_VOXELS, None))
    for corner in ((k, j, i) for k in ends for j in ends for i in ends):
        block = hu[corner]
        value = int(block.flat[0])
        if UNSCANNED_BELOW_HU <= value < OPEN_AIR_BELOW_HU and (block == value).all():
            found.add(value)
    return sorted(found)


def _padded_with(ct: CtVolume, value: int) -> NDArray[np.bool_]:
    """What of one constant value lies beyond the circle and the planes that bound the field."""
    constant = ct.hu == value
    padding = np.zeros_like(constant)
    if not _is_noisy_beside(ct, constant):
        return padding
    whole = constant.all(axis=(1, 2))
    padding[: int(np.argmin(whole))] = True
    padding[len(whole) - int(np.argmin(whole[::-1])) :] = True
    border = _border(ct, constant, np.flatnonzero(~whole))
    if len(border) >= FEWEST_BORDER_VOXELS:
        padding |= _beyond_circle(ct, border, constant, ~whole)
        padding &= constant
        _add_beyond_planes(ct, border, constant, padding)
    return padding & constant


def _is_noisy_beside(ct: CtVolume, constant: NDArray[np.bool_]) -> bool:
    """Whether the scan itself has air of other values or noisy tissue: only then does a constant value stand out."""
    slices = _spread(np.arange(ct.hu.shape[0]))
    hu, beside = ct.hu[slices], ~constant[slices]
    other_air = float((beside & (hu < OPEN_AIR_BELOW_HU)).mean()) * constant.size * ct.grid.voxel_ml
    if other_air >= LEAST_OTHER_AIR_ML:
        return True
    both = (hu[..., 1:] > TISSUE_ABOVE_HU) & (hu[..., :-1] > TISSUE_ABOVE_HU)
    steps = np.abs(hu[..., 1:].astype(np.int32) - hu[..., :-1])[both]
    return bool(steps.size and np.median(steps) >= LEAST_NOISE_HU)


def _spread(slices: NDArray[np.intp]) -> NDArray[np.intp]:
    """At most SLICES_LOOKED_AT of the slices, evenly spread, the outermost among them."""
    if len(slices) <= SLICES_LOOKED_AT:
        return slices
    return slices[np.rint(np.linspace(0, len(slices) - 1, SLICES_LOOKED_AT)).astype(int)]


def _border(ct: CtVolume, constant: NDArray[np.bool_], slices: NDArray[np.intp]) -> NDArray[np.float64]:
    """Scanned voxels (N, 3) in mm along k, j, i that lie beside stretches of the constant value.

    Single voxels of that value among noise have no such border.
    """
    found = [np.zeros((0, 3))]
    for k in _spread(slices):
        solid = ~_grown(~constant[k], STRETCH_VOXELS)  # the image's edge does not end a stretch
        rows = np.argwhere(_grown(solid, STRETCH_VOXELS + 1) & ~constant[k])
        found.append(np.column_stack([np.full(len(rows), k), rows]) * ct.grid.spacing_kji_mm)
    return np.concatenate(found)


def _is_abrupt(ct: CtVolume, border: NDArray[np.float64], inwards: NDArray[np.float64]) -> bool:
    """Whether border voxels (N, 3) are those of a scan, where tissue or air begin at once, not those of a skin.

    `inwards` (3,) or (N, 3) are unit vectors into the scan.
    """
    spacing = ct.grid.spacing_kji_mm
    step = EDGE_VOXELS * np.linalg.norm(inwards * spacing, axis=-1)
    deep = border + np.atleast_1d(step)[:, None] * inwards
    tissue, tissue_behind = (
        ct.hu[tuple(np.clip(np.rint(at / spacing).astype(int), 0, np.array(ct.hu.shape) - 1).T)] > TISSUE_ABOVE_HU
        for at in (border, deep)
    )
    return bool((tissue_behind & ~tissue).mean() <= MOST_BLURRED)


def _grown(mask: NDArray[np.bool_], steps: int) -> NDArray[np.bool_]:
    """A slice's mask with all pixels so many steps along rows and columns away."""
    return np.asarray(ndimage.binary_dilation(mask, iterations=steps))


def _beyond_circle(
    ct: CtVolume, border: NDArray[np.float64], constant: NDArray[np.bool_], scanned: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Outside the circle of reconstruction, if there is one: the same in every slice, with nothing scanned beyond."""
    points = border[:, 1:]
    within = BORDER_HALF_VOXELS * float(ct.grid.spacing_kji_mm[1:].sum()) / np.sqrt(2)
    found = find_circle(points, within)
    if found is None:
        return np.zeros_like(constant)
    centre, radius = found
    outwards = (points - centre) / np.maximum(np.linalg.norm(points - centre, axis=1), 1e-9)[:, None]
    on = np.abs(np.linalg.norm(points - centre, axis=1) - radius) <= within
    inwards = np.pad(-outwards[on], ((0, 0), (1, 0)))
    rows, columns = (np.arange(n) * mm for n, mm in zip(constant.shape[1:], ct.grid.spacing_kji_mm[1:], strict=True))
    off = np.hypot(rows[:, None] - centre[0], columns[None, :] - centre[1]) - radius
    beyond = off > within
    if not beyond.any() or not _is_abrupt(ct, border[on], inwards):
        return np.zeros_like(constant)
    padded = constant[scanned].view(np.uint8).sum(axis=0, dtype=np.int32)[beyond]
    if padded.mean() < BEYOND_SHARE * scanned.sum():
        return np.zeros_like(constant)
    return np.broadcast_to(off > 0, constant.shape)


def _add_beyond_planes(
    ct: CtVolume, border: NDArray[np.float64], constant: NDArray[np.bool_], padding: NDArray[np.bool_]
) -> None:
    """Add what is constant beyond each flat border that has nothing scanned behind it."""
    spacing = ct.grid.spacing_kji_mm
    left = np.ones(len(border), dtype=bool)
    for _ in range(MOST_PLANES):
        if left.sum() < FEWEST_BORDER_VOXELS:
            return
        normal, offset = find_plane(border[left], spacing)
        within = BORDER_HALF_VOXELS * float(np.abs(normal) @ spacing)
        on = left & (np.abs(border @ normal - offset) <= within)
        left &= ~on
        if on.sum() < max(FEWEST_BORDER_VOXELS, PLANE_SHARE * len(left)):
            continue
        for side in (1, -1):
            step, start = side * normal * spacing, side * offset
            count, padded = _count_beyond(constant, step, start + within)
            if (
                count.sum()
                and padded.sum() >= BEYOND_SHARE * count.sum()
                and _is_abrupt(ct, border[on], -side * normal)
            ):
                _add_beyond(constant, step, start, padding)


@parallel_kernel
def _count_beyond(constant, step, offset):  # type: ignore[no-untyped-def]
    """Voxels of each slice with ``step @ (k, j, i) > offset``, and how many of them are constant."""
    nk, nj, ni = constant.shape
    count, padded = np.zeros(nk, np.int64), np.zeros(nk, np.int64)
    for k in prange(nk):
        for j in range(nj):
            for i in range(ni):
                if step[0] * k + step[1] * j + step[2] * i > offset:
                    count[k] += 1
                    padded[k] += constant[k, j, i]
    return count, padded


@parallel_kernel
def _add_beyond(constant, step, offset, padding):  # type: ignore[no-untyped-def]
    nk, nj, ni = constant.shape
    for k in prange(nk):
        for j in range(nj):
            for i in range(ni):
                if constant[k, j, i] and step[0] * k + step[1] * j + step[2] * i > offset:
                    padding[k, j, i] = True
