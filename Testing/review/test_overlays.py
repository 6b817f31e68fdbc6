"""What the page shows of a scene: hidden things stay hidden until they are asked for."""

from copy import copy
from types import SimpleNamespace

import numpy as np
import pytest
import vtk
from make_result import make_result

from BoneAblationPlannerLib.review.overlays import Overlays
from BoneAblationPlannerLib.scene.build import add_plan
from BoneAblationPlannerLib.scene.models import MARGIN_SCALARS, add_model
from BoneAblationPlannerLib.scene.runtime import new_scene
from BoneAblationPlannerLib.scene.segmentation import ROLE_TAG, segments, tag
from BoneAblationPlannerLib.scene.stabilisation import BODY, NEEDLE
from BoneAblationPlannerLib.scene.surfaces import set_scalars
from BoneAblationPlannerLib.zones.spheroid import Spheroid

BALL = Spheroid(np.zeros(3), np.array([0.0, 0.0, 1.0]), 30.0, 30.0)


@pytest.fixture
def scene():
    return new_scene()


def overlays_of(scene, simulated=False, hidden_roles=()):
    """Overlays of a plan, and models of more roles as a file holds them: hidden."""
    nodes = add_plan(scene, make_result())
    more = {role: add_model(scene, role, vtk.vtkPolyData(), role, (1.0, 1.0, 1.0), 0.3) for role in hidden_roles}
    for node in more.values():
        node.GetDisplayNode().SetVisibility(False)
    return nodes, more, Overlays(scene, nodes.segmentation, nodes.probes, simulated)


def visible(node):
    display = node.GetDisplayNode()
    return bool(display.GetVisibility() and display.GetVisibility3D())


def test_nothing_opaque_stands_before_the_bone(scene):
    _, more, overlays = overlays_of(scene, hidden_roles=("skin-access", "something new"))
    assert not any(visible(node) for node in more.values())
    overlays.set_layer("access", True)
    assert visible(more["skin-access"])
    assert not visible(more["something new"])


def test_isotherms_are_lines_in_slices_and_never_hide_the_3d_view(scene):
    roles = ("isotherm", "dose-surface", "simulated-small", "simulated-large")
    _, more, overlays = overlays_of(scene, hidden_roles=roles)
    assert not any(node.GetDisplayNode().GetVisibility() for node in more.values())
    overlays.set_layer("isotherm", True)
    for node in more.values():
        assert node.GetDisplayNode().GetVisibility()
        assert node.GetDisplayNode().GetVisibility2D()
        assert not visible(node)


@pytest.mark.parametrize("simulated", [False, True])
def test_a_simulated_zone_is_outlined(scene, simulated):
    nodes, _, overlays = overlays_of(scene, simulated)
    zone = next(i for i, s in segments(nodes.segmentation) if tag(s, ROLE_TAG) == "zone")
    assert nodes.segmentation.GetDisplayNode().GetSegmentVisibility(zone) == simulated
    assert ("simulated" in [layer["id"] for layer in overlays.layers]) == simulated


def test_the_ct_is_seen_through_every_segment(scene):
    nodes, *_ = overlays_of(scene)
    display = nodes.segmentation.GetDisplayNode()
    assert not any(display.GetSegmentVisibility2DFill(i) for i, _ in segments(nodes.segmentation))


def test_layers_are_those_that_the_plan_has(scene):
    offered = [layer["id"] for layer in overlays_of(scene)[2].layers]
    assert {"lesion", "target", "zone", "structure", "bone", "skin"} <= set(offered)
    assert not {"stabilisation", "corridor", "access", "isotherm"} & set(offered)


def test_the_stored_margins_come_back(scene):
    nodes, _, overlays = overlays_of(scene)
    surface = nodes.margin_map.GetPolyData()

    def margins():
        return vtk.util.numpy_support.vtk_to_numpy(surface.GetPointData().GetScalars()).copy()

    before = margins()
    set_scalars(surface, MARGIN_SCALARS, np.full(len(before), 99.0))
    overlays.show_stored()
    np.testing.assert_array_equal(margins(), before)
    assert surface.GetPointData().GetScalars().GetName() == MARGIN_SCALARS


def test_visible_ice_is_a_layer_of_plans_with_ice_only(scene):
    nodes, _, overlays = overlays_of(scene)
    assert "zone-visible" not in [layer["id"] for layer in overlays.layers]  # nothing followed yet
    needle = SimpleNamespace(
        program=SimpleNamespace(visible_short_mm=30.0),
        device=SimpleNamespace(shaft_lengths_mm=(150.0,), diameter_mm=2.0),
        entry_ras_mm=(0.0, 0.0, 50.0), tip_ras_mm=(0.0, 0.0, 0.0), zone=BALL, outer_zone=BALL,
    )  # fmt: skip
    overlays.follow([needle] * len(nodes.probes))
    ice = scene.GetFirstNodeByName("Ice 1")
    assert "zone-visible" in [layer["id"] for layer in overlays.layers]
    assert visible(ice)
    overlays.set_layer("zone-visible", False)
    assert not visible(ice)
    overlays.follow([copy(needle)] * len(nodes.probes))  # a moved needle brings nothing back
    assert not visible(ice)
    overlays.set_layer("zone-visible", True)
    assert visible(ice)


def test_cement_needles_go_with_their_layer_and_with_a_plan_that_has_none_any_more(scene):
    line = scene.AddNewNodeByClass("vtkMRMLMarkupsLineNode", "Cement needle 1")
    line.CreateDefaultDisplayNodes()
    line.SetAttribute("BonePlan.Role", NEEDLE)
    _, more, overlays = overlays_of(scene, hidden_roles=(BODY,))
    shown = line.GetDisplayNode().GetVisibility
    assert shown()
    for hide in (lambda on: overlays.set_layer("stabilisation", on), overlays.show_cement):
        hide(False)
        assert not shown()
        assert not visible(more[BODY])
        hide(True)
        assert shown()
        assert visible(more[BODY])
