"""Rounds of placing by the simulation, with a patient made of a few lines: what is tried, what is taken, cancelling."""

from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
import pytest

from BoneAblationPlannerLib.errors import Cancelled, InputError, PlanningError
from BoneAblationPlannerLib.placement.optimiser import WORTH_A_PROBE
from BoneAblationPlannerLib.placement.rounds import (
    ROUNDS,
    SMALLER,
    Seen,
    Wanted,
    place_in_rounds,
)
from BoneAblationPlannerLib.plan import SizeInPatient
from BoneAblationPlannerLib.progress import silent, step
from BoneAblationPlannerLib.zones.reach import Reach, ZoneScale

WANTED = Wanted(0.99, 0.9, 0.95)


@dataclass(frozen=True)
class Probes:
    """A set of probes, told by the factor that it was placed for."""

    probe_count: int
    factor: float = 1.0


def seen(lesion, target=1.0, probes=1, harmed=0, size=0.7, outer=0.8, p05=0.95):
    return Seen(probes, lesion, target, harmed, SizeInPatient(size, size, p05), ZoneScale(outer, outer))


class Patient:
    """Answers in turn: what is placed, what of it is seen; keeps what was asked."""

    def __init__(self, *answers):
        self.answers, self.asked, self.simulated = list(answers), [], []

    def place(self, reach, report):
        step(report, 0.0, "placing")
        self.asked.append(reach)
        answer = self.answers[len(self.asked) - 1]
        if isinstance(answer, Exception):
            raise answer
        return Probes(answer.probes, reach.covers.across)

    def simulate(self, placed, report):
        step(report, 0.0, "simulating")
        self.simulated.append(placed)
        return self.answers[len(self.asked) - 1]

    def rounds(self, first, wanted=WANTED, report=silent):
        return place_in_rounds(Probes(first.probes), first, wanted, self.place, self.simulate, report)


def test_where_the_chart_covers_enough_nothing_is_placed_again():
    patient = Patient()
    rounds, taken = patient.rounds(seen(0.995, 0.95))
    assert (len(rounds), taken, patient.asked) == (1, 0, [])


def covered(lesion, target, p05):
    """What the charts cover, as far as it is looked at."""
    return SimpleNamespace(
        lesion_fraction=lesion,
        lesion_plus_margin_fraction=target,
        robust=SimpleNamespace(p05_lesion_fraction=p05),
    )


def test_what_is_wanted_is_never_more_than_the_chart_covers():
    assert Wanted.of_chart(covered(1.0, 1.0, 1.0)) == Wanted(0.99, 0.9, 0.95)
    wanted = Wanted.of_chart(covered(0.97, 0.5, 0.8))
    assert wanted == Wanted(0.97, 0.5 - WORTH_A_PROBE, 0.8)
    assert len(Patient().rounds(seen(0.97, 0.5), wanted)[0]) == 1


def test_probes_are_placed_for_zones_as_large_as_they_were_seen():
    patient = Patient(seen(1.0, probes=3, size=0.7))
    rounds, taken = patient.rounds(seen(0.8, size=0.7))
    assert patient.asked == [Reach(ZoneScale(0.7, 0.7))]
    assert (len(rounds), taken) == (2, 1)
    assert rounds[1].placed == Probes(3, 0.7)


def test_an_axis_that_reaches_further_than_the_chart_is_not_relied_on_and_kept_away_from():
    patient = Patient(seen(1.0, probes=3))
    first = Seen(1, 0.8, 0.5, 0, SizeInPatient(0.7, 1.3, 0.9), ZoneScale(1.2, 0.9))
    patient.rounds(first)
    assert patient.asked[0] == Reach(ZoneScale(0.7, 1.0), ZoneScale(1.2, 1.0))


def test_neighbours_that_help_each_other_are_given_a_chance_to_be_fewer():
    """Three probes reach further than they were placed for; two placed for that cover as well."""
    patient = Patient(seen(1.0, probes=3, size=0.8), seen(0.995, probes=2, size=0.8))
    rounds, taken = patient.rounds(seen(0.8, size=0.6))
    assert [r.covers.across for r in patient.asked] == [0.6, 0.8]
    assert (len(rounds), taken) == (3, 2)


def test_fewer_probes_are_not_taken_where_a_needle_off_its_way_leaves_more_lesion():
    """Five per cent of the lesion are worth a probe."""
    patient = Patient(seen(1.0, probes=3, size=0.8), seen(0.995, probes=2, size=0.8, p05=0.9))
    assert patient.rounds(seen(0.8, size=0.6))[1] == 1


