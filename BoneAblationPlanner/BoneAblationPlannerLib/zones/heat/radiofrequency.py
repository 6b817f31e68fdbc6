"""Radiofrequency electrodes on a needle: current through tissue whose conductivity follows heat, under control."""

import numpy as np
from numpy.typing import NDArray

from BoneAblationPlannerLib.zones.heat.bioheat import Heating
from BoneAblationPlannerLib.zones.heat.conduction import INSULATED, REST
from BoneAblationPlannerLib.zones.heat.medium import Array, Medium
from BoneAblationPlannerLib.zones.heat.physics import PHYSICS
from BoneAblationPlannerLib.zones.heat.potential import joule_w_m3, solve_potential
from BoneAblationPlannerLib.zones.heat.shaft import ActivePart

GAP_SHARE = 0.2
"""Insulated part between the poles of a bipolar probe, of its active length."""
SOLVED_EVERY_S = 30.0
WATCHED_FROM_MM, WATCHED_TO_MM = 1.0, 3.0
"""Control looks at the mean temperature of the tissue between these distances from the shaft's surface."""
SLOWEST, FASTEST = 0.7, 1.25
"""Change of power per second."""
START_SHARE = 0.25
ELECTRODE_SHARE = 0.5


class Electrodes:
    """One probe.

    Parameters
    ----------
    poles : int
        2: halves of the active part against each other; 1: the active part against the far boundary.
    most_watts : float
    held_celsius : float or None
        Mean temperature that control keeps the tissue beside the electrodes at; None gives `most_watts` throughout.
    """

    def __init__(
        self, medium: Medium, part: ActivePart, poles: int, most_watts: float, held_celsius: float | None
    ) -> None:
        self._medium, self._most, self._goal = medium, most_watts, held_celsius
        self._boundary = INSULATED if poles == 2 else REST
        self._fixed, self._values = _electrode_voxels(medium, part, poles)
        grid = medium.grid
        self._watched = _beside(medium, part)
        self._watts = most_watts * (START_SHARE if held_celsius is not None else 1.0)
        self._voxel_m3 = float(np.prod(grid.spacing_kji_mm)) * 1e-9
        self._phi: NDArray[np.float64] | None = None
        self._per_watt: Array | None = None
        self._solved_s = -np.inf

    @property
    def watts(self) -> float:
        """Power now."""
        return self._watts

    def density(self, heating: Heating, now_s: float) -> Array:
        """Heat of the current (k, j, i), W/m3, for the next second."""
        if self._per_watt is None or now_s - self._solved_s >= SOLVED_EVERY_S:
            self._solve(heating)
            self._solved_s = now_s
        if self._goal is not None:
            now = float(heating.inner("excess")[self._watched].mean())
            goal = self._goal - self._medium.rest_celsius
            self._watts *= float(np.clip(1 + (goal - now) / goal, SLOWEST, FASTEST))
            self._watts = min(self._watts, self._most)
        assert self._per_watt is not None  # solved above
        # Current goes round tissue that has dried; a voxel's edge would carry some through it.
        return np.asarray(self._per_watt * (np.float32(self._watts) * (1 - heating.dry_share)), dtype=np.float32)

    def _solve(self, heating: Heating) -> None:
        conductivity = warm_conductivity(heating)
        spacing = self._medium.grid.spacing_kji_mm
        self._phi = solve_potential(conductivity, spacing, self._fixed, self._values, self._boundary, self._phi)
        heat = joule_w_m3(self._phi, conductivity, spacing, self._boundary)
        taken_up = (heat * (1 - heating.dry_share)).sum(dtype=np.float64) * self._voxel_m3
        self._per_watt = heat / np.float32(taken_up)


def warm_conductivity(heating: Heating) -> Array:
    """Electrical conductivity (k, j, i): rises with temperature, falls as tissue dries."""
    warm = np.clip(heating.inner("excess"), 0, PHYSICS["boiling_celsius"] - heating.medium.rest_celsius)
    rising = 1 + np.float32(PHYSICS["rf_conductivity_per_kelvin"]) * warm
    left = 1 - heating.dry_share * np.float32(1 - PHYSICS["dry_share_of_rf_conductivity"])
    return np.asarray(heating.medium.rf_conductivity * rising * left, dtype=np.float32)


def _beside(medium: Medium, part: ActivePart) -> tuple[NDArray[np.intp], ...]:
    """Voxels (index arrays) around the active part, a little off its surface."""
    grid = medium.grid
    region = grid.region_around([part.start_ras_mm, part.end_ras_mm], part.radius_mm + WATCHED_TO_MM)
    local = grid.crop(region)
    distance = part.distance_mm(local.ras_of_mask(np.ones(local.shape, dtype=bool)))
    away = distance - part.radius_mm
    near = np.argwhere(((away >= WATCHED_FROM_MM) & (away <= WATCHED_TO_MM)).reshape(local.shape))
    return tuple((near + [s.start for s in region]).T)


def _electrode_voxels(medium: Medium, part: ActivePart, poles: int) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    fixed, values = np.zeros(medium.grid.shape, dtype=bool), np.zeros(medium.grid.shape)
    pieces = [part]
    if poles == 2:
        pieces = [part.piece(0, (1 - GAP_SHARE) / 2), part.piece((1 + GAP_SHARE) / 2, 1)]
    for piece, volts in zip(pieces, (1.0, -1.0), strict=False):
        voxels, share = piece.filled(medium.grid)
        voxels = voxels[share >= min(ELECTRODE_SHARE, float(share.max()))]
        fixed[tuple(voxels.T)], values[tuple(voxels.T)] = True, volts
    return fixed, values
