"""A made chest with known anatomy: lungs, ribs, spine, sternum, collar bones, shoulder blades and arms.

Plain solids in soft tissue: every bone has a dense wall around spongy bone. RAS in mm, the spine's axis at R 0.
"""

from dataclasses import dataclass, field

import numpy as np
from grids import every_point, rotation
from scipy.spatial import cKDTree

from BoneAblationPlannerLib.ct import CtVolume, LabelMap
from BoneAblationPlannerLib.frames import Grid

LUNG = np.array([58.0, 85.0, 135.0])
LUNG_R_MM, WALL_MM = 74.0, 7.0
SPINE_A_MM, CANAL_A_MM = -72.0, -98.0
HEAD = np.array([192.0, -18.0, 98.0])
HEAD_MM, SPACE_MM, SOCKET_MM = 22.0, 4.0, 14.0
RIB_TOPS = 112.0 - 27.0 * np.arange(9)
TISSUE_HU, LUNG_HU, SPONGY_HU, WALL_HU, BLOOD_HU = 45.0, -850.0, 260.0, 560.0, 330.0


@dataclass
class MadeChest:
    """A scan with its truth."""

    ct: CtVolume
    truth: LabelMap
    body: np.ndarray = field(repr=False)

    to_body: np.ndarray = field(repr=False)
    mirrored: bool = False

    def ras_mm(self, point):
        """Where a point of the upright, unmirrored patient lies in this scan."""
        return np.asarray(point) @ self.to_body.T

    def side(self, side):
        """The side of the patient that is made on a side."""
        return _other_side(side) if self.mirrored else side

    def named(self, *names):
        """Voxels of bones by the beginning of their names."""
        values = [value for value, name in self.truth.names.items() if name.startswith(names)]
        return np.isin(self.truth.labels, values)


class _Scene:
    """HU and labels of the points (N, 3) of a grid, painted solid after solid.

    `to_body` is the turn (and mirror) (3, 3) from RAS to the patient's own directions, in which solids are given.
    """

    def __init__(self, grid, to_body):
        self.grid, self.to_body = grid, to_body
        self.points = every_point(grid) @ to_body
        self.hu = np.full(len(self.points), TISSUE_HU)
        self.labels = np.zeros(len(self.points), dtype=np.uint8)
        self.names = {}

    def bone(self, name, at, distance, wall_mm=1.8):
        """Paint bone at the points `at` whose signed distance to it is negative."""
        value = next((v for v, n in self.names.items() if n == name), len(self.names) + 1)
        self.names[value] = name
        at, distance = at[distance <= 0], distance[distance <= 0]
        self.hu[at] = np.where(distance > -wall_mm, WALL_HU, SPONGY_HU)
        self.labels[at] = value

    def within(self, low, high):
        """Indices of the points between two corners."""
        return np.flatnonzero(((self.points >= low) & (self.points <= high)).all(axis=1))

    def tube(self, line, radius):
        """Indices of points in a tube around a line (M, 3), and their signed distance to it."""
        dense = _along(line, 0.5)
        steps = self.grid.ijk_from_ras(_along(line, radius) @ self.to_body.T)
        reach = int(np.ceil(2 * radius / self.grid.spacing_ijk_mm.min())) + 1
        offsets = np.stack(np.meshgrid(*[np.arange(-reach, reach + 1)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
        ijk = (np.rint(steps).astype(int)[:, None] + offsets).reshape(-1, 3)
        kji = ijk[((ijk >= 0) & (ijk < self.grid.shape[::-1])).all(axis=1)][:, ::-1]
        at = np.unique(np.ravel_multi_index(tuple(kji.T), self.grid.shape))
        return at, cKDTree(dense).query(self.points[at])[0] - radius if len(at) else np.zeros(0)

    def tubes(self, name, line, radius):
        self.bone(name, *self.tube(line, radius))

    def box(self, name, middle, half):
        at = self.within(np.subtract(middle, half), np.add(middle, half))
        self.bone(name, at, (np.abs(self.points[at] - middle) - half).max(axis=1))


def _along(line, step_mm):
    """Points about `step_mm` apart on a line of straight pieces."""
    line = np.asarray(line, dtype=float)
    way = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1))])
    steps = np.linspace(0, way[-1], max(2, int(way[-1] / step_mm) + 1))
    return np.stack([np.interp(steps, way, line[:, n]) for n in range(3)], axis=1)


