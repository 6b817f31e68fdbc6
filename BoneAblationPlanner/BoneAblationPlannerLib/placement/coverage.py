"""How well zones cover a target: coverage, signed margins, and both under placement error."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from BoneAblationPlannerLib.placement.target import Target
from BoneAblationPlannerLib.plan import Coverage, Robust
from BoneAblationPlannerLib.zones.spheroid import Spheroid, covered_voxels, depth_mm, rows_of

SAMPLES = 64
CLUSTER_MM = 2.0
ALL_AROUND = 0.3
"""Below this mean of unit vectors a remainder has no side."""
NAMED_FROM = 0.4
"""Cosine from which a direction is named."""
LARGEST_SAMPLING = 200
"""Samples per axis at most, when the volume of zones is counted."""


@dataclass(frozen=True)
class PlacementError:
    """Every needle lands `lateral_mm` off to a random side and up to `depth_mm` too deep or too shallow."""

    lateral_mm: float
    depth_mm: float
    samples: int = SAMPLES
    seed: int = 1


def margins_mm(target: Target, zones: Sequence[Spheroid]) -> NDArray[np.float64]:
    """Signed margin (S,) at each lesion-surface point: positive where the zone reaches beyond the lesion."""
    return depth_mm(target.surface_ras_mm, rows_of(zones))


def measure_coverage(
    target: Target,
    zones: Sequence[Spheroid],
    margin_mm: float,
    error: PlacementError,
    uncertainty_mm: Sequence[float] = (),
) -> Coverage:
    """Coverage and margins, nominal and under placement error; fractions are rounded down, margins not at all.

    `uncertainty_mm` is how much smaller than its chart each zone's axes may turn out.
    """
    rows = rows_of(zones)
    covered = covered_voxels(target.points_ras_mm, target.grid, rows)
    voxel_ml = target.grid.voxel_ml
    lesion = covered[: target.lesion_count]
    left = target.points_ras_mm[~covered]
    zones_ml = union_ml(zones)
    small = [_shrunk(z, mm) for z, mm in zip(zones, uncertainty_mm, strict=True)] if uncertainty_mm else None
    return Coverage(
        lesion_fraction=_floor(lesion.mean()),
        margin_mm=margin_mm,
        lesion_plus_margin_fraction=_floor(covered.mean()),
        minimum_margin_mm=float(margins_mm(target, zones).min()),
        robust=robust_figures(target, zones, error),
        uncovered_ml=float((~lesion).sum() * voxel_ml),
        zone_outside_target_ml=max(0.0, zones_ml - float(covered.sum() * voxel_ml)),
        small_zone_lesion_fraction=None if small is None else _lesion_fraction(target, small),
        uncovered_target_ml=float(len(left) * voxel_ml),
        uncovered_place=place_in_words(left, target.lesion_ras_mm.mean(axis=0)) if len(left) else None,
    )


def _shrunk(zone: Spheroid, by_mm: float) -> Spheroid:
    across, along = (max(axis - by_mm, 0.1) for axis in (zone.across_mm, zone.along_mm))
    return Spheroid(zone.centre_ras_mm, zone.axis, across, along)


def _lesion_fraction(target: Target, zones: Sequence[Spheroid]) -> float:
    return _floor(covered_voxels(target.lesion_ras_mm, target.grid, rows_of(zones)).mean())


def robust_figures(target: Target, zones: Sequence[Spheroid], error: PlacementError) -> Robust:
    """The same figures with all needles displaced at once, `error.samples` times."""
    minimum, fraction = [], []
    for displaced in displacements(zones, error):
        rows = rows_of(displaced)
        minimum.append(float(depth_mm(target.surface_ras_mm, rows).min()))
        fraction.append(float(covered_voxels(target.lesion_ras_mm, target.grid, rows).mean()))
    return Robust(
        worst_minimum_margin_mm=min(minimum),
        p05_minimum_margin_mm=float(np.percentile(minimum, 5, method="lower")),
        p05_lesion_fraction=_floor(np.percentile(fraction, 5, method="lower")),
        samples=error.samples,
        lateral_error_mm=error.lateral_mm,
        depth_error_mm=error.depth_mm,
    )


def displacements(zones: Sequence[Spheroid], error: PlacementError) -> list[list[Spheroid]]:
    """Sampled placements: each zone moved sideways by exactly `lateral_mm` and along its axis by up to `depth_mm`."""
    rng = np.random.default_rng(error.seed)
    placements = []
    for _ in range(error.samples):
        moved = []
        for zone in zones:
            side, other = _perpendicular_pair(zone.axis)
            turn = rng.uniform(0, 2 * np.pi)
            lateral = error.lateral_mm * (np.cos(turn) * side + np.sin(turn) * other)
            along = rng.uniform(-error.depth_mm, error.depth_mm) * zone.axis
            moved.append(Spheroid(zone.centre_ras_mm + lateral + along, zone.axis, zone.across_mm, zone.along_mm))
        placements.append(moved)
    return placements


def _perpendicular_pair(axis: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Two unit vectors that complete an axis to a right-handed frame, for any direction of the axis."""
    helper = np.eye(3)[int(np.argmin(np.abs(axis)))]
    first = np.cross(axis, helper)
    first /= np.linalg.norm(first)
    return first, np.cross(axis, first)


