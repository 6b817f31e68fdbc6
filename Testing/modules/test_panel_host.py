"""The stand-in itself, against what PythonQt and Slicer's headers document."""

import ast
import json
import re
import xml.etree.ElementTree as ElementTree
from typing import Annotated

import pytest
import slicer
from panels import CEMENT, PLANNER, ROOT

WIDGETS = json.loads((ROOT / "Testing" / "PanelHost" / "widgets.json").read_text(encoding="utf-8"))
SHARED = sorted((ROOT / "BoneAblationPlanner" / "BoneAblationPlannerLib" / "panel").glob("*.py"))
# Attributes that Python gives every widget, or that the loader handles itself.
EVERYWHERE = {"connect"}


# PythonQt


def test_properties_are_attributes_and_their_getters_are_not_methods(host):
    import qt

    button = qt.QPushButton("Plan")
    assert button.text == "Plan"
    button.text = "Stop"
    button.setToolTip("why")
    assert (button.text, button.toolTip, button.enabled) == ("Stop", "why", True)
    button.enabled = False
    assert not button.isEnabled()
    with pytest.raises(TypeError):
        button.text()
    combo = qt.QComboBox()
    combo.addItem("one", 1)
    combo.addItem("two", 2)
    combo.currentIndex = 1
    assert (combo.count, combo.currentText, combo.currentData, combo.itemData(0)) == (2, "two", 2, 1)
    button.name = "planButton"
    assert (button.objectName, button.className()) == ("planButton", "QPushButton")


def test_a_slot_gets_as_many_arguments_as_it_takes(host):
    import qt

    heard = []
    button = qt.QPushButton()
    button.checkable = True
    nothing, flag = (lambda: heard.append("nothing")), (lambda checked: heard.append(checked))
    button.connect("clicked()", nothing)
    button.connect("clicked(bool)", flag)
    button.click()
    assert heard == ["nothing", True]
    assert button.disconnect("clicked(bool)", flag)
    assert not button.disconnect("clicked(bool)", flag)
    button.click()
    assert heard == ["nothing", True, "nothing"]
    with pytest.raises(AttributeError):
        button.connect("noSuchSignal()", nothing)


def test_constants_outlive_any_number_of_calls(host):
    """PySide6 takes a reference of None or True away with every call below Python 3.12."""
    import sys

    import qt

    section = make(host, "ctkCollapsibleButton")
    widget = qt.QTableWidget()
    for _ in range(1000):
        section.contentsCollapsed.emit(True)
        widget.clear()
    assert all(sys.getrefcount(constant) > 1 << 30 for constant in (None, True, False))


# Loading


def make(host, class_name):
    import qt

    return qt.QUiLoader().createWidget(class_name, None, "made")


def load(host, tmp_path, text):
    (tmp_path / "panel.ui").write_text(text, encoding="utf-8")
    return slicer.util.loadUI(str(tmp_path / "panel.ui"))


UI = """<ui version="4.0"><class>P</class><widget class="qMRMLWidget" name="P">
<layout class="QVBoxLayout" name="l"><item>
<widget class="qMRMLNodeComboBox" name="box"><property name="nodeTypes"><stringlist><string>vtkMRMLModelNode</string>
</stringlist></property></widget></item></layout></widget><customwidgets/><connections>{}</connections></ui>"""
WIRE = """<connection><sender>P</sender><signal>mrmlSceneChanged(vtkMRMLScene*)</signal><receiver>box</receiver>
<slot>setMRMLScene(vtkMRMLScene*)</slot></connection>"""


def test_a_widget_that_the_ui_file_does_not_connect_stays_disabled(host, tmp_path):
    for text, wired in ((UI.format(""), False), (UI.format(WIRE), True)):
        top = load(host, tmp_path, text)
        top.setMRMLScene(host.scene)
        ui = slicer.util.childWidgetVariables(top)
        assert ui.box.enabled is wired
        assert ui.box.nodeTypes == ["vtkMRMLModelNode"]
        top.setMRMLScene(None)


def test_a_class_without_a_stand_in_is_an_error(host):
    with pytest.raises(NotImplementedError, match="qMRMLTableView"):
        make(host, "qMRMLTableView")


