"""Make ``anatomy/pelvis_shape.json`` from surfaces of hip bones and sacra: the usual surfaces and how they lie.

    python tools/pelvis_shape.py ATLAS OUT.json [--without MEMBER]

ATLAS holds a folder for each person with ``left.vtk``, ``right.vtk`` and ``sacrum.vtk`` (LPS mm), as the I-STAR
PelvisAtlas (CC BY 4.0). Left hip bones are mirrored; sacra are averaged with their own mirror images. All are aligned
to their mean in turn, and the means of their signed distances are written. Needs vtk.
"""

import argparse
import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import vtk
from numpy.typing import NDArray
from scipy import ndimage
from vtk.util.numpy_support import vtk_to_numpy

from BoneAblationPlannerLib.anatomy.hip_frame import SIDES, BoneFrame, Side, hip_frame
from BoneAblationPlannerLib.anatomy.shape_field import Freedom, ShapeField, SurfacePoints, laid_into
from BoneAblationPlannerLib.anatomy.usual_pelvis import FARTHEST_MM
from BoneAblationPlannerLib.distance import distance_mm

STEP_MM, PAD_MM = 1.0, 40
HIP_USUAL_MM = np.array([53.2, 32.5, 17.8])
"""Mean spread of hip bones along their own axes, as in ``hip_shape.json``: only a unit."""
SACRUM_USUAL_MM = np.array([30.0, 30.0, 30.0])
HIP_LOW_MM, HIP_STEP_MM, HIP_CELLS = (-138.0, -84.0, -84.0), (6.0, 6.0, 3.0), (46, 30, 53)
SACRUM_LOW_MM, SACRUM_STEP_MM, SACRUM_CELLS = (-65.0, -70.0, 0.0), (5.0, 5.0, 5.0), (27, 29, 17)
ROUNDS, SURFACE_POINTS = 3, 6000
HIP_FREEDOM = Freedom(20.0, 15.0, 0.2, True, (10.0, 6.0), 15, 100.0)
SACRUM_FREEDOM = Freedom(30.0, 25.0, 0.2, False, (12.0, 6.0), 15, 100.0)
MIRROR, FLIP = np.diag([-1.0, 1.0, 1.0]), np.diag([1.0, 1.0, -1.0])


@dataclass(frozen=True, eq=False)
class Solid:
    """A bone as signed distances (k, j, i) mm, `low_ras_mm` the first voxel; its surface and frame."""

    distance: NDArray[np.float32]
    low_ras_mm: NDArray[np.float64]
    surface: SurfacePoints
    frame: BoneFrame

    def at(self, points_ras_mm: NDArray[np.float64]) -> NDArray[np.float64]:
        kji = ((points_ras_mm - self.low_ras_mm) / STEP_MM)[..., ::-1]
        return np.asarray(ndimage.map_coordinates(self.distance, np.moveaxis(kji, -1, 0), order=1, mode="nearest"))


def voxels(path: Path) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """What a closed surface holds (k, j, i), and the first voxel in RAS mm."""
    reader = vtk.vtkPolyDataReader()
    reader.SetFileName(str(path))
    to_ras = vtk.vtkTransform()
    to_ras.Scale(-1, -1, 1)
    moved = vtk.vtkTransformPolyDataFilter()
    moved.SetTransform(to_ras)
    moved.SetInputConnection(reader.GetOutputPort())
    moved.Update()
    bounds = np.array(moved.GetOutput().GetBounds()).reshape(3, 2)
    low = bounds[:, 0] - PAD_MM
    shape = np.ceil((bounds[:, 1] + PAD_MM - low) / STEP_MM).astype(int)
    image = vtk.vtkImageData()
    image.SetDimensions(*(int(n) for n in shape))
    image.SetSpacing(STEP_MM, STEP_MM, STEP_MM)
    image.SetOrigin(*low)
    image.AllocateScalars(vtk.VTK_UNSIGNED_CHAR, 1)
    image.GetPointData().GetScalars().Fill(1)
    inside = vtk.vtkPolyDataToImageStencil()
    inside.SetInputConnection(moved.GetOutputPort())
    inside.SetOutputSpacing(STEP_MM, STEP_MM, STEP_MM)
    inside.SetOutputOrigin(*low)
    inside.SetOutputWholeExtent(image.GetExtent())
    cut = vtk.vtkImageStencil()
    cut.SetInputData(image)
    cut.SetStencilConnection(inside.GetOutputPort())
    cut.SetBackgroundValue(0)
    cut.Update()
    values = vtk_to_numpy(cut.GetOutput().GetPointData().GetScalars())
    return values.reshape(shape[::-1]) > 0, low


