"""Advice on the kind of ablation before anything is planned, and plans that give up no distance."""

from dataclasses import replace

import numpy as np
import pytest
from panels import run
from phantoms import coarse_case, coarse_phantom, coarse_result
from plans import small_plan

from BoneAblationPlannerLib.advice.modality import LesionFacts, advise
from BoneAblationPlannerLib.scene.plan_nodes import plan_documents
from BoneAblationPlannerLib.scene.segmentation import segments, set_voxels
from BoneAblationPlannerLib.workflow import advise_case


def text(panel):
    return panel.ui.adviceLabel.text


def settled(host, panel, wanted):
    """Until the advice says something, which it finds out by itself."""
    host.wait(lambda: not panel.runner.running and wanted in text(panel))
    host.process()


def test_the_rules_advise_before_anything_is_planned(host, planner):
    ui = planner.ui
    assert not ui.adviseButton.enabled
    assert "one point in the lesion" in ui.adviseButton.toolTip
    planner.logic.addSample(coarse_phantom(), planner.parameters)
    host.process()
    assert not ui.adviceLabel.isVisible()
    run(host, planner, ui.adviseButton)
    assert plan_documents(host.scene) == []
    made = coarse_result().plan
    for ranked in made.advice.ranked:
        line = next(row for row in text(planner).splitlines() if row.startswith(f"• {ranked.modality.upper()}"))
        for reason in ranked.reasons:
            assert reason.rule in line
    best = made.advice.ranked[0].modality.upper()
    assert f"Recommended: {best}" in text(planner)
    assert f"proposed: {best}" in ui.ablationSection.text
    for kind in made.structures.not_checked:
        assert kind in next(row for row in text(planner).splitlines() if "not know the distance" in row)
    assert "no cement is wanted" in text(planner)
    assert made.advice.ranked[0].reasons[0].source in ui.adviceLabel.toolTip


def test_advice_before_planning_is_that_of_the_plan():
    case = coarse_case(modality=None)
    advice, lesion = advise_case(case)
    made = coarse_result().plan
    assert advice.ranked == made.advice.ranked
    assert lesion == made.lesion
    assert advice.chosen_by == "rules"


def test_another_choice_than_the_recommended_is_said(host, sample):
    run(host, sample, sample.ui.adviseButton)
    best = coarse_result().plan.advice.ranked[0].modality
    other, label = next((m, t) for m, t in (("mwa", "Microwave"), ("rfa", "Radiofrequency")) if m != best)
    sample.ui.modalityCombo.setCurrentText(label)
    host.process()
    assert f"{label}; the rules: {best.upper()}" in sample.ui.ablationSection.text
    assert other != best


def test_cement_in_the_same_session_changes_the_advice_and_reaches_the_case(host, sample, monkeypatch):
    cases, ui = [], sample.ui
    run(host, sample, ui.adviseButton)
    before = text(sample)
    ui.cementCheck.click()
    settled(host, sample, "cement wanted in the same session")
    assert "no cement is wanted" not in text(sample)
    assert text(sample) != before
    monkeypatch.setattr(sample.logic, "plan", lambda case, report: cases.append(case) or coarse_result())
    run(host, sample, ui.planButton)
    assert cases[0].choices.cement


def test_advice_follows_nerves_and_structures(host, sample):
    ui = sample.ui
    run(host, sample, ui.adviseButton)
    assert "ureter" in text(sample)
    ureter = sample.parameters.structures.GetSegmentation().AddEmptySegment("ureter_right", "ureter_right")
    mask = np.zeros(coarse_phantom().ct.grid.shape, dtype=bool)
    mask[2:4, 2:4, 2:4] = True
    set_voxels(dict(segments(sample.parameters.structures))[ureter], mask, coarse_phantom().ct.grid)
    assert not sample.runner.running
    host.wait(lambda: "ureter" not in text(sample))
    rests_on = sample.sections[3]._rests_on
    sample.nerves()[0].SetNthControlPointPosition(0, 1.0, 2.0, 3.0)
    host.wait(lambda: sample.sections[3]._rests_on != rests_on)
    assert "earlier state" not in ui.ablationSection.text


