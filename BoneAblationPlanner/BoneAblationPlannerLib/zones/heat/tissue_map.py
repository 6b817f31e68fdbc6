"""What every voxel around the probes is made of, from CT numbers and anatomy, on the simulation's own grid.

A voxel is a blend of two tissues: CT numbers between those of two tissues blend them. Named structures replace what the
CT number says; air outside the body and large vessels keep their temperature.
"""

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np
from numpy.typing import ArrayLike, NDArray

from BoneAblationPlannerLib.case import Anatomy
from BoneAblationPlannerLib.errors import InputError
from BoneAblationPlannerLib.frames import Grid
from BoneAblationPlannerLib.plan import Provenance
from BoneAblationPlannerLib.zones.heat.inserted import material_of
from BoneAblationPlannerLib.zones.heat.tissue import tissue_names, tissue_number

FREE, VESSEL, OUTSIDE = 0, 1, 2
"""Voxels that change temperature, that blood keeps at body temperature, and air outside the body."""
GAS_BELOW_HU = -400
LARGEST_VOXELS = 40_000_000


@dataclass(frozen=True, eq=False)
class TissueMap:
    """Voxels as blends: `share` of tissue number `second`, the rest of `first`; `held` is FREE, VESSEL or OUTSIDE."""

    grid: Grid
    first: NDArray[np.uint8]
    second: NDArray[np.uint8]
    share: NDArray[np.float32]
    held: NDArray[np.uint8]

    def paint(self, mask: NDArray[np.bool_], tissue: str, held: int = FREE) -> None:
        """Make voxels of one tissue."""
        number = tissue_number(tissue)
        self.first[mask], self.second[mask], self.share[mask], self.held[mask] = number, number, 0, held

    @property
    def tissues(self) -> tuple[str, ...]:
        """Names of the tissues that occur."""
        numbers = np.union1d(np.unique(self.first), np.unique(self.second[self.share > 0]))
        return tuple(tissue_names()[int(n)] for n in numbers)


def uniform_map(grid: Grid, tissue: str) -> TissueMap:
    """One tissue everywhere."""
    number, shape = tissue_number(tissue), grid.shape
    first = np.full(shape, number, dtype=np.uint8)
    return TissueMap(grid, first, first.copy(), np.zeros(shape, np.float32), np.zeros(shape, np.uint8))


def simulation_grid(ct_grid: Grid, points_ras_mm: ArrayLike, padding_mm: float, voxel_mm: float) -> Grid:
    """Cubic voxels along the CT's axes around some points, within the image.

    Raises
    ------
    InputError
        For a voxel size that is not usable or leads to more voxels than memory holds.
    """
    if not 0.25 <= voxel_mm <= 5:
        raise InputError(f"voxel size of the simulation: {voxel_mm:g} mm; expected 0.25 to 5")
    block = ct_grid.crop(ct_grid.region_around(points_ras_mm, padding_mm))
    axes = block.ijk_to_ras[:3, :3] / block.spacing_ijk_mm
    counts = np.maximum(np.floor(block.spacing_ijk_mm * np.array(block.shape[::-1]) / voxel_mm), 3).astype(int)
    if np.prod(counts.astype(float)) > LARGEST_VOXELS:
        raise InputError(
            f"voxel size of the simulation: {voxel_mm:g} mm makes {np.prod(counts.astype(float)):.2g} voxels; "
            f"expected a size with fewer than {LARGEST_VOXELS:g}"
        )
    middle = block.ras_from_ijk((np.array(block.shape[::-1]) - 1) / 2)[0]
    matrix = np.eye(4)
    matrix[:3, :3] = axes * voxel_mm
    matrix[:3, 3] = middle - matrix[:3, :3] @ ((counts - 1) / 2)
    i, j, k = (int(n) for n in counts)
    return Grid((k, j, i), matrix)


