"""A lytic metastasis in the right supra-acetabular ilium that breaks through the lateral cortex."""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from BoneAblationPlannerLib.anatomy.phantom.shapes import Curve, Lattice, ball, join, tube
from BoneAblationPlannerLib.anatomy.phantom.tissue import Tissue, box_of
from BoneAblationPlannerLib.frames import unit_vector

LUMPS: list[Curve] = [
    [(84, 2, 42, 10), (90, 8, 46, 10), (93, 15, 50, 8)],
    [(85, -6, 47, 9), (82, -8, 53, 8), (80, -10, 57, 6)],
    [(90, 6, 38, 8), (94, 8, 43, 9), (96, 5, 48, 9)],
    [(90, 14, 55, 7), (86, 6, 58, 7)],
]
BREACH_AXIS_RAS = (0.88, -0.47, 0.05)
CENTRE_RAS_MM = (88.0, 4.0, 47.0)
BREACH_RADIUS_MM = 7.0
REMAINING_SHELL_MM = 0.9
HU = 45.0
STEP_MM = 0.75


@dataclass(frozen=True, eq=False)
class Lesion:
    """The tumour and what is true about it; points in RAS mm."""

    tissue: Tissue
    volume_ml: float
    breach_fraction: float
    breach_centre_ras_mm: tuple[float, float, float]
    seed_ras_mm: tuple[float, float, float]


def _tumour_outline(lattice: Lattice) -> np.ndarray:
    """Lumps joined and roughened, before the bone's surface bounds them."""
    lumps = join(*(tube(lattice, lump) for lump in LUMPS), blend_mm=5.0)
    return lumps + np.float32(0.8) * lattice.texture(3.5, 71)


def _surface_point(host: Tissue) -> tuple[float, float, float]:
    """Where the breach axis leaves the bone, to 0.1 mm."""
    along = np.arange(0.0, 30.0, 0.05)
    ray = np.asarray(CENTRE_RAS_MM) + along[:, None] * unit_vector(BREACH_AXIS_RAS)
    index = (ray - host.lattice.origin_ras_mm)[:, ::-1].T / host.lattice.step_mm
    outside = ndimage.map_coordinates(host.distance, index, order=1) >= 0
    r, a, s = np.round(ray[np.argmax(outside)], 1)
    return float(r), float(a), float(s)


def make_lesion(host: Tissue) -> Lesion:
    """Destroy part of the right hip bone.

    The tumour leaves `REMAINING_SHELL_MM` of cortex everywhere except within `BREACH_RADIUS_MM` of the breach centre on
    the lateral cortex, where it grows a millimetre into the soft tissue. The breach fraction is the share of bone
    surface over the tumour (where its outline would cross that surface) that has no cortex left.
    """
    lattice = box_of(LUMPS, STEP_MM, margin_mm=8.0)
    outline = _tumour_outline(lattice)
    bone = host.distance_on(lattice)
    breach_centre = _surface_point(host)
    gap = ball(lattice, breach_centre, BREACH_RADIUS_MM)
    shell = np.clip(gap, -1.0, REMAINING_SHELL_MM).astype(np.float32)
    distance = -join(-outline, -(bone + shell), blend_mm=1.0)
    content = (HU + 6.0 * lattice.texture(2.0, 72)).astype(np.float32)
    tissue = Tissue(lattice, distance, content, label=host.label)

    voxel_ml = STEP_MM**3 / 1000.0
    volume_ml = float(np.clip(0.5 - distance / STEP_MM, 0.0, 1.0).sum(dtype=np.float64)) * voxel_ml
    surface = (np.abs(bone) < STEP_MM) & (outline < 0)
    deepest = np.array(np.unravel_index(np.argmin(distance), lattice.shape))[::-1]
    seed = np.round(lattice.origin_ras_mm + deepest * STEP_MM, 1)
    return Lesion(
        tissue,
        volume_ml,
        float((gap[surface] < 0).mean()),
        breach_centre,
        (float(seed[0]), float(seed[1]), float(seed[2])),
    )