def test_advice_waits_while_the_outline_is_edited(host, sample):
    ui = sample.ui
    run(host, sample, ui.outlineButton)
    run(host, sample, ui.adviseButton)
    ui.editButton.click()
    node = ui.outlineSelector.currentNode()
    ((_, segment),) = segments(node)
    drawn = np.zeros(coarse_phantom().ct.grid.shape, dtype=bool)
    drawn |= coarse_phantom().lesion
    set_voxels(segment, drawn, coarse_phantom().ct.grid)
    host.wait(lambda: "earlier state" in ui.ablationSection.text)
    assert not sample.runner.running
    ui.editButton.click()
    host.wait(lambda: "earlier state" not in ui.ablationSection.text)


def test_advice_that_cannot_be_given_is_one_line_and_not_tried_again(host, sample):
    run(host, sample, sample.ui.adviseButton)
    grid = coarse_phantom().ct.grid
    sample.ui.seedSelector.currentNode().SetNthControlPointPosition(0, *grid.ras_from_ijk([[1, 1, 1]])[0])
    host.wait(lambda: sample.ui.messageLabel.text != "")
    assert "expected" in sample.ui.messageLabel.text
    sample.showMessage("")
    sample.sections[3].onWatch()
    assert not sample.runner.running
    assert "earlier state" in sample.ui.ablationSection.text


def test_advice_goes_with_the_lesion_and_the_plans_own_takes_its_place(host, sample, monkeypatch):
    monkeypatch.setattr(sample.logic, "plan", lambda case, report: coarse_result())
    run(host, sample, sample.ui.adviseButton)
    run(host, sample, sample.ui.planButton)
    assert text(sample).startswith("Of the plan shown:")
    assert "(planned)" in text(sample)
    sample.ui.removeButton.click()
    host.process()
    assert text(sample) == ""
    run(host, sample, sample.ui.adviseButton)
    sample.ui.seedSelector.currentNode().RemoveAllControlPoints()
    host.process()
    sample.update()
    assert text(sample) == ""


def test_what_is_not_known_is_said(host):
    """Of a lesion without a kind, and of a tie."""
    from BoneAblationPlannerLib.panel.advice_content import case_advice_lines, recommended

    advice = advise(LesionFacts(None, 20.0, 0.0, False, {}), None, ("nerve", "bowel"))
    lesion = replace(small_plan().lesion, kind=None, cortical_breach_fraction=None)
    said = "\n".join(case_advice_lines(advice, lesion, cement_wanted=False))
    assert "Advice does not know the distance to: nerve, bowel." in said
    assert "lytic or sclerotic" in said
    assert "cortex is open" in said
    same = tuple(replace(ranked, score=1.0) for ranked in advice.ranked)
    assert (
        recommended(replace(advice, ranked=same))
        == "The rules do not tell apart: " + ", ".join(ranked.modality.upper() for ranked in same) + "."
    )


# Strict


def test_strict_reaches_the_case_and_is_off_by_default(host, sample, monkeypatch):
    cases = []
    monkeypatch.setattr(sample.logic, "plan", lambda case, report: cases.append(case) or coarse_result())
    run(host, sample, sample.ui.planButton)
    sample.ui.strictCheck.click()
    run(host, sample, sample.ui.planButton)
    assert [case.choices.strict for case in cases] == [False, True]


def test_a_strict_refusal_names_what_leaves_least_room(host, sample):
    """A nerve at the lesion with more room wanted than there is; nothing is added, and no word of the command line."""
    ui = sample.ui
    table = ui.kindTable
    row = next(n for n in range(table.rowCount) if table.item(n, 0).text() == "nerve")
    table.item(row, 3).setText("50")
    host.process()
    ui.modalityCombo.setCurrentText("Microwave")
    ui.strictCheck.click()
    run(host, sample, ui.planButton)
    message = ui.messageLabel.text
    assert "all wanted distances kept" in message
    assert "nerve" in message
    assert "50 mm wanted" in message
    assert "--" not in message
    assert "\n" not in message
    assert plan_documents(host.scene) == []


@pytest.mark.parametrize("name", ["strict", "cement"])
def test_the_boxes_are_saved_with_the_scene(host, sample, name):
    getattr(sample.ui, f"{name}Check").click()
    assert sample.parameters.parameterNode.GetParameter(name) == "True"
