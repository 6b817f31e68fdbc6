"""Skin, subcutaneous fat, abdominal wall, and the table under the patient."""

import numpy as np

from BoneAblationPlannerLib.anatomy.phantom.shapes import Curve, Lattice, Sections, carve, join, ribbon
from BoneAblationPlannerLib.anatomy.phantom.tissue import Tissue, box_of, distance_of, on_side

STEP_MM = 3.0
FAT_HU = -102.0
BACK_A_MM = -121.0

TRUNK: Sections = {
    175: [(-74, -12, 96), (-30, -4, 108), (30, -4, 109), (74, -12, 96)],
    140: [(-76, -12, 97), (-30, -4, 110), (30, -4, 111), (76, -12, 97)],
    110: [(-80, -14, 98), (-32, -6, 110), (32, -6, 110), (80, -14, 98)],
    70: [(-88, -16, 94), (-36, -10, 106), (36, -10, 106), (88, -16, 94)],
    35: [(-94, -16, 88), (-40, -12, 97), (40, -12, 97), (94, -16, 88)],
    5: [(-98, -14, 84), (-42, -10, 84), (42, -10, 84), (98, -14, 84)],
    -25: [(-98, -12, 82), (-44, 0, 70), (44, 0, 70), (98, -12, 82)],
    -40: [(-98, -11, 80), (-44, 6, 62), (44, 6, 62), (98, -11, 80)],
    -50: [(-98, -11, 80), (-44, 2, 54), (44, 2, 54), (98, -11, 80)],
}
THIGH: Curve = [(96, -12, 30, 80), (95, -12, -30, 84), (93, -9, -75, 87), (92, -5, -130, 85)]
BUTTOCK: Curve = [(56, -66, 70, 48), (57, -70, 30, 52), (59, -70, -10, 54), (66, -58, -50, 54)]
GROIN: Curve = [(0, 40, -22, 24), (2, 48, -50, 22), (4, 44, -78, 25), (3, 30, -120, 22)]
CAVITY: Sections = {
    175: [(-64, 8, 66), (-24, 20, 74), (24, 20, 74), (64, 8, 66)],
    140: [(-64, 10, 66), (-24, 18, 75), (24, 18, 75), (64, 10, 66)],
    110: [(-62, 18, 62), (-24, 20, 71), (24, 20, 71), (62, 18, 62)],
    70: [(-54, 22, 52), (-22, 14, 68), (22, 14, 68), (54, 22, 52)],
    35: [(-36, 16, 46), (-16, 6, 62), (16, 6, 62), (36, 16, 46)],
    5: [(-22, 8, 32), (-10, -2, 54), (10, -2, 54), (22, 8, 32)],
    -20: [(-10, 0, 20), (-4, -8, 34), (4, -8, 34), (10, 0, 20)],
}
TABLE_TOP_A_MM = -129.0
TABLE_RADIUS_MM = 560.0


def body() -> Tissue:
    """Everything under the skin as subcutaneous fat, with 2 mm of skin; flattened where the patient lies."""
    thighs = [on_side(THIGH, x) for x in ("right", "left")]
    buttocks = [on_side(BUTTOCK, x) for x in ("right", "left")]
    lattice = Lattice.around((-215.0, -165.0, -130.0), (215.0, 140.0, 190.0), STEP_MM)
    distance = join(distance_of(lattice, TRUNK), *(distance_of(lattice, t) for t in thighs), blend_mm=18.0)
    seat = np.minimum(*(distance_of(lattice, b) for b in buttocks))
    distance = join(distance, seat, blend_mm=14.0)
    distance = join(distance, distance_of(lattice, GROIN), blend_mm=10.0)
    r, a, s = lattice.axes()
    back = np.float32(BACK_A_MM) + r * r / np.float32(2 * TABLE_RADIUS_MM) - a
    distance = -join(-distance, np.broadcast_to(-back, lattice.shape), blend_mm=16.0)
    cleft_depth = np.clip((78.0 - s) / 40.0, 0.0, 1.0) * 15.0
    cleft = np.maximum(np.abs(r) - 0.6, a + 121.0 - cleft_depth)
    distance = carve(distance, cleft.astype(np.float32), 5.0)
    distance += np.float32(1.2) * lattice.warp(22.0, 301)
    # Thin septa run through the fat.
    septa = np.maximum(lattice.texture(3.2, 302) - 1.6, 0.0)
    core = (FAT_HU + 5.0 * lattice.warp(12.0, 303) + 45.0 * septa).astype(np.float32)
    return Tissue(lattice, distance, core, shell_mm=2.0, shell_hu=30.0)


def abdominal_wall() -> list[Tissue]:
    """Three flat muscles at the flanks and the fat of the cavity inside them."""
    lattice = box_of([CAVITY], 2.0, margin_mm=18.0)
    cavity = ribbon(lattice, CAVITY)
    r, a, s = lattice.axes()
    # Low and behind, other muscles and bone bound the cavity.
    front = np.maximum(-(a + 34.0 - 0.5 * (140.0 - s)), 18.0 - s)
    layers = []
    for outer, inner in ((13.5, 9.3), (8.4, 4.6), (3.8, 0.6)):
        flank = np.maximum(50.0 - np.abs(r), -8.0)
        taper = 2.2 * np.clip((front + 30.0) / 30.0, 0.0, 1.0)
        shell = np.maximum(np.maximum(cavity - outer, inner - cavity) + taper, np.maximum(front, flank))
        wavy = shell + np.float32(0.3) * lattice.warp(10.0, 310 + int(outer))
        layers.append(Tissue(lattice, wavy.astype(np.float32), 54.0))
    return layers


def table() -> list[Tissue]:
    """Mattress, carbon shell and foam core of a curved table."""
    lattice = Lattice.around((-230.0, -200.0, -150.0), (230.0, -60.0, 210.0), 2.0)
    r, a, _ = lattice.axes()
    depth = a - (np.float32(TABLE_TOP_A_MM) + r * r / np.float32(2 * TABLE_RADIUS_MM))
    side = np.abs(r) - np.float32(205.0)
    board = np.maximum(np.maximum(depth, -depth - np.float32(26.0)), side)
    mattress = np.maximum(np.maximum(-depth, depth - np.float32(9.0)), side + np.float32(10.0))
    whole = lattice.shape
    return [
        Tissue(lattice, np.ascontiguousarray(np.broadcast_to(mattress, whole)), -930.0, 0.8, -700.0),
        Tissue(lattice, np.ascontiguousarray(np.broadcast_to(board, whole)), -955.0, 2.4, 120.0),
    ]
