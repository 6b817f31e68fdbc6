"""Skin map, zones of uncertain size and what no zone covers, as nodes and back."""

import json
from dataclasses import replace

import numpy as np
import pytest
from make_result import make_result

from BoneAblationPlannerLib.case import SkinMap
from BoneAblationPlannerLib.scene.build import add_plan
from BoneAblationPlannerLib.scene.convert import points_array
from BoneAblationPlannerLib.scene.plan_nodes import remove_plan
from BoneAblationPlannerLib.scene.refresh import show_result
from BoneAblationPlannerLib.scene.runtime import new_scene
from BoneAblationPlannerLib.scene.segmentation import ROLE_TAG, segments, tag
from BoneAblationPlannerLib.scene.skin_access import EFFORT_SCALARS, EXCLUDED, REASON_SCALARS, REASONS_ATTRIBUTE
from BoneAblationPlannerLib.scene.stored import read_plan_nodes
from BoneAblationPlannerLib.scene.surfaces import mask_surface


def with_skin(result):
    """Two entries on the skin: one usable with effort 2, one blocked by a vessel."""
    skin = points_array(mask_surface(result.anatomy.body, result.anatomy.ct.grid, 4.0))
    points = skin[[int(skin[:, 0].argmin()), int(skin[:, 0].argmax())]]
    found = SkinMap(points, np.array([2.0, np.nan]), np.array([0, 1], dtype=np.int16), ("vessel",))
    return replace(result, skin=found)


def with_bounds(result):
    sized = [replace(p, zone_axes_low_mm=(27.0, 27.0, 37.0), zone_axes_high_mm=(33.0, 33.0, 43.0))
             for p in result.plan.probes]  # fmt: skip
    return replace(result, plan=replace(result.plan, probes=tuple(sized)))


def of_role(nodes, role):
    return [node for node in nodes.owned if node.GetAttribute("BonePlan.Role") == role]


def array(node, name):
    values = node.GetPolyData().GetPointData().GetArray(name)
    return np.array([values.GetValue(n) for n in range(values.GetNumberOfTuples())])


def test_skin_takes_effort_and_reason_of_the_nearest_entry():
    result = with_skin(make_result())
    nodes = add_plan(new_scene(), result)
    (node,) = of_role(nodes, "skin-access")
    points, (usable, blocked) = points_array(node.GetPolyData()), result.skin.points_ras_mm
    nearer_usable = np.linalg.norm(points - usable, axis=1) < np.linalg.norm(points - blocked, axis=1)
    assert nearer_usable.any()
    assert not nearer_usable.all()
    np.testing.assert_array_equal(array(node, EFFORT_SCALARS), np.where(nearer_usable, 2.0, EXCLUDED))
    np.testing.assert_array_equal(array(node, REASON_SCALARS), np.where(nearer_usable, 0, 1))
    assert json.loads(node.GetAttribute(REASONS_ATTRIBUTE))["1"] == "vessel"
    assert not node.GetDisplayNode().GetVisibility()
    assert nodes.margin_map.GetDisplayNode().GetColorNode() is nodes.margin_colours


def test_without_a_search_there_is_no_skin_map():
    assert of_role(add_plan(new_scene(), make_result()), "skin-access") == []


def test_zones_of_uncertain_size_are_there_but_hidden():
    result = with_bounds(make_result())
    nodes = add_plan(new_scene(), result)
    for role, axes in (("zone-small", (27.0, 37.0)), ("zone-large", (33.0, 43.0))):
        bounds = of_role(nodes, role)
        assert len(bounds) == len(result.plan.probes)
        for node, probe in zip(bounds, result.plan.probes, strict=True):
            d = np.subtract(probe.tip_ras_mm, probe.entry_ras_mm)
            d /= np.linalg.norm(d)
            offset = points_array(node.GetPolyData()) - probe.zone_centre_ras_mm
            axial = offset @ d
            radial = np.linalg.norm(offset - np.outer(axial, d), axis=1)
            np.testing.assert_allclose((2 * axial / axes[1]) ** 2 + (2 * radial / axes[0]) ** 2, 1, atol=1e-9)
            assert not node.GetDisplayNode().GetVisibility()
    fewer = show_result(nodes.document, replace(result, plan=replace(result.plan, probes=result.plan.probes[:1])))
    assert len(fewer.zone_bounds) == 2


def test_remainder_comes_and_goes_with_the_result():
    result = make_result()
    left = result.target & ~result.zone
    left[tuple(np.argwhere(result.target)[0])] = True
    nodes = add_plan(new_scene(), replace(result, remainder=left))
    np.testing.assert_array_equal(read_plan_nodes(nodes.scene).masks["remainder"], left)
    show_result(nodes.document, replace(result, remainder=np.zeros_like(left)))
    assert "remainder" not in {tag(s, ROLE_TAG) for _, s in segments(nodes.segmentation)}


@pytest.mark.parametrize("prepare", [with_skin, with_bounds])
def test_nothing_is_left_behind(prepare):
    scene = new_scene()
    before = scene.GetNumberOfNodes()
    first = add_plan(scene, make_result())
    remove_plan(first)
    empty = scene.GetNumberOfNodes()
    remove_plan(add_plan(scene, prepare(make_result())))
    assert scene.GetNumberOfNodes() == empty >= before
