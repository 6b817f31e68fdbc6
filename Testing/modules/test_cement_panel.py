"""The panel of cement, screws and stability, on a plan of the scene."""

import json
import os
import re
import time
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
import slicer
from panels import CEMENT, ROOT, cells, held, ids, run, waiting
from phantoms import coarse_result

from BoneAblationPlannerLib.plan import PathClearance, Plan
from BoneAblationPlannerLib.scene.build import add_plan
from BoneAblationPlannerLib.scene.bundle import save_bundle
from BoneAblationPlannerLib.scene.hierarchy import folder_of
from BoneAblationPlannerLib.scene.live import live_plan
from BoneAblationPlannerLib.scene.plan_nodes import plan_documents, plan_nodes
from BoneAblationPlannerLib.scene.runtime import new_scene
from BoneAblationPlannerLib.scene.stored import read_plan_nodes
from CementTrajectoryLib.cement.defaults import GAUGE_DIAMETER_MM
from CementTrajectoryLib.cement.filling import VISCOSITIES
from CementTrajectoryLib.cement.needles import MOST_NEEDLES
from CementTrajectoryLib.stability.mirels import PAIN
from CementTrajectoryLib.workflow import CementChoices, plan_cement, plan_screws, plan_stability


@pytest.fixture
def module(host):
    return host.load(CEMENT)


@pytest.fixture
def cement(host, planner, module):
    """The open cement panel in a scene with the coarse plan."""
    planner.logic.addPlan(coarse_result())
    return host.open(module)


def of_role(document, role):
    return [n for n in plan_nodes(document).stabilisation if n.GetAttribute("BonePlan.Role") == role]


def title(panel, name):
    return getattr(panel.ui, name).text


def test_without_a_plan_the_button_says_where_to_make_one(host, module):
    panel = host.open(module)
    assert not panel.ui.planButton.enabled
    assert "make one with Bone Ablation Planner" in panel.ui.planButton.toolTip
    assert not panel.ui.resultsBody.isVisible()


def test_the_lists_offer_what_the_workflow_takes(module):
    from CementTrajectoryLib.panel.parameters import NeedleCount, NeedleGauge, PainChoice, ViscosityChoice

    assert {gauge.value for gauge in NeedleGauge} == {None, *GAUGE_DIAMETER_MM}
    assert {v.value for v in ViscosityChoice} == set(VISCOSITIES)
    assert {n.value for n in NeedleCount} == {None, *range(1, MOST_NEEDLES + 1)}
    assert {p.value for p in PainChoice} == {None, *PAIN}
    defaults = CementChoices()
    first = [next(iter(kind)).value for kind in (NeedleGauge, ViscosityChoice, NeedleCount)]
    assert first == [defaults.gauge, defaults.viscosity, defaults.needles]


def test_every_button_says_what_is_missing(host, module):
    panel = host.open(module)
    for button in (panel.ui.planButton, panel.ui.screwsButton, panel.ui.stabilityButton):
        assert not button.enabled
        assert "make one with Bone Ablation Planner" in button.toolTip
    assert "…" in title(panel, "planSection")


def test_every_control_has_a_tooltip(cement):
    names = [
        n for n in vars(cement.ui) if n.endswith(("Button", "Combo", "Spin", "Selector", "Table", "List", "Section"))
    ]
    assert len(names) > 20
    assert [n for n in names if not getattr(cement.ui, n).toolTip] == []


def test_every_control_is_operated_or_read_by_a_test():
    """A new control without a test is found here."""
    path = CEMENT.parent / "Resources" / "UI" / "CementTrajectory.ui"
    controls = (
        "QPushButton", "QComboBox", "QDoubleSpinBox", "QListWidget", "QTableWidget", "ctkSliderWidget",
        "qMRMLNodeComboBox",
    )  # fmt: skip
    tests = [ROOT / "Testing" / "modules" / name for name in ("test_cement_panel.py", "test_planner_figures.py")]
    source = "\n".join(test.read_text(encoding="utf-8") for test in tests)
    named = [w.get("name") for w in ElementTree.parse(path).iter("widget") if w.get("class") in controls]
    assert len(named) > 18
    assert [name for name in named if not re.search(rf"\bui\.{name}\b", source)] == []


