"""Nodes of a plan follow a new result: moved, added, removed and renamed probes."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from make_result import make_result

from BoneAblationPlannerLib.scene.build import add_plan
from BoneAblationPlannerLib.scene.bundle import load_bundle, save_bundle
from BoneAblationPlannerLib.scene.convert import points_array
from BoneAblationPlannerLib.scene.hierarchy import folder_of
from BoneAblationPlannerLib.scene.plan_nodes import plan_nodes, remove_plan
from BoneAblationPlannerLib.scene.probes import PROBE_ATTRIBUTE
from BoneAblationPlannerLib.scene.refresh import rename_probe, show_result
from BoneAblationPlannerLib.scene.runtime import new_scene
from BoneAblationPlannerLib.scene.stored import read_plan_nodes


def moved(probe, by):
    """The probe shifted as a whole."""
    shift = lambda point: tuple(float(v) for v in np.add(point, by))  # noqa: E731
    return replace(
        probe,
        entry_ras_mm=shift(probe.entry_ras_mm),
        tip_ras_mm=shift(probe.tip_ras_mm),
        zone_centre_ras_mm=shift(probe.zone_centre_ras_mm),
    )


def with_probes(result, probes):
    return replace(result, plan=replace(result.plan, probes=tuple(probes)))


def classes(scene):
    return Counter(scene.GetNthNode(n).GetClassName() for n in range(scene.GetNumberOfNodes()))


def centre(node):
    """Middle of a model's box."""
    points = points_array(node.GetPolyData())
    return (points.min(axis=0) + points.max(axis=0)) / 2


def test_everything_of_a_moved_probe_moves():
    result = make_result()
    scene = new_scene()
    document = add_plan(scene, result).document
    before, counts = plan_nodes(document), classes(scene)
    middles = {n.GetID(): centre(n) for n in (*before.shafts, *before.zones, *before.visible_zones)}
    by = np.array([3.0, -4.0, 5.0])
    first, *rest = result.plan.probes
    zone = np.roll(result.zone, 1, axis=2)
    nodes = show_result(document, replace(with_probes(result, [moved(first, by), *rest]), zone=zone))
    assert classes(scene) == counts
    for node in (*nodes.shafts, *nodes.zones, *nodes.visible_zones):
        shift = by if node.GetAttribute(PROBE_ATTRIBUTE) == first.name else np.zeros(3)
        np.testing.assert_allclose(centre(node) - middles[node.GetID()], shift, atol=1e-6)
    stored = read_plan_nodes(scene)
    np.testing.assert_allclose(stored.probes[0].tip_ras_mm, np.add(first.tip_ras_mm, by), atol=1e-6)
    np.testing.assert_array_equal(stored.masks["zone"], zone)
    np.testing.assert_array_equal(stored.masks["lesion"], result.anatomy.lesion)
    assert stored.plan.probes[0].tip_ras_mm == pytest.approx(np.add(first.tip_ras_mm, by))
    table = next(t for t in nodes.tables if t.GetAttribute("BonePlan.Table") == "probes")
    assert table.GetTable().GetColumnByName("tip S mm").GetValue(0) == pytest.approx(first.tip_ras_mm[2] + 5.0)


def test_defects_and_remainder_follow_the_result_and_go_with_it():
    result = make_result()
    scene = new_scene()
    lesion = result.anatomy.lesion
    first, second = lesion & ~np.roll(lesion, 1, axis=0), lesion & ~np.roll(lesion, 1, axis=1)

    def having(defects, remainder):
        return replace(result, anatomy=replace(result.anatomy, defects=defects), remainder=remainder)

    document = add_plan(scene, having(first, second)).document
    show_result(document, having(second, first))
    masks = read_plan_nodes(scene).masks
    np.testing.assert_array_equal(masks["defect"], second)
    np.testing.assert_array_equal(masks["remainder"], first)
    show_result(document, having(None, np.zeros_like(first)))
    assert not {"defect", "remainder"} & set(read_plan_nodes(scene).masks)


@pytest.mark.parametrize("loaded", [False, True])
def test_probes_come_and_go_and_nothing_is_left_behind(loaded, tmp_path):
    result = make_result()
    scene = new_scene()
    document = add_plan(scene, result).document
    if loaded:
        save_bundle(scene, tmp_path / "plan.mrb")
        scene = load_bundle(tmp_path / "plan.mrb")
        document = next(iter(_documents(scene)))
    first, *rest = result.plan.probes
    fewer = show_result(document, with_probes(result, rest))
    for group in (fewer.probes, fewer.shafts, fewer.zones, fewer.visible_zones):
        assert len(group) == len(rest)
    added = replace(moved(first, [0, 0, 9.0]), name="Probe 9")
    more = show_result(document, with_probes(result, [*rest, added]))
    assert [p.name for p in read_plan_nodes(scene).probes] == [*(p.name for p in rest), "Probe 9"]
    for node in (*more.probes, *more.shafts, *more.zones, *more.visible_zones):
        assert folder_of(scene, node) == more.folder
    remove_plan(plan_nodes(document))
    for kind in ("vtkMRMLMarkupsLineNode", "vtkMRMLModelNode", "vtkMRMLTableNode", "vtkMRMLTextNode"):
        assert scene.GetNumberOfNodesByClass(kind) == 0


def _documents(scene):
    from BoneAblationPlannerLib.scene.plan_nodes import plan_documents

    return plan_documents(scene)


def test_a_renamed_probe_keeps_its_nodes():
    result = make_result()
    scene = new_scene()
    document = add_plan(scene, result).document
    first, *rest = result.plan.probes
    counts = classes(scene)
    rename_probe(document, first.name, "lateral")
    nodes = show_result(document, with_probes(result, [replace(first, name="lateral"), *rest]))
    assert classes(scene) == counts
    assert [p.name for p in read_plan_nodes(scene).probes] == ["lateral", *(p.name for p in rest)]
    assert {n.GetAttribute(PROBE_ATTRIBUTE) for n in nodes.zones} == {"lateral", *(p.name for p in rest)}
