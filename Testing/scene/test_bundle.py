"""A plan in a file and back; a failed write leaves the old file."""

import errno
import zipfile
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from make_result import make_result

from BoneAblationPlannerLib.errors import InputError
from BoneAblationPlannerLib.regions import bounding_region
from BoneAblationPlannerLib.scene import bundle
from BoneAblationPlannerLib.scene.build import add_plan
from BoneAblationPlannerLib.scene.bundle import load_bundle, save_bundle, write_segmentation
from BoneAblationPlannerLib.scene.convert import points_array
from BoneAblationPlannerLib.scene.hierarchy import folder_of, hierarchy, nodes_in
from BoneAblationPlannerLib.scene.plan_nodes import plan_documents
from BoneAblationPlannerLib.scene.runtime import new_scene
from BoneAblationPlannerLib.scene.segmentation import segment_mask, segments, tag
from BoneAblationPlannerLib.scene.stored import read_plan_nodes
from BoneAblationPlannerLib.scene.volumes import volume_grid


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """(scene, its nodes, the bundle's path, the scene that was loaded from it)."""
    scene = new_scene()
    nodes = add_plan(scene, make_result())
    path = tmp_path_factory.mktemp("bundle") / "plan.mrb"
    save_bundle(scene, path)
    return scene, nodes, path, load_bundle(path)


def nodes_of(scene):
    return [scene.GetNthNode(n) for n in range(scene.GetNumberOfNodes())]


def attributes(node) -> dict:
    return {name: node.GetAttribute(name) for name in node.GetAttributeNames() if name.startswith("BonePlan.")}


def test_reload_has_the_same_nodes(saved):
    scene, _, _, loaded = saved
    assert Counter(n.GetClassName() for n in nodes_of(loaded)) == Counter(n.GetClassName() for n in nodes_of(scene))


def test_reload_has_the_same_attributes_and_names(saved):
    _, nodes, _, loaded = saved
    expected = sorted((n.GetName(), sorted(attributes(n).items())) for n in nodes.owned)
    found = sorted((n.GetName(), sorted(attributes(n).items())) for n in nodes_of(loaded) if attributes(n))
    with_attributes = [pair for pair in expected if pair[1]]
    assert found == with_attributes
    assert len(found) > 10


def test_reload_has_the_same_segment_tags(saved):
    _, nodes, _, loaded = saved
    segmentation = loaded.GetFirstNodeByClass("vtkMRMLSegmentationNode")

    def tags(node):
        names = ("BonePlan.Role", "BonePlan.Kind")
        return [(i, s.GetName(), s.GetColor(), *(tag(s, n) for n in names)) for i, s in segments(node)]

    for ours, theirs in zip(tags(segmentation), tags(nodes.segmentation), strict=True):
        assert ours[:2] + ours[3:] == theirs[:2] + theirs[3:]
        assert ours[2] == pytest.approx(theirs[2], abs=1e-5)


def test_reload_has_the_folder_with_the_same_content(saved):
    scene, nodes, _, loaded = saved
    document = plan_documents(loaded)[0]
    folder = folder_of(loaded, document)
    assert hierarchy(loaded).GetItemName(folder) == nodes.name
    names = sorted(n.GetName() for n in nodes_in(loaded, folder, "vtkMRMLNode"))
    assert names == sorted(n.GetName() for n in nodes_in(scene, nodes.folder, "vtkMRMLNode"))


def test_reload_gives_the_same_plan_and_masks(saved):
    result = make_result()
    stored = read_plan_nodes(saved[3])
    assert stored.plan.to_json() == result.plan.to_json()
    np.testing.assert_array_equal(stored.masks["lesion"], result.anatomy.lesion)
    np.testing.assert_array_equal(stored.masks["zone"], result.zone)
    np.testing.assert_array_equal(stored.masks["zone-visible"], result.visible_zone)
    np.testing.assert_array_equal(stored.masks["skin"], result.anatomy.body)
    for ours, theirs in zip(stored.structures, result.anatomy.structures, strict=True):
        assert (ours.name, ours.kind) == (theirs.name, theirs.kind)
        np.testing.assert_array_equal(ours.mask, theirs.mask)
    np.testing.assert_array_equal(stored.ct.hu, result.anatomy.ct.hu)
    assert stored.ct.grid.matches(result.anatomy.ct.grid, 1e-6)
    for line, probe in zip(stored.probes, result.plan.probes, strict=True):
        np.testing.assert_allclose(line.tip_ras_mm, probe.tip_ras_mm, atol=1e-6)


def test_models_come_back_in_place(saved):
    """A missing scene version would turn every mesh from RAS to LPS."""
    _, nodes, _, loaded = saved
    expected = points_array(nodes.zones[0].GetPolyData())
    found = loaded.GetFirstNodeByName(nodes.zones[0].GetName())
    np.testing.assert_allclose(points_array(found.GetPolyData()), expected, atol=1e-3)


def test_line_dragged_after_reload_is_read_back(saved):
    loaded = load_bundle(saved[2])
    line = loaded.GetFirstNodeByClass("vtkMRMLMarkupsLineNode")
    line.SetNthControlPointPosition(0, 7.0, 8.0, 9.0)
    assert (7.0, 8.0, 9.0) in [pytest.approx(p.entry_ras_mm) for p in read_plan_nodes(loaded).probes]


def test_saving_leaves_the_scene_where_it_was(saved):
    assert saved[0].GetURL() in (None, "")