def test_the_panel_plans_what_the_workflow_plans(host, cement):
    run(host, cement, cement.ui.planButton)
    assert cement.ui.messageLabel.text == ""
    expected = Plan.from_json(plan_cement(coarse_result()).plan.to_json()).cement
    (document,) = plan_documents(host.scene)
    assert read_plan_nodes(host.scene).plan.cement == expected
    lines, shafts = of_role(document, "cement-needle"), of_role(document, "cement-shaft")
    for line, shaft, needle in zip(lines, shafts, expected.needles, strict=True):
        assert line.GetAttribute("BonePlan.Gauge") == str(needle.gauge)
        np.testing.assert_allclose(line.GetNthControlPointPositionWorld(0), needle.entry_ras_mm)
        np.testing.assert_allclose(line.GetNthControlPointPositionWorld(1), needle.tip_ras_mm)
        assert folder_of(host.scene, line) == folder_of(host.scene, document)
        assert tube_diameter(shaft, needle) == pytest.approx(GAUGE_DIAMETER_MM[needle.gauge], rel=1e-3)
    shown = [cement.ui.cementTable.item(row, 0).text() for row in range(cement.ui.cementTable.rowCount)]
    assert shown[expected.site is not None] == expected.needles[0].name
    if expected.site is not None:
        assert expected.site.name in cement.ui.cementTable.item(0, 1).text()
    assert f"{expected.stop_ml:.1f} ml" in [row[1] for row in cells(cement.ui.cementTable)]
    near = {needle.name: needle.clearances[0].structure for needle in expected.needles}
    assert {f"Near to {name}" for name in near} <= set(shown)
    assert all(any(structure in row[1] for row in cells(cement.ui.cementTable)) for structure in near.values())
    assert cement.ui.fillTable.rowCount == len(expected.steps)
    (body,) = of_role(document, "cement-body")
    assert body.GetDisplayNode().GetVisibility2D()
    assert "stop at" in title(cement, "cementSection")
    assert sum(s.startswith("Leak towards") for s in shown) == len(expected.leaks)
    for caution in expected.cautions:
        assert caution in texts(cement.ui.cautionsList)
    assert cement.ui.notCheckedLabel.text.startswith("NOT CHECKED: ")


def texts(widget):
    return [widget.item(n).text() for n in range(widget.count)]


def tube_diameter(shaft, needle):
    """Twice the largest distance of the tube's points from the needle's axis."""
    from BoneAblationPlannerLib.scene.convert import points_array

    axis = np.subtract(needle.tip_ras_mm, needle.entry_ras_mm)
    axis = axis / np.linalg.norm(axis)
    offset = points_array(shaft.GetPolyData()) - needle.tip_ras_mm
    return 2 * np.linalg.norm(offset - np.outer(offset @ axis, axis), axis=1).max()


def test_the_choices_reach_the_workflow_and_a_second_run_replaces_the_first(host, cement):
    cement.ui.countCombo.setCurrentText("1")
    cement.ui.pullBackTimesSpin.setValue(1.0)
    cement.ui.pullBackSpin.setValue(3.0)
    run(host, cement, cement.ui.planButton)
    first = read_plan_nodes(host.scene).plan.cement
    (places,) = (n.injects_at_ras_mm for n in first.needles)
    assert first.pull_back_after_ml == pytest.approx([first.fill_ml / 2], abs=0.01)
    assert np.linalg.norm(np.subtract(*places)) == pytest.approx(3.0, abs=0.2)
    assert any("pull back" in line for line in texts(cement.ui.orderList))
    count = host.scene.GetNumberOfNodes()
    cement.ui.gaugeCombo.setCurrentText("13 G")
    cement.ui.fillingSpin.setValue(40.0)
    run(host, cement, cement.ui.planButton)
    made = read_plan_nodes(host.scene).plan.cement
    assert made.needles[0].gauge == 13
    assert made.fill_fraction == 0.4
    assert host.scene.GetNumberOfNodes() == count
    cement.ui.countCombo.setCurrentText("2")
    cement.ui.viscosityCombo.setCurrentText("High")
    run(host, cement, cement.ui.planButton)
    made = read_plan_nodes(host.scene).plan.cement
    assert (len(made.needles), made.viscosity) == (2, "high")
    assert sum(n.volume_ml for n in made.needles) == pytest.approx(made.stop_ml, abs=0.02)
    assert [n.GetAttribute("BonePlan.Gauge") for n in of_role(plan_documents(host.scene)[0], "cement-needle")] == [
        "13"
    ] * 2