# qMRML


@pytest.fixture
def box(host):
    widget = make(host, "qMRMLNodeComboBox")
    widget.nodeTypes = ["vtkMRMLScalarVolumeNode"]
    widget.setMRMLScene(host.scene)
    yield widget
    widget.setMRMLScene(None)


def test_a_node_box_offers_the_nodes_of_its_types(host, box):
    volume = host.scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "ct")
    labels = host.scene.AddNewNodeByClass("vtkMRMLLabelMapVolumeNode", "labels")
    hidden = host.scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "hidden")
    hidden.SetHideFromEditors(True)
    box.noneEnabled = True
    assert box.nodes() == [volume, labels]
    box.showChildNodeTypes = False
    assert box.nodes() == [volume]
    box.showHidden = True
    assert box.nodeCount() == 2
    box.addAttribute("vtkMRMLScalarVolumeNode", "BonePlan.Source")
    assert box.nodes() == []
    hidden.SetAttribute("BonePlan.Source", "file")
    assert box.nodes() == [hidden]


def test_a_node_box_tells_of_its_choice_and_of_its_loss(host, box):
    box.noneEnabled = True
    heard = []
    box.connect("currentNodeChanged(vtkMRMLNode*)", heard.append)
    node = host.scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "ct")
    assert box.currentNode() is None
    box.setCurrentNode(node)
    assert (box.currentNode(), box.currentNodeID) == (node, node.GetID())
    host.scene.RemoveNode(node)
    assert box.currentNode() is None
    assert heard == [node, None]


def test_nodes_are_unchecked_at_first_and_checking_is_told(host):
    import qt

    widget = make(host, "qMRMLCheckableNodeComboBox")
    widget.nodeTypes = ["vtkMRMLMarkupsCurveNode"]
    widget.setMRMLScene(host.scene)
    first, second = (host.scene.AddNewNodeByClass("vtkMRMLMarkupsCurveNode") for _ in range(2))
    heard = []
    widget.connect("checkedNodesChanged()", lambda: heard.append(widget.checkedNodes()))
    widget.setCheckState(second, qt.Qt.Checked)
    widget.setCheckState(second, qt.Qt.Checked)
    assert heard == [[second]]
    assert widget.uncheckedNodes() == [first]
    widget.setMRMLScene(None)


def test_a_folded_section_hides_what_was_visible_only(host):
    import qt

    section = make(host, "ctkCollapsibleButton")
    layout = qt.QVBoxLayout(section)
    seen, hidden = qt.QLabel("seen"), qt.QLabel("hidden")
    layout.addWidget(seen)
    layout.addWidget(hidden)
    hidden.hide()
    section.show()
    section.collapsed = True
    assert (seen.isVisible(), hidden.isVisible()) == (False, False)
    section.collapsed = False
    assert (seen.isVisible(), hidden.isVisible()) == (True, False)


# Parameter node


def test_parameters_are_stored_as_slicer_stores_them(host):
    import enum

    from slicer.parameterNodeWrapper import WithinRange, parameterNodeWrapper

    class Side(enum.Enum):
        LEFT = 1
        RIGHT = 2

    @parameterNodeWrapper
    class Parameters:
        volume: slicer.vtkMRMLScalarVolumeNode
        curves: list[slicer.vtkMRMLMarkupsCurveNode]
        side: Side
        margin: Annotated[float, WithinRange(0, 10)] = 5.0
        title: str = "plan"

    node = host.scene.AddNewNodeByClass("vtkMRMLScriptedModuleNode")
    parameters = Parameters(node)
    assert (parameters.volume, parameters.curves, parameters.side) == (None, [], Side.LEFT)
    assert (parameters.margin, parameters.title) == (5.0, "plan")
    curves = [host.scene.AddNewNodeByClass("vtkMRMLMarkupsCurveNode") for _ in range(2)]
    parameters.curves, parameters.side = curves, Side.RIGHT
    assert node.GetParameter("side") == "RIGHT"
    assert node.GetParameter("curves.len") == "2"
    assert node.GetNodeReference("curves.1") is curves[1]
    assert Parameters(node).curves == curves
    parameters.curves = curves[:1]
    assert node.GetNodeReference("curves.1") is None
    with pytest.raises(ValueError, match="margin: 11"):
        parameters.margin = 11
    with pytest.raises(TypeError, match="vtkMRMLMarkupsCurveNode"):
        parameters.volume = curves[0]