def made_chest(
    spacing_mm=3.0,
    low=(-230.0, -165.0, -135.0),
    high=(230.0, 115.0, 165.0),
    turned_deg=0.0,
    axis=2,
    arms="down",
    mirrored=False,
    blood=False,
    joined=False,
    oblique=False,
):
    """A made chest between two corners in RAS mm.

    Parameters
    ----------
    spacing_mm : float
    low, high : (3,)
        Corners of the image.
    turned_deg, axis : float, int
        The patient turned about an axis of the image (0, 1, 2 for R, A, S).
    arms : "down" or "up"
    mirrored : bool
        Right and left exchanged: names are those of the mirrored patient.
    blood : bool
        Heart, great vessels and those in the lungs full of contrast.
    joined : bool
        Collar bone and acromion, and ribs and vertebrae, without any space between them.
    oblique : bool
        The image's axes turned, the patient straight.
    """
    low, high = np.array(low), np.array(high)
    count = np.maximum(np.rint((high - low) / spacing_mm).astype(int), 2)
    matrix = np.eye(4)
    matrix[:3, :3] = spacing_mm * (rotation(1, -12.0) @ rotation(2, 15.0) if oblique else np.eye(3))
    matrix[:3, 3] = (low + high) / 2 - matrix[:3, :3] @ (count - 1) / 2
    grid = Grid(tuple(int(n) for n in count[::-1]), matrix)
    scene = _Scene(grid, rotation(axis, turned_deg) * [-1.0 if mirrored else 1.0, 1.0, 1.0])
    _trunk(scene, blood, 0.0 if joined else 2.5)
    for side in (1, -1):
        _shoulder(scene, side, "right" if side == 1 else "left", arms, -2.0 if joined else 3.0)
    hu = scene.hu + np.random.default_rng(5).normal(scale=12.0, size=len(scene.hu))
    names = {v: _other_side(name) if mirrored else name for v, name in scene.names.items()}
    truth = LabelMap(grid, scene.labels.reshape(grid.shape), names)
    ct = CtVolume(grid, np.round(hu).reshape(grid.shape).astype(np.int16), "made chest", "0")
    return MadeChest(ct, truth, np.ones(grid.shape, dtype=bool), scene.to_body, mirrored)


def _other_side(name):
    if "left" in name:
        return name.replace("left", "right")
    return name.replace("right", "left")


def _trunk(scene, blood, space_mm):
    grain = np.random.default_rng(2)
    for side in (1, -1):
        lung = (((scene.points - [side * LUNG_R_MM, 0, 0]) / LUNG) ** 2).sum(axis=1) <= 1
        scene.hu[lung] = LUNG_HU + grain.normal(scale=45.0, size=int(lung.sum()))
    if blood:
        _vessels(scene)
    for number, top in enumerate(RIB_TOPS, start=1):
        for side in (1, -1):
            name = f"rib_{'right' if side == 1 else 'left'}_{number}"
            scene.tubes(name, _rib_line(side, top, space_mm), 4.2)
    for level, middle in enumerate(np.arange(-148.0, 170.0, 27.0)):
        _vertebra(scene, f"vertebrae_{level}", middle)
    scene.box("sternum", [0, 84, 22], [19, 5.5, 72])
    scene.box("sternum", [0, 84, 78], [30, 6.5, 17])


def _rib_line(side, top, space_mm):
    """From beside the vertebra, around the lung, to the front; the front lies lower."""
    angles = np.radians(np.linspace(-100, 55, 25))
    line = []
    for turn in angles:
        z = top - 0.32 * (LUNG[1] + WALL_MM) * (np.sin(turn) + 1)
        shrink = np.sqrt(max(1 - (z / (LUNG[2] + WALL_MM)) ** 2, 0.02))
        a, b = (LUNG[:2] + WALL_MM) * shrink
        line.append([side * (LUNG_R_MM + a * np.cos(turn)), b * np.sin(turn), z])
    head = np.array([side * (21.0 + space_mm), SPINE_A_MM - 6.0, top + 4.0])
    return np.vstack([head, line])


