"""Voxel grids and the only crossing between RAS, LPS and IJK.

Points are RAS in mm, float64, shape (N, 3). Arrays are indexed [k, j, i]; a voxel's centre has integer (i, j, k).
SimpleITK and DICOM speak LPS; this file is the one place where the two x and y signs are turned.
"""

from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from numpy.typing import ArrayLike, NDArray

from BoneAblationPlannerLib.regions import bounding_region

_LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


def ras_from_lps(points_lps_mm: ArrayLike) -> NDArray[np.float64]:
    """Turn LPS points (..., 3) into RAS; its own inverse."""
    return np.asarray(points_lps_mm, dtype=np.float64) * [-1.0, -1.0, 1.0]


def unit_vector(vector: ArrayLike) -> NDArray[np.float64]:
    """Normalise a vector (3,); raises ValueError for zero length or non-finite components."""
    v = np.asarray(vector, dtype=np.float64)
    length = float(np.linalg.norm(v))
    if not np.isfinite(length) or length == 0.0:
        raise ValueError(f"vector: {vector!r} has no direction; expected finite and non-zero")
    return v / length


@dataclass(frozen=True, eq=False)
class Grid:
    """A sampled block of space.

    Parameters
    ----------
    shape : (int, int, int)
        Number of voxels along k, j, i.
    ijk_to_ras : (4, 4) float64
        From voxel index (i, j, k, 1) to RAS in mm; orthogonal axes, any obliquity and anisotropy.

    Raises
    ------
    ValueError
        For an empty shape, a matrix that is not finite and invertible, or axes that are not orthogonal.
    """

    shape: tuple[int, int, int]
    ijk_to_ras: NDArray[np.float64]

    def __post_init__(self) -> None:
        shape = tuple(int(n) for n in self.shape)
        if len(shape) != 3 or min(shape) < 1:
            raise ValueError(f"shape: {self.shape!r}; expected three positive voxel counts (k, j, i)")
        matrix = np.array(self.ijk_to_ras, dtype=np.float64)
        if matrix.shape != (4, 4) or not np.isfinite(matrix).all() or not np.array_equal(matrix[3], [0, 0, 0, 1]):
            raise ValueError("ijk_to_ras: expected a finite 4x4 affine matrix with last row 0 0 0 1")
        axes = matrix[:3, :3]
        lengths = np.linalg.norm(axes, axis=0)
        if lengths.min() <= 0 or abs(np.linalg.det(axes / np.maximum(lengths, 1e-300))) < 0.999:
            raise ValueError("ijk_to_ras: expected three orthogonal axes of positive length (sheared or flat grid)")
        matrix.setflags(write=False)
        object.__setattr__(self, "shape", shape)
        object.__setattr__(self, "ijk_to_ras", matrix)

    @classmethod
    def from_image(cls, image: sitk.Image) -> "Grid":
        """Read the geometry of a 3-D SimpleITK image (LPS) as RAS."""
        matrix = np.eye(4)
        matrix[:3, :3] = np.array(image.GetDirection()).reshape(3, 3) * np.array(image.GetSpacing())
        matrix[:3, 3] = image.GetOrigin()
        i, j, k = image.GetSize()
        return cls((k, j, i), _LPS_TO_RAS @ matrix)

    def image(self, array: NDArray) -> sitk.Image:
        """Wrap an array [k, j, i] of this grid as a SimpleITK image (LPS)."""
        if tuple(array.shape) != self.shape:
            raise ValueError(f"array: shape {array.shape}; expected {self.shape} of the grid")
        image = sitk.GetImageFromArray(array.astype(np.uint8) if array.dtype == bool else array)
        lps = _LPS_TO_RAS @ self.ijk_to_ras
        spacing = self.spacing_ijk_mm
        image.SetSpacing(spacing.tolist())
        image.SetDirection((lps[:3, :3] / spacing).ravel().tolist())
        image.SetOrigin(lps[:3, 3].tolist())
        return image

    @property
    def spacing_ijk_mm(self) -> NDArray[np.float64]:
        """Voxel edge lengths along i, j, k."""
        return np.asarray(np.linalg.norm(self.ijk_to_ras[:3, :3], axis=0), dtype=np.float64)

    @property
    def spacing_kji_mm(self) -> NDArray[np.float64]:
        """Voxel edge lengths in array order."""
        return self.spacing_ijk_mm[::-1]

    @property
    def voxel_ml(self) -> float:
        """Volume of one voxel."""
        return float(abs(np.linalg.det(self.ijk_to_ras[:3, :3]))) / 1000.0

    @property
    def half_diagonal_mm(self) -> float:
        """Largest distance from a voxel's centre to a point of that voxel."""
        return float(np.linalg.norm(self.spacing_ijk_mm)) / 2.0

    @property
    def ras_to_ijk(self) -> NDArray[np.float64]:
        """Inverse of `ijk_to_ras`."""
        return np.asarray(np.linalg.inv(self.ijk_to_ras), dtype=np.float64)

    def ras_from_ijk(self, ijk: ArrayLike) -> NDArray[np.float64]:
        """RAS points (N, 3) in mm of continuous indices (N, 3) in i, j, k order."""
        points: NDArray[np.float64] = np.atleast_2d(np.asarray(ijk, dtype=np.float64))
        return points @ self.ijk_to_ras[:3, :3].T + self.ijk_to_ras[:3, 3]

    def ijk_from_ras(self, points_ras_mm: ArrayLike) -> NDArray[np.float64]:
        """Continuous indices (N, 3) in i, j, k order of RAS points (N, 3) in mm."""
        inverse = self.ras_to_ijk
        points = np.atleast_2d(np.asarray(points_ras_mm, dtype=np.float64))
        return points @ inverse[:3, :3].T + inverse[:3, 3]

    def ras_of_mask(self, mask: NDArray[np.bool_]) -> NDArray[np.float64]:
        """RAS centres (N, 3) in mm of the true voxels of a mask on this grid, in array order."""
        box = bounding_region(mask)
        if box is None:
            return np.zeros((0, 3))
        kji = np.argwhere(mask[box]) + [s.start for s in box]
        return self.ras_from_ijk(kji[:, ::-1])

    def nearest_voxel(self, point_ras_mm: ArrayLike) -> tuple[int, int, int]:
        """Index (k, j, i) of the voxel that holds a RAS point; raises ValueError outside the grid."""
        i, j, k = np.rint(self.ijk_from_ras(point_ras_mm)[0]).astype(int)
        index = (int(k), int(j), int(i))
        if any(not 0 <= v < n for v, n in zip(index, self.shape, strict=True)):
            point = [round(float(v), 1) for v in np.ravel(np.asarray(point_ras_mm, dtype=np.float64))]
            raise ValueError(f"point {point} RAS mm lies outside the image")
        return index

    def matches(self, other: "Grid", tolerance_mm: float = 1e-2) -> bool:
        """Whether both grids have the same voxels, corner by corner, within a tolerance."""
        if self.shape != other.shape:
            return False
        k, j, i = (n - 1 for n in self.shape)
        corners = np.array([[a, b, c] for a in (0, i) for b in (0, j) for c in (0, k)], dtype=float)
        return bool(np.abs(self.ras_from_ijk(corners) - other.ras_from_ijk(corners)).max() <= tolerance_mm)

    def crop(self, region: tuple[slice, slice, slice]) -> "Grid":
        """The grid of ``array[region]``; slices in k, j, i with step 1."""
        starts = [s.indices(n)[0] for s, n in zip(region, self.shape, strict=True)]
        shape = tuple(len(range(*s.indices(n))) for s, n in zip(region, self.shape, strict=True))
        matrix = np.array(self.ijk_to_ras)
        matrix[:3, 3] = self.ras_from_ijk(starts[::-1])[0]
        return Grid(shape, matrix)  # type: ignore[arg-type]

    def region_around(self, points_ras_mm: ArrayLike, padding_mm: float) -> tuple[slice, slice, slice]:
        """Smallest slices (k, j, i) that hold the points and a padding, clipped to the grid."""
        ijk = self.ijk_from_ras(points_ras_mm)
        padding = padding_mm / self.spacing_ijk_mm
        low = np.floor(ijk.min(axis=0) - padding).astype(int)
        high = np.ceil(ijk.max(axis=0) + padding).astype(int) + 1
        bounds = zip(low[::-1], high[::-1], self.shape, strict=True)
        k, j, i = (slice(int(min(max(lo, 0), n - 1)), int(max(min(hi, n), 1))) for lo, hi, n in bounds)
        return (k, j, i)

    def refinement(self, finest_mm: float) -> tuple[int, int, int]:
        """Integer factors (k, j, i) that bring every spacing to `finest_mm` or below."""
        k, j, i = (max(1, int(np.ceil(s / finest_mm - 1e-6))) for s in self.spacing_kji_mm)
        return (k, j, i)

    def coarsened(self, factors: tuple[int, int, int]) -> "Grid":
        """Join voxels to blocks along k, j, i; the last block of an axis may reach beyond the image."""
        f_ijk = np.array(factors[::-1], dtype=float)
        matrix = np.array(self.ijk_to_ras)
        matrix[:3, :3] = self.ijk_to_ras[:3, :3] * f_ijk
        matrix[:3, 3] = self.ras_from_ijk((f_ijk - 1) / 2)[0]
        k, j, i = (-(-n // f) for n, f in zip(self.shape, factors, strict=True))
        return Grid((k, j, i), matrix)

    def refined(self, factors: tuple[int, int, int]) -> "Grid":
        """Split every voxel into equal parts along k, j, i; the occupied space stays the same."""
        f_ijk = np.array(factors[::-1], dtype=float)
        matrix = np.array(self.ijk_to_ras)
        matrix[:3, :3] = self.ijk_to_ras[:3, :3] / f_ijk
        matrix[:3, 3] = self.ras_from_ijk((1 / f_ijk - 1) / 2)[0]
        k, j, i = (n * f for n, f in zip(self.shape, factors, strict=True))
        return Grid((k, j, i), matrix)


def pooled(mask: NDArray[np.bool_], factors: tuple[int, int, int]) -> NDArray[np.bool_]:
    """Join blocks of voxels to match ``Grid.coarsened(factors)``: true where any voxel of a block is."""
    for axis, factor in enumerate(factors):
        if factor > 1:
            mask = np.logical_or.reduceat(mask, np.arange(0, mask.shape[axis], factor), axis=axis)
    return mask


def subdivide(array: NDArray, factors: tuple[int, int, int]) -> NDArray:
    """Repeat each voxel's value over its parts, to match ``Grid.refined(factors)``."""
    for axis, factor in enumerate(factors):
        if factor > 1:
            array = np.repeat(array, factor, axis=axis)
    return array
