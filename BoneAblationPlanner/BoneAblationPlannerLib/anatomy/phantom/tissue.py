"""What the scanner sees: a shape with a rim around it, a shell and a core."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import overload

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from BoneAblationPlannerLib.anatomy.phantom.shapes import Curve, Lattice, Part, Sections, ribbon, tube

MARGIN_MM = 5.0
"""How far a lattice reaches beyond its shape, so that blending over coarse voxels has room."""


@dataclass(frozen=True, eq=False)
class Tissue:
    """A shape and its Hounsfield units; later tissues paint over earlier ones.

    Parameters
    ----------
    lattice : Lattice
    distance : (s, a, r) float32
        Signed distance in mm, negative inside.
    core_hu : float or (s, a, r) float32
    shell_mm, shell_hu : float or (s, a, r) float32
        Layer inside the surface: cortex, wall, skin. A thickness of 0 means none.
    rim_mm, rim_hu : float
        Layer outside the surface that separates it from what was painted before: fat planes.
    label : str or None
        Name in the label map.
    """

    lattice: Lattice
    distance: NDArray[np.float32]
    core_hu: float | NDArray[np.float32]
    shell_mm: float | NDArray[np.float32] = 0.0
    shell_hu: float | NDArray[np.float32] = 0.0
    rim_mm: float = 0.0
    rim_hu: float = -95.0
    label: str | None = None

    def distance_on(self, lattice: Lattice) -> NDArray[np.float32]:
        """The signed distance on another lattice; 20 mm outside where it was not tabulated."""
        step = np.full(3, lattice.step_mm / self.lattice.step_mm)
        offset = (lattice.origin_ras_mm - self.lattice.origin_ras_mm)[::-1] / self.lattice.step_mm
        return ndimage.affine_transform(
            self.distance, step, offset, output_shape=lattice.shape, output=np.float32, order=1, cval=20.0
        )


def box_of(parts: Sequence[Part], step_mm: float, margin_mm: float = MARGIN_MM) -> Lattice:
    """Lattice around tubes and ribbons with a margin."""
    lows, highs = [], []
    for part in parts:
        if isinstance(part, dict):
            balls = np.array([(r, a, s, radius) for s, beads in part.items() for r, a, radius in beads])
        else:
            balls = np.array(part, dtype=np.float64)
        lows.append((balls[:, :3] - balls[:, 3:]).min(axis=0))
        highs.append((balls[:, :3] + balls[:, 3:]).max(axis=0))
    return Lattice.around(np.min(lows, axis=0) - margin_mm, np.max(highs, axis=0) + margin_mm, step_mm)


def distance_of(lattice: Lattice, part: Part) -> NDArray[np.float32]:
    """Signed distance of a tube (control balls) or a ribbon (axial sections)."""
    return ribbon(lattice, part) if isinstance(part, dict) else tube(lattice, part)


@overload
def on_side(part: Curve, side: str) -> Curve: ...
@overload
def on_side(part: Sections, side: str) -> Sections: ...
def on_side(part: Part, side: str) -> Part:
    """Place a part drawn on the right: mirrored for the left, slightly smaller and shifted, as people are."""
    if side == "right":
        return part
    if isinstance(part, dict):
        return {s - 1.5: [(0.5 - 0.985 * r, a + 1.0, 0.985 * radius) for r, a, radius in b] for s, b in part.items()}
    return [(0.5 - 0.985 * r, a + 1.0, s - 1.5, 0.985 * radius) for r, a, s, radius in part]
