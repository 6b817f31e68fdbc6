"""Bladder, bowel, prostate and vessels."""

import numpy as np
from scipy.spatial import cKDTree

from BoneAblationPlannerLib.anatomy.phantom.shapes import Curve, Part, Sections, smooth_chain
from BoneAblationPlannerLib.anatomy.phantom.tissue import Tissue, box_of, distance_of, on_side

BLADDER: Sections = {
    64: [(-16, 18, 6), (0, 20, 8), (14, 20, 6)],
    52: [(-24, 13, 13), (-1, 18, 22), (22, 15, 14)],
    34: [(-28, 7, 16), (0, 13, 29), (27, 9, 17)],
    14: [(-24, 6, 16), (0, 11, 27), (24, 8, 15)],
    -2: [(-10, 8, 16), (0, 10, 18), (10, 10, 16)],
    -10: [(-4, 6, 7), (0, 6, 8), (4, 6, 7)],
}
PROSTATE: Curve = [(0, -4, -8, 15), (1, 0, -22, 17), (0, 8, -34, 9), (0, 14, -42, 6)]
SEMINAL: Sections = {
    0: [(-10, -22, 3), (0, -20, 3), (10, -21, 3)],
    8: [(-20, -28, 5), (0, -23, 3), (20, -26, 4)],
    16: [(-27, -32, 4), (0, -26, 2), (26, -29, 3)],
}
TESTIS: Curve = [(20, 52, -28, 4), (13, 50, -58, 5), (12, 46, -78, 10), (11, 44, -86, 10)]
RECTUM: Curve = [
    (0, -42, -42, 7),
    (0, -46, -30, 10),
    (1, -52, -10, 15),
    (-2, -62, 14, 18),
    (-6, -62, 36, 16),
    (4, -54, 54, 14),
    (2, -34, 68, 13),
]
SIGMOID: Curve = [
    (2, -34, 68, 13),
    (-18, -16, 76, 14),
    (-6, 6, 88, 15),
    (22, 12, 92, 15),
    (36, 20, 78, 14),
    (14, 40, 74, 14),
    (-24, 40, 80, 15),
    (-60, 34, 78, 13),
    (-84, 40, 84, 13),
]
DESCENDING: Curve = [
    (-84, 40, 84, 13),
    (-96, 44, 100, 13),
    (-102, 34, 122, 14),
    (-106, 18, 150, 15),
    (-108, 10, 170, 15),
]
CAECUM: Curve = [(72, 54, 62, 14), (80, 56, 78, 24), (88, 50, 100, 27), (96, 40, 125, 27), (100, 28, 165, 26)]
SMALL_BOWEL: list[Curve] = [
    [(52, 34, 64, 9), (36, 54, 58, 11), (8, 60, 66, 12), (-20, 60, 62, 12), (-44, 56, 72, 11)],
    [(60, 58, 100, 10), (36, 68, 92, 12), (6, 70, 100, 12), (-26, 70, 94, 13), (-56, 64, 104, 12), (-74, 50, 116, 11)],
    [
        (-70, 30, 118, 11),
        (-48, 44, 112, 13),
        (-20, 46, 108, 12),
        (10, 44, 116, 13),
        (40, 46, 108, 12),
        (58, 34, 118, 11),
    ],
    [(52, 60, 128, 11), (28, 72, 124, 13), (-4, 74, 132, 12), (-36, 72, 126, 13), (-64, 60, 138, 12)],
    [(-72, 24, 146, 12), (-46, 40, 140, 13), (-18, 38, 146, 12), (14, 40, 142, 12), (46, 36, 150, 12)],
    [(66, 26, 92, 10), (48, 18, 108, 11), (62, 14, 124, 11), (50, 26, 138, 11), (68, 30, 150, 10)],
    [(-60, 22, 88, 10), (-72, 14, 102, 11), (-52, 22, 98, 11), (-74, 30, 100, 11), (-82, 16, 124, 11)],
    [(60, 64, 154, 11), (30, 70, 158, 13), (0, 72, 152, 12), (-34, 70, 160, 13), (-70, 52, 164, 12)],
]
GAS_SHARES = (-0.3, 0.2, -0.5, 0.1, -0.4, -0.2, -0.4, 0.1)

ARTERIES_RIGHT: list[tuple[str | None, Curve]] = [
    ("iliac_artery", [(8, 14, 165, 7), (14, 13, 146, 6), (24, 10, 122, 6), (36, 4, 102, 5)]),
    ("iliac_artery", [(36, 4, 102, 5), (44, 14, 84, 5), (53, 32, 58, 5), (60, 48, 28, 5), (68, 54, 4, 5)]),
    ("iliac_artery", [(36, 4, 102, 5), (40, -12, 88, 4), (46, -28, 70, 4), (47, -36, 56, 3)]),
    (None, [(68, 54, 4, 5), (74, 52, -20, 5), (80, 44, -50, 4), (82, 40, -104, 4)]),
    (None, [(75, 50, -24, 4), (90, 34, -46, 3), (94, 22, -104, 3)]),
]
VEINS_RIGHT: list[tuple[str | None, Curve]] = [
    ("iliac_vena", [(14, 4, 165, 9), (18, 3, 146, 8), (28, -2, 120, 7), (38, -8, 100, 7)]),
    ("iliac_vena", [(38, -8, 100, 7), (44, 2, 82, 6), (50, 20, 56, 6), (54, 40, 26, 6), (58, 49, 4, 6)]),
    ("iliac_vena", [(38, -8, 100, 7), (44, -22, 84, 5), (48, -34, 66, 4), (46, -42, 52, 3)]),
    (None, [(58, 49, 4, 6), (64, 46, -20, 6), (74, 36, -50, 6), (76, 32, -104, 6)]),
    (None, [(65, 50, -8, 3), (62, 64, -28, 3), (58, 70, -60, 3), (52, 68, -104, 3)]),
]


