"""How well zones cover a target: coverage, signed margins, and both under placement error."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from BoneAblationPlannerLib.compute import parallel_kernel, prange
from BoneAblationPlannerLib.frames import Grid
from BoneAblationPlannerLib.placement.target import Target
from BoneAblationPlannerLib.placement.union import minimum_depths_mm, scaled_radius2, union_depth_mm
from BoneAblationPlannerLib.plan import Coverage, Robust
from BoneAblationPlannerLib.zones.spheroid import Spheroid, resized, rows_of
from BoneAblationPlannerLib.zones.voxels import cover_bits, covered_voxels

SAMPLES = 64
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
    """Signed margin (S,) at each lesion-surface point: positive where the zones reach beyond the lesion."""
    return union_depth_mm(target.surface_ras_mm, rows_of(zones))


@dataclass(frozen=True, eq=False)
class Nominal:
    """The fields of `plan.Coverage` that do not rest on placement errors, and what they were counted from.

    `surface_margins_mm` (S,) are those of the lesion's surface points, `covered` (N,) bool tells which of the target's
    voxels lie wholly in one zone, `zone_ml` is the volume of all zones together.
    """

    lesion_fraction: float
    margin_mm: float
    lesion_plus_margin_fraction: float
    minimum_margin_mm: float
    uncovered_ml: float
    zone_outside_target_ml: float
    uncovered_target_ml: float
    uncovered_place: str | None
    small_zone_lesion_fraction: float | None
    p05_margin_mm: float
    p50_margin_mm: float
    surface_margins_mm: NDArray[np.float64]
    covered: NDArray[np.bool_]
    zone_ml: float

    def with_robust(self, robust: Robust) -> Coverage:
        """All figures of coverage."""
        values = {f.name: getattr(self, f.name) for f in fields(Coverage) if f.name != "robust"}
        return Coverage(robust=robust, **values)


def nominal_coverage(
    target: Target, zones: Sequence[Spheroid], margin_mm: float, uncertainty_mm: Sequence[float] = ()
) -> Nominal:
    """Coverage and margins of zones where they are; fractions are rounded down, margins not at all.

    `uncertainty_mm` is how much smaller than its chart each zone's axes may turn out.
    """
    covered = covered_in(target, zones)
    margins = margins_mm(target, zones)
    voxel_ml = target.grid.voxel_ml
    lesion = covered[: target.lesion_count]
    left = target.points_ras_mm[~covered]
    small = [resized(z, -mm) for z, mm in zip(zones, uncertainty_mm, strict=True)] if uncertainty_mm else None
    zone_ml = union_ml(zones)
    place = place_in_words(left, target.lesion_ras_mm.mean(axis=0), target.grid) if len(left) else None
    return Nominal(
        lesion_fraction=_floor(lesion.mean()),
        margin_mm=margin_mm,
        lesion_plus_margin_fraction=_floor(covered.mean()),
        minimum_margin_mm=float(margins.min()),
        uncovered_ml=float((~lesion).sum() * voxel_ml),
        zone_outside_target_ml=max(0.0, zone_ml - float(covered.sum() * voxel_ml)),
        uncovered_target_ml=float(len(left) * voxel_ml),
        uncovered_place=place,
        small_zone_lesion_fraction=None if small is None else _lesion_fraction(target, small),
        p05_margin_mm=fifth_percentile(margins),
        p50_margin_mm=float(np.percentile(margins, 50, method="lower")),
        surface_margins_mm=margins,
        covered=covered,
        zone_ml=zone_ml,
    )


def measure_coverage(
    target: Target,
    zones: Sequence[Spheroid],
    margin_mm: float,
    error: PlacementError,
    uncertainty_mm: Sequence[float] = (),
) -> Coverage:
    """`nominal_coverage` and the same under placement error."""
    nominal = nominal_coverage(target, zones, margin_mm, uncertainty_mm)
    return nominal.with_robust(robust_figures(target, zones, error))


def covered_in(target: Target, zones: Sequence[Spheroid]) -> NDArray[np.bool_]:
    """Which of the target's voxels (N,) lie wholly in one of the zones."""
    points = target.points_ras_mm
    bits = np.bitwise_or.reduce(cover_bits(points, target.grid, rows_of(zones)), axis=0)
    return np.unpackbits(bits.view(np.uint8), bitorder="little", count=len(points)).astype(np.bool_)


def remainder_mask(target: Target, zones: Sequence[Spheroid], grid: Grid) -> NDArray[np.bool_]:
    """Voxels (k, j, i) of the image of which any part of the target is not covered."""
    left = target.points_ras_mm[~covered_in(target, zones)]
    mask = np.zeros(target.mask.shape, dtype=np.bool_)
    kji = np.rint(grid.ijk_from_ras(left)[:, ::-1]).astype(np.int64)
    mask[tuple(np.clip(kji, 0, np.array(mask.shape) - 1).T)] = True
    return mask & target.mask


def _lesion_fraction(target: Target, zones: Sequence[Spheroid]) -> float:
    return _floor(covered_voxels(target.lesion_ras_mm, target.grid, rows_of(zones)).mean())