def test_no_fewer_probes_are_not_simulated():
    patient = Patient(seen(1.0, probes=3, size=0.8), seen(1.0, probes=3))
    rounds, taken = patient.rounds(seen(0.8, size=0.6))
    assert len(patient.simulated) == 1
    assert (taken, rounds[2].seen, rounds[2].placed) == (1, None, None)
    assert "no fewer" in rounds[2].reason


def test_fewer_probes_that_leave_lesion_are_not_taken():
    patient = Patient(seen(1.0, probes=3, size=0.8), seen(0.9, probes=2))
    rounds, taken = patient.rounds(seen(0.8, size=0.6))
    assert (len(rounds), taken) == (3, 1)


def test_zones_that_still_leave_lesion_are_placed_for_smaller_ones():
    patient = Patient(seen(0.9, size=0.7), seen(0.92, size=0.7), seen(0.93, size=0.7))
    rounds, taken = patient.rounds(seen(0.8, size=0.7))
    factors = [r.covers.across for r in patient.asked]
    assert factors == pytest.approx([0.7, 0.7 * SMALLER, 0.7 * SMALLER**2])
    assert (len(rounds), taken) == (ROUNDS + 1, 3)


def test_where_no_set_can_be_placed_it_is_tried_half_way_and_the_reason_is_kept():
    """Nor are zones as small as those asked for again: the third round is half way between the two."""
    patient = Patient(PlanningError("no room", {"zone": 1}), seen(0.95, probes=4, size=0.6), PlanningError("again", {}))
    rounds, taken = patient.rounds(seen(0.8, size=0.6))
    assert [r.covers.across for r in patient.asked] == pytest.approx([0.6, 0.8, 0.7])
    assert rounds[1].reason == "no room"
    assert taken == 2


def test_a_thermocouple_too_far_from_the_new_probes_ends_the_round_not_the_plan():
    class Far(Patient):
        def simulate(self, placed, report):
            raise InputError("thermocouple 'nerve': lies 90 mm away")

    rounds, taken = Far(*[seen(1.0)] * ROUNDS).rounds(seen(0.8))
    assert taken == 0
    assert all("thermocouple" in row.reason for row in rounds[1:])


def test_margin_alone_is_worth_a_probe_but_not_four_and_no_structure():
    few, many = seen(1.0, 0.95, probes=2), seen(1.0, 0.95, probes=6)
    assert Patient(few).rounds(seen(1.0, 0.8))[1] == 1
    assert Patient(many).rounds(seen(1.0, 0.85))[1] == 0
    assert Patient(seen(1.0, 0.95, probes=2, harmed=1)).rounds(seen(1.0, 0.6))[1] == 0


def test_lesion_left_goes_before_structures_harmed():
    harmful = seen(1.0, probes=2, harmed=1, size=0.6)
    assert Patient(harmful).rounds(seen(0.9, size=0.6))[1] == 1


@pytest.mark.parametrize("seed", range(40))
def test_what_is_taken_never_leaves_more_lesion_nor_is_placed_for_larger_zones(seed):
    rng = np.random.default_rng(seed)

    def drawn():
        lesion, target = rng.uniform(0.7, 1), rng.uniform(0.3, 1)
        return seen(lesion, target, int(rng.integers(1, 7)), int(rng.integers(0, 4)), *rng.uniform(0.3, 1.5, 2))

    answers = [drawn() if rng.random() < 0.8 else PlanningError("none", {}) for _ in range(ROUNDS)]
    first, patient = drawn(), Patient(*answers)
    rounds, taken = patient.rounds(first)
    assert len(rounds) <= ROUNDS + 1
    assert rounds[taken].seen.lesion_fraction >= first.lesion_fraction
    simulated = [row.seen for row in rounds if row.seen is not None]
    widest = max(1.0, first.outer.across, *(s.outer.across for s in simulated))
    for asked in patient.asked:
        assert max(asked.covers.across, asked.covers.along) <= 1
        assert max(1.0, first.outer.across) <= asked.injures.across <= widest


@pytest.mark.parametrize("stage", ["placing", "simulating"])
@pytest.mark.parametrize("number", range(ROUNDS))
def test_cancelling_ends_every_round(stage, number):
    """Nothing comes back, and what was handed in is as it was."""
    patient = Patient(seen(0.9), seen(0.9), seen(0.9))
    first, calls = seen(0.8), []

    def report(_fraction, said):
        calls.append(said)
        return calls.count(stage) <= number

    with pytest.raises(Cancelled):
        patient.rounds(first, report=report)
    assert calls.count(stage) == number + 1
    assert first == seen(0.8)