def test_removing_the_plan_removes_its_cement(host, planner, module):
    before = ids(host.scene)
    document = planner.logic.addPlan(coarse_result())
    panel = host.open(module)
    before.add(panel.logic.getParameterNode().parameterNode.GetID())
    run(host, panel, panel.ui.planButton)
    planner.logic.removePlan(document)
    assert ids(host.scene) == before
    assert not panel.ui.planButton.enabled


def test_a_loaded_plan_is_measured_again_and_gets_cement(host, module, tmp_path):
    add_plan(host.scene, coarse_result())
    save_bundle(host.scene, tmp_path / "plan.mrb")
    host.scene.Clear(False)
    assert host.scene.ReadFromMRB(str(tmp_path / "plan.mrb"), True)
    panel = host.open(module)
    run(host, panel, panel.ui.planButton)
    assert panel.ui.messageLabel.text == ""
    made, expected = read_plan_nodes(host.scene).plan.cement, plan_cement(coarse_result()).plan.cement
    assert made.needles == expected.needles
    assert made.fill_ml == pytest.approx(expected.fill_ml, abs=0.05)


def test_cancel_and_closing_add_nothing(host, cement, monkeypatch):
    monkeypatch.setattr(cement.logic, "prepare", lambda document, parameters: lambda report: waiting(None, report))
    cement.ui.planButton.click()
    host.wait(lambda: cement.runner.progress[0] > 0)
    cement.ui.cancelButton.click()
    host.wait(lambda: not cement.runner.running)
    assert plan_nodes(plan_documents(host.scene)[0]).stabilisation == ()
    cement.ui.planButton.click()
    host.scene.Clear(False)
    host.wait(lambda: not cement.runner.running)
    assert plan_documents(host.scene) == []
    assert not cement.ui.planButton.enabled


def test_an_impossible_choice_is_one_line(host, cement, monkeypatch):
    monkeypatch.setattr("CementTrajectoryLib.cement.defaults.GAUGE_DIAMETER_MM", {})
    monkeypatch.setattr("CementTrajectoryLib.workflow.GAUGE_DIAMETER_MM", {10: 3.4})
    cement.ui.gaugeCombo.setCurrentText("11 G")
    run(host, cement, cement.ui.planButton)
    assert cement.ui.messageLabel.text == "cement needle: 11 G; expected one of 10 G"


# Screws, stability, order of work


def test_screws_go_where_they_are_ticked(host, cement):
    ui, (document,) = cement.ui, plan_documents(host.scene)
    assert not ui.corridorsBody.isVisible()
    run(host, cement, ui.screwsButton)
    assert ui.messageLabel.text == ""
    expected = Plan.from_json(plan_screws(coarse_result()).plan.to_json())
    stored = read_plan_nodes(host.scene).plan
    assert (stored.screws, stored.corridors) == (expected.screws, expected.corridors)
    assert [row[1] for row in cells(ui.corridorTable)] == [c.title for c in expected.corridors]
    ticked = [c.title for n, c in enumerate(expected.corridors) if is_ticked(ui.corridorTable, n)]
    assert ticked == [c.title for c in expected.corridors if c.near_lesion]
    assert [n.GetAttribute("BonePlan.Name") for n in of_role(document, "screw")] == [s.name for s in expected.screws]
    assert len(of_role(document, "corridor")) == sum(c.found for c in expected.corridors)
    assert not ui.nearButton.enabled
    for row in range(ui.corridorTable.rowCount):
        tick(ui.corridorTable, row, False)
    assert json.loads(cement.parameters.corridors) == []
    run(host, cement, ui.screwsButton)
    assert read_plan_nodes(host.scene).plan.screws == ()
    assert of_role(document, "screw") == of_role(document, "screw-body") == []
    assert "no screw fits" in title(cement, "screwsSection")
    ui.nearButton.click()
    host.process()
    assert cement.parameters.corridors == ""
    assert [c.title for n, c in enumerate(expected.corridors) if is_ticked(ui.corridorTable, n)] == ticked


def is_ticked(table, row):
    import qt

    return table.item(row, 0).checkState() == qt.Qt.Checked


def tick(table, row, on):
    import qt

    table.item(row, 0).setCheckState(qt.Qt.Checked if on else qt.Qt.Unchecked)


