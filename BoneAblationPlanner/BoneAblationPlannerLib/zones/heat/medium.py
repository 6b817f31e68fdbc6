"""Material arrays of a block of tissue: what the solvers read."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from BoneAblationPlannerLib.frames import Grid
from BoneAblationPlannerLib.zones.heat.physics import PHYSICS
from BoneAblationPlannerLib.zones.heat.tissue import NOMINAL, Levels, property_column
from BoneAblationPlannerLib.zones.heat.tissue_map import TissueMap

Array = NDArray[np.float32]
LEAST_HEAT_J_M3K = 3e5
"""Gas stores next to nothing, and the stable step shrinks with that. This much instead, a twelfth of what soft tissue
stores, shifts the tissue at the wall of a gas pocket that ice reaches by a quarter of a degree, by 0.04 beside heat.
"""


@dataclass(frozen=True, eq=False)
class Medium:
    """Properties of every voxel, float32 (k, j, i), SI units, at body temperature.

    Parameters
    ----------
    conductivity : W/m/K
    heat : J/m3/K
        Density times heat capacity, not less than that of a little more than gas.
    perfusion : W/m3/K
        Blood flow times the heat of blood.
    rf_conductivity, mw_conductivity : S/m
    mw_permittivity : relative
    water : kg/m3
    rest_celsius : float
        Temperature of tissue and blood before anything happens.
    held : uint8
        FREE, VESSEL or OUTSIDE of ``tissue_map``.
    """

    grid: Grid
    conductivity: Array
    heat: Array
    perfusion: Array
    rf_conductivity: Array
    mw_permittivity: Array
    mw_conductivity: Array
    water: Array
    held: NDArray[np.uint8]
    rest_celsius: float = field(default_factory=lambda: PHYSICS["body_celsius"])

    @classmethod
    def of(cls, tissues: TissueMap, levels: Levels = NOMINAL, rest_celsius: float | None = None) -> "Medium":
        """Blend the tissues' properties."""

        def blended(column: NDArray[np.float64]) -> Array:
            table = column.astype(np.float32)
            first = table[tissues.first]
            return np.asarray(first + tissues.share * (table[tissues.second] - first), dtype=np.float32)

        density = property_column("density_kg_m3", levels)
        heat = blended(density * property_column("heat_capacity_j_kgk", levels))
        return cls(
            grid=tissues.grid,
            conductivity=blended(property_column("conductivity_w_mk", levels)),
            heat=np.maximum(heat, np.float32(LEAST_HEAT_J_M3K)),
            perfusion=blended(property_column("perfusion_per_s", levels) * PHYSICS["blood_heat_j_m3k"]),
            rf_conductivity=blended(property_column("rf_conductivity_s_m", levels)),
            mw_permittivity=blended(property_column("mw_permittivity", levels)),
            mw_conductivity=blended(property_column("mw_conductivity_s_m", levels)),
            water=blended(density * property_column("water_fraction", levels)),
            held=tissues.held.copy(),
            rest_celsius=PHYSICS["body_celsius"] if rest_celsius is None else rest_celsius,
        )
