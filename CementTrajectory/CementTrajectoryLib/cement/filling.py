"""Cement fill, simulated: where it goes from the needles' tips, millilitre by millilitre, and where it leaves bone.

The front takes the lesion first and is slowed by denser bone; cortex holds it, save at cortical defects. Needles that
are pulled back inject an equal part of the volume at each place; cement that is in already is what the new one flows
through. Veins, pressure and setting are not simulated: a leak into a vein cannot be told.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree

from BoneAblationPlannerLib.case import Anatomy, CementBody
from BoneAblationPlannerLib.errors import InputError
from BoneAblationPlannerLib.frames import Grid
from BoneAblationPlannerLib.plan import CementStep, Point
from CementTrajectoryLib.cement.defaults import DEFAULTS
from CementTrajectoryLib.cement.defects import Defect
from CementTrajectoryLib.cement.marching import CLOSED, GATE, INSIDE, OUTSIDE, march

Viscosity = Literal["low", "medium", "high"]
VISCOSITIES: tuple[Viscosity, ...] = get_args(Viscosity)
REACH_MM = 30.0
"""Cement farther than this from the lesion is not followed."""
TIP_REACH_MM = 10.0
"""A tip this near to bone or lesion that cement can enter starts there."""


@dataclass(frozen=True, eq=False)
class Fill:
    """A simulated fill on `grid`, the CT's grid cropped by `region`.

    Parameters
    ----------
    region : tuple of slice
    grid : Grid
    voxels_kji : (N, 3) int
        In the order of filling.
    taken_ml : (N,)
        What each voxel takes up; the last one is filled in part if the volume ends there.
    lesion, outside : (N,) bool
        Which of the voxels lie in the lesion, and which beyond the bone.
    leak_ml : tuple of (float or None)
        Volume at which cement first leaves through each defect; None where it does not.
    """

    region: tuple[slice, slice, slice]
    grid: Grid
    voxels_kji: NDArray[np.int64]
    taken_ml: NDArray[np.float64]
    lesion: NDArray[np.bool_]
    outside: NDArray[np.bool_]
    leak_ml: tuple[float | None, ...]

    @property
    def injected_ml(self) -> float:
        """All that is in the patient: less than was asked for where there was no more room."""
        return float(self.taken_ml.sum())

    def share(self, volume_ml: float) -> NDArray[np.float32]:
        """Share 0 to 1 of every voxel (k, j, i) of `grid` that cement fills once `volume_ml` are in."""
        before = np.cumsum(self.taken_ml) - self.taken_ml
        part = np.clip(volume_ml - before, 0.0, self.taken_ml)
        share = np.zeros(self.grid.shape, dtype=np.float32)
        share[tuple(self.voxels_kji.T)] = part / self.grid.voxel_ml
        return share

    def body(self) -> CementBody:
        """Every voxel with the volume that is in when it is half full."""
        filled_at = np.full(self.grid.shape, np.inf, dtype=np.float32)
        filled_at[tuple(self.voxels_kji.T)] = np.cumsum(self.taken_ml) - self.taken_ml / 2
        return CementBody(self.region, filled_at)

    def shares_ml(self, needles_ras_mm: Sequence[Sequence[Point]], volume_ml: float) -> list[float]:
        """What goes in through each needle, if every voxel is filled from the nearest place of a tip."""
        before = np.cumsum(self.taken_ml) - self.taken_ml
        part = np.clip(volume_ml - before, 0.0, self.taken_ml)
        points = self.grid.ras_from_ijk(self.voxels_kji[:, ::-1])
        nearest = np.stack([cKDTree(np.asarray(places)).query(points)[0] for places in needles_ras_mm]).argmin(axis=0)
        return [float(part[nearest == n].sum()) for n in range(len(needles_ras_mm))]

    def at(self, volume_ml: float) -> CementStep:
        """Where the cement is once `volume_ml` are in."""
        before = np.cumsum(self.taken_ml) - self.taken_ml
        part = np.clip(volume_ml - before, 0.0, self.taken_ml)
        lesion, outside = float(part[self.lesion].sum()), float(part[self.outside].sum())
        total = float(part.sum())
        bone = max(0.0, total - lesion - outside)  # the difference of equal sums may be a hair below 0
        return CementStep(round(total, 3), round(lesion, 3), round(bone, 3), round(outside, 3))


def simulate_fill(
    anatomy: Anatomy,
    tips_ras_mm: Sequence[Point],
    volume_ml: float,
    defects: Sequence[Defect],
    viscosity: Viscosity = "medium",
    pulled_back_ras_mm: Sequence[Sequence[Point]] = (),
) -> Fill:
    """Inject a volume through needles whose tips are given, all at once.

    Parameters
    ----------
    anatomy : Anatomy
    tips_ras_mm : sequence of Point
        Where the needles begin.
    volume_ml : float
        Through all needles; an equal part of it before the needles are pulled back, and each time after that.
    defects : sequence of Defect
    viscosity : str
    pulled_back_ras_mm : sequence of sequence of Point
        The tips after the needles were pulled back once, twice, ...

    Raises
    ------
    InputError
        For a volume or viscosity out of range, or a tip away from any bone that cement can enter.
    """
    if not volume_ml > 0:
        raise InputError(f"cement volume: {volume_ml:g} ml; expected more than 0")
    if viscosity not in VISCOSITIES:
        raise InputError(f"cement viscosity: {viscosity!r}; expected one of {', '.join(VISCOSITIES)}")
    ct = anatomy.ct
    region = ct.grid.region_around(ct.grid.ras_of_mask(anatomy.lesion), REACH_MM)
    grid, hu = ct.grid.crop(region), ct.hu[region]
    lesion, bone = np.ascontiguousarray(anatomy.lesion[region]), np.ascontiguousarray(anatomy.bone[region])
    gates = _gates(defects, region, lesion.shape)
    kind = _kinds(hu, lesion, bone, np.ascontiguousarray(anatomy.body[region]), gates > 0)
    capacity = np.where(lesion, DEFAULTS["cavity_share"], DEFAULTS["trabecular_share"]) * grid.voxel_ml
    capacity[kind == OUTSIDE] = grid.voxel_ml
    stages = [[_seed(grid, kind, lesion, tip) for tip in tips] for tips in (tips_ras_mm, *pulled_back_ras_mm)]
    slowness, room = _slowness(hu, lesion, kind, viscosity), capacity.astype(np.float32)
    voxels = _injected(slowness, kind, room, grid.spacing_kji_mm, stages, volume_ml)
    rows = tuple(voxels.T)
    taken = capacity[rows]
    taken[-1] -= max(float(taken.sum()) - volume_ml, 0.0)
    outside = kind[rows] == OUTSIDE
    return Fill(region, grid, voxels, taken, lesion[rows], outside, _leaks(gates, voxels, taken, outside, len(defects)))


def _injected(
    slowness: NDArray[np.float32],
    kind: NDArray[np.uint8],
    capacity_ml: NDArray[np.float32],
    spacing_kji_mm: NDArray[np.float64],
    stages: Sequence[Sequence[NDArray[np.int64]]],
    volume_ml: float,
) -> NDArray[np.int64]:
    """Voxels (N, 3) in the order of filling, each once; `stages` are the seeds before and after every pull back."""
    room, filled_ml, voxels = capacity_ml.copy(), 0.0, []
    for number, seeds in enumerate(stages, start=1):
        # The last voxel of a stage overshoots its part by less than a voxel: the next stage has so much less to do.
        missing_ml = volume_ml * number / len(stages) - filled_ml
        if missing_ml <= 0:
            continue
        reached, _times = march(slowness, kind, room, spacing_kji_mm, np.array(seeds), missing_ml)
        new = reached[room[tuple(reached.T)] > 0]
        filled_ml += float(capacity_ml[tuple(new.T)].sum(dtype=np.float64))
        room[tuple(new.T)] = 0.0
        voxels.append(new)
    return np.concatenate(voxels)


def _gates(defects: Sequence[Defect], region: tuple[slice, slice, slice], shape: tuple[int, ...]) -> NDArray[np.int32]:
    """Number of the defect (from 1) at its voxels, on the cropped grid."""
    gates = np.zeros(shape, dtype=np.int32)
    start = [s.start for s in region]
    for number, defect in enumerate(defects, start=1):
        local = defect.voxels_kji - start
        within = ((local >= 0) & (local < shape)).all(axis=1)
        gates[tuple(local[within].T)] = number
    return gates


def _kinds(
    hu: NDArray, lesion: NDArray[np.bool_], bone: NDArray[np.bool_], body: NDArray[np.bool_], gates: NDArray[np.bool_]
) -> NDArray[np.uint8]:
    kind = np.where(body, OUTSIDE, CLOSED).astype(np.uint8)
    kind[bone & (hu < DEFAULTS["cortex_hu"])] = INSIDE
    kind[bone & (hu >= DEFAULTS["cortex_hu"])] = CLOSED
    # A sclerotic lesion is dense throughout; its ablated track takes cement all the same.
    kind[lesion] = INSIDE
    kind[gates] = GATE
    return kind


def _slowness(
    hu: NDArray, lesion: NDArray[np.bool_], kind: NDArray[np.uint8], viscosity: Viscosity
) -> NDArray[np.float32]:
    """Time per mm: 1 in an empty lesion, more in denser bone, the less so the thicker the cement."""
    denser = np.maximum(hu.astype(np.float32) - np.float32(DEFAULTS["resistance_from_hu"]), 0) / 100
    slowness = 1.0 + DEFAULTS[f"slowing_{viscosity}"] * denser
    slowness[kind == OUTSIDE] = 1.0 + DEFAULTS["soft_tissue_slowing"]
    # Trabeculae hold cement back even where fat fills them: the lesion is the easier way.
    slowness[(kind == INSIDE) & ~lesion] += DEFAULTS[f"slowing_{viscosity}"]
    return np.asarray(slowness, dtype=np.float32)


def _seed(grid: Grid, kind: NDArray[np.uint8], lesion: NDArray[np.bool_], tip_ras_mm: Point) -> NDArray[np.int64]:
    """The open voxel nearest to a tip, one of the lesion if there is any as near."""
    for mask in (lesion, (kind == INSIDE) | (kind == GATE)):
        places = np.argwhere(mask)
        if len(places) == 0:
            continue
        away = np.linalg.norm(grid.ras_from_ijk(places[:, ::-1]) - np.asarray(tip_ras_mm), axis=1)
        nearest = int(np.argmin(away))
        if away[nearest] <= TIP_REACH_MM:
            return np.asarray(places[nearest])
    raise InputError(f"cement needle: its tip {tip_ras_mm} lies more than {TIP_REACH_MM:g} mm from lesion and bone")


def _leaks(
    gates: NDArray[np.int32],
    voxels: NDArray[np.int64],
    taken_ml: NDArray[np.float64],
    outside: NDArray[np.bool_],
    count: int,
) -> tuple[float | None, ...]:
    """Volume in the patient when cement first stands outside each defect."""
    first: list[float | None] = [None] * count
    if not outside.any() or count == 0:
        return tuple(first)
    volume = np.cumsum(taken_ml) - taken_ml
    nearest = ndimage.distance_transform_edt(gates == 0, return_distances=False, return_indices=True)
    for at in np.flatnonzero(outside):
        number = int(gates[tuple(nearest[:, *voxels[at]])])
        if first[number - 1] is None:
            first[number - 1] = float(volume[at])
    return tuple(first)
