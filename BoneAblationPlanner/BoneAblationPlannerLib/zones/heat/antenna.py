"""Microwaves: where the power of an antenna is absorbed in tissue that is not the same everywhere.

The field spreads from a uniformly radiating line and fades along the ray from the line's nearest point with each
tissue's attenuation; what a voxel absorbs is its conductivity times the squared field. The whole is scaled to the power
that the tissue takes up.
"""

import numpy as np
from numpy.typing import NDArray

from BoneAblationPlannerLib.compute import parallel_kernel, prange
from BoneAblationPlannerLib.zones.heat.bioheat import Heating
from BoneAblationPlannerLib.zones.heat.medium import Array, Medium
from BoneAblationPlannerLib.zones.heat.physics import PHYSICS
from BoneAblationPlannerLib.zones.heat.shaft import ActivePart

FREQUENCY_HZ = 2.45e9
VACUUM_PERMITTIVITY = 8.8541878e-12
LIGHT_M_S = 2.99792458e8
RAY_STEP_MM = 1.0
REACH_MM = 60.0
FOUND_EVERY_S = 60.0


def attenuation_per_m(permittivity: NDArray[np.float32], conductivity_s_m: NDArray[np.float32]) -> NDArray[np.float64]:
    """Field attenuation of a plane wave, Np/m, from relative permittivity and conductivity."""
    omega = 2 * np.pi * FREQUENCY_HZ
    loss = conductivity_s_m / (omega * VACUUM_PERMITTIVITY * np.asarray(permittivity, dtype=np.float64))
    wave = omega / LIGHT_M_S * np.sqrt(np.asarray(permittivity, dtype=np.float64) / 2)
    return np.asarray(wave * np.sqrt(np.sqrt(1 + loss**2) - 1))


class Antenna:
    """The active part of a microwave probe that puts `watts` into tissue; dried tissue lets its waves pass."""

    def __init__(self, medium: Medium, part: ActivePart, watts: float) -> None:
        self._medium, self._part, self._watts = medium, part, watts
        self._density: Array | None = None
        self._found_s = -np.inf

    def density(self, heating: Heating, now_s: float) -> Array:
        """Absorbed power (k, j, i), W/m3."""
        if self._density is None or now_s - self._found_s >= FOUND_EVERY_S:
            moist = 1 - heating.dry_share * np.float32(1 - PHYSICS["dry_share_of_mw_properties"])
            permittivity = np.maximum(self._medium.mw_permittivity * moist, 1)
            conductivity = self._medium.mw_conductivity * moist
            self._density = absorbed_w_m3(self._medium, self._part, self._watts, permittivity, conductivity)
            self._found_s = now_s
        return self._density


def absorbed_w_m3(
    medium: Medium, part: ActivePart, watts: float, permittivity: Array, conductivity_s_m: Array
) -> Array:
    """Absorbed power density (k, j, i) of an antenna's active part; its integral over the block is `watts`."""
    grid = medium.grid
    attenuation = attenuation_per_m(permittivity, conductivity_s_m).astype(np.float32)
    density = np.zeros(grid.shape, dtype=np.float32)
    ends = grid.ijk_from_ras([part.start_ras_mm, part.end_ras_mm])
    _absorb(ends[0], ends[1], grid.spacing_ijk_mm, max(part.radius_mm, float(grid.spacing_ijk_mm.min()) / 2),
            attenuation, conductivity_s_m, medium.held, density)  # fmt: skip
    total = float(density.sum(dtype=np.float64)) * float(np.prod(grid.spacing_ijk_mm)) * 1e-9
    return density * np.float32(watts / total) if total > 0 else density


@parallel_kernel
def _absorb(start, end, spacing, least, attenuation, conductivity, held, density):  # type: ignore[no-untyped-def]
    axis = (end - start) * spacing
    length = np.sqrt((axis * axis).sum())
    axis = axis / length
    shape_k, shape_j, shape_i = density.shape
    for k in prange(shape_k):
        for j in range(shape_j):
            for i in range(shape_i):
                if held[k, j, i]:
                    continue
                x, y, z = (i - start[0]) * spacing[0], (j - start[1]) * spacing[1], (k - start[2]) * spacing[2]
                along = x * axis[0] + y * axis[1] + z * axis[2]
                off = np.sqrt(max(x * x + y * y + z * z - along * along, 0.0))
                nearest = min(max(along, 0.0), length)
                away = np.sqrt(off * off + (along - nearest) ** 2)
                if away > REACH_MM:
                    continue
                steps = int(away / RAY_STEP_MM) + 1
                # From the antenna to the voxel in equal steps, half a voxel up so that cutting off rounds: both ends
                # lie in the block, so all of it does.
                to_x, to_y, to_z = (x - nearest * axis[0]), (y - nearest * axis[1]), (z - nearest * axis[2])
                by_x, by_y, by_z = to_x / spacing[0] / steps, to_y / spacing[1] / steps, to_z / spacing[2] / steps
                px, py, pz = (
                    i + 0.5 - by_x * (steps - 0.5),
                    j + 0.5 - by_y * (steps - 0.5),
                    k + 0.5 - by_z * (steps - 0.5),
                )
                faded = 0.0
                for step in range(steps):
                    faded += attenuation[
                        np.uint64(pz + step * by_z), np.uint64(py + step * by_y), np.uint64(px + step * by_x)
                    ]
                faded *= away / steps / 1000
                wide = max(off, least)
                spread = (np.arctan2(along, wide) - np.arctan2(along - length, wide)) / wide
                density[k, j, i] = conductivity[k, j, i] * spread * np.exp(-2 * faded)
