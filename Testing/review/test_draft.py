"""The what-if: moves, devices, margin, undo, and what is refused."""

import pytest

from BoneAblationPlannerLib.devices.catalogue import builtin_devices
from BoneAblationPlannerLib.errors import InputError
from BoneAblationPlannerLib.reevaluation import placement
from BoneAblationPlannerLib.review.draft import Draft

ENTRY, TIP = (0.0, -80.0, 0.0), (0.0, 0.0, 0.0)


@pytest.fixture
def draft():
    device = builtin_devices()[0]
    placements = [placement(f"Probe {n}", device.id, device.programs[0].id, ENTRY, TIP) for n in (1, 2)]
    return Draft(placements, 5.0, builtin_devices())


def test_undo_and_redo_go_through_every_step(draft):
    states = [draft.now]
    for n in range(5):
        draft.begin()
        draft.move(n % 2, ENTRY, (n + 1.0, 0.0, 0.0))
        states.append(draft.now)
    for state in reversed(states[:-1]):
        draft.undo()
        assert draft.now == state
    assert not draft.changed
    assert not draft.can_undo
    for state in states[1:]:
        draft.redo()
        assert draft.now == state
    assert not draft.can_redo


def test_a_drag_of_many_moves_is_one_step(draft):
    draft.begin()
    for n in range(30):
        draft.move(0, ENTRY, (0.1 * n, 1.0, 0.0))
    draft.undo()
    assert not draft.changed


def test_discard_goes_back_and_can_be_undone(draft):
    draft.begin()
    draft.set_margin(8)
    draft.discard()
    assert not draft.changed
    draft.undo()
    assert draft.now.margin_mm == 8


def test_only_the_moved_needle_changes(draft):
    other = draft.now.placements[1]
    draft.move(0, (1.0, -80.0, 0.0), TIP)
    assert draft.now.placements[1] is other
    assert draft.now.placements[0].entry_ras_mm == (1.0, -80.0, 0.0)


def test_another_device_takes_its_first_program_where_it_lacks_the_old_one(draft):
    other = next(d for d in builtin_devices() if d.modality != draft.now.placements[0].device.modality)
    draft.set_device(0, other.id, draft.now.placements[0].program.id)
    assert draft.now.placements[0].program == other.programs[0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.move(7, ENTRY, TIP), "no such needle"),
        (lambda d: d.move(-1, ENTRY, TIP), "no such needle"),
        (lambda d: d.move(0, TIP, TIP), "the same point"),
        (lambda d: d.move(0, ENTRY, (float("nan"), 0.0, 0.0)), "expected points in mm"),
        (lambda d: d.move(0, ENTRY, (1e9, 0.0, 0.0)), "expected points in mm"),
        (lambda d: d.set_margin(-1), "expected 0 to 30"),
        (lambda d: d.set_margin(float("nan")), "expected 0 to 30"),
        (lambda d: d.set_device(0, "no such", None), "not in the catalogue"),
    ],
)
def test_what_makes_no_sense_is_refused_and_changes_nothing(draft, change, message):
    with pytest.raises(InputError, match=message):
        change(draft)
    assert not draft.changed


def test_a_step_in_which_nothing_changes_is_no_step(draft):
    draft.begin()
    draft.move(0, ENTRY, TIP)
    draft.discard()
    assert not draft.can_undo


def test_what_was_saved_is_what_is_compared_with(draft):
    draft.begin()
    draft.set_margin(7)
    draft.keep_as_stored(draft.now)
    assert not draft.changed
    assert not draft.can_undo
    assert draft.stored.margin_mm == 7
