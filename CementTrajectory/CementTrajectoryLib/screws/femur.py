"""Screw places in the neck of a femur: its axis from the bone alone, then three parallel lines in an inverted triangle.

The head is the largest ball in the bone's upper part. The neck's axis is the widest line from the lateral cortex below
the greater trochanter to the head's centre. Around it lie one place below and two above, as far out as the neck allows.
"""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from BoneAblationPlannerLib.anatomy.hip_frame import Side
from BoneAblationPlannerLib.ct import LabelMap
from CementTrajectoryLib.screws.bones import bone_of, inside_image
from CementTrajectoryLib.screws.corridor import Corridor, MissingCorridor
from CementTrajectoryLib.screws.definitions import NUMBERS, limb_published
from CementTrajectoryLib.screws.depth import DepthMap, depth_map
from CementTrajectoryLib.screws.ends import ends_in_ball
from CementTrajectoryLib.screws.search import Patch, StraightLine, line_clearance_mm, surface_point, widest_line

NAME = "femoral neck"
UPPER_MM = 60.0
"""The head lies in this part of the bone, from its upper end."""
HEAD_RADIUS_MM = (15.0, 32.0)
ENTRY_RADIUS_MM, HEAD_BALL_MM = 22.0, 5.0
SPACING_MM = 2.5
LONGEST_PULL_MM = 10.0
TRIANGLE = (("inferior", 0.0, -1.0), ("anterior", np.sqrt(3) / 2, 0.5), ("posterior", -np.sqrt(3) / 2, 0.5))
"""Places around the neck's axis, in units of their distance from it: forwards, upwards."""


def femoral_neck(bones: LabelMap, side: Side) -> tuple[Corridor | MissingCorridor, ...]:
    """Three parallel places, or the neck's axis alone where they do not fit; nothing without such a femur."""
    femur = bone_of(bones, f"femur_{side}")
    if not femur.any():
        return ()
    depth = depth_map(bones.grid, femur)
    head = _head(depth)
    if head is None:
        return (MissingCorridor(NAME, side, "not looked for: no femoral head is seen", None),)
    centre, radius = head
    lateral = np.array([1.0 if side == "right" else -1.0, 0.0, 0.0])
    down = np.array([0.0, 0.0, -1.0])
    expected = centre + radius * (NUMBERS["neck_entry_lateral"] * lateral + NUMBERS["neck_entry_down"] * down)
    entries = ends_in_ball(depth, expected, ENTRY_RADIUS_MM, SPACING_MM, surface=True)
    # Medial and upper walls of the shaft are surface too: screws come from outside.
    entries = entries[(entries - centre) @ lateral > radius]
    entries = entries[inside_image(bones.grid, entries)]
    if len(entries) == 0:
        return (MissingCorridor(NAME, side, "not looked for: the image ends where screws would enter", None),)
    entry = Patch(entries, expected, ENTRY_RADIUS_MM, NUMBERS["trim_mm"])
    ends = ends_in_ball(depth, centre, HEAD_BALL_MM, SPACING_MM, surface=False)
    head_ball = Patch(ends, centre, HEAD_BALL_MM, 0.0, blind=True)
    axis = widest_line(depth, entry, head_ball)
    if axis is None or axis.clearance_mm < NUMBERS["smallest_diameter_mm"] / 2:
        widest = None if axis is None or axis.clearance_mm <= 0 else round(2 * axis.clearance_mm, 1)
        reason = "not found" if widest is None else f"not found: widest is {widest:.1f} mm"
        return (MissingCorridor(NAME, side, reason, widest),)
    places = _parallel(depth, axis, radius, side)
    if not inside_image(bones.grid, np.stack([place.entry_ras_mm for place in places])).all():
        return (MissingCorridor(NAME, side, "not looked for: the image ends where screws would enter", None),)
    return places


def _parallel(depth: DepthMap, axis: StraightLine, head_radius_mm: float, side: Side) -> tuple[Corridor, ...]:
    direction = (axis.exit_ras_mm - axis.entry_ras_mm) / axis.length_mm
    tip = axis.exit_ras_mm + direction * max(head_radius_mm - NUMBERS["subchondral_mm"], 0.0)
    up = np.array([0.0, 0.0, 1.0]) - direction[2] * direction
    up /= np.linalg.norm(up)
    forward = np.cross(up, direction)
    forward *= np.sign(forward[1]) or 1.0
    own = NUMBERS["neck_screw_mm"] / 2 + NUMBERS["neck_buffer_mm"]
    out = axis.clearance_mm - own
    if out * np.sqrt(3) < NUMBERS["neck_screw_mm"] + 1.0:
        return (_place(depth, axis.entry_ras_mm, tip, direction, NAME, side),)
    return tuple(
        _place(depth, axis.entry_ras_mm + shift, tip + shift, direction, f"{NAME}, {name}", side)
        for name, ahead, above in TRIANGLE
        for shift in [out * (ahead * forward + above * up)]
    )


def _place(
    depth: DepthMap,
    entry: NDArray[np.float64],
    tip: NDArray[np.float64],
    direction: NDArray[np.float64],
    name: str,
    side: Side,
) -> Corridor:
    """A corridor along a line, its entry on the bone's surface."""
    trim = NUMBERS["trim_mm"]
    # The lateral cortex is round: places beside the axis meet it earlier, and are trimmed from where they do.
    surface = surface_point(depth, entry + 2 * trim * direction, -direction, 4 * trim)
    # Beside the axis the head's surface is nearer: the tip stays where it leaves the bone that a screw needs.
    steps = np.arange(0.0, LONGEST_PULL_MM, 0.5)
    backwards = depth.at(tip - steps[:, None] * direction)
    enough = np.flatnonzero(backwards >= NUMBERS["neck_screw_mm"] / 2 + NUMBERS["neck_buffer_mm"])
    tip = tip - (steps[enough[0]] if len(enough) else 0.0) * direction
    trims = (trim, 0.0)
    return Corridor(
        name, side, surface, tip, line_clearance_mm(depth, surface, tip, trims), trims, (f"femur_{side}",),
        limb_published(NAME), of_set=NAME)  # fmt: skip


def _head(depth: DepthMap) -> tuple[NDArray[np.float64], float] | None:
    """Centre and radius of the largest ball in the upper part of the bone, if it has a head's size."""
    inside = np.argwhere(depth.depth_mm > HEAD_RADIUS_MM[0])
    if len(inside) == 0:
        return None
    points = depth.grid.ras_from_ijk(inside[:, ::-1])
    rim = np.argwhere((depth.depth_mm > 0) & ~ndimage.binary_erosion(depth.depth_mm > 0))
    top = float(depth.grid.ras_from_ijk(rim[:, ::-1])[:, 2].max())
    depths = np.where(points[:, 2] > top - UPPER_MM, depth.depth_mm[tuple(inside.T)], 0.0)
    at = int(np.argmax(depths))
    if not HEAD_RADIUS_MM[0] <= depths[at] <= HEAD_RADIUS_MM[1]:
        return None
    return np.asarray(points[at]), float(depths[at])