def place_in_words(points_ras_mm: NDArray[np.float64], centre_ras_mm: NDArray[np.float64]) -> str:
    """Where the largest cluster of points lies as seen from a centre: "posterior superior", "right", "all around".

    Points are joined where they lie within `CLUSTER_MM`.
    """
    tree = cKDTree(points_ras_mm)
    pairs = tree.query_pairs(CLUSTER_MM, output_type="ndarray")
    links = coo_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(len(points_ras_mm),) * 2)
    _, cluster = connected_components(links, directed=False)
    largest = points_ras_mm[cluster == np.bincount(cluster).argmax()]
    outward = largest - centre_ras_mm
    outward /= np.maximum(np.linalg.norm(outward, axis=1, keepdims=True), 1e-9)
    mean = outward.mean(axis=0)
    if np.linalg.norm(mean) < ALL_AROUND:
        return "all around"
    mean /= np.linalg.norm(mean)
    words = ((1, "anterior", "posterior"), (2, "superior", "inferior"), (0, "right", "left"))
    named = [(abs(mean[a]), plus if mean[a] > 0 else minus) for a, plus, minus in words if abs(mean[a]) > NAMED_FROM]
    return " ".join(word for _, word in sorted(named, key=lambda row: -row[0]))


def union_ml(zones: Sequence[Spheroid]) -> float:
    """Volume in ml of the union of zones, by sampling every millimetre (coarser beyond 200 mm)."""
    if not zones:
        return 0.0
    reach = np.array([max(z.across_mm, z.along_mm) / 2 for z in zones])[:, None]
    centres = np.array([z.centre_ras_mm for z in zones])
    low, high = (centres - reach).min(axis=0), (centres + reach).max(axis=0)
    spacing = max(1.0, float((high - low).max()) / LARGEST_SAMPLING)
    x, y, z = (np.arange(lo, hi + spacing, spacing) for lo, hi in zip(low, high, strict=True))
    rows = rows_of(zones)
    layer = np.stack([*np.meshgrid(x, y, indexing="ij"), np.zeros((len(x), len(y)))], axis=-1).reshape(-1, 3)
    inside = sum(int((depth_mm(layer + [0.0, 0.0, height], rows) >= 0).sum()) for height in z)
    return inside * spacing**3 / 1000


def _floor(fraction: float) -> float:
    """Round a fraction down to four digits: 0.99996 is not 1."""
    return float(np.floor(fraction * 1e4 + 1e-9) / 1e4)
