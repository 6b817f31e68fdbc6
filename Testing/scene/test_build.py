"""Plan -> nodes -> plan, exact on an oblique anisotropic grid."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from make_result import make_result

from BoneAblationPlannerLib.case import Structure
from BoneAblationPlannerLib.ct import LabelMap
from BoneAblationPlannerLib.errors import InputError
from BoneAblationPlannerLib.frames import subdivide
from BoneAblationPlannerLib.regions import bounding_region
from BoneAblationPlannerLib.scene.build import add_plan
from BoneAblationPlannerLib.scene.convert import fill_image, vtk_matrix
from BoneAblationPlannerLib.scene.hierarchy import folder_of, hierarchy, nodes_in
from BoneAblationPlannerLib.scene.plan_nodes import plan_documents, remove_plan
from BoneAblationPlannerLib.scene.runtime import new_scene
from BoneAblationPlannerLib.scene.segmentation import KIND_TAG, ROLE_TAG, segments, tag
from BoneAblationPlannerLib.scene.stored import read_plan_nodes


def class_counts(scene) -> Counter:
    return Counter(scene.GetNthNode(n).GetClassName() for n in range(scene.GetNumberOfNodes()))


def assert_same(stored, result) -> None:
    """What was read back is what was put in, voxel by voxel."""
    anatomy = result.anatomy
    expected = {
        "bone": anatomy.bone,
        "lesion": anatomy.lesion,
        "target": result.target,
        "zone": result.zone,
        "skin": anatomy.body,
    }
    if result.visible_zone is not None:
        expected["zone-visible"] = result.visible_zone
    assert stored.masks.keys() == expected.keys()
    for role, mask in expected.items():
        np.testing.assert_array_equal(stored.masks[role], mask, err_msg=role)
    assert [(s.name, s.kind) for s in stored.structures] == [(s.name, s.kind) for s in anatomy.structures]
    for ours, theirs in zip(stored.structures, anatomy.structures, strict=True):
        np.testing.assert_array_equal(ours.mask, theirs.mask, err_msg=theirs.name)
    assert stored.plan.to_json() == result.plan.to_json()
    np.testing.assert_array_equal(stored.ct.hu, anatomy.ct.hu)
    np.testing.assert_allclose(stored.ct.grid.ijk_to_ras, anatomy.ct.grid.ijk_to_ras, rtol=0, atol=1e-9)
    assert (stored.ct.source, stored.ct.sha256) == (anatomy.ct.source, anatomy.ct.sha256)
    assert stored.ct.scanned_position == anatomy.ct.scanned_position
    for line, probe in zip(stored.probes, result.plan.probes, strict=True):
        assert (line.name, line.device, line.program) == (probe.name, probe.device, probe.program)
        np.testing.assert_allclose(line.entry_ras_mm, probe.entry_ras_mm, rtol=0, atol=1e-9)
        np.testing.assert_allclose(line.tip_ras_mm, probe.tip_ras_mm, rtol=0, atol=1e-9)


@pytest.mark.parametrize("ice", [True, False])
def test_round_trip_is_exact(ice):
    result = make_result(ice)
    scene = new_scene()
    add_plan(scene, result)
    assert_same(read_plan_nodes(scene), result)


def test_empty_overlapping_and_edge_structures_survive():
    result = make_result()
    shape = result.anatomy.ct.grid.shape
    corner, everything = np.zeros(shape, bool), np.ones(shape, bool)
    corner[-1, -1, -1] = corner[0, 0, 0] = True
    extra = (
        Structure("empty", "vessel", np.zeros(shape, bool), 5.0, 5.0, "organ label"),
        Structure("two corners", "vessel", corner, 5.0, 5.0, "organ label"),
        Structure("everything", "other", everything, 5.0, 5.0, "organ label"),
        Structure("everything again", "joint", everything, 5.0, 5.0, "organ label"),
    )
    result = replace(result, anatomy=replace(result.anatomy, structures=(*result.anatomy.structures, *extra)))
    scene = new_scene()
    add_plan(scene, result)
    assert_same(read_plan_nodes(scene), result)


def test_estimates_bones_and_defects_survive():
    result = make_result()
    anatomy = result.anatomy
    band = np.roll(anatomy.structures[0].mask, 2, axis=2)
    labels = np.where(anatomy.bone, 7, 0).astype(np.uint16)
    labels[anatomy.structures[1].mask & ~anatomy.bone] = 3
    anatomy = replace(
        anatomy,
        estimates=(Structure("sciatic nerve right (estimated, verify)", "nerve", band, 5.0, 8.0, "estimated"),),
        bones=LabelMap(anatomy.ct.grid, labels, {7: "hip_right", 3: "femur_right"}),
        defects=anatomy.lesion & ~np.roll(anatomy.lesion, 1, axis=0),
    )
    scene = new_scene()
    add_plan(scene, replace(result, anatomy=anatomy))
    stored = read_plan_nodes(scene)
    assert [(s.name, s.kind) for s in stored.estimates] == [("sciatic nerve right (estimated, verify)", "nerve")]
    np.testing.assert_array_equal(stored.estimates[0].mask, band)
    np.testing.assert_array_equal(stored.masks["defect"], anatomy.defects)
    assert [s.name for s in stored.structures] == [s.name for s in anatomy.structures]
    values = {name: value for value, name in stored.bones.names.items()}
    assert values.keys() == {"hip_right", "femur_right"}
    for value, name in anatomy.bones.names.items():
        np.testing.assert_array_equal(stored.bones.labels == values[name], labels == value, err_msg=name)


def test_segments_carry_role_and_kind():
    nodes = add_plan(new_scene(), make_result())
    found = {identifier: (tag(s, ROLE_TAG), tag(s, KIND_TAG)) for identifier, s in segments(nodes.segmentation)}
    assert found["lesion"] == ("lesion", None)
    assert found["structure-1"] == ("structure", "nerve")
    assert found["structure-2"] == ("structure", "bladder")


def test_probes_are_locked_lines_with_attributes():
    result = make_result()
    nodes = add_plan(new_scene(), result)
    for node, probe in zip(nodes.probes, result.plan.probes, strict=True):
        assert node.GetClassName() == "vtkMRMLMarkupsLineNode"
        assert node.GetLocked()
        assert node.GetNthControlPointPosition(0) == pytest.approx(probe.entry_ras_mm)
        assert node.GetNthControlPointPosition(1) == pytest.approx(probe.tip_ras_mm)
        assert node.GetAttribute("BonePlan.Role") == "probe"
        assert node.GetAttribute("BonePlan.Device") == probe.device
        assert node.GetAttribute("BonePlan.Program") == probe.program


def test_dragged_line_is_read_back_where_it_is_now():
    result = make_result()
    scene = new_scene()
    nodes = add_plan(scene, result)
    nodes.probes[1].SetNthControlPointPosition(1, 1.5, -2.5, 3.25)
    stored = read_plan_nodes(scene)
    assert stored.probes[1].tip_ras_mm == pytest.approx((1.5, -2.5, 3.25))
    assert stored.probes[1].entry_ras_mm == pytest.approx(result.plan.probes[1].entry_ras_mm)
    assert stored.plan.probes[1].tip_ras_mm == pytest.approx(result.plan.probes[1].tip_ras_mm)  # as planned


def test_line_under_a_transform_is_read_in_the_world():
    import vtk

    scene = new_scene()
    nodes = add_plan(scene, make_result())
    shift = vtk.vtkMatrix4x4()
    shift.SetElement(0, 3, 10.0)
    transform = scene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    transform.SetMatrixTransformToParent(shift)
    before = read_plan_nodes(scene).probes[0].tip_ras_mm
    nodes.probes[0].SetAndObserveTransformNodeID(transform.GetID())
    after = read_plan_nodes(scene).probes[0].tip_ras_mm
    assert np.subtract(after, before) == pytest.approx([10.0, 0.0, 0.0])


def test_unplaced_line_is_refused():
    scene = new_scene()
    nodes = add_plan(scene, make_result())
    nodes.probes[0].RemoveNthControlPoint(1)
    with pytest.raises(InputError, match="two placed points"):
        read_plan_nodes(scene)


def test_everything_sits_in_one_folder():
    scene = new_scene()
    nodes = add_plan(scene, make_result())
    in_folder = nodes_in(scene, nodes.folder, "vtkMRMLNode")
    assert {n.GetID() for n in in_folder} == {n.GetID() for n in nodes.owned if n is not nodes.margin_colours}
    assert folder_of(scene, nodes.document) == nodes.folder
    assert hierarchy(scene).GetItemName(nodes.folder) == "Plan"


def test_remove_leaves_nothing_behind():
    scene = new_scene()
    tree = hierarchy(scene)
    counts, items = class_counts(scene), tree.GetNumberOfItems()
    nodes = add_plan(scene, make_result())
    remove_plan(nodes)
    assert class_counts(scene) == counts
    assert tree.GetNumberOfItems() == items


def test_second_plan_gets_its_own_name_and_leaves_when_asked():
    scene = new_scene()
    first = add_plan(scene, make_result())
    counts = class_counts(scene)
    second = add_plan(scene, make_result(ice=False))
    assert (first.name, second.name) == ("Plan", "Plan 2")
    assert len(plan_documents(scene)) == 2
    with pytest.raises(InputError, match="2 plans"):
        read_plan_nodes(scene)
    assert "zone-visible" in read_plan_nodes(scene, "Plan").masks
    assert "zone-visible" not in read_plan_nodes(scene, "Plan 2").masks
    remove_plan(second)
    assert class_counts(scene) == counts
    assert_same(read_plan_nodes(scene), make_result())


def test_adopted_ct_is_not_copied_and_not_removed():
    result = make_result()
    scene = new_scene()
    first = add_plan(scene, result)
    second = add_plan(scene, result, "Other", ct_node=first.ct)
    assert class_counts(scene)["vtkMRMLScalarVolumeNode"] == 1
    remove_plan(second)
    assert scene.IsNodePresent(first.ct)
    assert_same(read_plan_nodes(scene), result)


def test_scene_without_a_plan_and_deleted_parts_are_refused():
    scene = new_scene()
    with pytest.raises(InputError, match="no plan"):
        read_plan_nodes(scene)
    nodes = add_plan(scene, make_result())
    scene.RemoveNode(nodes.segmentation)
    with pytest.raises(InputError, match="segmentation was deleted"):
        read_plan_nodes(scene)


def test_segment_edited_on_a_shifted_crop_is_put_back_in_place():
    """An editor may leave a segment on its own crop: same voxels, extent from 0, origin at the crop's corner."""
    import slicer

    result = make_result()
    scene = new_scene()
    nodes = add_plan(scene, result)
    grid = result.anatomy.ct.grid
    region = bounding_region(result.anatomy.lesion)
    image = fill_image(slicer.vtkOrientedImageData(), result.anatomy.lesion[region].astype(np.uint8))
    image.SetGeometryFromImageToWorldMatrix(vtk_matrix(grid.crop(region).ijk_to_ras))
    segment = nodes.segmentation.GetSegmentation().GetSegment("lesion")
    segment.AddRepresentation("Binary labelmap", image)
    segment.SetLabelValue(1)
    np.testing.assert_array_equal(read_plan_nodes(scene).masks["lesion"], result.anatomy.lesion)


def test_segment_edited_on_a_finer_grid_is_resampled():
    """Voxels split in three keep their centres, so the nearest voxel gives the mask back exactly."""
    import slicer

    result = make_result()
    scene = new_scene()
    nodes = add_plan(scene, result)
    grid = result.anatomy.ct.grid
    fine = subdivide(result.anatomy.lesion, (3, 3, 3)).astype(np.uint8)
    image = fill_image(slicer.vtkOrientedImageData(), fine)
    image.SetGeometryFromImageToWorldMatrix(vtk_matrix(grid.refined((3, 3, 3)).ijk_to_ras))
    segment = nodes.segmentation.GetSegmentation().GetSegment("lesion")
    segment.AddRepresentation("Binary labelmap", image)
    segment.SetLabelValue(1)
    np.testing.assert_array_equal(read_plan_nodes(scene).masks["lesion"], result.anatomy.lesion)
