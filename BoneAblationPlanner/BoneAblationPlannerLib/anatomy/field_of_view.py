"""What the scanner never saw: padding around the field of view, whatever its value and shape.

A scan's field is bounded by its circle of reconstruction and by planes: the slices' own edges under a gantry tilt, the
faces of a volume that was turned. Beyond them a file holds a value below air, or the value of air. The latter is told
from air by its noise, which it lacks, and by its border: flat or round to a fraction of a voxel and, where it cuts the
body, without the blurred edge that every skin has.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

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
BORDER_HALF_VOXELS = 0.6
"""A digitised plane or circle lies within half a voxel of its true place."""
CIRCLE_FROM_MM = 40.0
BORDER_SHARE = {"circle": 0.25, "plane": 0.05}
"""Of all border voxels that one circle or one plane must explain."""
FEWEST_BORDER_VOXELS = 60
BEYOND_SHARE = 0.999
TRIALS, MOST_POINTS, MOST_PLANES = 400, 3000, 8


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
        for beyond in _beyond_planes(ct, border, constant):
            padding |= beyond
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


def _thinned(points: NDArray[np.float64]) -> NDArray[np.float64]:
    return points[:: max(1, -(-len(points) // MOST_POINTS))]


def _beyond_circle(
    ct: CtVolume, border: NDArray[np.float64], constant: NDArray[np.bool_], scanned: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Outside the circle of reconstruction, if there is one: the same in every slice, with nothing scanned beyond."""
    points = border[:, 1:]
    within = BORDER_HALF_VOXELS * float(ct.grid.spacing_kji_mm[1:].sum()) / np.sqrt(2)
    found = _find_circle(_thinned(points), within)
    if found is None:
        return np.zeros_like(constant)
    centre, radius = found
    outwards = (points - centre) / np.maximum(np.linalg.norm(points - centre, axis=1), 1e-9)[:, None]
    on = np.abs(np.linalg.norm(points - centre, axis=1) - radius) <= within
    inwards = np.pad(-outwards[on], ((0, 0), (1, 0)))
    rows, columns = (np.arange(n) * mm for n, mm in zip(constant.shape[1:], ct.grid.spacing_kji_mm[1:], strict=True))
    off = np.hypot(rows[:, None] - centre[0], columns[None, :] - centre[1]) - radius
    beyond = off > within
    if (
        not _is_abrupt(ct, border[on], inwards)
        or not beyond.any()
        or constant[scanned][:, beyond].mean() < BEYOND_SHARE
    ):
        return np.zeros_like(constant)
    return np.broadcast_to(off > 0, constant.shape)


def _find_circle(points: NDArray[np.float64], within: float) -> tuple[NDArray[np.float64], float] | None:
    """Centre (2,) and radius of the circle that most points (N, 2) lie on while none lies far outside of it."""
    triples = points[np.random.default_rng(0).integers(0, len(points), (TRIALS, 3))]
    matrix = 2 * (triples[:, 1:] - triples[:, :1])
    right = (triples[:, 1:] ** 2).sum(axis=2) - (triples[:, :1] ** 2).sum(axis=2)
    usable = np.abs(np.linalg.det(matrix)) > 1.0
    if not usable.any():
        return None
    centres = np.linalg.solve(matrix[usable], right[usable][..., None])[..., 0]
    radii = np.linalg.norm(centres - triples[usable, 0], axis=1)
    off = np.linalg.norm(points[None] - centres[:, None], axis=2) - radii[:, None]
    votes = np.where((off > 4 * within).mean(axis=1) < 1 - BEYOND_SHARE, (np.abs(off) <= 2 * within).mean(axis=1), 0)
    best = int(votes.argmax())
    centre, radius = centres[best], float(radii[best])
    for _ in range(3):
        near = np.abs(np.linalg.norm(points - centre, axis=1) - radius) <= 2 * within
        if near.sum() < 3:
            return None
        # x^2 + y^2 = 2 cx x + 2 cy y + (r^2 - c^2): linear in what is sought.
        fit = np.linalg.lstsq(np.column_stack([2 * points[near], np.ones(near.sum())]), (points[near] ** 2).sum(axis=1))
        centre = fit[0][:2]
        radius = float(np.sqrt(max(fit[0][2] + centre @ centre, 0.0)))
    share = float((np.abs(np.linalg.norm(points - centre, axis=1) - radius) <= within).mean())
    return (centre, radius) if share >= BORDER_SHARE["circle"] and radius >= CIRCLE_FROM_MM else None


def _beyond_planes(
    ct: CtVolume, border: NDArray[np.float64], constant: NDArray[np.bool_]
) -> Iterator[NDArray[np.bool_]]:
    """Beyond each flat border that has nothing scanned behind it."""
    spacing = ct.grid.spacing_kji_mm
    axes = np.ogrid[tuple(slice(0, n) for n in constant.shape)]
    left = np.ones(len(border), dtype=bool)
    for _ in range(MOST_PLANES):
        if left.sum() < FEWEST_BORDER_VOXELS:
            return
        normal, offset = _find_plane(_thinned(border[left]), spacing)
        within = BORDER_HALF_VOXELS * float(np.abs(normal) @ spacing)
        on = left & (np.abs(border @ normal - offset) <= within)
        left &= ~on
        if on.sum() < max(FEWEST_BORDER_VOXELS, BORDER_SHARE["plane"] * len(left)):
            continue
        height = sum(n * mm * axis for n, mm, axis in zip(normal, spacing, axes, strict=True)) - offset
        for side in (1, -1):
            beyond = side * height > within
            if not beyond.any() or constant[beyond].mean() < BEYOND_SHARE:
                continue
            if _is_abrupt(ct, border[on], -side * normal):
                yield side * height > 0


def _find_plane(points: NDArray[np.float64], spacing: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
    """Normal (3,), of either sign, and offset of the plane that most points (N, 3) lie on with none far beyond."""
    # Points that follow each other lie in one slice or the next, so often on one plane.
    random = np.random.default_rng(0)
    apart = max(3, len(points) // 8)
    rows = random.integers(0, len(points), (TRIALS, 1)) + random.integers(-apart, apart + 1, (TRIALS, 3))
    triples = points[np.clip(rows, 0, len(points) - 1)]
    normals = np.cross(triples[:, 1] - triples[:, 0], triples[:, 2] - triples[:, 0])
    lengths = np.linalg.norm(normals, axis=1)
    usable = lengths > 1e-6
    if not usable.any():
        return np.array([0.0, 0.0, 1.0]), np.inf
    normals = normals[usable] / lengths[usable, None]
    offsets = (triples[usable, 0] * normals).sum(axis=1)
    within = BORDER_HALF_VOXELS * np.abs(normals) @ spacing
    height = points @ normals.T - offsets
    votes = (np.abs(height) <= 2 * within).mean(axis=0)
    # One side must be free of scanned voxels.
    above, below = ((side > 4 * within).mean(axis=0) for side in (height, -height))
    votes[np.minimum(above, below) > 0.01] = 0
    best = int(votes.argmax())
    normal, offset = normals[best], float(offsets[best])
    for _ in range(3):
        on = points[np.abs(points @ normal - offset) <= 2 * BORDER_HALF_VOXELS * float(np.abs(normal) @ spacing)]
        if len(on) < 3:
            break
        centre = on.mean(axis=0)
        normal = np.linalg.svd(on - centre, full_matrices=False)[2][2]
        offset = float(centre @ normal)
    return normal, offset
