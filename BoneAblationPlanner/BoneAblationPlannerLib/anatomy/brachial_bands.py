"""Axillary and radial nerve, from landmarks of humerus and scapula."""

import numpy as np

from BoneAblationPlannerLib.anatomy.bone_landmarks import SLAB_MM, Ball, LandmarkBone, Point, Points
from BoneAblationPlannerLib.anatomy.nerve_band import NerveBand, band_of


def brachial_bands(
    humerus: LandmarkBone, scapula: LandmarkBone | None, head: Ball | None, side: str
) -> list[NerveBand]:
    """Axillary and radial nerve around the humerus, in whatever way the arm lies."""
    if head is None:
        return []
    centre, radius = head
    away = humerus.points - centre
    far = away[np.linalg.norm(away, axis=1) > 1.6 * radius]
    if len(far) < 20:
        return []
    along = far.mean(axis=0) / np.linalg.norm(far.mean(axis=0))
    scale = radius / 23.0
    bands = []
    neck = _ring(humerus, centre, along, 34.0 * scale)
    if neck is not None:
        if scapula is not None:
            medial = scapula.points[np.linalg.norm(scapula.points - centre, axis=1) < 2 * radius]
            if len(medial):
                towards = medial.mean(axis=0) - centre
                tail = centre + along * 24 * scale + towards / np.linalg.norm(towards) * (radius + 12 * scale)
                neck = np.vstack([tail, neck[np.argmin(np.linalg.norm(neck - tail, axis=1)) :], neck])
        bands.append(band_of("axillary nerve", side, neck))
    rings: list[Points] = []
    for distance in np.arange(80.0, 200.0, 12.0) * scale:
        ring = _ring(humerus, centre, along, float(distance))
        if ring is None:
            break
        rings.append(ring)
    if rings:
        bands.append(band_of("radial nerve", side, np.vstack(rings)))
    return bands


def _ring(humerus: LandmarkBone, centre: Point, along: Point, distance_mm: float) -> Points | None:
    """Closed ring (13, 3) on the surface of the shaft at a distance from the head's centre, None beyond its end."""
    offset = (humerus.points - centre) @ along - distance_mm
    cut = humerus.points[np.abs(offset) <= SLAB_MM]
    if len(cut) < 8:
        return None
    middle = cut.mean(axis=0)
    radius = float(np.quantile(np.linalg.norm(np.cross(cut - middle, along), axis=1), 0.95))
    one = np.cross(along, [0.0, 0.0, 1.0] if abs(along[2]) < 0.9 else [1.0, 0.0, 0.0])
    one /= np.linalg.norm(one)
    two = np.cross(along, one)
    angles = np.linspace(0, 2 * np.pi, 13)[:, None]
    return np.asarray(middle + (radius + 4.0) * (np.cos(angles) * one + np.sin(angles) * two), dtype=np.float64)