def robust_figures(target: Target, zones: Sequence[Spheroid], error: PlacementError) -> Robust:
    """The same figures with all needles displaced at once, `error.samples` times."""
    sets = displaced_rows(zones, error)
    minimum = minimum_depths_mm(target.surface_ras_mm, sets)
    fraction = lesion_fractions(target, sets)
    return Robust(
        worst_minimum_margin_mm=float(minimum.min()),
        p05_minimum_margin_mm=fifth_percentile(minimum),
        p05_lesion_fraction=_floor(fifth_percentile(fraction)),
        samples=error.samples,
        lateral_error_mm=error.lateral_mm,
        depth_error_mm=error.depth_mm,
    )


def lesion_fractions(target: Target, sets: NDArray[np.float64]) -> NDArray[np.float64]:
    """Covered share of the lesion (S,) for each of many sets of zones (S, Z, 8)."""
    if sets.shape[1] == 0:
        return np.zeros(len(sets))
    bits = cover_bits(target.lesion_ras_mm, target.grid, sets.reshape(-1, 8))
    union = np.bitwise_or.reduce(bits.reshape(*sets.shape[:2], -1), axis=1)
    return np.asarray(np.bitwise_count(union).sum(axis=1, dtype=np.int64) / target.lesion_count)


def displaced_rows(zones: Sequence[Spheroid], error: PlacementError) -> NDArray[np.float64]:
    """Sampled placements (samples, Z, 8): zones moved sideways by exactly `lateral_mm`, along by at most `depth_mm`.

    How a zone is moved depends on its place in the sequence and on no other zone.
    """
    draws = error_draws(error, len(zones))
    if not zones:
        return np.zeros((error.samples, 0, 8))
    return np.stack([displaced(zone, draws[n], error) for n, zone in enumerate(zones)], axis=1)


def error_draws(error: PlacementError, count: int) -> NDArray[np.float64]:
    """Uniform numbers (count, samples, 2) that tell how each of `count` zones is moved in each sample."""
    return np.random.default_rng(error.seed).uniform(size=(count, error.samples, 2))


def displaced(zone: Spheroid, draws: NDArray[np.float64], error: PlacementError) -> NDArray[np.float64]:
    """Rows (samples, 8) of one zone moved by its draws (samples, 2)."""
    rows = np.repeat(zone.row[None], len(draws), axis=0)
    side, other = _perpendicular_pair(zone.axis)
    turn, along = 2 * np.pi * draws[:, :1], error.depth_mm * (2 * draws[:, 1:] - 1)
    rows[:, :3] += error.lateral_mm * (np.cos(turn) * side + np.sin(turn) * other) + along * zone.axis
    return rows


def _perpendicular_pair(axis: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Two unit vectors that complete an axis to a right-handed frame, for any direction of the axis."""
    least = int(np.argmin(np.abs(axis)))
    first = axis * -axis[least]
    first[least] += 1.0
    first /= np.sqrt(first @ first)
    x, y, z = axis
    u, v, w = first
    return first, np.array([y * w - z * v, z * u - x * w, x * v - y * u])


def place_in_words(points_ras_mm: NDArray[np.float64], centre_ras_mm: NDArray[np.float64], grid: Grid) -> str:
    """Where the largest cluster of voxels lies as seen from a centre: "posterior superior", "right", "all around".

    Voxels (centres (N, 3) of a grid) are joined where they touch.
    """
    kji = np.rint(grid.ijk_from_ras(points_ras_mm)[:, ::-1]).astype(np.int64)
    kji -= kji.min(axis=0)
    mask = np.zeros(kji.max(axis=0) + 1, dtype=np.bool_)
    mask[tuple(kji.T)] = True
    labels, _ = ndimage.label(mask, structure=np.ones((3, 3, 3)))
    cluster = labels[tuple(kji.T)]
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
    counts = np.ceil((high - low) / spacing).astype(np.int64) + 1
    inside = np.zeros(counts[2], dtype=np.int64)
    _count_inside(low, spacing, counts, rows_of(zones), inside)
    return float(inside.sum() * spacing**3 / 1000)


@parallel_kernel
def _count_inside(low, spacing, counts, zones, inside):  # type: ignore[no-untyped-def]
    for k in prange(counts[2]):
        for j in range(counts[1]):
            for i in range(counts[0]):
                x, y, z = low[0] + i * spacing, low[1] + j * spacing, low[2] + k * spacing
                for n in range(zones.shape[0]):
                    if scaled_radius2(x, y, z, zones[n]) <= 1:
                        inside[k] += 1
                        break


def fifth_percentile(values: NDArray[np.float64]) -> float:
    """The sample of which at most 5 % are smaller."""
    return float(np.sort(values)[int(0.05 * (len(values) - 1))])


def _floor(fraction: float) -> float:
    """Round a fraction down to four digits: 0.99996 is not 1."""
    return float(np.floor(fraction * 1e4 + 1e-9) / 1e4)