def test_segmentation_file_holds_the_roles_on_the_grid_of_the_ct(saved, tmp_path):
    import slicer

    scene, nodes, _, _ = saved
    path = tmp_path / "a.seg.nrrd"
    write_segmentation(nodes, path)
    node = scene.AddNewNodeByClass("vtkMRMLSegmentationNode")
    storage = slicer.vtkMRMLSegmentationStorageNode()
    storage.SetFileName(str(path))
    assert storage.ReadData(node)
    roles = [tag(s, "BonePlan.Role") for _, s in segments(node)]
    scene.RemoveNode(node)
    assert roles == ["skin", "bone", "zone-visible", "zone", "target", "lesion", "structure", "structure"]
    assert sizes(path.read_bytes())[1:] == nodes.ct.GetImageData().GetDimensions()


def sizes(nrrd: bytes) -> tuple[int, ...]:
    """Samples along each axis, from the header."""
    line = next(row for row in nrrd.split(b"\n") if row.startswith(b"sizes:"))
    return tuple(int(n) for n in line.split()[1:])


def test_a_bundle_stores_segments_without_the_air_around_them(saved):
    _, nodes, path, loaded = saved
    with zipfile.ZipFile(path) as archive:
        name = next(n for n in archive.namelist() if n.endswith(".seg.nrrd"))
        stored = sizes(archive.read(name))
    expected = np.zeros(nodes.ct.GetImageData().GetDimensions()[::-1], dtype=bool)
    grid = volume_grid(nodes.ct)
    again = dict(segments(loaded.GetFirstNodeByClass("vtkMRMLSegmentationNode")))
    for identifier, segment in segments(nodes.segmentation):
        mask = segment_mask(segment, grid)
        np.testing.assert_array_equal(segment_mask(again[identifier], grid), mask)
        expected |= mask
    assert stored[1:] == tuple(s.stop - s.start for s in bounding_region(expected))[::-1]


def test_files_that_are_no_bundle_are_refused(tmp_path):
    text, other = tmp_path / "a.mrb", tmp_path / "b.mrb"
    text.write_text("no")
    with zipfile.ZipFile(other, "w") as archive:
        archive.writestr("readme.txt", "no scene here")
    for path in (text, other, tmp_path / "missing.mrb"):
        with pytest.raises(InputError) as raised:
            load_bundle(path)
        assert "\n" not in str(raised.value)
        assert path.name in str(raised.value)


def test_failed_write_keeps_the_old_bundle(saved, tmp_path, monkeypatch):
    path = tmp_path / "plan.mrb"
    path.write_bytes(b"old")
    monkeypatch.setattr(bundle, "_is_whole", lambda file: False)
    with pytest.raises(InputError, match="cannot be written"):
        save_bundle(saved[0], path)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_truncated_bundle_counts_as_failed(saved, tmp_path):
    whole = saved[2].read_bytes()
    cut = tmp_path / "cut.mrb"
    cut.write_bytes(whole[: len(whole) // 2])
    assert bundle._is_whole(saved[2])
    assert not bundle._is_whole(cut)


def test_full_disk_is_one_line(saved, tmp_path, monkeypatch):
    def full(*args, **kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(bundle.tempfile, "TemporaryDirectory", full)
    with pytest.raises(InputError, match="No space left on device"):
        save_bundle(saved[0], tmp_path / "plan.mrb")
    assert list(tmp_path.iterdir()) == []


def test_control_characters_become_spaces(tmp_path):
    result = make_result()
    probe = replace(result.plan.probes[0], name="a\x01b\nc", device="d\x00")
    first, *others = result.anatomy.structures
    structures = (replace(first, name="s\x1bt\n"), *others)
    result = replace(
        result,
        anatomy=replace(result.anatomy, structures=structures),
        plan=replace(result.plan, probes=(probe,)),
    )
    scene = new_scene()
    add_plan(scene, result)
    save_bundle(scene, tmp_path / "plan.mrb")
    stored = read_plan_nodes(load_bundle(tmp_path / "plan.mrb"))
    assert stored.probes[0].name == "a b c"
    assert stored.structures[0].name == "s t "
    assert stored.plan.probes[0].name == "a\x01b\nc"


@pytest.mark.parametrize("name", ["a/b\\c:d", "<script> & 'x' \"y\"", "前立腺 é", "pipe | tilde ~ per % cent", "../up"])
def test_any_name_survives_the_file(tmp_path, name):
    result = make_result()
    first, *others = result.anatomy.structures
    structures = (replace(first, name=name), *others)
    probe = replace(result.plan.probes[0], name=name, device=name, program=name)
    result = replace(
        result,
        anatomy=replace(result.anatomy, structures=structures, ct=replace(result.anatomy.ct, source=name)),
        plan=replace(result.plan, probes=(probe,)),
    )
    scene = new_scene()
    add_plan(scene, result)
    save_bundle(scene, tmp_path / "plan.mrb")
    assert [f.name for f in tmp_path.iterdir()] == ["plan.mrb"]
    stored = read_plan_nodes(load_bundle(tmp_path / "plan.mrb"))
    assert stored.structures[0].name == name
    np.testing.assert_array_equal(stored.structures[0].mask, first.mask)
    assert (stored.probes[0].name, stored.probes[0].device, stored.probes[0].program) == (name, name, name)
    assert stored.plan.probes[0].name == name
    assert stored.ct.source == name


def test_a_bundle_is_read_by_a_relative_path(saved, monkeypatch):
    path = saved[2]
    monkeypatch.chdir(path.parent.parent)
    relative = path.relative_to(path.parent.parent)
    assert load_bundle(relative).GetNumberOfNodes() == load_bundle(path).GetNumberOfNodes()
