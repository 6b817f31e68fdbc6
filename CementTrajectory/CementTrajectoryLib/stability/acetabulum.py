"""Harrington's and Levy's class of an acetabular lesion, proposed from the walls that it has taken."""

import numpy as np
from numpy.typing import NDArray

from BoneAblationPlannerLib.frames import Grid
from BoneAblationPlannerLib.plan import Acetabulum
from BoneAblationPlannerLib.sourced import SourcedNumbers

NUMBERS = SourcedNumbers("CementTrajectoryLib.stability", "acetabulum.json")
SOURCE = "Harrington, JBJS Am 1981;63:653 (seen); Levy 1982 (unverified)"
FEWEST_JOINT_VOXELS = 20


def sphere_of(points_ras_mm: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
    """Centre (3,) and radius of the sphere nearest to points (N, 3) by least squares of the squared distance.

    Raises
    ------
    ValueError
        For fewer than four points.
    """
    if len(points_ras_mm) < 4:
        raise ValueError(f"points_ras_mm: {len(points_ras_mm)}; expected at least four")
    middle = points_ras_mm.mean(axis=0)
    away = points_ras_mm - middle
    design = np.column_stack([2 * away, np.ones(len(away))])
    solution = np.linalg.lstsq(design, (away**2).sum(axis=1), rcond=None)[0]
    return middle + solution[:3], float(np.sqrt(max(solution[3] + solution[:3] @ solution[:3], 0.0)))


def acetabular_class(
    grid: Grid, hip: NDArray[np.bool_], joint: NDArray[np.bool_], lesion: NDArray[np.bool_], side: str
) -> Acetabulum | None:
    """Proposed class, or None where the lesion keeps away from the joint's walls.

    Parameters
    ----------
    grid : Grid
    hip, joint, lesion : (k, j, i) bool
        Hip bone, hip joint and lesion; the patient's head is up and the midline medial.
    side : str
        ``left`` or ``right``.
    """
    if joint.sum() < FEWEST_JOINT_VOXELS:
        return None
    centre, radius = sphere_of(grid.ras_of_mask(joint))
    destroyed = _destroyed(grid, hip, lesion, centre, radius + NUMBERS["shell_mm"], side)
    if not any(destroyed.values()):
        return None
    gone = {wall for wall, share in destroyed.items() if share >= NUMBERS["deficient"]}
    harrington, levy = "I", "minor"
    if "medial wall" in gone:
        harrington, levy = "II", "major"
        if {"roof", "lateral wall"} <= gone:
            harrington = "III"
    if {"roof", "lateral wall"} <= gone:
        levy = "massive"
    return Acetabulum(harrington, levy, {wall: round(share, 2) for wall, share in destroyed.items()}, SOURCE)


def _destroyed(
    grid: Grid,
    hip: NDArray[np.bool_],
    lesion: NDArray[np.bool_],
    centre: NDArray[np.float64],
    reach_mm: float,
    side: str,
) -> dict[str, float]:
    """Share of the roof, the medial and the lateral wall that the lesion takes."""
    region = grid.region_around(centre[None], reach_mm)
    local = grid.crop(region)
    wall = (hip | lesion)[region]
    away = local.ras_of_mask(wall) - centre
    distance = np.linalg.norm(away, axis=1)
    taken = lesion[region][wall]
    near = (distance <= reach_mm) & (distance > 0)
    direction, taken = away[near] / distance[near, None], taken[near]
    medial = direction[:, 0] * (1.0 if side == "left" else -1.0)
    roof = direction[:, 2] >= np.cos(np.radians(NUMBERS["roof_deg"]))
    inner = ~roof & (medial >= np.cos(np.radians(NUMBERS["medial_deg"])))
    walls = {"roof": roof, "medial wall": inner, "lateral wall": ~roof & ~inner & (medial < 0)}
    return {name: float(taken[part].mean()) if part.any() else 0.0 for name, part in walls.items()}