# The table of widgets


def used():
    """{class: names} that panels use: properties in .ui files, attributes and signals in code."""
    found = {}
    for path in (PLANNER, CEMENT):
        ui = ElementTree.parse(path.parent / "Resources" / "UI" / f"{path.stem}.ui")
        classes = {w.get("name"): w.get("class") for w in ui.iter("widget")}
        for widget in ui.iter("widget"):
            names = found.setdefault(widget.get("class"), set())
            names |= {p.get("name") for p in widget.findall("property")} - {"SlicerParameterName"}
        for connection in ui.iter("connection"):
            found[classes[connection.findtext("sender")]].add(connection.findtext("signal"))
            found[classes[connection.findtext("receiver")]].add(connection.findtext("slot"))
        for code in (path, *SHARED):
            for name, attribute in used_in_code(code):
                if name in classes:
                    found[classes[name]].add(attribute)
    for class_name, attribute in used_in_shared_code():
        found[class_name].add(attribute)
    return found


def used_in_code(path):
    """(widget, attribute or signal) of every ``self.ui.WIDGET.ATTRIBUTE`` in a module file, also by a local name."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    local = {
        node.targets[0].id: node.value.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and is_widget(node.value)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr not in EVERYWHERE:
            if is_widget(node.value):
                yield node.value.attr, node.attr
            elif isinstance(node.value, ast.Name) and node.value.id in local:
                yield local[node.value.id], node.attr
        called = node.func if isinstance(node, ast.Call) else None
        if isinstance(called, ast.Attribute) and called.attr == "connect" and is_widget(called.value):
            yield node.func.value.attr, node.args[0].value


def used_in_shared_code():
    """(class, attribute) in the code that fills widgets for both panels, by the names of its arguments."""
    classes = {"widget": "QTableWidget", "label": "QLabel"}
    for path in SHARED:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in classes:
                yield classes[node.value.id], node.attr


def is_widget(node):
    return isinstance(node, ast.Attribute) and is_ui(node.value)


def is_ui(node):
    return isinstance(node, ast.Attribute) and node.attr == "ui"


def test_the_table_holds_every_widget_and_name_that_panels_use():
    for class_name, names in used().items():
        assert class_name in WIDGETS, f"{class_name}: not in widgets.json"
        missing = names - set(WIDGETS[class_name]["names"])
        assert not missing, f"{class_name}: {sorted(missing)} not in widgets.json"


def test_the_table_says_where_each_widget_was_verified():
    for class_name, row in WIDGETS.items():
        assert row["verified"], class_name
        if class_name.startswith(("qMRML", "ctk")):
            assert re.match(r"(Slicer|CTK) [0-9a-f]{7,} .*\.h$", row["verified"]), class_name


def test_stand_ins_have_every_name_of_the_table(host):
    for class_name, row in WIDGETS.items():
        widget = make(host, class_name)
        for name in row["names"]:
            plain = name.split("(")[0]
            if plain != "mrmlSceneChanged":  # handled by the loader
                assert hasattr(widget, plain), f"{class_name}.{name}"


def test_the_desktops_self_test_passes_here(host, monkeypatch):
    import importlib.util

    path = ROOT / "Testing" / "Slicer" / "PanelSelfTest.py"
    spec = importlib.util.spec_from_file_location("PanelSelfTest", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for panel in (PLANNER, CEMENT):
        host.open(host.load(panel))
    from phantoms import coarse_phantom, coarse_result

    planner = slicer.util.getModuleWidget("BoneAblationPlanner")
    monkeypatch.setattr(planner.logic, "makePhantom", lambda report: coarse_phantom())
    monkeypatch.setattr(planner.logic, "plan", lambda case, report: coarse_result())
    test = module.PanelSelfTest("test_sample_case_is_planned_and_gets_cement")
    test.setUp()
    test.test_sample_case_is_planned_and_gets_cement()