def test_the_clearance_reaches_the_workflow(host, cement):
    cement.ui.clearanceSpin.setValue(10.0)
    run(host, cement, cement.ui.screwsButton)
    plan = read_plan_nodes(host.scene).plan
    assert plan.screws == ()
    found = [c for c in plan.corridors if c.near_lesion]
    assert all("too narrow for any screw with 10 mm" in c.reason for c in found)
    assert len([w for w in plan.warnings if w.startswith("screws: ")]) >= len(found)
    before = plan.warnings
    run(host, cement, cement.ui.screwsButton)
    assert read_plan_nodes(host.scene).plan.warnings == before


def test_stability_follows_the_answer_about_pain_and_lapses_with_new_cement(host, cement):
    run(host, cement, cement.ui.stabilityButton)
    expected = plan_stability(coarse_result()).plan
    assert read_plan_nodes(host.scene).plan.stability == Plan.from_json(expected.to_json()).stability
    assert cement.ui.stabilityTable.isVisible()
    shown = dict(cells(cement.ui.stabilityTable))
    axial = [float(word.replace(",", "")) for word in shown["Axial rigidity EA (kN)"].split() if word[0].isdigit()]
    rigidity = expected.stability.rigidity
    assert axial == pytest.approx([rigidity.before.EA / 1000, rigidity.after.EA / 1000], rel=0.006)
    cement.ui.painCombo.setCurrentText("When used (3)")
    run(host, cement, cement.ui.stabilityButton)
    assert read_plan_nodes(host.scene).plan.stability.mirels.pain == 3
    run(host, cement, cement.ui.planButton)
    assert read_plan_nodes(host.scene).plan.stability.mirels.pain is None
    assert not cement.ui.stabilityTable.isVisible()
    assert "not assessed" in title(cement, "stabilitySection")


def test_the_order_of_work_follows_the_plan(host, cement):
    before = texts(cement.ui.orderList)
    assert not any("cement" in line for line in before)
    run(host, cement, cement.ui.planButton)
    needle = read_plan_nodes(host.scene).plan.cement.needles[0]
    lines = texts(cement.ui.orderList)
    place = next(n for n, line in enumerate(lines) if f"place {needle.name}" in line)
    inject = next(n for n, line in enumerate(lines) if f"Inject cement through {needle.name}" in line)
    last_energy = max(n for n, line in enumerate(lines) if "Ablate with" in line)
    assert last_energy < place < inject
    assert needle.shares_track_with in lines[place]


def test_needles_moved_by_hand_leave_no_cement_behind(host, planner, cement):
    (document,) = plan_documents(host.scene)
    run(host, cement, cement.ui.planButton)
    run(host, cement, cement.ui.screwsButton)
    from BoneAblationPlannerLib.progress import silent

    needles = planner.logic.placements(document)
    result = planner.logic.prepareMeasure(document, needles[:1], False)(silent)
    planner.logic.showResult(document, result)
    assert of_role(document, "cement-needle") == of_role(document, "cement-body") == []
    assert live_plan(document).result.plan.cement is None
    assert len(of_role(document, "corridor")) == sum(c.found for c in result.plan.corridors)


def test_a_click_on_a_warning_shows_its_place(host, cement):
    node = slicer.vtkMRMLSliceNode()
    node.SetLayoutName("Red")
    node = host.scene.AddNode(node)
    run(host, cement, cement.ui.planButton)
    plan = read_plan_nodes(host.scene).plan
    tips = {part.name: part.tip_ras_mm for part in (*plan.probes, *plan.cement.needles)}
    ui = cement.ui
    assert ui.cautionsList.count
    for n in range(ui.cautionsList.count):
        item = ui.cautionsList.item(n)
        ui.cautionsList.itemClicked.emit(item)
        named = [tip for name, tip in tips.items() if name in item.text()]
        wanted = named[0] if named else plan.lesion.centroid_ras_mm
        shown = [node.GetSliceToRAS().GetElement(r, 3) for r in range(3)]
        np.testing.assert_allclose(shown, wanted, atol=0.01)


