"""Sciatic, femoral and obturator nerve and sacral plexus, from landmarks of hip bone, femur and sacrum."""

import numpy as np

from BoneAblationPlannerLib.anatomy.bone_landmarks import POSTERIOR_SHARE, Ball, LandmarkBone, Point
from BoneAblationPlannerLib.anatomy.nerve_band import NerveBand, band_of


def pelvic_bands(
    hip: LandmarkBone, femur: LandmarkBone, head: Ball | None, sacrum: LandmarkBone | None, side: str, sign: float
) -> list[NerveBand]:
    """Sciatic, femoral and obturator nerve and sacral plexus of one side; `sign` is 1 on the right."""
    if head is None:
        return []
    centre, radius = head
    scale = float(np.clip(radius / 23.0, 0.75, 1.3))
    bands = []
    notch = _notch(hip, centre, scale)
    low = float(np.quantile(hip.points[:, 2], 0.002))
    sciatic = [_behind(notch, 11.0 * scale)] if notch is not None else []
    sciatic += _behind_the_hip(hip, femur, centre, low, scale, sign)
    bands.append(band_of("sciatic nerve", side, sciatic))
    spine, tubercle = _superior_spine(hip, centre), _pubic_tubercle(hip, centre, sign)
    if tubercle is None or not (hip.shown(spine) and hip.shown(tubercle)):
        bands += [] if sacrum is None else [band_of("sacral plexus", side, _plexus_of(hip, sacrum, notch, scale, sign))]
        return [band for band in bands if len(band.points_ras_mm) > 1]
    midline_r = _midline(sacrum, tubercle, scale, sign)
    under_ligament = (spine + tubercle) / 2 + np.array([sign * 12.0, 0.0, 0.0]) * scale
    femoral = [under_ligament]
    femoral.append(np.array([under_ligament[0], under_ligament[1], centre[2]]))
    femoral.append(
        np.array([under_ligament[0] + sign * 5 * scale, under_ligament[1] - 3 * scale, centre[2] - 30 * scale])
    )
    canal = centre + 0.65 * (tubercle - centre) + np.array([0.0, -6.0, 6.0]) * scale
    if sacrum is not None:
        top = _top(sacrum)
        promontory = _promontory(sacrum, midline_r, top)
        femoral.insert(0, np.array([(midline_r + spine[0]) / 2, promontory + 14 * scale, top]))
        bands.append(band_of("sacral plexus", side, _plexus_of(hip, sacrum, notch, scale, sign)))
        start = np.array([midline_r + (spine[0] - midline_r) / 3, promontory + 6 * scale, top - 20 * scale])
        wall = _side_wall(hip, start, canal, scale, sign)
        bands.append(band_of("obturator nerve", side, [start, *wall, canal]))
    bands.append(band_of("femoral nerve", side, femoral))
    return [band for band in bands if len(band.points_ras_mm) > 1]


def _midline(sacrum: LandmarkBone | None, tubercle: Point, scale: float, sign: float) -> float:
    """R of the midline: the sacrum's middle, or what lies beside the tubercle where the image cuts the sacrum."""
    if sacrum is None or sacrum.cut_sideways():
        return float(tubercle[0] - sign * 22 * scale)
    return float(np.median(sacrum.points[:, 0]))


def _notch(hip: LandmarkBone, centre: Point, scale: float) -> Point | None:
    """Apex of the greater sciatic notch: where the posterior border lies farthest forward above the head."""
    heights = np.arange(centre[2] + 12 * scale, centre[2] + 65 * scale, 3.0)
    heights = heights[heights < hip.points[:, 2].max() - 20]
    if not len(heights):
        return None
    edges = np.array([hip.back(float(h)) for h in heights])
    return np.asarray(edges[int(edges[:, 1].argmax())], dtype=np.float64)


def _behind(edge: Point, by_mm: float) -> Point:
    return edge - np.array([0.0, by_mm, 0.0])


