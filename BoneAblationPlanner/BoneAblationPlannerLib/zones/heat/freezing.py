"""How tissue freezes: heat content against temperature and conduction in water and ice, per voxel.

Heat content is linear in pieces: unfrozen; freezing over a range, where the latent heat comes out evenly; frozen. Flow
is written with two potentials that only depend on temperature, so that it is exact (Kirchhoff's transformation) within
one tissue and exact between two frozen or two unfrozen ones:

    flow = unfrozen conductance x difference of (T - ice potential) + frozen conductance x difference of ice potential
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from BoneAblationPlannerLib.errors import InputError
from BoneAblationPlannerLib.zones.heat.medium import Array, Medium
from BoneAblationPlannerLib.zones.heat.physics import PHYSICS

LEAST_LATENT_J_M3 = 1.0
"""What holds no water freezes for free, but its heat content must still rise with temperature."""


@dataclass(frozen=True, eq=False)
class Freezing:
    """Arrays (k, j, i) float32 and the freezing range.

    Parameters
    ----------
    heat, frozen_heat : J/m3/K
    range_heat : J/m3
        Heat that comes out between the ends of the freezing range.
    conductivity, frozen_conductivity : W/m/K
        The frozen one at the lower end of the range.
    from_celsius, width_kelvin : float
        Where freezing begins, and over how many degrees.
    ice_per_kelvin : float
        Rise of the conductivity of ice per degree below the range.
    """

    heat: Array
    frozen_heat: Array
    range_heat: Array
    conductivity: Array
    frozen_conductivity: Array
    from_celsius: float
    width_kelvin: float
    ice_per_kelvin: float

    def __post_init__(self) -> None:
        if not self.width_kelvin > 0:
            raise InputError(f"freezing range: {self.width_kelvin:g} degrees wide; expected above 0")

    @classmethod
    def of(cls, medium: Medium) -> "Freezing":
        """Frozen properties from the water that a tissue holds."""
        start = PHYSICS["freezing_from_celsius"]
        width = start - PHYSICS["freezing_to_celsius"]
        water = medium.water
        frozen_heat = np.maximum(
            medium.heat - water * np.float32(PHYSICS["water_minus_ice_heat_j_kgk"]), medium.heat * np.float32(0.2)
        )
        latent = water * np.float32(PHYSICS["fusion_j_kg"])
        ratio = np.float32(PHYSICS["ice_to_water_conductivity"]) ** (np.minimum(water, 1000) / np.float32(1000))
        return cls(
            heat=medium.heat,
            frozen_heat=frozen_heat,
            range_heat=np.maximum(latent + (medium.heat + frozen_heat) * np.float32(width / 2), LEAST_LATENT_J_M3),
            conductivity=medium.conductivity,
            frozen_conductivity=np.asarray(medium.conductivity * ratio, dtype=np.float32),
            from_celsius=start,
            width_kelvin=width,
            ice_per_kelvin=PHYSICS["ice_conductivity_per_kelvin"],
        )

    def heat_content(self, celsius: NDArray) -> NDArray[np.float64]:
        """J/m3 over the start of freezing."""
        t = np.asarray(celsius, dtype=np.float64) - self.from_celsius
        return np.asarray(
            self.heat * np.maximum(t, 0)
            + self.range_heat * np.clip(t, -self.width_kelvin, 0) / self.width_kelvin
            + self.frozen_heat * np.minimum(t + self.width_kelvin, 0)
        )

    def frozen_fraction(self, celsius: NDArray) -> NDArray[np.float32]:
        """Share of the water that is ice."""
        below = self.from_celsius - np.asarray(celsius, dtype=np.float32)
        return np.asarray(np.clip(below / np.float32(self.width_kelvin), 0, 1), dtype=np.float32)