def test_the_slider_shows_the_cement_of_a_volume(host, cement):
    assert not cement.ui.fillSlider.enabled
    run(host, cement, cement.ui.planButton)
    (document,) = plan_documents(host.scene)
    plan = read_plan_nodes(host.scene).plan.cement
    (model,) = of_role(document, "cement-body")
    (fill,) = of_role(document, "cement-fill")
    assert fill.IsA("vtkMRMLScalarVolumeNode")
    assert cement.ui.fillSlider.enabled
    assert cement.ui.fillSlider.maximum == pytest.approx(plan.steps[-1].injected_ml, abs=0.05)
    points = []
    for volume in (1.0, 2.0, 3.0):
        cement.ui.fillSlider.value = volume
        host.process()
        points.append(model.GetPolyData().GetNumberOfPoints())
        step = next(s for s in plan.steps if s.injected_ml == volume)
        assert f"{step.lesion_ml:.1f} ml in the lesion" in cement.ui.fillLabel.text
        begun = [leak for leak in plan.leaks if leak.at_ml is not None and leak.at_ml <= volume]
        assert cement.ui.fillLabel.text.count("leaks towards") == len(begun)
    assert points == sorted(points)
    assert points[0] > 0


def test_random_clicks_and_drags_leave_nothing_behind(host, planner, cement):
    """Seeded, everything real. BONEPLAN_CLICKS=1000 for a longer run."""
    rng = np.random.default_rng(7)
    (document,) = plan_documents(host.scene)
    buttons = [w for name, w in vars(cement.ui).items() if name.endswith("Button")]
    combos = [w for name, w in vars(cement.ui).items() if name.endswith("Combo")]
    spins = [w for name, w in vars(cement.ui).items() if name.endswith(("Spin", "Slider"))]
    runs = 0
    run(host, cement, cement.ui.screwsButton)
    for _ in range(int(os.environ.get("BONEPLAN_CLICKS", "60"))):
        host.answers[:] = [bool(rng.integers(2))] * 3
        action = rng.integers(6)
        if action == 0:
            if rng.integers(3) == 0:
                settle(host, cement)  # while something runs, most buttons wait
            button = buttons[rng.integers(len(buttons))]
            if button.enabled and button.isVisible():
                button.click()
                runs += 1
        elif action == 1:
            combo = combos[rng.integers(len(combos))]
            if combo.enabled and combo.count:
                combo.setCurrentIndex(int(rng.integers(combo.count)))
        elif action == 2:
            spin = spins[rng.integers(len(spins))]
            if spin.enabled:
                spin.value = float(rng.uniform(spin.minimum, spin.maximum))
        elif action == 3 and cement.ui.corridorTable.rowCount:
            tick(cement.ui.corridorTable, int(rng.integers(cement.ui.corridorTable.rowCount)), bool(rng.integers(2)))
        elif action == 4:
            lines = [plan_nodes(document).probes[0], *of_role(document, "screw")]
            line = lines[rng.integers(len(lines))]
            at = np.array(line.GetNthControlPointPositionWorld(1)) + rng.normal(size=3)
            line.SetNthControlPointPositionWorld(1, *at)
        elif action == 5 and rng.integers(5) == 0:
            cement.exit()
            cement.enter()
        host.process()
        assert "failed" not in cement.ui.messageLabel.text
    settle(host, cement)
    assert runs
    nodes = plan_nodes(document)
    plan = read_plan_nodes(host.scene).plan
    # As many nodes as the plan has parts: none of an earlier run is left.
    assert len(of_role(document, "screw")) == len(of_role(document, "screw-body")) == len(plan.screws)
    for role in ("cement-fill", "cement-body"):
        assert len(of_role(document, role)) <= (plan.cement is not None)
    planner.logic.removePlan(document)
    left = [n for n in ids(host.scene) if "Line" in n or "Model" in n or "ScalarVolume" in n]
    assert left == [], nodes.name


def test_a_screw_moved_by_hand_gets_the_same_figures(host, cement):
    run(host, cement, cement.ui.screwsButton)
    (document,) = plan_documents(host.scene)
    before = read_plan_nodes(host.scene).plan.screws
    assert before
    line = of_role(document, "screw")[0]
    tip = np.array(line.GetNthControlPointPositionWorld(1))
    shift = np.array([0.0, 0.0, 4.0])
    line.SetNthControlPointPositionWorld(1, *(tip + shift))
    host.wait(lambda: cement.runner.running)
    host.wait(lambda: not cement.runner.running)
    host.process()
    plan = read_plan_nodes(host.scene).plan
    moved = plan.screws[0]
    np.testing.assert_allclose(moved.tip_ras_mm, tip + shift, atol=0.01)
    assert moved.corridor.endswith("(moved by hand)")
    assert moved.cortical_clearance_mm < before[0].cortical_clearance_mm  # it was the widest place
    assert len(moved.clearances) == len(before[0].clearances)
    assert moved.hu_every_5_mm
    assert plan.screws[1:] == before[1:]
    shown = cells(cement.ui.screwTable)
    assert any(f"{moved.cortical_clearance_mm:.1f} mm" in row for row in shown)
    assert len(of_role(document, "screw-body")) == len(plan.screws)


