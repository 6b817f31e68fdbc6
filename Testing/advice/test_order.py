"""The order of work, and what gets in each other's way."""

from dataclasses import replace

import pytest
from phantoms import coarse_result

from BoneAblationPlannerLib.advice.order import conflicts, work_steps
from BoneAblationPlannerLib.plan import Cement, CementNeedle, Screw

SCREW = Screw("Screw 1", "ischium, right", 7.3, 80.0, (0.0, 0.0, 0.0), (0.0, 0.0, 80.0), 2.0, None)


def plan(modality="mwa", needles=0, screws=()):
    base = coarse_result().plan
    tracks = [*(p.name for p in base.probes), None]
    made = tuple(
        CementNeedle(f"Cement needle {n}", 11, (0.0, 0.0, 0.0), (0.0, 0.0, 50.0), tracks[n - 1], 3.05, float(n))
        for n in range(1, needles + 1)
    )
    cement = Cement(made, 4.0, 0.5, (), stop_ml=3.0) if needles else None
    return replace(base, advice=replace(base.advice, modality=modality), cement=cement, screws=screws)


def at(steps, text):
    found = [n for n, step in enumerate(steps) if text in step]
    assert found, text
    return found


def test_probes_out_then_needles_then_screws_then_cement():
    made = plan(needles=2, screws=(SCREW,))
    steps = work_steps(made)
    energy, needles = at(steps, "Ablate with"), at(steps, "place Cement needle")
    screw, inject = at(steps, "Place Screw 1 over its wire"), at(steps, "Inject cement")
    assert max(energy) < min(needles) < max(needles) < screw[0] < min(inject)
    assert [steps[n].split("through ")[1] for n in inject] == ["Cement needle 1, 1.0 ml", "Cement needle 2, 2.0 ml"]
    assert at(steps, "Stop at 3.0 ml")[0] > max(inject)
    # Every probe is taken out before a screw goes in.
    for probe in made.probes:
        assert next(n for n in at(steps, probe.name) if steps[n].startswith("Take out")) < screw[0]


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (plan("mwa"), []),
        (plan("rfa", screws=(SCREW,)), ["metal beside radiofrequency"]),
        (plan("mwa", screws=(SCREW,)), ["metal beside microwaves"]),
        (plan("cryo", needles=1), ["frozen bone and cement"]),
        (plan("cryo", needles=2, screws=(SCREW,)),
         ["frozen bone and cement", "frozen bone and screws", "screws and cement", "several cement needles"]),
    ],
)  # fmt: skip
def test_conflicts_are_named(made, words):
    found = [reason.rule for reason in conflicts(made)]
    assert len(found) == len(words)
    assert all(rule.startswith(word) for rule, word in zip(found, words, strict=True))


def test_ice_has_to_thaw_before_cement():
    steps = work_steps(plan("cryo", needles=1))
    assert at(steps, "Ablate with")[-1] < at(steps, "full thaw")[0] < at(steps, "Inject cement")[0]
    assert not any("thaw" in step for step in work_steps(plan("mwa", needles=1)))


def test_ice_probes_freeze_together_and_heat_goes_one_after_the_other():
    frozen, heated = plan("cryo"), plan("mwa")
    assert len(frozen.probes) > 1
    (step,) = [s for s in work_steps(frozen) if s.startswith("Ablate")]
    assert "at the same time" in step
    assert all(p.name in step for p in frozen.probes)
    assert len([s for s in work_steps(heated) if s.startswith("Ablate")]) == len(heated.probes)
