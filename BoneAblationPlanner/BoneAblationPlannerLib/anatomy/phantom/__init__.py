"""The embedded default case: a supine adult pelvis with a lytic metastasis, made by code with known truth."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from BoneAblationPlannerLib.anatomy.phantom import bones, envelope, muscles, nerves, scanner, viscera
from BoneAblationPlannerLib.anatomy.phantom.lesion import Lesion, make_lesion
from BoneAblationPlannerLib.anatomy.phantom.tissue import Tissue
from BoneAblationPlannerLib.ct import CtVolume, LabelMap, ct_sha256
from BoneAblationPlannerLib.frames import Grid

FIELD_CENTRE_RAS_MM = (0.0, -17.0, 28.0)
FIELD_MM = (396.0, 270.0, 231.0)


@dataclass(frozen=True)
class PhantomTruth:
    """What is true about the lesion, from its shape and not from any sampling.

    Parameters
    ----------
    kind : str
        ``lytic``.
    volume_ml : float
    cortical_breach_fraction : float
        Share of the bone surface over the lesion that has no cortex left.
    breach_centre_ras_mm : (float, float, float)
        Middle of the gap in the lateral cortex.
    side : str
    """

    kind: str
    volume_ml: float
    cortical_breach_fraction: float
    breach_centre_ras_mm: tuple[float, float, float]
    side: str


@dataclass(frozen=True, eq=False)
class Phantom:
    """A CT with everything a plan needs and the truth about it.

    Parameters
    ----------
    ct : CtVolume
    organs : LabelMap
        TotalSegmentator v2 names, on the grid of `ct`.
    nerves : tuple of (name, (N, 3) float64)
        Courses in RAS mm.
    lesion : (k, j, i) bool
        Voxels of `ct` whose centre lies in the lesion.
    seed_ras_mm : (float, float, float)
        Deepest point of the lesion.
    truth : PhantomTruth
    """

    ct: CtVolume
    organs: LabelMap
    nerves: tuple[tuple[str, NDArray[np.float64]], ...]
    lesion: NDArray[np.bool_]
    seed_ras_mm: tuple[float, float, float]
    truth: PhantomTruth


def make_phantom(
    spacing_mm: tuple[float, float, float] = (0.9, 0.9, 1.25),
    rotation_degrees: tuple[float, float, float] = (0.0, 0.0, 0.0),
    noise_hu: float = 14.0,
    seed: int = 1,
) -> Phantom:
    """Scan the phantom.

    Parameters
    ----------
    spacing_mm : (float, float, float)
        Voxel size along i, j, k, each from 0.5 to 5 mm.
    rotation_degrees : (float, float, float)
        Rotations of the sampling grid about the axes R, A and S, applied in this order; the body stays where it is.
    noise_hu : float
        Standard deviation of the image noise, from 0 to 100 HU.
    seed : int
        Of the image noise; the body is the same for every seed.

    Raises
    ------
    ValueError
        For an argument outside these limits.
    """
    _validate(spacing_mm, rotation_degrees, noise_hu, seed)
    grid = _grid(spacing_mm, rotation_degrees)
    tissues, lesion = _body()
    names = sorted({t.label for t in tissues if t.label})
    hu = np.full(grid.shape, scanner.AIR_HU, dtype=np.float32)
    labels = np.zeros(grid.shape, dtype=np.uint8)
    for tissue in tissues:
        scanner.paint(grid, hu, labels, tissue, names.index(tissue.label) + 1 if tissue.label else 0)
    voxels = scanner.expose(grid, hu, float(noise_hu), int(seed))
    ct = CtVolume(grid, voxels, "phantom", ct_sha256(grid, voxels), "supine")
    truth = PhantomTruth("lytic", lesion.volume_ml, lesion.breach_fraction, lesion.breach_centre_ras_mm, "right")
    organs = LabelMap(grid, labels, dict(enumerate(names, start=1)))
    return Phantom(ct, organs, nerves.polylines(), scanner.inside(grid, lesion.tissue), lesion.seed_ras_mm, truth)


def _validate(
    spacing_mm: tuple[float, float, float], rotation_degrees: tuple[float, float, float], noise_hu: float, seed: int
) -> None:
    spacing = np.asarray(spacing_mm, dtype=np.float64)
    if spacing.shape != (3,) or not ((spacing >= 0.5) & (spacing <= 5.0)).all():
        raise ValueError(f"spacing_mm: {spacing_mm!r}; expected three voxel sizes (i, j, k) from 0.5 to 5 mm")
    rotation = np.asarray(rotation_degrees, dtype=np.float64)
    if rotation.shape != (3,) or not np.isfinite(rotation).all():
        raise ValueError(f"rotation_degrees: {rotation_degrees!r}; expected three finite angles about R, A and S")
    if not 0.0 <= float(noise_hu) <= 100.0:
        raise ValueError(f"noise_hu: {noise_hu!r}; expected a standard deviation from 0 to 100 HU")
    if int(seed) != seed or seed < 0:
        raise ValueError(f"seed: {seed!r}; expected a non-negative integer")


def _grid(spacing_mm: tuple[float, float, float], rotation_degrees: tuple[float, float, float]) -> Grid:
    """Field of view around the pelvis; i runs to the left, j to the back, k to the head, as scanners store it."""
    spacing = np.asarray(spacing_mm, dtype=np.float64)
    counts = np.maximum(np.rint(np.array(FIELD_MM) / spacing).astype(int), 1)
    about_r, about_a, about_s = np.radians(np.asarray(rotation_degrees, dtype=np.float64))
    turn = _rotation(2, about_s) @ _rotation(1, about_a) @ _rotation(0, about_r)
    matrix = np.eye(4)
    matrix[:3, :3] = turn @ np.diag([-1.0, -1.0, 1.0]) * spacing
    matrix[:3, 3] = np.array(FIELD_CENTRE_RAS_MM) - matrix[:3, :3] @ ((counts - 1) / 2)
    return Grid((int(counts[2]), int(counts[1]), int(counts[0])), matrix)


def _rotation(axis: int, angle: float) -> NDArray[np.float64]:
    """Right-handed rotation about a coordinate axis."""
    matrix = np.eye(3)
    first, second = (axis + 1) % 3, (axis + 2) % 3
    matrix[first, first] = matrix[second, second] = np.cos(angle)
    matrix[first, second], matrix[second, first] = -np.sin(angle), np.sin(angle)
    return matrix


@lru_cache(maxsize=1)
def _body() -> tuple[tuple[Tissue, ...], Lesion]:
    """Every tissue in painting order, and the lesion; the same for all grids, so made once."""
    hips = [bones.hip("right"), bones.hip("left")]
    lumbar = bones.vertebra()
    lesion = make_lesion(hips[0])
    order = [
        *envelope.table(),
        envelope.body(),
        *envelope.abdominal_wall(),
        *muscles.muscles(),
        *viscera.viscera(),
        *viscera.vessels(),
        *nerves.bundles(),
        *bones.cartilage(),
        bones.sacrum(hips, lumbar),
        lumbar,
        *hips,
        bones.femur("right"),
        bones.femur("left"),
        lesion.tissue,
    ]
    return tuple(order), lesion
