"""Young's modulus of every voxel: bone from its density, cement and metal where they are planned."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from BoneAblationPlannerLib.frames import Grid
from BoneAblationPlannerLib.plan import Screw
from BoneAblationPlannerLib.sourced import SourcedNumbers

DEFAULTS = SourcedNumbers("CementTrajectoryLib.stability", "defaults.json")


def bone_modulus_mpa(hu: NDArray, hu_per_density: float | None = None) -> NDArray[np.float32]:
    """Modulus in MPa of bone of a density in HU: E = a rho^b, rho = HU / scale in g K2HPO4/cm3, 0 below 0 HU."""
    scale = DEFAULTS["hu_per_density"] if hu_per_density is None else hu_per_density
    density = np.maximum(hu.astype(np.float32), 0.0) / np.float32(scale)
    return np.asarray(DEFAULTS["modulus_mpa"] * density ** DEFAULTS["modulus_exponent"], dtype=np.float32)


def with_cement(modulus_mpa: NDArray[np.float32], cement: NDArray[np.floating]) -> NDArray[np.float32]:
    """Modulus where cement fills a share 0 to 1 of each voxel; never below what is there."""
    stiffened = cement * np.float32(DEFAULTS["cement_mpa"]) + (1 - cement) * modulus_mpa
    return np.maximum(modulus_mpa, stiffened).astype(np.float32)


def with_screws(modulus_mpa: NDArray[np.float32], grid: Grid, screws: Sequence[Screw]) -> NDArray[np.float32]:
    """Modulus with screws, whose voxels are metal by the share of their diameter's disc in them.

    The bond to bone is taken as perfect, so that what screws add is an upper bound.
    """
    result = modulus_mpa.copy()
    spread = grid.half_diagonal_mm
    for screw in screws:
        entry, tip = np.array(screw.entry_ras_mm), np.array(screw.tip_ras_mm)
        radius = screw.diameter_mm / 2
        region = grid.region_around(np.stack([entry, tip]), radius + 2 * spread)
        local = grid.crop(region)
        points = local.ras_of_mask(np.ones(local.shape, dtype=bool))
        axis = tip - entry
        share = np.clip((points - entry) @ axis / (axis @ axis), 0, 1)
        away = np.linalg.norm(points - entry - share[:, None] * axis, axis=1)
        metal = np.clip((radius - away) / (2 * spread) + 0.5, 0, 1).reshape(local.shape)
        present = result[region]
        result[region] = np.maximum(present, metal * DEFAULTS["screw_mpa"] + (1 - metal) * present)
    return result
