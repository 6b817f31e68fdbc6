"""Hip and shoulder bones told by their joints: a ball in its socket, where the joint space between them is seen."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from BoneAblationPlannerLib.anatomy.bone_regions import (
    JOINT_FACES_MM2,
    JOINT_FROM_HU,
    Interface,
    Work,
    interfaces,
)
from BoneAblationPlannerLib.distance import distance_mm

BALL_RADIUS_MM = (15.0, 32.0)
BALL_SPREAD_MM = 2.5
HIP_SOCKET_SHARE = 0.22
SHOULDER_SOCKET_SHARE = 0.16
"""Share of the ball that faces its socket: an acetabulum holds nearly half, a glenoid about a tenth."""
SIDEWAYS = 0.25
LARGEST_ML = {"hip": 450.0, "femur": 700.0, "scapula": 200.0, "humerus": 350.0}
"""Filled volume that no bone of an adult exceeds: a larger region holds more than one."""


class BallJoint(NamedTuple):
    """The ball of a hip or shoulder joint, and the middle of its socket where that was seen; RAS mm."""

    centre_ras_mm: NDArray[np.float64]
    radius_mm: float
    socket_ras_mm: NDArray[np.float64] | None = None


def named_by_balls(work: Work, regions: NDArray[np.int32]) -> tuple[dict[int, str], dict[str, BallJoint]]:
    """Names of the regions that a ball-and-socket joint identifies."""
    joints = interfaces(work, regions)
    names: dict[int, str] = {}
    balls: dict[str, BallJoint] = {}
    for (a, b), interface in joints.items():
        for ball, socket in ((a, b), (b, a)):
            found = _ball_joint(work, regions == ball, interface)
            if found is not None:
                joint, side, place = found
                pair = (f"femur_{side}", f"hip_{side}") if joint == "hip" else (f"humerus_{side}", f"scapula_{side}")
                _give(names, zip((ball, socket), pair, strict=True))
                balls[pair[0]] = place
    volumes_ml = np.bincount(regions.ravel()) * work.grid.voxel_ml
    certain = {r: name for r, name in names.items() if name and volumes_ml[r] <= LARGEST_ML[name.split("_")[0]]}
    return certain, balls


def _give(names: dict[int, str], pairs: Iterable[tuple[int, str]]) -> None:
    """Note names; what would carry two names, or share one, is not certain and stays without (an empty name)."""
    for region, name in pairs:
        twice = [r for r, n in names.items() if n == name and r != region]
        certain = names.get(region, name) == name and not twice
        names[region] = name if certain else ""
        for other in twice:
            names[other] = ""


def _ball_joint(work: Work, ball: NDArray[np.bool_], interface: Interface) -> tuple[str, str, BallJoint] | None:
    """Joint (hip or shoulder), side and place, if the interface lies on a sphere around the thickest part of `ball`."""
    if interface.area_mm2 < JOINT_FACES_MM2 or interface.sheet_hu < JOINT_FROM_HU:
        return None
    centre_of_interface = interface.points.mean(axis=0)
    reach = int(np.ceil(2 * BALL_RADIUS_MM[1] / work.step_mm))
    low = np.maximum(np.floor(centre_of_interface).astype(int) - reach, 0)
    region = tuple(slice(int(a), int(a) + 2 * reach) for a in low)
    depth = distance_mm(np.pad(~ball[region], 1, constant_values=True), work.grid.spacing_kji_mm)[1:-1, 1:-1, 1:-1]
    radius = float(depth.max())
    if not BALL_RADIUS_MM[0] <= radius <= BALL_RADIUS_MM[1]:
        return None
    centre = np.argwhere(depth >= radius - 0.5 * work.step_mm).mean(axis=0) + low
    away = (interface.points - centre) * work.step_mm
    distance = np.linalg.norm(away, axis=1)
    middle = float(np.median(distance))
    if float(np.median(np.abs(distance - middle))) * 1.5 > BALL_SPREAD_MM or not -1.0 < middle - radius < 7.0:
        return None
    on_ball = away[np.abs(distance - middle) < 4.0]
    share = len(on_ball) / len(away) * interface.area_mm2 / 1.5 / (4 * np.pi * middle**2)
    to_socket_kji = on_ball.mean(axis=0)
    to_socket = work.grid.ijk_to_ras[:3, :3] @ to_socket_kji[::-1]
    sideways = float(to_socket[0] / np.linalg.norm(to_socket))
    if abs(sideways) < SIDEWAYS or SHOULDER_SOCKET_SHARE < share < HIP_SOCKET_SHARE:
        return None
    centre_ras_mm, socket_ras_mm = work.grid.ras_from_ijk(np.array([centre, centre_of_interface])[:, ::-1])
    place = BallJoint(centre_ras_mm, radius, socket_ras_mm)
    return ("hip" if share >= HIP_SOCKET_SHARE else "shoulder"), ("right" if sideways < 0 else "left"), place
