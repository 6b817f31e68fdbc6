"""Regions of bone while parts of them are taken out under a name."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from BoneAblationPlannerLib.anatomy.bone_regions import Work
from BoneAblationPlannerLib.anatomy.thorax.tubes import Tube, tube_of
from BoneAblationPlannerLib.ct import CtVolume
from BoneAblationPlannerLib.regions import Region, label_regions


class Piece(NamedTuple):
    """A part of a region: its box, and what it is of that, (k, j, i) bool."""

    box: Region
    mask: NDArray[np.bool_]


class Taken:
    """Regions and names while bones are taken out of them."""

    def __init__(self, ct: CtVolume, work: Work, regions: NDArray[np.int32], names: dict[int, str]) -> None:
        self.ct, self.work, self.regions, self.names = ct, work, regions, names
        self._cut: set[int] = set()

    def ml(self, piece: Piece) -> float:
        """Volume of a piece."""
        return float(piece.mask.sum()) * self.work.grid.voxel_ml

    def tube(self, piece: Piece) -> Tube:
        """The longest way through a piece."""
        return tube_of(self.work.grid.crop(piece.box), piece.mask)

    def points_ras_mm(self, piece: Piece) -> NDArray[np.float64]:
        """Voxel centres (N, 3) of a piece."""
        return self.work.grid.crop(piece.box).ras_of_mask(piece.mask)

    def region(self, piece: Piece) -> int:
        """The region that a piece is a part of."""
        return int(self.regions[piece.box][piece.mask][0])

    def is_whole(self, piece: Piece) -> bool:
        """Whether a piece is all of its region."""
        return int((self.regions[piece.box] == self.region(piece)).sum()) == int(piece.mask.sum())

    def take(self, piece: Piece, name: str) -> None:
        """Give a piece a name; pieces of one name become one region."""
        local = self.regions[piece.box]
        self._cut |= set(np.unique(local[piece.mask]).tolist()) - {0}
        number = next((n for n, other in self.names.items() if other == name), int(self.regions.max()) + 1)
        local[piece.mask] = number
        self.names[number] = name

    def relabel(self, near: NDArray[np.bool_]) -> None:
        """Part what is left of regions that were cut, within `near`, where it no longer hangs together."""
        left = np.where(np.isin(self.regions, list(self._cut)) & near, self.regions, 0)
        seen: set[int] = set()
        for piece in sorted(pieces(left), key=self.ml, reverse=True):
            region = self.region(piece)
            if region in seen:
                self.regions[piece.box][piece.mask] = int(self.regions.max()) + 1
            seen.add(region)
        self._cut.clear()


def pieces(regions: NDArray[np.int32]) -> list[Piece]:
    """Connected parts of each region."""
    found = []
    for region, box in label_regions(regions).items():
        parts, count = ndimage.label(regions[box] == region)
        found += [Piece(box, parts == part) for part in range(1, count + 1)]
    return found