def _vertebra(scene, name, middle):
    for s in (1, -1):
        process = [[s * 12, CANAL_A_MM - 3, middle + 2], [s * 32, CANAL_A_MM - 10, middle + 4]]
        scene.tubes(name, process, 5.0)
    scene.box(name, [0, CANAL_A_MM - 26, middle - 6], [3.5, 14, 6])
    at = scene.within([-20, CANAL_A_MM - 16, middle - 12], [20, SPINE_A_MM + 18, middle + 12])
    r, a, s = (scene.points[at] - [0, 0, middle]).T
    body = np.maximum(np.hypot(r, a - SPINE_A_MM) - 17.0, np.abs(s) - 11.0)
    from_canal = np.hypot(r, a - CANAL_A_MM)
    arch = np.maximum.reduce([from_canal - 15.0, 9.0 - from_canal, np.abs(s) - 8.0])
    scene.bone(name, at, np.minimum(body, arch))


def _vessels(scene):
    heart = (((scene.points - [-15, 25, -40]) / [45, 40, 55]) ** 2).sum(axis=1) <= 1
    scene.hu[heart] = BLOOD_HU
    lines = [
        ([[-22, -45, -130], [-22, -45, 50], [0, 0, 75], [5, 20, 10]], 12.0),  # aorta
        ([[16, 20, 110], [16, 20, -10]], 9.0),  # superior caval vein
        ([[16, 20, 105], [60, 25, 128], [130, 10, 128]], 6.0),  # subclavian vein
    ]
    lines += [([[s * 25, 0, 0], [s * 105, 5, rise]], 5.0) for s in (1, -1) for rise in (-60, -20, 20, 60)]
    for line, radius in lines:
        at, distance = scene.tube(line, radius)
        scene.hu[at[distance <= 0]] = BLOOD_HU


def _shoulder(scene, side, word, arms, space_mm):
    head = HEAD * [side, 1, 1]
    towards = np.array([-side, -0.45, 0.0]) / np.linalg.norm([1, 0.45])
    neck = head + towards * (HEAD_MM + SPACE_MM + 10.0)
    at = scene.within(head - 45, head + 45)
    offset = scene.points[at] - head
    distance = np.linalg.norm(offset, axis=1)
    angle = np.arccos(np.clip(offset @ towards / np.maximum(distance, 1e-9), -1, 1))
    cup = [HEAD_MM + SPACE_MM - distance, distance - HEAD_MM - SPACE_MM - SOCKET_MM]
    scapula, tip = f"scapula_{word}", head + [-side * 10.0, -10.0, 38.0]
    _blade(scene, scapula, neck, np.array([side * 92.0, -136.0, 0.0]))
    behind = head + [-side * 14.0, -36.0, 24.0]
    scene.tubes(scapula, [neck + [-side * 22.0, -24.0, 8.0], behind, tip], 5.5)
    scene.tubes(scapula, [neck + [0, 4, 10], neck + [side * 2, 26, 22], neck + [side * 8, 40, 16]], 5.5)
    scene.bone(scapula, at, np.maximum.reduce([*cup, distance * np.sin(angle - np.radians(37.0)), angle - 2.0]))
    outer = tip + [-side * (12.0 + space_mm), 4.0, 1.0]
    line = [outer, outer + [-side * 35, 36, 8], outer + [-side * 75, 76, 0], [side * 41.0, 90, 92]]
    scene.tubes(f"clavicula_{word}", line, 6.0)
    hand = [side * 170.0, 40.0, 105.0] if arms == "up" else [side * 12.0, 10.0, -200.0]
    scene.tubes(f"humerus_{word}", [head, head + hand], 11.0)
    scene.bone(f"humerus_{word}", at, distance - HEAD_MM)


def _blade(scene, name, neck, medial):
    """A plate from the neck inwards, highest and lowest at its medial border."""
    along = (medial - neck) * [1, 1, 0]
    width = np.linalg.norm(along)
    along /= width
    at = scene.within(
        [min(neck[0], medial[0]) - 5, medial[1] - 5, -60], [max(neck[0], medial[0]) + 5, neck[1] + 5, 120]
    )
    relative = scene.points[at] - neck
    u, v, w = relative @ along, relative @ [-along[1], along[0], 0.0], scene.points[at, 2]
    share = np.clip(u / width, 0, 1)
    sides = [np.abs(v) - 3.0, u - width, -u, w - (95 + 20 * share), (95 - 30 - 110 * share) - w]
    scene.bone(name, at, np.maximum.reduce(sides), wall_mm=10.0)