def _hollow(
    balls: Curve, seed: int, label: str, gas_share: float, stool: float, haustra_mm: float, wall_mm: float
) -> Tissue:
    """Bowel: folded wall, grainy content, and gas that rises to a flat level where the lumen is wide."""
    lattice = box_of([balls], 1.5)
    distance = distance_of(lattice, balls) + np.float32(haustra_mm) * lattice.warp(6.0, seed)
    path = smooth_chain(balls, 8)
    lumen = np.argwhere(distance < 1.0)
    nodes_ras_mm = lattice.origin_ras_mm + lattice.step_mm * lumen[:, ::-1]
    nearest = path[cKDTree(path[:, :3]).query(nodes_ras_mm)[1]]
    grain = lattice.texture(2.4, seed + 1)
    content = 28.0 + stool * (22.0 * grain - 260.0 * np.maximum(grain - 0.7, 0.0))
    # Gas collects in pockets along the loop, above a level that is flat across the lumen.
    height = (nodes_ras_mm[:, 1] - nearest[:, 1]) / nearest[:, 3]
    pockets = lattice.warp(13.0, seed + 2)[tuple(lumen.T)]
    gas = np.zeros(lattice.shape, dtype=np.float32)
    gas[tuple(lumen.T)] = np.clip((height + 0.6 * pockets - (1.0 - 2.0 * gas_share)) * nearest[:, 3] / 1.5, 0.0, 1.0)
    core = (content * (1.0 - gas) - 960.0 * gas).astype(np.float32)
    return Tissue(lattice, distance, core, wall_mm, 48.0, label=label)


def _solid(part: Part, core_hu: float, seed: int, label: str | None = None) -> Tissue:
    lattice = box_of([part], 1.5)
    distance = distance_of(lattice, part) + np.float32(0.5) * lattice.warp(7.0, seed)
    return Tissue(lattice, distance, core_hu, rim_mm=1.0, label=label)


def mesentery() -> Tissue:
    """Small vessels that fan out into the mesenteric fat."""
    rng = np.random.default_rng(401)
    branches: list[Curve] = []
    for _ in range(26):
        r, a, s = rng.uniform((-60, -5, 66), (60, 20, 150))
        bend = rng.normal(0, 9, 3)
        tip = (r * 1.2 + bend[0], a + 38 + bend[1], s + bend[2])
        middle = ((r + tip[0]) / 2 + bend[2], (a + tip[1]) / 2, (s + tip[2]) / 2 + bend[0])
        branches.append([(r, a, s, 2.0), (*middle, 1.7), (*tip, 1.1)])
    lattice = box_of(branches, 1.75)
    distance = np.minimum.reduce([distance_of(lattice, branch) for branch in branches])
    return Tissue(lattice, distance, 38.0)


def viscera() -> list[Tissue]:
    """Organs of the cavity in painting order."""
    lattice = box_of([BLADDER], 1.5)
    bladder = distance_of(lattice, BLADDER) + np.float32(1.2) * lattice.warp(9.0, 402)
    organs = [mesentery()]
    for number, loop in enumerate(SMALL_BOWEL):
        organs.append(_hollow(loop, 410 + 3 * number, "small_bowel", GAS_SHARES[number], 0.25, 1.3, 2.4))
    organs += [
        _hollow(CAECUM, 440, "colon", 0.15, 1.2, 2.4, 2.2),
        _hollow(DESCENDING, 443, "colon", 0.15, 0.9, 1.8, 2.8),
        _hollow(SIGMOID, 446, "colon", 0.1, 0.8, 1.6, 3.0),
        _hollow(RECTUM, 449, "colon", 0.05, 0.8, 1.0, 3.2),
        *(_solid(on_side(TESTIS, side), 36.0, 459) for side in ("right", "left")),
        _solid(SEMINAL, 36.0, 460),
        _solid(PROSTATE, 44.0, 461, "prostate"),
        Tissue(lattice, bladder.astype(np.float32), 6.0, 3.0, 38.0, rim_mm=1.0, label="urinary_bladder"),
    ]
    return organs


def vessels() -> list[Tissue]:
    """Iliac and femoral veins and arteries without contrast; slightly tortuous."""
    tissues = []
    for hu, tree in ((42.0, VEINS_RIGHT), (46.0, ARTERIES_RIGHT)):
        for name, course in tree:
            for side in ("right", "left"):
                placed = on_side(course, side)
                label = f"{name}_{side}" if name else None
                tissues.append(_solid(placed, hu, 470, label))
    return tissues
