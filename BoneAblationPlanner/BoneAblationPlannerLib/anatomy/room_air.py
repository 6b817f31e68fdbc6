"""Air of the room around the patient, told from lung and bowel that the edge of an image cuts open.

Both may reach a face of the image, and both may be bare air. The room lies around the body; gas lies in it: within a
slice it is inside the smallest convex outline of the body around it.
"""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from BoneAblationPlannerLib.anatomy.field_of_view import OPEN_AIR_BELOW_HU
from BoneAblationPlannerLib.components import find_components
from BoneAblationPlannerLib.compute import kernel, parallel_kernel, prange
from BoneAblationPlannerLib.ct import CtVolume
from BoneAblationPlannerLib.morphology import with_neighbours

OPEN_AIR_SHARE = 0.05
"""Share of an outside region that must be open air; the rest may be mattress, foam and blankets."""
MOST_ENCLOSED = 0.35
"""Of the room's air, that the body may enclose: between limbs, in hollows. In crops of pelvis and shoulder the room's
air was enclosed by 0.11 in 98 of 100 cases and bowel gas by at least 0.59."""
SMALLEST_OUTSIDE_ML = 50.0
COARSE_MM = 3.0
"""Enclosure is measured on every so many voxels."""


def room_air(ct: CtVolume, patient: NDArray[np.bool_], unseen: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Of all that is neither patient nor unseen, the parts that are the room, (k, j, i) bool.

    A part counts if it is large, lies at a side of what was scanned, is partly open air, and is hardly enclosed.
    """
    parts = find_components(~(patient | unseen))
    outside = np.zeros(parts.count + 1, dtype=bool)
    large = parts.voxels() * ct.grid.voxel_ml >= SMALLEST_OUTSIDE_ML
    if not large.any():
        return parts.mask(outside)
    labels = parts.labels()
    candidates = np.flatnonzero(large & (parts.at_sides() | _at_padding(labels, unseen, parts.count)))
    steps = tuple(slice(None, None, max(1, int(COARSE_MM / mm))) for mm in ct.grid.spacing_kji_mm)
    coarse = np.ascontiguousarray(labels[steps])
    enclosed = enclosed_by(np.ascontiguousarray(patient[steps]), long_axis(ct))
    smooth_hu = _smoothed(ct.hu, *(step.step for step in steps))
    for label in candidates:
        here = coarse == label
        if not here.any():
            continue
        share = float(enclosed[here].mean())
        free = smooth_hu[here & ~enclosed]
        # Lung at the corner of an image may be hardly enclosed: the more a part is, the more of it must be open air.
        open_air = float((free < OPEN_AIR_BELOW_HU).mean()) if free.size else 0.0
        outside[label] = share <= MOST_ENCLOSED and open_air >= max(OPEN_AIR_SHARE, share)
    return parts.mask(outside)


@parallel_kernel
def _smoothed(hu, every_k, every_j, every_i):  # type: ignore[no-untyped-def]
    """Means of 3 x 3 x 3 voxels at every so many of them; beyond the faces lies the nearest voxel."""
    nk, nj, ni = hu.shape
    means = np.empty((-(-nk // every_k), -(-nj // every_j), -(-ni // every_i)), np.float32)
    for k in prange(means.shape[0]):
        for j in range(means.shape[1]):
            for i in range(means.shape[2]):
                total = 0
                for a in range(k * every_k - 1, k * every_k + 2):
                    for b in range(j * every_j - 1, j * every_j + 2):
                        for c in range(i * every_i - 1, i * every_i + 2):
                            total += hu[min(max(a, 0), nk - 1), min(max(b, 0), nj - 1), min(max(c, 0), ni - 1)]
                means[k, j, i] = total / 27
    return means


def long_axis(ct: CtVolume) -> int:
    """Array axis (0 to 2 for k, j, i) nearest to the patient's long axis, whatever way the image was cut."""
    return 2 - int(np.abs(ct.grid.ijk_to_ras[2, :3] / ct.grid.spacing_ijk_mm).argmax())


def enclosed_by(patient: NDArray[np.bool_], axis: int) -> NDArray[np.bool_]:
    """What lies inside the convex outlines of the body's sections across an axis.

    A limb beside the trunk has an outline of its own, but pieces that the same edge of the image cuts may be one body
    beyond it and share an outline.
    """
    sections = np.moveaxis(patient, axis, 0)
    enclosed = np.zeros_like(sections)
    for section, filled in zip(sections, enclosed, strict=True):
        pieces, count = ndimage.label(section, np.ones((3, 3)))
        for group in _cut_together(pieces, count):
            _fill_hull(np.ascontiguousarray(np.isin(pieces, group)), filled)
    return np.moveaxis(enclosed, 0, axis)


def _cut_together(pieces: NDArray[np.integer], count: int) -> list[list[int]]:
    """Pieces of a section in groups: those that reach the same edge of the image are together."""
    group = list(range(count + 1))
    for edge in (pieces[0], pieces[-1], pieces[:, 0], pieces[:, -1]):
        met = sorted({group[n] for n in np.unique(edge).tolist() if n})
        group = [met[0] if n in met[1:] else n for n in group]
    return [[n for n in range(1, count + 1) if group[n] == first] for first in sorted(set(group[1:]))]


@kernel
def _fill_hull(section, filled):  # type: ignore[no-untyped-def]
    """Set `filled` (j, i) inside the convex hull of a section: between the envelopes of its rows' two ends."""
    rows, columns = section.shape
    at = np.empty(rows, dtype=np.int64)
    end = np.empty(rows, dtype=np.int64)
    low = np.full(rows, np.inf)
    high = np.full(rows, -np.inf)
    for side in range(2):
        count = 0
        for j in range(rows):
            outermost = -1
            for n in range(columns):
                i = n if side == 0 else columns - 1 - n
                if section[j, i]:
                    outermost = i
                    break
            if outermost < 0:
                continue
            value = outermost if side == 0 else -outermost
            # Keep the corners of the lower envelope (Andrew's monotone chain).
            while count > 1 and (end[count - 1] - end[count - 2]) * (j - at[count - 2]) >= (value - end[count - 2]) * (
                at[count - 1] - at[count - 2]
            ):
                count -= 1
            at[count], end[count] = j, value
            count += 1
        for corner in range(count):
            last = min(corner + 1, count - 1)
            for j in range(at[corner], at[last] + 1):
                way = (j - at[corner]) / max(1, at[last] - at[corner])
                value = end[corner] + way * (end[last] - end[corner])
                if side == 0:
                    low[j] = value
                else:
                    high[j] = -value
    for j in range(rows):
        if low[j] <= high[j]:
            for i in range(int(np.ceil(low[j] - 1e-9)), int(np.floor(high[j] + 1e-9)) + 1):
                filled[j, i] = True


def _at_padding(labels: NDArray[np.integer], unseen: NDArray[np.bool_], count: int) -> NDArray[np.bool_]:
    """Parts (count + 1,) that reach the padding around the field of view."""
    found = np.zeros(count + 1, dtype=bool)
    if unseen.any():
        found[labels[with_neighbours(unseen) & ~unseen]] = True
    found[0] = False
    return found