def solid(path: Path, side: Side | None) -> Solid:
    """A bone of the atlas; a hip bone's frame is its own, a sacrum's is filled in later."""
    mask, low = voxels(path)
    unit = np.ones(3) * STEP_MM
    distance = distance_mm(mask, unit) - distance_mm(~mask, unit)
    edge = np.argwhere(mask & ~ndimage.binary_erosion(mask))
    edge = edge[:: max(1, len(edge) // SURFACE_POINTS)]
    slope = np.stack([ndimage.sobel(distance, axis)[tuple(edge.T)] for axis in (2, 1, 0)], axis=1)
    out = slope / np.maximum(np.linalg.norm(slope, axis=1, keepdims=True), 1e-9)
    points = np.argwhere(mask)[:, ::-1] * STEP_MM + low
    frame = hip_frame(points, side) if side else BoneFrame(points.mean(axis=0), np.eye(3), SACRUM_USUAL_MM)
    return Solid(distance, low, SurfacePoints(edge[:, ::-1] * STEP_MM + low, out), frame)


def cells(low: tuple, step: tuple, count: tuple) -> NDArray[np.float64]:
    """Centres (a, b, c, 3) of a field's cells in own mm."""
    return np.stack(np.meshgrid(*[a + s * np.arange(n) for a, s, n in zip(low, step, count, strict=True)],
                                indexing="ij"), axis=-1)  # fmt: skip


def mean_field(solids: list[Solid], usual: NDArray[np.float64], low: tuple, step: tuple, count: tuple) -> ShapeField:
    """The mean of signed distances at the usual size."""
    own = cells(low, step, count) / usual
    total = sum(
        np.clip(s.at(s.frame.ras_mm(own)) / np.mean(s.frame.spread_mm / usual), -2 * FARTHEST_MM, 2 * FARTHEST_MM)
        for s in solids
    )
    return ShapeField(np.array(low), np.array(step), usual, (total / len(solids)).astype(np.float32))


def aligned(solids: list[Solid], field: ShapeField, freedom: Freedom) -> list[Solid]:
    """Every bone laid into the mean; all sizes together stay what they were."""
    frames = [laid_into(field, s.frame, s.surface, freedom) for s in solids]
    drift = np.exp(
        np.mean([np.log(f.spread_mm / s.frame.spread_mm) for f, s in zip(frames, solids, strict=True)], axis=0)
    )
    return [
        replace(s, frame=BoneFrame(f.origin_ras_mm, f.axes, f.spread_mm / drift))
        for s, f in zip(solids, frames, strict=True)
    ]


def between(hips: dict[Side, Solid], sacrum: Solid) -> BoneFrame:
    """A sacrum's frame to start from: its middle, axes halfway between those of the hip bones."""
    right, left = hips["right"].frame, hips["left"].frame
    across = right.origin_ras_mm - left.origin_ras_mm
    across /= np.linalg.norm(across)
    up = right.axes[:, 0] + left.axes[:, 0]
    up -= across * (up @ across)
    up /= np.linalg.norm(up)
    size = np.mean([hip.frame.spread_mm / HIP_USUAL_MM for hip in hips.values()])
    return BoneFrame(
        sacrum.frame.origin_ras_mm, np.stack([up, np.cross(up, across), across], axis=1), SACRUM_USUAL_MM * size
    )


def beside(hip: BoneFrame, sacrum: BoneFrame, side: Side) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Place and axes of a sacrum in the coordinates of a hip bone, that of a left one mirrored."""
    origin, axes, hip_origin, hip_axes = sacrum.origin_ras_mm, sacrum.axes, hip.origin_ras_mm, hip.axes
    if side == "left":
        origin, axes, hip_origin, hip_axes = (
            MIRROR @ origin,
            MIRROR @ axes @ FLIP,
            MIRROR @ hip_origin,
            MIRROR @ hip_axes,
        )
    return (origin - hip_origin) @ hip_axes / hip.spread_mm * HIP_USUAL_MM, hip_axes.T @ axes


def layers(field: ShapeField) -> list[str]:
    """Distances in whole mm as letters, ``a`` for -12 and ``y`` for 12, ``|`` between rows; rows of ``y`` are empty."""
    values = np.clip(np.rint(field.distance_mm), -FARTHEST_MM, FARTHEST_MM).astype(int) + FARTHEST_MM
    far = chr(ord("a") + 2 * FARTHEST_MM) * values.shape[2]
    text = [["".join(chr(ord("a") + v) for v in row) for row in layer] for layer in values]
    return ["|".join("" if row == far else row for row in layer) for layer in text]


def described(field: ShapeField, cut: tuple[float, ...], symmetric: bool) -> dict:
    document = {
        "low_mm": list(map(float, field.low_mm)),
        "step_mm": list(map(float, field.step_mm)),
        "cells": list(field.distance_mm.shape),
        "usual_mm": list(map(float, field.usual_mm)),
        "symmetric": symmetric,
    }
    return document | ({"cut_mm": cut[0]} if cut else {}) | {"distance": layers(field)}


def pelvis(atlas: Path, without: str | None) -> dict:
    """The document of all people but one."""
    people = [folder for folder in sorted(atlas.glob("member_*")) if folder.name != without]
    names: dict[Side, str] = {"left": "left.vtk", "right": "right.vtk"}
    hips = [solid(folder / names[side], side) for folder in people for side in SIDES]
    sides = [side for _ in people for side in SIDES]
    shape = (HIP_LOW_MM, HIP_STEP_MM, HIP_CELLS)
    field = mean_field(hips, HIP_USUAL_MM, *shape)
    for _ in range(ROUNDS):
        hips = aligned(hips, field, HIP_FREEDOM)
        field = mean_field(hips, HIP_USUAL_MM, *shape)
    pairs = [dict(zip(SIDES, hips[n : n + 2], strict=True)) for n in range(0, len(hips), 2)]
    sacra = [solid(folder / "sacrum.vtk", None) for folder in people]
    sacra = [replace(s, frame=between(pair, s)) for s, pair in zip(sacra, pairs, strict=True)]
    low, step, count = SACRUM_LOW_MM, SACRUM_STEP_MM, SACRUM_CELLS
    whole = ((low[0], low[1], -(count[2] - 1) * step[2]), step, (count[0], count[1], 2 * count[2] - 1))
    for n in range(ROUNDS + 1):
        sacrum = mean_field(sacra, SACRUM_USUAL_MM, *whole)
        sacrum = replace(sacrum, distance_mm=(sacrum.distance_mm + sacrum.distance_mm[:, :, ::-1]) / 2)
        if n < ROUNDS:
            sacra = aligned(sacra, sacrum, SACRUM_FREEDOM)
    inside = sacrum.distance_mm[:, :, count[2] - 1] < 0
    cut = float(low[0] + step[0] * np.flatnonzero(inside.any(axis=1))[0])
    half = ShapeField(np.array(low), sacrum.step_mm, SACRUM_USUAL_MM, sacrum.distance_mm[:, :, count[2] - 1 :])
    placed = [
        beside(hip.frame, sacra[n // 2].frame, side) for n, (hip, side) in enumerate(zip(hips, sides, strict=True))
    ]
    left, _, right = np.linalg.svd(np.sum([axes for _, axes in placed], axis=0))
    numbers = ", ".join(folder.name.removeprefix("member_") for folder in people)
    return {
        "meaning": "signed distance to the surface, a letter for each cell: a is -12 mm (inside), m is 0, y is 12 mm "
        "and more; | ends a row, an empty one is all y. Own coordinates times the usual spread; the sacrum's right "
        "half",
        "source": f"mean of both hip bones and the sacrum of members {numbers} (I-STAR PelvisAtlas, CC BY 4.0), whose "
        "sacra end below the second or third segment",
        "status": "derived",
        "sacrum_in_hip": {
            "origin_mm": np.round(np.mean([origin for origin, _ in placed], axis=0), 2).tolist(),
            "axes": np.round(left @ right, 4).tolist(),
        },
        "hip": described(field, (), False),
        "sacrum": described(half, (cut,), True),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("atlas", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--without", metavar="MEMBER")
    given = parser.parse_args()
    document = pelvis(given.atlas, given.without)
    given.out.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