def map_tissues(anatomy: Anatomy, grid: Grid) -> TissueMap:
    """The tissues of an anatomy, and what was put into it, on a simulation grid along the CT's axes."""
    index = _nearest_index(anatomy.ct.grid, grid)
    hu = _linear(anatomy.ct.hu, anatomy.ct.grid, grid)
    body, bone, lesion = (m[index] for m in (anatomy.body, anatomy.bone, anatomy.lesion))
    made = uniform_map(grid, "muscle")
    regions = {"soft tissue": body & ~bone & ~lesion, "bone": bone & ~lesion, "lesion": lesion}
    for row in _rules()["hounsfield"]:
        _blend(made, regions[row["region"]], hu, row["anchors"])
    made.paint((hu < GAS_BELOW_HU) & body, "air")
    tissue_of = {row["kind"]: row["tissue"] for row in _rules()["structures"]}
    for structure in anatomy.structures:
        tissue = material_of(structure.name) or tissue_of.get(structure.kind)
        if tissue is not None:
            inside = structure.mask[index] & ~lesion & (hu >= GAS_BELOW_HU)
            made.paint(inside, tissue, VESSEL if structure.kind == "vessel" else FREE)
    for inserted in anatomy.inserted:
        made.paint(inserted.mask[index], inserted.tissue)
    if body.any():
        made.paint(~body & ~bone, "air", OUTSIDE)
    return made


def provenance_of_map() -> tuple[Provenance, ...]:
    """Where the tissue of a CT number comes from."""
    return tuple(
        Provenance(
            f"tissue by CT number: {row['region']}",
            ", ".join(f"{hu} HU {name}" for hu, name in row["anchors"]),
            "",
            row["source"],
            row["status"],
        )
        for row in _rules()["hounsfield"]
    )


@cache
def _rules() -> dict[str, list[dict]]:
    return json.loads(files(__package__).joinpath("tissue_map.json").read_text(encoding="utf-8"))


def _blend(made: TissueMap, region: NDArray[np.bool_], hu: NDArray[np.float32], anchors: list[tuple]) -> None:
    """Linear between neighbouring anchors, constant beyond the first and the last."""
    values = np.array([a[0] for a in anchors], dtype=np.float64)
    numbers = np.array([tissue_number(a[1]) for a in anchors], dtype=np.uint8)
    here = hu[region]
    place = np.clip(np.searchsorted(values, here) - 1, 0, len(values) - 2)
    made.first[region], made.second[region] = numbers[place], numbers[place + 1]
    made.share[region] = np.clip((here - values[place]) / (values[place + 1] - values[place]), 0, 1)


def _axis_positions(source: Grid, grid: Grid) -> list[NDArray[np.float64]]:
    """Continuous source indices (k, j, i) of the grid's planes; the axes are parallel."""
    start, end = source.ijk_from_ras(grid.ras_from_ijk(np.array([(0, 0, 0), grid.shape[::-1]]) - [[0.0], [1.0]]))
    return [np.linspace(start[a], end[a], grid.shape[2 - a]) for a in (2, 1, 0)]


def _nearest_index(source: Grid, grid: Grid) -> tuple[NDArray[np.intp], ...]:
    positions = _axis_positions(source, grid)
    return np.ix_(*(np.clip(np.rint(p).astype(int), 0, n - 1) for p, n in zip(positions, source.shape, strict=True)))


def _linear(values: NDArray, source: Grid, grid: Grid) -> NDArray[np.float32]:
    """Trilinear samples, one axis after the other."""
    sampled = values
    for axis, position in enumerate(_axis_positions(source, grid)):
        count = source.shape[axis]
        low = np.clip(np.floor(position).astype(int), 0, max(count - 2, 0))
        share = np.clip(position - low, 0, 1).astype(np.float32)
        share = share.reshape([-1 if a == axis else 1 for a in range(3)])
        high = np.minimum(low + 1, count - 1)
        sampled = np.take(sampled, low, axis) * (1 - share) + np.take(sampled, high, axis) * share
    return np.asarray(sampled, dtype=np.float32)
