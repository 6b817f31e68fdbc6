"""Where nerves are expected, from bony landmarks: bands that warn and never reassure.

No public tool segments these nerves on CT. A band is a tube of generous radius around an expected course; that a needle
keeps clear of it proves nothing, so the kind ``nerve`` stays "not checked" unless a person drew the nerves.
Landmarks are read in RAS: the courses assume a patient whose axes are those of the scanner within some 20 degrees.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

from BoneAblationPlannerLib.anatomy.bones import BallJoint, SeparatedBones
from BoneAblationPlannerLib.anatomy.structure_table import kind_rules
from BoneAblationPlannerLib.anatomy.structures import tube_mask
from BoneAblationPlannerLib.case import Structure
from BoneAblationPlannerLib.ct import LabelMap
from BoneAblationPlannerLib.distance import distance_mm
from BoneAblationPlannerLib.frames import Grid
from BoneAblationPlannerLib.plan import Provenance, Status
from BoneAblationPlannerLib.regions import bounding_region

ESTIMATED = "estimated"
SLAB_MM = 3.0
HEAD_RADIUS_MM = (16.0, 32.0)
FACE_MM = 8.0
"""A landmark nearer to the image's edge may be where the image ends, not where the bone does: they are means over up to
6 mm."""
POSTERIOR_SHARE = 0.02
"""Share of a slice's bone behind its "posterior edge": an edge that single voxels cannot move."""

Point = NDArray[np.float64]
Points = NDArray[np.float64]
Ball = tuple[Point, float]
"""Centre in RAS mm and radius in mm of a femoral or humeral head."""


@dataclass(frozen=True)
class BandRule:
    """How wide a band is drawn, with provenance; which bones it needs, and beside which of them it is missed.

    Without the bones of `further_needs` a band lacks its `further_part`.
    """

    nerve: str
    radius_mm: float
    needs: tuple[str, ...]
    beside: tuple[str, ...]
    source: str
    status: Status
    further_needs: tuple[str, ...] = ()
    further_part: str = ""


@dataclass(frozen=True, eq=False)
class NerveBand:
    """An expected course (N, 3) RAS mm and the radius of its band."""

    name: str
    points_ras_mm: Points
    radius_mm: float


@cache
def band_rules() -> dict[str, BandRule]:
    """The rules of all bands, keyed by nerve."""
    rows = json.loads(files(__package__).joinpath("nerves.json").read_text(encoding="utf-8"))["bands"]
    for row in rows:
        row.update({key: tuple(value) for key, value in row.items() if isinstance(value, list)})
    return {row["nerve"]: BandRule(**row) for row in rows}


def expected_nerves(bones: LabelMap) -> tuple[NerveBand, ...]:
    """Bands for every nerve whose landmarks are in the image; bones without a certain name give none."""
    named = {name: value for value, name in bones.names.items()}
    balls = bones.balls if isinstance(bones, SeparatedBones) else {}
    bands: list[NerveBand] = []
    for side, sign in (("right", 1.0), ("left", -1.0)):
        hip, femur = (_Bone.of(bones, named.get(f"{name}_{side}")) for name in ("hip", "femur"))
        if hip is not None and femur is not None:
            ball = _head(femur, balls.get(f"femur_{side}"))
            bands += _pelvic(hip, femur, ball, _Bone.of(bones, named.get("sacrum")), side, sign)
        humerus, scapula = (_Bone.of(bones, named.get(f"{name}_{side}")) for name in ("humerus", "scapula"))
        if humerus is not None:
            bands += _brachial(humerus, scapula, _head(humerus, balls.get(f"humerus_{side}")), side)
    return tuple(bands)


def band_structures(bands: Sequence[NerveBand], grid: Grid) -> tuple[Structure, ...]:
    """The bands as structures of origin ``estimated``; their distances are for warnings, never limits."""
    rule = kind_rules()["nerve"]
    found = []
    for band in bands:
        mask = tube_mask(grid, band.points_ras_mm, band.radius_mm)
        if mask.any():
            found.append(Structure(f"{band.name} (estimated, verify)", "nerve", mask, rule.shaft_mm, rule.zone_mm,
                                   ESTIMATED))  # fmt: skip
    return tuple(found)


