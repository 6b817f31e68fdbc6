"""Private scenes: independent, complete, and gone when they are dropped."""

import sys
import types

import pytest

from BoneAblationPlannerLib.errors import InputError
from BoneAblationPlannerLib.scene import runtime


def test_scenes_are_independent():
    first, second = runtime.new_scene(), runtime.new_scene()
    before = second.GetNumberOfNodes()
    first.AddNewNodeByClass("vtkMRMLMarkupsLineNode", "only here")
    assert second.GetNumberOfNodes() == before
    assert runtime.application_logic(first) is not runtime.application_logic(second)


@pytest.mark.parametrize(
    "class_name",
    ["vtkMRMLSegmentationNode", "vtkMRMLMarkupsLineNode", "vtkMRMLTableNode", "vtkMRMLCropVolumeParametersNode"],
)
def test_node_classes_of_modules_are_registered(class_name):
    assert runtime.new_scene().CreateNodeByClass(class_name) is not None


def test_dropped_scene_takes_its_temporary_folder_along():
    scene = runtime.new_scene()
    path = runtime.application_logic(scene).GetTemporaryPath()
    folder = runtime.Path(path)
    assert folder.is_dir()
    del scene
    assert not folder.exists()


def test_scene_without_logics_is_refused():
    import slicer

    with pytest.raises(ValueError, match="new_scene"):
        runtime.application_logic(slicer.vtkMRMLScene())


def test_desktop_scene_is_used_as_it_is(monkeypatch):
    import slicer

    scene = runtime.new_scene()
    logic = runtime.application_logic(scene)
    app = types.SimpleNamespace(mrmlScene=lambda: scene, applicationLogic=lambda: logic)
    monkeypatch.setattr(slicer, "app", app, raising=False)
    nodes = scene.GetNumberOfNodes()
    assert runtime.host_scene() is scene
    assert runtime.new_scene() is not scene
    assert scene.GetNumberOfNodes() == nodes


def test_missing_runtime_is_one_line_with_the_command(monkeypatch):
    monkeypatch.setitem(sys.modules, "slicer", None)
    with pytest.raises(InputError, match="pip install") as raised:
        runtime.new_scene()
    assert "\n" not in str(raised.value)
