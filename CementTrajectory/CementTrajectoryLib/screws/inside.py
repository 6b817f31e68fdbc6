"""How wide corridors are inside the cortex: what a screw has before its thread meets the cortex's inner side.

Corridors reach the bone's outer surface. Some published widths end at the inner side of the cortices, a cortex less on
either side. Where the voxels are fine enough to show the cortex, this is measured too.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from BoneAblationPlannerLib.distance import distance_mm
from BoneAblationPlannerLib.frames import Grid
from BoneAblationPlannerLib.regions import bounding_region
from CementTrajectoryLib.screws.corridor import Corridor
from CementTrajectoryLib.screws.definitions import NUMBERS
from CementTrajectoryLib.screws.depth import DepthMap, depth_map
from CementTrajectoryLib.screws.search import Patch, widest_line


def shows_cortex(grid: Grid) -> bool:
    """Whether voxels are fine enough to tell the cortex from what it holds."""
    return float(grid.spacing_kji_mm.max()) <= NUMBERS["cortex_voxel_mm"]


def inner_depth(grid: Grid, bone: NDArray[np.bool_], hu: NDArray[np.int16]) -> DepthMap | None:
    """Depth inside the cortex of a bone (k, j, i): dense voxels near its outer surface count as outside.

    None if there is nothing inside.
    """
    box = bounding_region(bone)
    if box is None:
        return None
    whole = np.ascontiguousarray(bone[box])
    thickest = NUMBERS["thickest_cortex_mm"]
    outside = np.pad(~whole, 1, constant_values=True)
    shell = distance_mm(outside, grid.spacing_kji_mm, thickest)[1:-1, 1:-1, 1:-1] <= thickest
    inner = whole & ~(shell & (hu[box] >= NUMBERS["inner_cortex_hu"]))
    return depth_map(grid.crop(box), inner) if inner.any() else None


def inside_diameter_mm(depth: DepthMap | None, corridor: Corridor, entry: Patch, exit_: Patch) -> float:
    """Diameter of the widest cylinder inside the cortex from a corridor's axis on; 0 if there is none.

    Its ends stay in the patches in which the corridor was looked for, and it is as long.
    """
    if depth is None:
        return 0.0
    along = (corridor.exit_ras_mm - corridor.entry_ras_mm) / corridor.length_mm
    # Where the search had its ends, so much before the part whose clearance counts.
    first = corridor.entry_ras_mm + along * (corridor.trims_mm[0] - entry.trim_mm)
    last = corridor.exit_ras_mm - along * (corridor.trims_mm[1] - exit_.trim_mm)
    # Blind: nothing is looked for beyond them.
    start = replace(entry, points_ras_mm=first[None], blind=True)
    stop = replace(exit_, points_ras_mm=last[None], blind=True)
    line = widest_line(depth, start, stop)
    return 0.0 if line is None else min(max(0.0, 2 * line.clearance_mm), corridor.diameter_mm)
