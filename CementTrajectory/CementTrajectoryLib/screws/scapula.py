"""Screw corridors of a scapula, from the bone alone: along its two pillars into the glenoid vault.

The vault, its thickest part, is where the largest ball lies. One pillar runs from there along the lateral border, about
towards the bone's far end; the other one leaves it at an angle, along the spine.
"""

import numpy as np
from numpy.typing import NDArray

from BoneAblationPlannerLib.anatomy.hip_frame import Side
from BoneAblationPlannerLib.ct import LabelMap
from BoneAblationPlannerLib.frames import Grid
from CementTrajectoryLib.screws.bones import bone_of
from CementTrajectoryLib.screws.corridor import Corridor, MissingCorridor, corridor_of
from CementTrajectoryLib.screws.definitions import SHOULDER, limb_published
from CementTrajectoryLib.screws.depth import DepthMap, depth_map
from CementTrajectoryLib.screws.ends import ends_in_ball, largest_ball
from CementTrajectoryLib.screws.rays import widest_ray
from CementTrajectoryLib.screws.search import StraightLine

BORDER, SPINE = "scapular neck, lateral border", "scapular neck, spine"
NAMES = (BORDER, SPINE)
SPACING_MM = 2.5


def scapular_corridors(bones: LabelMap, side: Side) -> tuple[Corridor | MissingCorridor, ...]:
    """Both corridors of a scapula, found or with the reason why not; nothing without such a scapula."""
    scapula = bone_of(bones, f"scapula_{side}")
    if not scapula.any():
        return ()
    depth = depth_map(bones.grid, scapula)
    vault = largest_ball(depth, (SHOULDER["vault_smallest_mm"], SHOULDER["vault_largest_mm"]))
    if vault is None:
        reason = "not looked for: no glenoid vault is seen"
        return tuple(MissingCorridor(name, side, reason, None) for name in NAMES)
    return tuple(
        corridor_of(name, side, line, (f"scapula_{side}",), limb_published(name))
        for name, line in zip(NAMES, _pillars(bones.grid, depth, vault[0]), strict=True)
    )


def _pillars(image: Grid, depth: DepthMap, vault_ras_mm: NDArray[np.float64]) -> list[StraightLine | None]:
    """The widest lines into the vault from the lateral border and from the spine."""
    reach = SHOULDER["pillar_to_mm"]
    ends = ends_in_ball(depth, vault_ras_mm, SHOULDER["vault_ball_mm"], SPACING_MM, surface=False)
    entries = ends_in_ball(depth, vault_ras_mm, reach, SPACING_MM, surface=True)
    away = entries - vault_ras_mm
    distance = np.linalg.norm(away, axis=1)
    far_end = away[int(np.argmax(distance))]
    ways = away[distance >= SHOULDER["pillar_from_mm"]]
    ways = ways / np.linalg.norm(ways, axis=1, keepdims=True)
    angle = np.degrees(np.arccos(np.clip(ways @ far_end / np.linalg.norm(far_end), -1, 1)))
    border = angle <= SHOULDER["border_deg"]
    spine = (angle >= SHOULDER["spine_from_deg"]) & (angle <= SHOULDER["spine_to_deg"])
    lengths = (SHOULDER["pillar_from_mm"], reach)
    return [widest_ray(image, depth, ends, ways[which], lengths) for which in (border, spine)]
