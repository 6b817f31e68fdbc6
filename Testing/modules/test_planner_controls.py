"""The controls of the planner's panel: every one explained, reachable by keyboard, translatable and exercised."""

import ast
import re
import xml.etree.ElementTree as ElementTree
from collections import Counter

import pytest
from panels import PLANNER, ROOT

UI = PLANNER.parent / "Resources" / "UI" / "BoneAblationPlanner.ui"
PANEL = sorted((PLANNER.parent / "BoneAblationPlannerLib" / "panel").glob("*.py"))
TESTS = sorted((ROOT / "Testing" / "modules").glob("test_planner_*.py"))
OPERATED = (
    "QPushButton",
    "QCheckBox",
    "QComboBox",
    "QDoubleSpinBox",
    "QListWidget",
    "QTableWidget",
    "ctkSliderWidget",
    "qMRMLNodeComboBox",
    "qMRMLCheckableNodeComboBox",
    "qMRMLSegmentEditorWidget",
)
SHOWN_ONLY = ("coverageTable", "probeTable", "effectTable", "thermocoupleTable", "compareTable")
"""Tables for reading; tests compare their cells."""
KEYWORDS = ("barred bone", "not checked")
"""Words of the plan's format that are compared, not shown."""
MENU_KEYS = set("FEVH")
"""Alt with these opens a menu of Slicer's window."""


def widgets():
    return [(w.get("class"), w.get("name"), w) for w in ElementTree.parse(UI).iter("widget")]


def text_of(widget, name="text"):
    for item in widget.findall("property"):
        if item.get("name") == name:
            return item.findtext("string") or item.findtext("cstring") or ""
    return ""


def test_every_control_and_section_has_a_tooltip(planner):
    named = [name for kind, name, _ in widgets() if kind in (*OPERATED, "ctkCollapsibleButton", "QLabel")]
    assert len(named) > 60
    assert [name for name in named if not getattr(planner.ui, name).toolTip] == []


def test_every_control_is_operated_or_read_by_a_test():
    """A new control without a test is found here."""
    source = "\n".join(path.read_text(encoding="utf-8") for path in TESTS if path.name != "test_planner_controls.py")
    named = [name for kind, name, _ in widgets() if kind in OPERATED]
    assert len(named) > 40
    assert set(SHOWN_ONLY) <= set(named)
    assert [name for name in named if not re.search(rf"\bui\.{name}\b", source)] == []


def test_every_label_leads_to_its_control(planner):
    """Screen readers and Alt keys go from a label to its buddy."""
    labels = [(name, text_of(w, "buddy")) for kind, name, w in widgets() if kind == "QLabel" and ":" in text_of(w)]
    assert len(labels) > 15
    for name, buddy in labels:
        assert getattr(planner.ui, name).buddy().objectName == buddy, name


def test_keys_are_unique_and_leave_slicers_menus_alone():
    keys = [m.group(1).upper() for _, _, w in widgets() for m in [re.search(r"&(\w)", text_of(w))] if m]
    assert len(keys) > 8
    assert [key for key, count in Counter(keys).items() if count > 1] == []
    assert not MENU_KEYS & set(keys)


def test_the_tab_key_goes_from_top_to_bottom(planner):
    order, widget = [], planner.parent
    for _ in range(500):
        widget = widget.nextInFocusChain()
        order.append(widget.objectName)
    wanted = ["ctSelector", "placeButton", "outlineButton", "modalityCombo", "planButton", "undoButton", "exportButton"]
    places = [order.index(name) for name in wanted]
    assert places == sorted(places)


@pytest.mark.parametrize("path", PANEL, ids=lambda path: path.stem)
def test_what_a_person_reads_can_be_translated(path):
    """Sentences go through tr with a plain string, which is what Slicer's lupdate finds; nothing is styled by hand."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    calls = [n for n in ast.walk(tree) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name) and n.func.id == "_"]
    for call in calls:
        assert isinstance(call.args[0], ast.Constant), f"{path.name}:{call.lineno}: tr needs a plain string"
    wrapped = {id(call.args[0]) for call in calls}
    silent = {id(n) for n in ast.walk(tree) if is_silent(n) for n in ast.walk(n)}
    said = [
        f"{path.name}:{node.lineno}: {node.value!r}"
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and re.search(r"[a-z]{2,} [a-z]{2,}", node.value)
        and id(node) not in wrapped | silent
        and node.value not in KEYWORDS
    ]
    assert said == []


def is_silent(node):
    """Docstrings, and what goes to the log or to developers."""
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return True
    if isinstance(node, ast.Raise) and "NotImplementedError" in ast.dump(node):
        return True
    return isinstance(node, ast.Call) and "logging" in ast.dump(node.func)


def test_nothing_is_coloured_or_styled_by_hand():
    """Slicer's light and dark themes show through."""
    for path in (UI, *PANEL):
        assert not re.search(
            r"styleSheet|StyleSheet|QColor|QBrush|QPalette|setForeground|setBackground", path.read_text()
        )


def test_disabled_buttons_say_what_they_wait_for(planner):
    ui = planner.ui
    waiting = [name for kind, name, _ in widgets() if kind == "QPushButton" and not getattr(ui, name).enabled]
    assert len(waiting) > 10
    silent = [n for n in waiting if "needed" not in getattr(ui, n).toolTip]
    assert set(silent) <= {"cancelButton"}


def test_enter_on_a_warning_shows_its_place(host, planned, monkeypatch):
    shown = []
    monkeypatch.setattr(type(planned), "jump", lambda self, point: shown.append(point))
    ui = planned.ui
    ui.warningsList.itemActivated.emit(ui.warningsList.item(0))
    assert len(shown) == 1
