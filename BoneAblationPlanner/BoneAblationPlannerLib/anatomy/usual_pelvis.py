"""The usual hip bone and upper sacrum as surfaces, and how a sacrum lies to its hip bones."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

from BoneAblationPlannerLib.anatomy.hip_frame import BoneFrame, Side
from BoneAblationPlannerLib.anatomy.shape_field import ShapeField

FARTHEST_MM = 12
"""Distances in the data file end here."""
_MIRROR = np.diag([-1.0, 1.0, 1.0])
_FLIP = np.diag([1.0, 1.0, -1.0])


@dataclass(frozen=True, eq=False)
class UsualPelvis:
    """Surfaces of the hip bone (see `hip_frame`) and of the sacrum, whose own axes point up, forwards and to the right.

    The sacrum's surface ends where the people's surfaces end, below its second or third segment: at `cut_mm` along its
    first axis. `origin_mm` (3,) and `axes` (3, 3) are the sacrum's in a right hip bone's own coordinates times the
    usual spread; its size is the hip bone's.
    """

    hip: ShapeField
    sacrum: ShapeField
    origin_mm: NDArray[np.float64]
    axes: NDArray[np.float64]
    cut_mm: float

    def expected_sacrum(self, hips: Mapping[Side, BoneFrame]) -> BoneFrame:
        """The sacrum's frame between two hip bones, or beside one."""
        placed = [self._beside(frame, side) for side, frame in hips.items()]
        left, _, right = np.linalg.svd(np.sum([frame.axes for frame in placed], axis=0))
        return BoneFrame(
            np.mean([frame.origin_ras_mm for frame in placed], axis=0),
            left @ right,
            np.mean([frame.spread_mm for frame in placed], axis=0),
        )

    def _beside(self, hip: BoneFrame, side: Side) -> BoneFrame:
        right = hip if side == "right" else BoneFrame(_MIRROR @ hip.origin_ras_mm, _MIRROR @ hip.axes, hip.spread_mm)
        origin, axes = right.ras_mm(self.origin_mm / self.hip.usual_mm), right.axes @ self.axes
        spread = self.sacrum.usual_mm * float(np.mean(hip.spread_mm / self.hip.usual_mm))
        if side == "left":
            origin, axes = _MIRROR @ origin, _MIRROR @ axes @ _FLIP
        return BoneFrame(origin, axes, spread)


def mirrored(hip: BoneFrame, sacrum: BoneFrame) -> BoneFrame:
    """The other hip bone's frame, where the sacrum's middle mirrors one onto the other."""
    across = sacrum.axes[:, 2]
    turn = np.eye(3) - 2 * np.outer(across, across)
    origin = sacrum.origin_ras_mm + turn @ (hip.origin_ras_mm - sacrum.origin_ras_mm)
    return BoneFrame(origin, turn @ hip.axes, hip.spread_mm)


@cache
def usual_pelvis() -> UsualPelvis:
    """The pelvis of ``pelvis_shape.json``."""
    text = files("BoneAblationPlannerLib.anatomy").joinpath("pelvis_shape.json").read_text(encoding="utf-8")
    document = json.loads(text)
    return UsualPelvis(
        hip=_field(document["hip"]),
        sacrum=_field(document["sacrum"]),
        origin_mm=np.array(document["sacrum_in_hip"]["origin_mm"]),
        axes=np.array(document["sacrum_in_hip"]["axes"]),
        cut_mm=float(document["sacrum"]["cut_mm"]),
    )


def _field(document: dict) -> ShapeField:
    a, b, c = document["cells"]
    far = chr(ord("a") + 2 * FARTHEST_MM) * c
    rows = "".join(row or far for layer in document["distance"] for row in layer.split("|"))
    letters = np.frombuffer(rows.encode("ascii"), dtype=np.uint8).reshape(a, b, c)
    distance = letters.astype(np.float32) - np.float32(ord("a") + FARTHEST_MM)
    low, step = np.array(document["low_mm"]), np.array(document["step_mm"])
    if document.get("symmetric"):
        # Only the right half is written: the left one is its mirror image.
        distance = np.concatenate([distance[:, :, :0:-1], distance], axis=2)
        low = low - np.array([0.0, 0.0, (c - 1) * step[2]])
    return ShapeField(low, step, np.array(document["usual_mm"]), np.ascontiguousarray(distance))