def _behind_the_hip(
    hip: LandmarkBone, femur: LandmarkBone, centre: Point, low: float, scale: float, sign: float
) -> list[Point]:
    """From the level of the head down between tuberosity and femur, then behind the shaft."""
    points = []
    at_head = hip.back(float(centre[2] + 4 * scale))
    points.append(np.array([centre[0] - sign * 8 * scale, at_head[1] - 13 * scale, centre[2] + 4 * scale]))
    reach_down = float(femur.points[:, 2].min())
    for share, behind in ((0.35, 6.0), (0.85, 0.0)):
        height = float(centre[2] + share * (low - centre[2]))
        if height < reach_down:
            return points
        tuberosity, shaft = hip.slab(height), femur.slab(height)
        ischium = tuberosity[tuberosity[:, 1] <= np.quantile(tuberosity[:, 1], 0.4)]
        middle = (float(np.median(ischium[:, 0])) + float(np.median(shaft[:, 0]))) / 2
        points.append(np.array([middle, hip.back(height)[1] - behind * scale, height]))
    below = np.arange(low - 20 * scale, reach_down, -25.0 * scale)
    for height in (*below, reach_down) if reach_down < low - 8 * scale else ():
        shaft = np.median(femur.slab(float(height)), axis=0)
        points.append(np.array([shaft[0] - sign * 22 * scale, shaft[1] - 36 * scale, height]))
    return points


def _superior_spine(hip: LandmarkBone, centre: Point) -> Point:
    """Anterior superior iliac spine: the foremost bone more than 35 mm above the head."""
    upper = hip.points[hip.points[:, 2] > centre[2] + 35.0]
    upper = upper if len(upper) else hip.points
    return np.asarray(upper[upper[:, 1] >= upper[:, 1].max() - 4.0].mean(axis=0), dtype=np.float64)


def _pubic_tubercle(hip: LandmarkBone, centre: Point, sign: float) -> Point | None:
    """The foremost bone of the pubis, below the head's centre on the medial side; None where that is not in view."""
    pubis = hip.points[(hip.points[:, 2] < centre[2] + 10.0) & (sign * hip.points[:, 0] < sign * centre[0] - 35.0)]
    if not len(pubis):
        return None
    front = pubis[pubis[:, 1] >= pubis[:, 1].max() - 6.0]
    return np.asarray(front[sign * front[:, 0] >= np.quantile(sign * front[:, 0], 0.5)].mean(axis=0), dtype=np.float64)


def _promontory(sacrum: LandmarkBone, midline_r: float, top: float) -> float:
    """A of the foremost sacrum near the midline in its upper third."""
    upper = sacrum.points[(sacrum.points[:, 2] > top - 35.0) & (np.abs(sacrum.points[:, 0] - midline_r) < 15.0)]
    return float(upper[:, 1].max()) if len(upper) else float(sacrum.points[:, 1].max())


def _top(sacrum: LandmarkBone) -> float:
    return float(np.quantile(sacrum.points[:, 2], 0.99))


def _plexus_of(hip: LandmarkBone, sacrum: LandmarkBone, notch: Point | None, scale: float, sign: float) -> list[Point]:
    """In front of the ala, medial to the sacroiliac joint, down to the notch."""
    points, top = [], _top(sacrum)
    lowest = (notch[2] if notch is not None else top - 75 * scale) + 15 * scale
    for height in np.arange(top - 20 * scale, lowest, -14.0 * scale):
        r = hip.medial(float(height), sign) - sign * 14 * scale
        front = sacrum.front_at(float(height), r)
        if front is not None:
            points.append(np.array([r, front + 8 * scale, height]))
    if notch is not None:
        points.append(_behind(notch, 11.0 * scale))
    return points


def _side_wall(hip: LandmarkBone, start: Point, canal: Point, scale: float, sign: float) -> list[Point]:
    """Along the inner face of the hip bone between two points."""
    points = []
    for share in (0.35, 0.6, 0.8):
        point = start + share * (canal - start)
        slab = hip.slab(float(point[2]))
        beside = slab[np.abs(slab[:, 1] - point[1]) <= 6.0]
        if len(beside):
            edge = float(sign * np.quantile(sign * beside[:, 0], POSTERIOR_SHARE))
            points.append(np.array([edge - sign * 12 * scale, point[1], point[2]]))
    return points
