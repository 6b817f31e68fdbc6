"""What dies: thermal dose, Arrhenius damage, cold lethal in every freeze; numbers in ``damage.json``."""

import numpy as np
from numpy.typing import NDArray

from BoneAblationPlannerLib.sourced import SourcedNumbers

DAMAGE = SourcedNumbers(__package__, "damage.json")
GAS_CONSTANT_J_MOLK = 8.314462618


def heat_rates() -> NDArray[np.float64]:
    """Rates of dose and damage as the heating kernel takes them, (4,).

    Dose is counted from (C); frequency factor (1/s); activation energy over the gas constant (K); counted up to (C).
    """
    activation = DAMAGE["arrhenius_j_mol"] / GAS_CONSTANT_J_MOLK
    return np.array(
        [DAMAGE["cem43_counted_from_celsius"], DAMAGE["arrhenius_per_s"], activation, DAMAGE["counted_up_to_celsius"]]
    )


def killed_by_heat(cem43_min: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Where the dose reaches the lethal one."""
    return np.asarray(cem43_min >= DAMAGE["cem43_lethal_min"])


def killed_by_cold(coldest_celsius: list[NDArray[np.float32]], isotherm_celsius: float | None) -> NDArray[np.bool_]:
    """Where every freeze reaches the lethal isotherm, or one reaches that which kills at once.

    Parameters
    ----------
    coldest_celsius : one (k, j, i) array per freeze
    isotherm_celsius : float or None
        The device's own lethal isotherm; None takes the default.
    """
    isotherm = DAMAGE["cold_lethal_celsius"] if isotherm_celsius is None else isotherm_celsius
    every = np.logical_and.reduce([cold <= isotherm for cold in coldest_celsius])
    return np.asarray(every | (np.minimum.reduce(coldest_celsius) <= DAMAGE["cold_lethal_once_celsius"]))