def bands_provenance(estimates: Sequence[Structure]) -> tuple[Provenance, ...]:
    """Sources of the bands that were drawn."""
    rules = [r for nerve, r in band_rules().items() if any(s.name.startswith(nerve) for s in estimates)]
    return tuple(Provenance(f"estimated {r.nerve}: band radius", r.radius_mm, "mm", r.source, r.status) for r in rules)


def _head(bone: "_Bone", seen: BallJoint | None) -> Ball | None:
    """The largest ball in a bone; where that is elsewhere than the ball that told the bones apart, the latter.

    Where slices of 3 mm and more cut pieces off the head, the largest ball may be among the trochanters.
    """
    largest = bone.head()
    if seen is None:
        return largest
    if largest is not None and float(np.linalg.norm(largest[0] - seen.centre_ras_mm)) <= seen.radius_mm / 2:
        return largest
    return seen.centre_ras_mm, seen.radius_mm


def _band(nerve: str, side: str, points: Sequence[Point] | Points) -> NerveBand:
    return NerveBand(f"{nerve} {side}", np.asarray(points, dtype=np.float64), band_rules()[nerve].radius_mm)


# Landmarks ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Bone:
    """A bone's voxels (N, 3) RAS mm, and its label for distance maps."""

    grid: Grid
    image: Grid
    mask: NDArray[np.bool_]
    points: Points

    @classmethod
    def of(cls, bones: LabelMap, value: int | None) -> "_Bone | None":
        if value is None:
            return None
        whole = bones.labels == value
        box = bounding_region(whole)
        if box is None:
            return None
        mask = np.ascontiguousarray(whole[box])
        grid = bones.grid.crop(box)
        return cls(grid, bones.grid, mask, grid.ras_of_mask(mask))

    def shown(self, landmark_ras_mm: Point) -> bool:
        """Whether a landmark lies inside the image, not where the image cuts the bone."""
        ijk = self.image.ijk_from_ras(landmark_ras_mm)[0]
        away_mm = np.minimum(ijk + 0.5, np.array(self.image.shape[::-1]) - 0.5 - ijk) * self.image.spacing_ijk_mm
        return bool((away_mm >= FACE_MM).all())

    def head(self) -> Ball | None:
        """Centre and radius of the largest ball in the bone: the femoral or humeral head."""
        depth = distance_mm(np.pad(~self.mask, 1, constant_values=True), self.grid.spacing_kji_mm)[1:-1, 1:-1, 1:-1]
        radius = float(depth.max())
        if not HEAD_RADIUS_MM[0] <= radius <= HEAD_RADIUS_MM[1]:
            return None
        deepest = self.grid.ras_of_mask(depth >= radius - float(self.grid.spacing_ijk_mm.min()))
        return deepest.mean(axis=0), radius

    def slab(self, height_mm: float) -> Points:
        """Voxels within 3 mm of a height, or the nearest slice's."""
        away = np.abs(self.points[:, 2] - height_mm)
        return self.points[away <= max(SLAB_MM, float(away.min()) + 0.1)]

    def back(self, height_mm: float) -> Point:
        """Posterior edge at a height."""
        slab = self.slab(height_mm)
        edge = np.quantile(slab[:, 1], POSTERIOR_SHARE)
        return slab[slab[:, 1] <= edge + 1.0].mean(axis=0)

    def medial(self, height_mm: float, sign: float, least_a: float = -np.inf) -> float:
        """R of the edge towards the midline at a height, in front of `least_a`."""
        slab = self.slab(height_mm)
        front = slab[slab[:, 1] >= least_a]
        return float(sign * np.quantile(sign * (front if len(front) else slab)[:, 0], POSTERIOR_SHARE))

    def front_at(self, height_mm: float, r_mm: float, width_mm: float = 6.0) -> float | None:
        """A of the anterior edge at a height, near a sagittal plane."""
        slab = self.slab(height_mm)
        near = slab[np.abs(slab[:, 0] - r_mm) <= width_mm]
        return float(near[:, 1].max()) if len(near) else None


# Pelvis -------------------------------------------------------------------------------------------------------------


