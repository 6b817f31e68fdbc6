"""Distance maps of the region that needles may pass through, laid out for fast sampling.

Distances are to the voxel boxes of each kind of structure, rounded down to 0.25 mm and never overstated.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from BoneAblationPlannerLib.case import Anatomy, Structure
from BoneAblationPlannerLib.compute import kernel
from BoneAblationPlannerLib.distance import distance_mm
from BoneAblationPlannerLib.frames import Grid, pooled, subdivide

STEP_MM = 0.25
FARTHEST_MM = 255 * STEP_MM
COARSEST_MM = 1.6
"""Fine voxels are joined, and thick slices split, to edges of at most this."""
INSIDE, BONE, LESION = 1, 2, 4
"""Bits of `AccessRegion.tissue`."""


@dataclass(frozen=True, eq=False)
class AccessRegion:
    """Everything a path search samples.

    Parameters
    ----------
    grid : Grid
        Of the maps: the CT's axes, cropped around the lesion, voxels joined or split to 1.6 mm or below.
    kinds : tuple of str
    distances : (k, j, i, K) uint8
        Distance to each kind in steps of 0.25 mm, at most 63.75 mm.
    required_shaft_mm, required_zone_mm : (K,) float64
        0 means that the kind does not limit.
    zone_may_touch : (K,) bool
        Kinds that a zone may reach where the wanted distance cannot be kept.
    tissue : (k, j, i) uint8
        Bits INSIDE (body), BONE, LESION.
    """

    grid: Grid
    kinds: tuple[str, ...]
    distances: NDArray[np.uint8]
    required_shaft_mm: NDArray[np.float64]
    required_zone_mm: NDArray[np.float64]
    zone_may_touch: NDArray[np.bool_]
    tissue: NDArray[np.uint8]


def build_region(anatomy: Anatomy, reach_mm: float) -> AccessRegion:
    """Compute the maps within `reach_mm` of the lesion, on voxels of about 0.8 to 1.6 mm.

    Where fine voxels are joined, a block belongs to a structure if any of its voxels does.
    """
    ct_grid = anatomy.ct.grid
    crop = ct_grid.region_around(ct_grid.ras_of_mask(anatomy.lesion), reach_mm)
    cropped = ct_grid.crop(crop)
    joined = _joining(cropped)
    blocks = cropped.coarsened(joined)
    split = blocks.refinement(COARSEST_MM)
    grid = blocks.refined(split)
    tissue = np.zeros(blocks.shape, dtype=np.uint8)
    middle = tuple(slice(f // 2 if n > f // 2 else 0, None, f) for n, f in zip(cropped.shape, joined, strict=True))
    for mask, bit in ((anatomy.body, INSIDE), (anatomy.bone, BONE)):
        sampled = mask[crop][middle]
        tissue[tuple(slice(0, n) for n in sampled.shape)][sampled] |= bit
    tissue[pooled(anatomy.lesion[crop], joined)] |= LESION  # a lesion of one voxel must not vanish
    limiting = [s for s in anatomy.structures if (s.required_shaft_mm > 0 or s.required_zone_mm > 0)]
    kinds = tuple(sorted({s.kind for s in limiting if s.mask[crop].any()}))
    distances = np.full((*grid.shape, max(1, len(kinds))), 255, dtype=np.uint8)
    reach = FARTHEST_MM + grid.half_diagonal_mm
    for n, kind in enumerate(kinds):
        mask = pooled(_union(cropped, crop, [s for s in limiting if s.kind == kind]), joined)
        exact = distance_mm(subdivide(mask, split), grid.spacing_kji_mm, reach)
        exact -= np.float32(grid.half_diagonal_mm)
        distances[..., n] = np.floor(np.clip(exact, 0, FARTHEST_MM) / STEP_MM).astype(np.uint8)
    return AccessRegion(
        grid=grid,
        kinds=kinds,
        distances=distances,
        required_shaft_mm=_required(limiting, kinds, "required_shaft_mm"),
        required_zone_mm=_required(limiting, kinds, "required_zone_mm"),
        zone_may_touch=np.array([all(s.zone_may_touch for s in limiting if s.kind == k) for k in kinds] or [False]),
        tissue=subdivide(tissue, split),
    )


def with_zone_distances(region: AccessRegion, structures: Sequence[Structure]) -> AccessRegion:
    """The same maps with the zone distances that the structures ask for now."""
    required = [s for s in structures if s.kind in region.kinds and (s.required_shaft_mm > 0 or s.required_zone_mm > 0)]
    values = [max((s.required_zone_mm for s in required if s.kind == kind), default=0.0) for kind in region.kinds]
    return replace(region, required_zone_mm=np.array(values or [0.0]))


def _joining(grid: Grid) -> tuple[int, int, int]:
    """How many fine voxels to join along k, j, i without getting coarser than 1.6 mm."""
    k, j, i = (max(1, int(COARSEST_MM / s + 1e-6)) for s in grid.spacing_kji_mm)
    return (k, j, i)


def _union(grid: Grid, crop: tuple[slice, slice, slice], structures: Sequence[Structure]) -> NDArray[np.bool_]:
    mask = np.zeros(grid.shape, dtype=bool)
    for structure in structures:
        mask |= structure.mask[crop]
    return mask


def _required(structures: Sequence[Structure], kinds: tuple[str, ...], field: str) -> NDArray[np.float64]:
    """Strictest requirement of each kind; one idle entry where there are no kinds."""
    values = [max(float(getattr(s, field)) for s in structures if s.kind == kind) for kind in kinds]
    return np.array(values or [0.0])


@kernel
def sample_distance(distances, i, j, k, n):  # type: ignore[no-untyped-def]
    """Trilinear distance in mm to kind n at continuous indices; clamped at the region's faces."""
    shape_k, shape_j, shape_i = distances.shape[0], distances.shape[1], distances.shape[2]
    i = min(max(i, 0.0), shape_i - 1.001)
    j = min(max(j, 0.0), shape_j - 1.001)
    k = min(max(k, 0.0), shape_k - 1.001)
    i0, j0, k0 = int(i), int(j), int(k)
    i1, j1, k1 = min(i0 + 1, shape_i - 1), min(j0 + 1, shape_j - 1), min(k0 + 1, shape_k - 1)
    fi, fj, fk = i - i0, j - j0, k - k0
    near = (distances[k0, j0, i0, n] * (1 - fi) + distances[k0, j0, i1, n] * fi) * (1 - fj) + (
        distances[k0, j1, i0, n] * (1 - fi) + distances[k0, j1, i1, n] * fi
    ) * fj
    far = (distances[k1, j0, i0, n] * (1 - fi) + distances[k1, j0, i1, n] * fi) * (1 - fj) + (
        distances[k1, j1, i0, n] * (1 - fi) + distances[k1, j1, i1, n] * fi
    ) * fj
    return (near * (1 - fk) + far * fk) * 0.25
