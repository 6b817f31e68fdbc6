"""Every straight path from the skin to a set of aim points that keeps all hard constraints."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from BoneAblationPlannerLib.access.angles import towards_table
from BoneAblationPlannerLib.access.limits import AccessLimits
from BoneAblationPlannerLib.access.region import BONE, INSIDE, LESION, AccessRegion, sample_distance
from BoneAblationPlannerLib.access.region import STEP_MM as DISTANCE_STEP_MM
from BoneAblationPlannerLib.access.screen import StructureScreen
from BoneAblationPlannerLib.compute import parallel_kernel, prange
from BoneAblationPlannerLib.frames import Grid
from BoneAblationPlannerLib.plan import Position

STEP_MM = 1.0
STEEPEST = 2.3
"""No sampled distance falls by more per millimetre: 1 and the step of 0.25 mm over 0.8 mm, along three axes at once."""
SKIN_MM = 4.0
"""First part of a path, where voxels may still be air."""
LONGEST_EXTENSION_MM = 32.0
_OK, _LEAVES_IMAGE, _LEAVES_BODY, _BONE, _KINDS = 0, 1, 2, 3, 4


@dataclass(frozen=True, eq=False)
class Paths:
    """Admissible paths as columns.

    Parameters
    ----------
    entries_ras_mm, aims_ras_mm, directions : (N, 3)
        Skin entry, aim point, and the unit vector between them.
    aim_index : (N,) int
    depth_mm : (N,)
        From skin to aim.
    extension_mm : (N,)
        How far the needle may go on beyond the aim before it breaks a constraint.
    bone_mm : (N,)
        Way through bone outside the lesion, from skin to aim.
    free_mm : (N,)
        What is surely free, beyond the required distances to structures, everywhere between skin and aim.
    excluded_by : dict
        Number of paths whose first broken constraint was this one.
    entry_index : (N,) int
        Row of the entry among all that were tried.
    first_broken : (entries, aims) int16
        For every pair that was tried 0, or 1 + the place in `excluded_by` of its first broken constraint.
    """

    entries_ras_mm: NDArray[np.float64]
    aims_ras_mm: NDArray[np.float64]
    directions: NDArray[np.float64]
    aim_index: NDArray[np.int64]
    depth_mm: NDArray[np.float64]
    extension_mm: NDArray[np.float64]
    bone_mm: NDArray[np.float64]
    free_mm: NDArray[np.float64]
    excluded_by: dict[str, int]
    entry_index: NDArray[np.int64]
    first_broken: NDArray[np.int16]

    def take(self, rows: NDArray) -> "Paths":
        """The chosen rows, in their order."""
        return replace(
            self,
            entries_ras_mm=self.entries_ras_mm[rows],
            aims_ras_mm=self.aims_ras_mm[rows],
            directions=self.directions[rows],
            aim_index=self.aim_index[rows],
            depth_mm=self.depth_mm[rows],
            extension_mm=self.extension_mm[rows],
            bone_mm=self.bone_mm[rows],
            free_mm=self.free_mm[rows],
            entry_index=self.entry_index[rows],
        )

    def __len__(self) -> int:
        return len(self.depth_mm)


def skin_entries(
    grid: Grid, skin: NDArray[np.bool_], around_ras_mm: NDArray[np.float64], limits: AccessLimits
) -> NDArray[np.float64]:
    """Skin points (N, 3) RAS mm within reach of a point, about one per `entry_spacing_mm` cube, in a fixed order.

    The outermost voxels of the image are left out: beyond them nothing was seen.
    """
    seen_around = np.zeros_like(skin)
    seen_around[1:-1, 1:-1, 1:-1] = skin[1:-1, 1:-1, 1:-1]
    points = grid.ras_of_mask(seen_around)
    points = points[np.linalg.norm(points - around_ras_mm, axis=1) <= limits.longest_depth_mm]
    if len(points) == 0:
        return points
    cells = np.floor((points - around_ras_mm) / limits.entry_spacing_mm).astype(np.int64)
    middle = (cells + 0.5) * limits.entry_spacing_mm + around_ras_mm
    order = np.lexsort((np.linalg.norm(points - middle, axis=1), cells[:, 0], cells[:, 1], cells[:, 2]))
    first = np.ones(len(points), dtype=bool)
    first[1:] = (np.diff(cells[order], axis=0) != 0).any(axis=1)
    return points[order[first]]


def find_paths(
    region: AccessRegion,
    entries_ras_mm: NDArray[np.float64],
    aims_ras_mm: NDArray[np.float64],
    limits: AccessLimits,
    position: Position,
    shaft_radius_mm: float,
    bore_centre_ras_mm: NDArray[np.float64] | None = None,
) -> Paths:
    """Check every pair of entry (N, 3) and aim (M, 3); raises ValueError if either is empty.

    Limits on the line itself come first, then structures by a fast screen, then what is met on the way: only paths
    that were followed to the end are admitted.

    Without the centre of the scanner's bore (3,) it is not checked whether handles stay in the bore.
    """
    if len(entries_ras_mm) == 0 or len(aims_ras_mm) == 0:
        raise ValueError(f"entries: {len(entries_ras_mm)}, aims: {len(aims_ras_mm)}; expected at least one of each")
    vectors = aims_ras_mm[None] - entries_ras_mm[:, None]
    depth = np.linalg.norm(vectors, axis=2)
    directions = vectors / np.maximum(depth, 1e-9)[..., None]
    screens = {"needle too short": depth <= limits.longest_depth_mm}
    sine = np.sin(np.radians(limits.below_horizontal_deg))
    screens[f"table side ({position})"] = -(directions @ towards_table(position)) <= sine
    screens["craniocaudal angle"] = np.abs(directions[..., 2]) <= np.sin(np.radians(limits.craniocaudal_limit_deg))
    if bore_centre_ras_mm is not None:
        outer = entries_ras_mm[:, None] - directions * (limits.hub_mm + limits.handle_mm) - bore_centre_ras_mm
        screens["gantry bore"] = np.hypot(outer[..., 0], outer[..., 1]) <= limits.gantry_bore_mm / 2
    excluded: dict[str, int] = {}
    first_broken = np.zeros(depth.shape, dtype=np.int16)
    for name, admits in screens.items():
        now = (first_broken == 0) & ~admits
        excluded[name] = int(now.sum())
        first_broken[now] = len(excluded)
    screen = StructureScreen.of(region, shaft_radius_mm)
    near = screen.blocked_by(entries_ras_mm, aims_ras_mm)
    for n, kind in enumerate(region.kinds, start=1):
        now = (first_broken == 0) & (near == n)
        if now.any():
            excluded[kind] = int(now.sum())
            first_broken[now] = len(excluded)
    entry_index, aim_index = np.nonzero(first_broken == 0)
    starts, ends = entries_ras_mm[entry_index], aims_ras_mm[aim_index]
    code = np.zeros(len(starts), dtype=np.int64)
    extension, bone_mm, free_mm = np.zeros((3, len(starts)), dtype=np.float64)
    _trace(region.distances, region.tissue, region.grid.ras_to_ijk, screen.required_mm, starts, ends,
           limits.bone_path_limit_mm, screen.free, code, extension, bone_mm, free_mm)  # fmt: skip
    names = {_LEAVES_IMAGE: "leaves the image", _LEAVES_BODY: "leaves the body", _BONE: "too much bone on the way"}
    names.update({_KINDS + n: kind for n, kind in enumerate(region.kinds)})
    for value, count in zip(*np.unique(code[code != _OK], return_counts=True), strict=True):
        name, now = names[int(value)], code == value
        excluded[name] = excluded.get(name, 0) + int(count)
        first_broken[entry_index[now], aim_index[now]] = 1 + list(excluded).index(name)
    ok = code == _OK
    rows = (entry_index[ok], aim_index[ok])
    return Paths(starts[ok], ends[ok], directions[rows], aim_index[ok], depth[rows], extension[ok],
                 bone_mm[ok], free_mm[ok], excluded, entry_index[ok], first_broken)  # fmt: skip


@parallel_kernel
def _trace(  # type: ignore[no-untyped-def]
    distances, tissue, ras_to_ijk, required, starts, ends, bone_limit, free, code, extension, bone_mm, free_mm
):
    """March along each path; note the first broken constraint, or how far it may go on beyond the aim."""
    shape_k, shape_j, shape_i = tissue.shape
    kinds = required.shape[0]
    for n in prange(starts.shape[0]):
        dx, dy, dz = ends[n, 0] - starts[n, 0], ends[n, 1] - starts[n, 1], ends[n, 2] - starts[n, 2]
        length = np.sqrt(dx * dx + dy * dy + dz * dz)
        dx, dy, dz = dx / length, dy / length, dz / length
        clear_until = np.zeros(kinds)
        bone, free_steps = 0.0, 255
        t = 0.0
        broken = 0
        while t <= length + LONGEST_EXTENSION_MM:
            x, y, z = starts[n, 0] + t * dx, starts[n, 1] + t * dy, starts[n, 2] + t * dz
            i = ras_to_ijk[0, 0] * x + ras_to_ijk[0, 1] * y + ras_to_ijk[0, 2] * z + ras_to_ijk[0, 3]
            j = ras_to_ijk[1, 0] * x + ras_to_ijk[1, 1] * y + ras_to_ijk[1, 2] * z + ras_to_ijk[1, 3]
            k = ras_to_ijk[2, 0] * x + ras_to_ijk[2, 1] * y + ras_to_ijk[2, 2] * z + ras_to_ijk[2, 3]
            ni, nj, nk = int(np.rint(i)), int(np.rint(j)), int(np.rint(k))
            if ni < 0 or nj < 0 or nk < 0 or ni >= shape_i or nj >= shape_j or nk >= shape_k:
                broken = _LEAVES_IMAGE
                break
            here = tissue[nk, nj, ni]
            if t > SKIN_MM and not here & INSIDE:
                broken = _LEAVES_BODY
                break
            if here & BONE and not here & LESION:
                bone += STEP_MM
                if bone > bone_limit:
                    broken = _BONE
                    break
            if t <= length:
                bone_mm[n], free_steps = bone, min(free_steps, free[nk, nj, ni])
            for kind in range(kinds):
                if required[kind] > 0 and t >= clear_until[kind]:
                    spare = sample_distance(distances, i, j, k, kind) - required[kind]
                    if spare < 0:
                        broken = _KINDS + kind
                        break
                    clear_until[kind] = t + spare / STEEPEST
            if broken:
                break
            t += STEP_MM
        free_mm[n] = free_steps * DISTANCE_STEP_MM
        if t < length + STEP_MM:
            code[n] = broken if broken else _OK
            extension[n] = 0.0
        else:
            extension[n] = t - STEP_MM - length