def _pelvic(
    hip: _Bone, femur: _Bone, head: Ball | None, sacrum: "_Bone | None", side: str, sign: float
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
    bands.append(_band("sciatic nerve", side, sciatic))
    spine, tubercle = _superior_spine(hip, centre), _pubic_tubercle(hip, centre, sign)
    if not (hip.shown(spine) and hip.shown(tubercle)):
        bands += [] if sacrum is None else [_band("sacral plexus", side, _plexus_of(hip, sacrum, notch, scale, sign))]
        return [band for band in bands if len(band.points_ras_mm) > 1]
    midline_r = float(np.median(sacrum.points[:, 0])) if sacrum is not None else float(tubercle[0] - sign * 22 * scale)
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
        bands.append(_band("sacral plexus", side, _plexus_of(hip, sacrum, notch, scale, sign)))
        start = np.array([midline_r + (spine[0] - midline_r) / 3, promontory + 6 * scale, top - 20 * scale])
        wall = _side_wall(hip, start, canal, scale, sign)
        bands.append(_band("obturator nerve", side, [start, *wall, canal]))
    bands.append(_band("femoral nerve", side, femoral))
    return [band for band in bands if len(band.points_ras_mm) > 1]


def _notch(hip: _Bone, centre: Point, scale: float) -> Point | None:
    """Apex of the greater sciatic notch: where the posterior border lies farthest forward above the head."""
    heights = np.arange(centre[2] + 12 * scale, centre[2] + 65 * scale, 3.0)
    heights = heights[heights < hip.points[:, 2].max() - 20]
    if not len(heights):
        return None
    edges = np.array([hip.back(float(h)) for h in heights])
    return np.asarray(edges[int(edges[:, 1].argmax())], dtype=np.float64)


def _behind(edge: Point, by_mm: float) -> Point:
    return edge - np.array([0.0, by_mm, 0.0])


def _behind_the_hip(hip: _Bone, femur: _Bone, centre: Point, low: float, scale: float, sign: float) -> list[Point]:
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


def _superior_spine(hip: _Bone, centre: Point) -> Point:
    """Anterior superior iliac spine: the foremost bone more than 35 mm above the head."""
    upper = hip.points[hip.points[:, 2] > centre[2] + 35.0]
    upper = upper if len(upper) else hip.points
    return np.asarray(upper[upper[:, 1] >= upper[:, 1].max() - 4.0].mean(axis=0), dtype=np.float64)


def _pubic_tubercle(hip: _Bone, centre: Point, sign: float) -> Point:
    """The foremost bone of the pubis, below the head's centre on the medial side."""
    pubis = hip.points[(hip.points[:, 2] < centre[2] + 10.0) & (sign * hip.points[:, 0] < sign * centre[0] - 35.0)]
    pubis = pubis if len(pubis) else hip.points
    front = pubis[pubis[:, 1] >= pubis[:, 1].max() - 6.0]
    return np.asarray(front[sign * front[:, 0] >= np.quantile(sign * front[:, 0], 0.5)].mean(axis=0), dtype=np.float64)


def _promontory(sacrum: _Bone, midline_r: float, top: float) -> float:
    """A of the foremost sacrum near the midline in its upper third."""
    upper = sacrum.points[(sacrum.points[:, 2] > top - 35.0) & (np.abs(sacrum.points[:, 0] - midline_r) < 15.0)]
    return float(upper[:, 1].max()) if len(upper) else float(sacrum.points[:, 1].max())


def _top(sacrum: _Bone) -> float:
    return float(np.quantile(sacrum.points[:, 2], 0.99))


def _plexus_of(hip: _Bone, sacrum: _Bone, notch: Point | None, scale: float, sign: float) -> list[Point]:
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


def _side_wall(hip: _Bone, start: Point, canal: Point, scale: float, sign: float) -> list[Point]:
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


# Shoulder -----------------------------------------------------------------------------------------------------------


def _brachial(humerus: _Bone, scapula: "_Bone | None", head: Ball | None, side: str) -> list[NerveBand]:
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
        bands.append(_band("axillary nerve", side, neck))
    rings: list[Points] = []
    for distance in np.arange(80.0, 200.0, 12.0) * scale:
        ring = _ring(humerus, centre, along, float(distance))
        if ring is None:
            break
        rings.append(ring)
    if rings:
        bands.append(_band("radial nerve", side, np.vstack(rings)))
    return bands


def _ring(humerus: _Bone, centre: Point, along: Point, distance_mm: float) -> Points | None:
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
