"""Hip bones told by their shape: made of the usual hip bone, grown together with a femur; and real ones."""

import numpy as np
import pytest
from grids import rotation
from made_hip import usual_hip_mask
from scipy import ndimage

from BoneAblationPlannerLib.anatomy.body import find_body
from BoneAblationPlannerLib.anatomy.bone import bone_mask
from BoneAblationPlannerLib.anatomy.bone_regions import Work
from BoneAblationPlannerLib.anatomy.bones import separate_bones
from BoneAblationPlannerLib.anatomy.hip_frame import BoneFrame
from BoneAblationPlannerLib.anatomy.hips_by_shape import part_hip
from BoneAblationPlannerLib.anatomy.usual_hip import usual_hip
from BoneAblationPlannerLib.ct import CtVolume
from BoneAblationPlannerLib.frames import Grid
from BoneAblationPlannerLib.reading import read_ct


def placed(side, turn=None, size=1.0):
    """The usual hip bone's frame in a patient who lies nearly straight."""
    mirror = np.diag([1.0 if side == "right" else -1.0, 1.0, 1.0])
    turn = rotation(0, 6) @ rotation(1, -4) @ rotation(2, 5) if turn is None else turn
    usual = usual_hip()
    return BoneFrame(mirror @ [70.0, 5.0, -20.0], turn @ mirror @ usual.axes, usual.spread_mm * size)


def made(frame, side, with_hip=True, spacing=2.0):
    """Bone of one density: a hip, a ball that fills its socket, a shaft beside it. The working grid, hip and femur."""
    corners = frame.ras_mm(usual_hip().places)
    low, high = corners.min(axis=0) - 45, corners.max(axis=0) + 45
    matrix = np.diag([spacing, spacing, spacing, 1.0])
    matrix[:3, 3] = low
    i, j, k = np.ceil((high - low) / spacing).astype(int)
    grid = Grid((int(k), int(j), int(i)), matrix)
    points = grid.ras_of_mask(np.ones(grid.shape, dtype=bool))
    head = frame.ras_mm(usual_hip().head)
    out = np.array([1.0 if side == "right" else -1.0, 0.0, 0.0])
    away = points - head
    ball = np.linalg.norm(away, axis=1) < 21.0
    beside = away @ out
    neck = (np.linalg.norm(away - beside[:, None] * out, axis=1) < 12.0) & (beside > 0) & (beside < 55.0)
    shaft = (np.hypot(beside - 55.0, away[:, 1]) < 13.0) & (away[:, 2] < 15.0)
    femur = (ball | neck | shaft).reshape(grid.shape)
    hip = ndimage.binary_closing(np.pad(usual_hip_mask(grid, frame), 4), iterations=3)[4:-4, 4:-4, 4:-4] & ~femur
    hip &= with_hip
    bone = hip | femur
    hu = np.where(bone, 400.0, 50.0).astype(np.float32)
    # The joint space, thinner than slices can show, dims what lies there a little.
    gap = (
        (np.abs(np.linalg.norm(away, axis=1) - 22.0) < 2.0).reshape(grid.shape)
        & bone
        & (beside < 5).reshape(grid.shape)
    )
    hu[gap] = 300.0
    return Work(grid, hu, bone, np.zeros(grid.shape, dtype=np.float32)), hip, femur


@pytest.mark.parametrize(("side", "size"), [("right", 1.0), ("left", 0.9)])
def test_a_hip_grown_together_with_a_femur_is_parted_from_it(side, size):
    work, hip, femur = made(placed(side, size=size), side)
    found = part_hip(work, work.bone, side)
    both = 2 * (found.hip & hip).sum() / (found.hip.sum() + hip.sum())
    assert both > 0.9
    # A voxel's layer along the joint is what the two may differ in.
    assert (found.femur & femur).sum() > 0.85 * femur.sum()
    assert (found.hip & femur).sum() < 0.1 * femur.sum()


def test_no_hip_where_there_is_none_or_only_the_other_one():
    frame = placed("right")
    work, _hip, _femur = made(frame, "right")
    assert part_hip(work, work.bone, "left") is None
    lonely, _hip, _femur = made(frame, "right", with_hip=False)
    assert part_hip(lonely, lonely.bone, "right") is None
    assert part_hip(work, np.zeros_like(work.bone), "right") is None


def test_a_bone_turned_as_no_patient_lies_is_not_certain():
    work, _hip, _femur = made(placed("right", rotation(0, 75)), "right")
    assert part_hip(work, work.bone, "right") is None


def test_gaps_in_a_thin_wall_do_not_empty_the_hip():
    """A hip as slices of 3 mm show it: its wall only, with a gap, and no marrow."""
    frame = placed("right")
    work, hip, femur = made(frame, "right")
    wall = hip & ~ndimage.binary_erosion(hip, iterations=3)
    wall[:, :, ::9] = False
    bone = wall | femur
    found = part_hip(Work(work.grid, np.where(bone, work.hu, 50.0), bone, work.sheet), bone, "right")
    marrow = hip & ~bone
    assert (found.hip & marrow).sum() > 0.7 * marrow.sum()
    assert not (found.hip & found.femur).any()


@pytest.mark.parametrize(
    ("case", "there", "absent"),
    [
        (
            "ischium-lytic-breach",
            {"hip_right", "femur_right", "sacrum", "vertebrae"},
            {"hip_left", "femur_left"},
        ),
        ("humerus-lytic", set(), {"hip_left", "hip_right", "femur_left", "femur_right", "sacrum"}),
    ],
)
def test_real_scans(shared_data, case, there, absent):
    ct = read_ct(shared_data / "cases" / case / "ct.nii.gz")
    body = find_body(ct).inside
    names = set(separate_bones(ct, bone_mask(ct, body), body).names.values())
    assert there <= names
    assert not absent & names


def test_ribs_and_spine_that_lie_where_a_hip_bone_would_are_none(shared_data):
    """A part of an image where all places of a usual hip bone lie near bone, but its surface is not there."""
    ct = read_ct(shared_data / "cases" / "iliac-lytic" / "ct.nii.gz")
    body = find_body(ct).inside
    box = (slice(38, 96), slice(46, 90), slice(48, 82))
    part = CtVolume(ct.grid.crop(box), np.ascontiguousarray(ct.hu[box]), "part", "")
    inside = np.ascontiguousarray(body[box])
    bones = separate_bones(part, bone_mask(part, inside), inside)
    assert not any(name.startswith(("hip_", "femur_", "sacrum")) for name in bones.names.values())
