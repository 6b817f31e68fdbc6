"""Hip bones, femora, sacrum and fifth lumbar vertebra of an adult pelvis, drawn on the right and placed on both sides.

The frame is RAS with its origin midway between the femoral heads. Control points are rounded to whole millimetres and
follow textbook proportions: heads 46 mm wide and 176 mm apart, neck-shaft angle about 127 degrees, anteversion about
13 degrees, crest 145 mm above the heads, ischial tuberosities 60 mm below, sacral slope 38 degrees.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from BoneAblationPlannerLib.anatomy.phantom.shapes import Curve, Lattice, Sections, above, ball, carve, join
from BoneAblationPlannerLib.anatomy.phantom.tissue import Tissue, box_of, distance_of, on_side

STEP_MM = 1.25
HEAD_CENTRE_RAS_MM = (88.0, 0.0, 0.0)
HEAD_RADIUS_MM = 23.0
SOCKET_RADIUS_MM = 26.5
ENDPLATE_POINT_RAS_MM = (0.0, -32.0, 113.0)
ENDPLATE_NORMAL_RAS = (0.0, 0.6157, 0.7880)
L5_ENDPLATE_POINT_RAS_MM = (0.0, -2.0, 111.0)
L5_ENDPLATE_NORMAL_RAS = (0.0, 0.4067, 0.9135)

ILIUM: Sections = {
    -9: [(72, -36, 10), (66, -24, 8), (60, -12, 3), (58, 2, 3), (60, 14, 7), (64, 22, 7)],
    -3: [(82, -28, 8), (74, -34, 10), (63, -22, 8), (57, -4, 4), (59, 12, 7), (68, 24, 7)],
    4: [(90, -26, 6), (75, -34, 10), (63, -24, 9), (58, -5, 4), (60, 12, 7), (73, 24, 7)],
    11: [(90, -27, 6), (75, -33, 10), (64, -24, 9), (60, -6, 5), (63, 11, 7), (78, 24, 7)],
    18: [(88, -32, 6), (74, -30, 10), (65, -18, 9), (63, -2, 7), (69, 14, 9), (85, 25, 8)],
    25: [(82, -28, 10), (78, -20, 13), (76, -10, 15), (78, 2, 16), (84, 14, 14), (92, 27, 9)],
    32: [(74, -27, 10), (76, -18, 14), (79, -8, 15), (84, 6, 16), (91, 20, 13), (98, 33, 9)],
    39: [(71, -26, 10), (75, -19, 13), (79, -8, 14), (86, 8, 15), (94, 24, 11), (101, 38, 8)],
    46: [(69, -29, 9), (74, -21, 11), (79, -9, 13), (88, 9, 13), (96, 26, 10), (102, 38, 7)],
    53: [(66, -33, 8), (71, -24, 10), (78, -9, 12), (88, 11, 12), (97, 29, 9), (104, 43, 6)],
    60: [(62, -40, 6), (69, -26, 9), (78, -10, 12), (90, 12, 10), (101, 33, 8), (108, 49, 6)],
    67: [(56, -50, 6), (67, -27, 9), (79, -8, 10), (92, 15, 8), (104, 38, 6), (112, 58, 6)],
    74: [(53, -56, 6), (66, -26, 8), (80, -6, 8), (94, 15, 6), (107, 39, 5), (115, 61, 6)],
    81: [(51, -58, 7), (66, -27, 8), (82, -6, 7), (98, 14, 5), (110, 38, 4), (118, 60, 6)],
    88: [(52, -60, 7), (65, -30, 9), (82, -8, 6), (100, 11, 3.5), (113, 35, 3.5), (121, 57, 6)],
    95: [(53, -61, 7), (66, -31, 9), (85, -11, 5), (103, 7, 3), (118, 32, 3.5), (124, 53, 6)],
    102: [(54, -60, 7), (66, -33, 9), (86, -15, 4.5), (104, 1, 2.6), (120, 25, 3.3), (128, 47, 6)],
    109: [(56, -60, 7), (66, -38, 9), (84, -19, 4), (102, -3, 2.5), (120, 20, 3.3), (128, 40, 6)],
    115: [(58, -58, 7), (66, -44, 9), (82, -25, 4.5), (100, -6, 2.8), (116, 14, 3.5), (126, 34, 6)],
    121: [(63, -56, 7), (67, -49, 8), (80, -30, 5), (97, -10, 3.5), (112, 8, 4), (124, 26, 6)],
    127: [(67, -53, 7), (73, -43, 6), (82, -31, 5), (93, -18, 4), (106, -3, 4.2), (119, 17, 5)],
    132: [(72, -48, 6), (78, -40, 5.5), (84, -32, 5), (92, -22, 4.5), (103, -8, 4.5), (114, 7, 4.5)],
    136: [(77, -40, 4.5), (80, -35, 4.5), (84, -29, 4.5), (90, -22, 4.5), (96, -14, 4.2), (101, -6, 3.5)],
}
CREST: Curve = [
    (126, 40, 108, 6),
    (123, 27, 119, 6),
    (116, 11, 129, 5.5),
    (105, -5, 136, 5),
    (93, -20, 139, 5),
    (82, -34, 135, 6),
    (73, -46, 126, 7),
    (65, -54, 115, 8),
    (59, -59, 103, 7),
]
SPINE_ASIS: Curve = [(116, 60, 78, 6), (115, 64, 71, 6), (112, 60, 64, 5)]
SPINE_AIIS: Curve = [(100, 34, 44, 7), (101, 40, 38, 7), (99, 38, 32, 6)]
SPINE_ISCHIAL: Curve = [(70, -36, 10, 7), (63, -44, 8, 5), (57, -50, 6, 3)]
ISCHIUM: Curve = [
    (72, -30, 4, 12),
    (71, -34, -8, 11),
    (67, -36, -20, 11),
    (63, -38, -33, 12),
    (60, -37, -45, 11),
    (58, -30, -51, 8),
]
ISCHIUM_FRONT: Curve = [(70, -22, -4, 9), (66, -24, -18, 9), (63, -26, -32, 9), (60, -26, -44, 8)]
RAMUS_LOWER: Curve = [(60, -28, -48, 8), (52, -12, -49, 6), (41, 2, -45, 5), (28, 13, -40, 6), (16, 24, -34, 8)]
RAMUS_UPPER: Curve = [
    (64, 16, 6, 9),
    (58, 20, -4, 8),
    (48, 27, -11, 7),
    (36, 35, -14, 7),
    (23, 40, -17, 8),
    (6, 41, -21, 10),
]
PUBIS: Curve = [(7, 41, -20, 10), (7, 35, -29, 10), (9, 27, -37, 8)]

HEAD_AND_NECK: Curve = [(96, -2, -6, 19), (106, -4, -13, 17), (116, -7, -21, 19), (126, -10, -30, 17)]
SHAFT: Curve = [
    (127, -10, -30, 17),
    (123, -9, -48, 17),
    (120, -7, -66, 15),
    (117, -4, -90, 14),
    (115, -2, -104, 14),
]
TROCHANTER_GREATER: Curve = [(132, -8, -30, 15), (138, -12, -14, 13), (138, -20, -3, 11), (135, -24, 3, 8)]
TROCHANTER_LESSER: Curve = [(120, -12, -46, 13), (110, -21, -56, 9), (115, -15, -68, 9)]

SACRUM_HALF: Sections = {
    14: [(0, -92, 4), (3, -92, 4), (6, -92, 3), (8, -91, 2)],
    20: [(0, -92, 5), (4, -92, 5), (9, -91, 4), (14, -90, 3)],
    32: [(0, -90, 7), (7, -90, 7), (14, -89, 5), (20, -87, 4)],
    46: [(0, -84, 8), (9, -84, 8), (18, -82, 7), (26, -79, 5)],
    60: [(0, -76, 10), (11, -75, 10), (22, -72, 9), (33, -68, 6)],
    72: [(0, -67, 11), (13, -66, 11), (28, -62, 11), (42, -57, 9)],
    84: [(0, -56, 13), (14, -56, 13), (32, -52, 13), (50, -47, 11)],
    96: [(0, -43, 16), (16, -44, 15), (34, -43, 14), (54, -40, 12)],
    108: [(0, -35, 17), (16, -36, 16), (34, -37, 13), (54, -36, 11)],
    118: [(0, -38, 15), (15, -39, 14), (32, -40, 9), (48, -38, 6)],
    130: [(0, -45, 10), (12, -45, 9), (20, -46, 5), (26, -46, 3)],
}
SACRAL_CREST: Curve = [(0, -66, 110, 5), (0, -75, 97, 6), (0, -87, 80, 5), (0, -94, 62, 5), (0, -98, 46, 3)]
SACRAL_LAMINA: Curve = [(19, -58, 110, 6), (17, -68, 94, 6), (15, -82, 76, 5), (12, -91, 58, 4), (9, -96, 44, 3)]
SACRAL_ROOF_HALF: Sections = {
    112: [(0, -69, 3), (9, -67, 3), (18, -62, 4)],
    100: [(0, -74, 3), (9, -73, 3), (17, -68, 4)],
    84: [(0, -83, 3), (8, -82, 3), (15, -78, 3)],
    66: [(0, -93, 3), (7, -92, 3), (13, -88, 3)],
    50: [(0, -98, 3), (5, -97, 3), (9, -95, 3)],
}
SACRAL_CANAL: Curve = [
    (0, -54, 132, 9),
    (0, -58, 112, 8),
    (0, -64, 100, 7),
    (0, -74, 84, 6),
    (0, -85, 66, 5),
    (0, -94, 48, 3),
    (0, -100, 36, 3),
]
SACRAL_FORAMINA: list[Curve] = [
    [(26, -24, 88, 7), (23, -48, 90, 5), (21, -62, 93, 5), (20, -84, 96, 4)],
    [(23, -44, 66, 7), (20, -64, 70, 5), (17, -82, 75, 4), (16, -102, 78, 4)],
    [(19, -58, 47, 6), (17, -76, 51, 4), (15, -92, 55, 3), (14, -108, 58, 3)],
    [(15, -70, 33, 5), (13, -86, 35, 3), (12, -100, 37, 3)],
]
COCCYX: Curve = [(0, -92, 18, 7), (1, -90, 6, 6), (1, -84, -4, 5), (1, -76, -11, 3)]

L5_BODY_HALF: Sections = {
    102: [(0, -5, 16), (13, -7, 14)],
    115: [(0, -11, 16.5), (13, -12, 14)],
    126: [(0, -15, 15.5), (13, -16, 13)],
    136: [(0, -17, 15.5), (13, -18, 13)],
    146: [(0, -17, 17.5), (14, -18, 15)],
    160: [(0, -17, 17.5), (14, -18, 15)],
}
L5_PEDICLE: Curve = [(17, -27, 136, 7), (20, -36, 135, 6), (21, -42, 133, 7)]
L5_TRANSVERSE: Curve = [(22, -34, 135, 7), (36, -37, 138, 5), (47, -40, 141, 4)]
L5_LAMINA: Curve = [(22, -46, 132, 6), (13, -56, 127, 5), (2, -63, 124, 5)]
L5_FACET: Curve = [(24, -44, 146, 5), (22, -49, 130, 6), (20, -55, 118, 5)]
L5_SPINOUS: Curve = [(0, -62, 125, 4), (0, -74, 121, 5), (0, -84, 118, 5)]
S1_FACET: Curve = [(25, -50, 108, 6), (28, -47, 118, 5), (28, -46, 126, 4)]


def _both(half: Sections) -> Sections:
    """Complete a section drawn from the midline outwards to the right."""
    whole: Sections = {s: [(-0.97 * r, a, q) for r, a, q in reversed(b[1:])] + list(b) for s, b in half.items()}
    return whole


def _spongy(lattice: Lattice, seed: int, mean_hu: float, spread_hu: float = 45.0) -> NDArray[np.float32]:
    """Trabecular bone: struts of a millimetre or two, and marrow that is denser here and fattier there."""
    struts = lattice.texture(1.3, seed)
    marrow = lattice.warp(9.0, seed + 1)
    return np.asarray(mean_hu + spread_hu * struts + 55.0 * marrow, dtype=np.float32)


def _bone(
    lattice: Lattice, distance: NDArray, core_hu: NDArray, cortex_mm: float | NDArray, seed: int, label: str
) -> Tissue:
    """A bone with a cortex of uneven thickness and density."""
    uneven = lattice.warp(6.0, seed)
    shell_mm = np.maximum(cortex_mm * (1.0 + 0.15 * uneven), 0.7).astype(np.float32)
    shell_hu = (1150.0 + 110.0 * lattice.warp(5.0, seed + 7)).astype(np.float32)
    roughness = np.float32(0.35) * lattice.warp(5.0, seed + 3)
    core = np.asarray(core_hu, dtype=np.float32)
    return Tissue(lattice, distance + roughness, core, shell_mm, shell_hu, label=label)


def head_centre(side: str) -> tuple[float, float, float]:
    """Centre of a femoral head, RAS in mm."""
    r, a, s, _ = on_side([(*HEAD_CENTRE_RAS_MM, 1.0)], side)[0]
    return float(r), float(a), float(s)


def _near(distance: NDArray, reach_mm: float) -> NDArray[np.float32]:
    """1 inside, fading to 0 at `reach_mm` outside."""
    return np.clip(1.0 - np.maximum(distance, 0.0) / reach_mm, 0.0, 1.0).astype(np.float32)


def hip(side: str) -> Tissue:
    """Ilium, ischium and pubis with the acetabulum."""
    tubes = [CREST, SPINE_ASIS, SPINE_AIIS, SPINE_ISCHIAL, ISCHIUM, ISCHIUM_FRONT, RAMUS_LOWER, RAMUS_UPPER, PUBIS]
    plate = on_side(ILIUM, side)
    parts = [on_side(t, side) for t in tubes]
    lattice = box_of([plate, *parts], STEP_MM)
    distance = join(distance_of(lattice, plate), *(distance_of(lattice, p) for p in parts), blend_mm=6.0)
    centre = head_centre(side)
    sign = float(np.sign(centre[0]))
    socket = ball(lattice, centre, SOCKET_RADIUS_MM)
    # Fossa and notch: the socket's floor is deeper and open below, where it carries no load.
    fossa: Curve = [(centre[0] - sign * 12, -2.0, 2.0, 17.0), (centre[0] - sign * 8, 2.0, -24.0, 13.0)]
    distance = carve(distance, socket, 2.0)
    distance = carve(distance, distance_of(lattice, fossa), 3.0)
    other_side = above(lattice, (sign * 2.2, 0.0, 0.0), (sign, 0.0, 0.0))
    distance = carve(distance, np.broadcast_to(other_side, distance.shape), 2.0)
    roof = ball(lattice, (centre[0] + sign * 1.0, centre[1], centre[2] + 4.0), 24.0)
    load = _near(roof, 20.0)
    _, _, s = lattice.axes()
    wing = np.clip((s - 62.0) / 25.0, 0.0, 1.0)
    crest = np.clip((s - 118.0) / 20.0, 0.0, 1.0)
    core = _spongy(lattice, 11 if side == "right" else 31, 150.0) + 170.0 * load**2 + 20.0 * wing
    cortex = 1.8 - 0.4 * wing + 0.3 * crest + 0.7 * _near(socket, 3.0)
    return _bone(lattice, distance, core, cortex, 12 if side == "right" else 32, f"hip_{side}")


def femur(side: str) -> Tissue:
    """Proximal femur to below the lesser trochanter."""
    tubes = [on_side(t, side) for t in (HEAD_AND_NECK, SHAFT, TROCHANTER_GREATER, TROCHANTER_LESSER)]
    centre = head_centre(side)
    lattice = box_of([*tubes, [(*centre, HEAD_RADIUS_MM), (*centre, HEAD_RADIUS_MM)]], STEP_MM)
    head = ball(lattice, centre, HEAD_RADIUS_MM * (1.0 if side == "right" else 0.985))
    neck, shaft, greater, lesser = (distance_of(lattice, t) for t in tubes)
    distance = join(join(neck, head, blend_mm=4.0), join(shaft, greater, lesser, blend_mm=8.0), blend_mm=12.0)
    sign = float(np.sign(centre[0]))
    fovea = ball(lattice, (centre[0] - sign * 23.5, -3.0, -3.0), 4.5)
    distance = carve(distance, fovea, 3.0)
    _, _, s = lattice.axes()
    shaft_share = np.clip((-38.0 - s) / 34.0, 0.0, 1.0)
    seed = 13 if side == "right" else 33
    bone = _spongy(lattice, seed, 145.0) + 140.0 * _near(head, 6.0) - 70.0 * _near(greater, 2.0)
    # Compression trabeculae run from the head down to the calcar; Ward's triangle beside them is fat.
    ward = ball(lattice, (centre[0] + sign * 28.0, -6.0, -20.0), 5.0)
    bone -= 110.0 * _near(ward, 9.0)
    cavity = -35.0 + 18.0 * lattice.texture(2.0, seed + 5)
    core = bone + (cavity - bone) * shaft_share
    calcar = ball(lattice, (centre[0] + sign * 18.0, -8.0, -36.0), 6.0)
    cortex = 1.3 + 4.2 * shaft_share + 2.0 * _near(calcar, 10.0)
    return _bone(lattice, distance, core, cortex, seed + 1, f"femur_{side}")


def vertebra() -> Tissue:
    """L5: body over the lumbosacral disc, pedicles, transverse and spinous processes, facets."""
    body = _both(L5_BODY_HALF)
    parts = [on_side(t, x) for t in (L5_PEDICLE, L5_TRANSVERSE, L5_LAMINA, L5_FACET) for x in ("right", "left")]
    lattice = box_of([body, *parts, L5_SPINOUS], STEP_MM)
    height = above(lattice, L5_ENDPLATE_POINT_RAS_MM, L5_ENDPLATE_NORMAL_RAS)
    block = carve(distance_of(lattice, body), np.broadcast_to(height, lattice.shape), 4.0)
    distance = join(block, *(distance_of(lattice, p) for p in [*parts, L5_SPINOUS]), blend_mm=4.0)
    return _bone(lattice, distance, _spongy(lattice, 51, 190.0), 1.3, 52, "vertebrae_L5")


def sacrum(hips: Sequence[Tissue], lumbar: Tissue) -> Tissue:
    """Sacrum and coccyx, cut free of the hip bones and of L5 by the widths of the joint spaces."""
    block = _both(SACRUM_HALF)
    roof = _both(SACRAL_ROOF_HALF)
    laminae = [on_side(t, x) for t in (SACRAL_LAMINA, S1_FACET) for x in ("right", "left")]
    lattice = box_of([block, COCCYX, *laminae, SACRAL_CREST], STEP_MM)
    height = above(lattice, ENDPLATE_POINT_RAS_MM, ENDPLATE_NORMAL_RAS)
    distance = carve(distance_of(lattice, block), np.broadcast_to(-height, lattice.shape), 4.0)
    distance = join(distance, distance_of(lattice, roof), blend_mm=5.0)
    distance = join(distance, *(distance_of(lattice, p) for p in [*laminae, SACRAL_CREST, COCCYX]), blend_mm=5.0)
    distance = carve(distance, distance_of(lattice, SACRAL_CANAL), 2.0)
    for foramen in SACRAL_FORAMINA:
        for side in ("right", "left"):
            distance = carve(distance, distance_of(lattice, on_side(foramen, side)), 3.0)
    for neighbour in (*hips, lumbar):
        distance = carve(distance, neighbour.distance_on(lattice) - np.float32(2.8), 2.0)
    r, _, _ = lattice.axes()
    alar = np.clip((np.abs(r) - 24.0) / 12.0, 0.0, 1.0)
    core = _spongy(lattice, 61, 165.0) - 60.0 * alar
    return _bone(lattice, distance, core, 1.2, 62, "sacrum")


def lumbosacral_disc() -> Tissue:
    """Disc between L5 and S1: the slab between both endplates within the outline of the bodies."""
    sections = _both({s: [(r, a, q - 1.0) for r, a, q in b[:2]] for s, b in L5_BODY_HALF.items() if s < 150})
    lattice = box_of([sections], STEP_MM)
    height = above(lattice, ENDPLATE_POINT_RAS_MM, ENDPLATE_NORMAL_RAS)
    outline = distance_of(lattice, {90.0: sections[102], **sections})
    below_l5 = above(lattice, L5_ENDPLATE_POINT_RAS_MM, L5_ENDPLATE_NORMAL_RAS)
    slab = np.maximum(outline, np.maximum(-height, below_l5) - np.float32(1.0))
    return Tissue(lattice, slab, 85.0)


def cartilage() -> list[Tissue]:
    """Joint cartilage and discs, painted before the bones that bound them."""
    tissues = []
    for side in ("right", "left"):
        centre = head_centre(side)
        lattice = box_of([[(*centre, SOCKET_RADIUS_MM), (*centre, SOCKET_RADIUS_MM)]], 2.0)
        tissues.append(Tissue(lattice, ball(lattice, centre, SOCKET_RADIUS_MM), 80.0, 0.0, 0.0, 1.5, 40.0))
        gap: Curve = [(58, -52, 80, 7), (62, -40, 96, 7), (62, -46, 114, 6)]
        lattice = box_of([on_side(gap, side)], 2.0)
        tissues.append(Tissue(lattice, distance_of(lattice, on_side(gap, side)), 65.0))
    symphysis: Curve = [(0, 41, -18, 8), (0, 36, -28, 8), (0, 28, -36, 5)]
    lattice = box_of([symphysis], 2.0)
    tissues.append(Tissue(lattice, distance_of(lattice, symphysis), 80.0))
    return [*tissues, lumbosacral_disc()]
