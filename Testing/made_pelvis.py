"""A pelvis made of the usual hip bones and sacrum, with a block for the lowest vertebra."""

from typing import NamedTuple

import numpy as np
from grids import rotation
from numpy.typing import NDArray

from BoneAblationPlannerLib.anatomy.bone_regions import Work
from BoneAblationPlannerLib.anatomy.hip_frame import BoneFrame
from BoneAblationPlannerLib.anatomy.usual_hip import usual_hip
from BoneAblationPlannerLib.anatomy.usual_pelvis import usual_pelvis
from BoneAblationPlannerLib.distance import distance_mm
from BoneAblationPlannerLib.frames import Grid

MARROW_HU, CORTEX_HU, TISSUE_HU = 150.0, 700.0, 50.0
CORTEX_MM = 3.0
APART_MM = 63.6
"""From the midline to a hip bone's middle: what the sacrum's place beside a hip bone asks for."""


class MadePelvis(NamedTuple):
    """The working grid; hip bones' true frames and masks (k, j, i); sacrum and vertebra; the sacrum's frame."""

    work: Work
    frames: dict
    hips: dict
    sacrum: NDArray[np.bool_]
    vertebra: NDArray[np.bool_]
    sacrum_frame: BoneFrame


def made_pelvis(sides=("left", "right"), turn=None, size=1.0, spacing=3.0, with_sacrum=True) -> MadePelvis:
    """Bones with a dense wall in soft tissue, in a patient who lies turned by `turn` (3, 3)."""
    turn = np.eye(3) if turn is None else turn
    pelvis = usual_pelvis()
    mirror = np.diag([-1.0, 1.0, 1.0])
    right = BoneFrame(np.array([APART_MM, 0.0, 0.0]), usual_hip().axes, pelvis.hip.usual_mm * size)
    straight = {"right": right, "left": BoneFrame(mirror @ right.origin_ras_mm, mirror @ right.axes, right.spread_mm)}
    both = {s: BoneFrame(turn @ f.origin_ras_mm, turn @ f.axes, f.spread_mm) for s, f in straight.items()}
    between = pelvis.expected_sacrum(straight)
    sacrum_frame = BoneFrame(turn @ between.origin_ras_mm, turn @ between.axes, between.spread_mm)
    reach = np.array([150.0, 140.0, 145.0])
    matrix = np.diag([spacing, spacing, spacing, 1.0])
    matrix[:3, 3] = -reach
    i, j, k = np.ceil(2 * reach / spacing).astype(int)
    grid = Grid((int(k), int(j), int(i)), matrix)
    to_sacrum = pelvis.sacrum.on_grid(sacrum_frame, grid)
    own = sacrum_frame.own(grid.ras_of_mask(np.ones(grid.shape, dtype=bool))) * pelvis.sacrum.usual_mm
    up, forward, across = (axis.reshape(grid.shape) for axis in own.T)
    sacrum = (to_sacrum < 0) & with_sacrum
    hips = {side: (pelvis.hip.on_grid(both[side], grid) < 0) & ~sacrum for side in sides}
    body = (across / 25) ** 2 + ((forward - 22) / 17) ** 2 < 1
    top = up[sacrum & body].max() if (sacrum & body).any() else 30.0
    vertebra = body & (up > top + 8) & (up < top + 34) & with_sacrum
    bone = sacrum | vertebra | np.logical_or.reduce(list(hips.values()))
    hu = np.full(grid.shape, TISSUE_HU, dtype=np.float32)
    for mask in (sacrum, vertebra, *hips.values()):
        if mask.any():
            depth = distance_mm(~mask, grid.spacing_kji_mm)
            hu[mask] = np.where(depth[mask] <= CORTEX_MM, CORTEX_HU, MARROW_HU)
    work = Work(grid, hu, bone, np.zeros(grid.shape, dtype=np.float32))
    return MadePelvis(work, {side: both[side] for side in sides}, hips, sacrum, vertebra, sacrum_frame)


def regions_of(made: MadePelvis):
    """Regions as they are before the sacrum is told: hip bones with their names, all else one bone without."""
    regions = made.work.bone.astype(np.int32)
    names = {}
    for number, (side, mask) in enumerate(made.hips.items(), start=2):
        regions[mask] = number
        names[number] = f"hip_{side}"
    return regions, names


def turned(frame: BoneFrame, degrees=(4.0, -4.0, 4.0), off_mm=(5.0, -5.0, 6.0), size=1.03) -> BoneFrame:
    """A frame that is roughly right."""
    turn = rotation(0, degrees[0]) @ rotation(1, degrees[1]) @ rotation(2, degrees[2])
    return BoneFrame(frame.origin_ras_mm + np.array(off_mm), turn @ frame.axes, frame.spread_mm * size)