@pytest.fixture
def screwed(host, planner, module):
    """The open panel with a plan that has screws."""
    show_screws(planner.logic.addPlan(coarse_result()), plan_screws(coarse_result()))
    return host.open(module)


def show_screws(document, result):
    from BoneAblationPlannerLib.scene.live import update

    update(document, result)


def first_screw(panel):
    return of_role(panel.parameters.plan, "screw")[0]


def move_tip(line, by):
    """To where it is now plus `by`; returns the place."""
    wanted = np.array(line.GetNthControlPointPositionWorld(1)) + by
    line.SetNthControlPointPositionWorld(1, *wanted)
    return wanted


def settle(host, panel):
    host.process()
    host.wait(lambda: not (panel.runner.running or panel.sections[2]._tracker.moved or panel.sections[2]._unmeasured))
    host.process()


def assert_tip(panel, tip, number=0):
    """Of a screw, in the plan and on screen."""
    np.testing.assert_allclose(panel.plan().screws[number].tip_ras_mm, tip, atol=0.01)
    line = of_role(panel.parameters.plan, "screw")[number]
    np.testing.assert_allclose(line.GetNthControlPointPositionWorld(1), tip, atol=0.01)
    assert panel.plan().screws[number].corridor.endswith("(moved by hand)")


@pytest.mark.parametrize("moves_before_the_click", [False, True])
def test_a_screw_moved_while_cement_is_planned_stays_there(host, screwed, monkeypatch, moves_before_the_click):
    held_run = held(monkeypatch, screwed.logic, "prepare")
    line = first_screw(screwed)
    if moves_before_the_click:
        tip = move_tip(line, [0.0, 0.0, 2.0])
        screwed.ui.planButton.click()
    else:
        screwed.ui.planButton.click()
        tip = move_tip(line, [0.0, 0.0, 2.0])
    host.process()
    held_run.set()
    settle(host, screwed)
    assert_tip(screwed, tip)
    assert screwed.plan().cement is not None
    assert screwed.ui.messageLabel.text == ""


def test_a_screw_moved_again_while_it_is_measured_stays_there(host, screwed, monkeypatch):
    held_run = held(monkeypatch, screwed.logic, "prepareMovedScrews")
    move_tip(first_screw(screwed), [0.0, 0.0, 2.0])
    host.wait(lambda: held_run.began)
    tip = move_tip(first_screw(screwed), [0.0, 0.0, 1.0])
    held_run.set()
    settle(host, screwed)
    assert_tip(screwed, tip)


def test_a_screw_moved_while_screws_are_planned_stays_or_the_panel_says_that_it_is_gone(host, screwed, monkeypatch):
    held_run = held(monkeypatch, screwed.logic, "prepareScrews")
    screwed.ui.screwsButton.click()
    tip = move_tip(first_screw(screwed), [0.0, 0.0, 2.0])
    held_run.set()
    settle(host, screwed)
    assert_tip(screwed, tip)
    held_run.clear()
    name = first_screw(screwed).GetAttribute("BonePlan.Name")
    for row in range(screwed.ui.corridorTable.rowCount):
        tick(screwed.ui.corridorTable, row, False)
    screwed.ui.screwsButton.click()
    move_tip(first_screw(screwed), [0.0, 0.0, 2.0])
    held_run.set()
    settle(host, screwed)
    assert screwed.plan().screws == ()
    assert screwed.ui.messageLabel.text == f"{name}: moved while screws were planned, and not among the new ones."


def test_a_screw_moved_at_once_before_another_plan_is_chosen_is_measured(host, planner, screwed):
    first = screwed.parameters.plan
    second = planner.logic.addPlan(coarse_result())
    host.process()
    tip = move_tip(first_screw(screwed), [0.0, 0.0, 2.0])
    screwed.ui.planSelector.setCurrentNode(second)
    settle(host, screwed)
    assert screwed.parameters.plan is second
    screwed.ui.planSelector.setCurrentNode(first)
    host.process()
    assert_tip(screwed, tip)


def test_a_screw_deleted_by_hand_leaves_the_plan(host, screwed):
    screws = screwed.plan().screws
    host.scene.RemoveNode(first_screw(screwed))
    settle(host, screwed)
    assert screwed.plan().screws == screws[1:]
    assert len(of_role(screwed.parameters.plan, "screw-body")) == len(screws) - 1


def test_what_is_near_is_said_never_better_than_it_is(host):
    from CementTrajectoryLib.panel.content import near_words

    kept, broken = PathClearance("vein", "vessel", 6.19, 4.0, True), PathClearance("colon", "bowel", 4.99, 5.0, False)
    assert near_words((kept,)) == "vein 6.1 mm"
    assert near_words((broken, kept)) == "TOO NEAR: colon 4.9 mm, 5 mm wanted"
    assert near_words(()) == "nothing checked"
    assert near_words(None) == "not measured: plan again"


@pytest.mark.parametrize("what", ["ct", "segmentation", "folder", "screw-body", "corridor", "stabilisation-table"])
def test_any_node_may_be_deleted(host, planner, screwed, what):
    """Every button works then, or says in one line what is missing; the plan can still be removed."""
    document, ui = screwed.parameters.plan, screwed.ui
    nodes = plan_nodes(document)
    if what == "folder":
        tree = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(host.scene)
        tree.RemoveItem(nodes.folder, False, False)
    else:
        found = {"ct": [nodes.ct], "segmentation": [nodes.segmentation]}.get(what) or of_role(document, what)
        host.scene.RemoveNode(found[0])
    settle(host, screwed)
    for button in (ui.planButton, ui.screwsButton, ui.stabilityButton):
        button.click()
        settle(host, screwed)
        assert "failed" not in ui.messageLabel.text
        assert (ui.messageLabel.text != "") == (what in ("ct", "segmentation", "folder"))
    move_tip(host.scene.GetFirstNodeByName("Screw 1") or planner.logic.probeLines(document)[0], [0.0, 0.0, 1.0])
    settle(host, screwed)
    planner.logic.removePlan(document)
    settle(host, screwed)
    assert plan_documents(host.scene) == []


def test_a_plan_deleted_while_cement_is_planned_is_one_line(host, screwed, monkeypatch):
    held_run = held(monkeypatch, screwed.logic, "prepare")
    screwed.ui.planButton.click()
    host.scene.RemoveNode(screwed.parameters.plan)
    held_run.set()
    settle(host, screwed)
    assert screwed.ui.messageLabel.text == "plan: was deleted during the run; nothing was changed"


def test_screws_of_a_plan_from_a_file_follow_their_first_drag(host, module, tmp_path):
    made = new_scene()
    add_plan(made, plan_screws(coarse_result()))
    save_bundle(made, tmp_path / "plan.mrb")
    assert host.scene.ReadFromMRB(str(tmp_path / "plan.mrb"), True)
    panel = host.open(module)
    (document,) = plan_documents(host.scene)
    (line, *_) = of_role(document, "screw")
    before = cells(panel.ui.screwTable)
    tip = np.array(line.GetNthControlPointPositionWorld(1))
    for step in range(2000):  # the drag goes on until its figures follow
        line.SetNthControlPointPositionWorld(1, *(tip + [0.0, 0.0, 4.0 * min(1.0, step / 10)]))
        host.process()
        time.sleep(0.01)
        if cells(panel.ui.screwTable) != before:
            break
    assert cells(panel.ui.screwTable) != before
    assert panel.plan().screws == read_plan_nodes(host.scene).plan.screws
    host.wait(lambda: panel.plan().screws[0].corridor.endswith("(moved by hand)"))
    host.wait(lambda: not panel.runner.running)


def test_cement_goes_to_the_plan_that_is_chosen(host, planner, cement):
    first = cement.parameters.plan
    second = planner.logic.addPlan(coarse_result())
    host.process()
    cement.ui.planSelector.setCurrentNode(second)
    assert cement.parameters.plan is second
    run(host, cement, cement.ui.planButton)
    assert plan_nodes(second).stabilisation
    assert plan_nodes(first).stabilisation == ()
