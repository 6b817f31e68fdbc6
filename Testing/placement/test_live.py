"""Figures while a needle is dragged: the same as those of the plan; access, alternatives and fixed probes with them."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from phantoms import coarse_case

from BoneAblationPlannerLib.access.skin_map import skin_map
from BoneAblationPlannerLib.case import FixedProbe
from BoneAblationPlannerLib.errors import InputError, PlanningError
from BoneAblationPlannerLib.evaluation import HAND_MADE, evaluate
from BoneAblationPlannerLib.placement.access import find_access
from BoneAblationPlannerLib.placement.alternatives import ELSEWHERE_MM, find_alternatives
from BoneAblationPlannerLib.placement.choice import advise_modality, chosen_modality, place_probes
from BoneAblationPlannerLib.placement.chosen import placements_of
from BoneAblationPlannerLib.placement.live import LivePlacements
from BoneAblationPlannerLib.placement.placer import Placer
from BoneAblationPlannerLib.preparation import prepare_case
from BoneAblationPlannerLib.progress import silent

DEVICE = "mwa-neuwave-17g"


@cache
def prepared():
    return prepare_case(coarse_case(device=DEVICE))


@cache
def access():
    return find_access(prepared())


@cache
def chosen():
    advice = advise_modality(prepared(), access().region)
    return place_probes(Placer(prepared(), access().region, access().paths), advice, silent)


def moved(placement, offset):
    shift = np.asarray(offset)
    entry, tip = (
        tuple(float(v) for v in np.round(p + shift, 2)) for p in (placement.entry_ras_mm, placement.tip_ras_mm)
    )
    return replace(placement, entry_ras_mm=entry, tip_ras_mm=tip)


def test_dragged_figures_are_those_of_the_plan():
    first = placements_of(chosen()[0])
    live = LivePlacements(prepared())
    live.figures(first)
    for offset in ([1.5, -2.0, 0.7], [-6.0, 3.0, 4.0]):
        dragged = (*first[:-1], moved(first[-1], offset))
        figures = live.figures(dragged)
        plan = evaluate(prepared(), dragged, chosen()[1], HAND_MADE).plan
        assert figures.probes == plan.probes
        assert live.coverage(dragged, figures) == plan.coverage


def test_the_remainder_is_the_target_outside_the_zones():
    result = evaluate(prepared(), placements_of(chosen()[0])[:1], chosen()[1], HAND_MADE)
    assert result.remainder.any()
    assert not (result.remainder & ~result.target).any()
    # Voxels are credited only as a whole: what lies outside every zone by its centre is never left out.
    assert (result.remainder | ~(result.target & ~result.zone)).all()


def test_every_skin_entry_has_a_score_or_a_reason():
    skin = access().skin
    good = np.isfinite(skin.score)
    assert good.any()
    assert not good.all()
    np.testing.assert_array_equal(good, skin.reason == 0)
    assert set(np.unique(access().paths.entry_index)) == set(np.flatnonzero(good))
    bad = int(np.flatnonzero(~good)[0])
    assert skin.reasons[skin.reason[bad] - 1] in skin.words(bad)
    counted = sum(access().paths.excluded_by.values()) + len(access().paths)
    assert counted == access().paths.first_broken.size


def test_the_score_is_that_of_the_easiest_path():
    paths = access().paths
    effort = np.arange(len(paths), dtype=float)[::-1]
    skin = skin_map(access().skin.points_ras_mm, paths, effort)
    entry = int(paths.entry_index[0])
    assert skin.score[entry] == effort[paths.entry_index == entry].min()


def test_nothing_reachable_names_the_structure_and_what_would_open_a_way():
    """A shell of bowel around the lesion: nothing but displacing it helps."""
    case = coarse_case(device=DEVICE)
    grid = case.ct.grid
    centre = grid.ras_of_mask(prepared().anatomy.lesion).mean(axis=0)
    away = np.linalg.norm(grid.ras_of_mask(np.ones(grid.shape, dtype=bool)) - centre, axis=1).reshape(grid.shape)
    labels = ((away > 38) & (away < 46)).astype(np.uint8)
    shut = prepare_case(
        replace(case, organs=replace(case.organs, labels=labels, names={1: "sigmoid_colon"}), nerves=())
    )
    with pytest.raises(PlanningError, match=r"excludes most.*bowel: sigmoid_colon.*displacing sigmoid_colon"):
        find_access(shut)


def test_alternatives_enter_elsewhere_and_cover():
    found = find_alternatives(prepared(), chosen()[0])
    assert found
    entries = [np.array([p.entry_ras_mm for p in placements_of(chosen()[0])])]
    for alternative in found:
        own = np.array([p.entry_ras_mm for p in alternative.probes])
        for other in entries:
            apart = np.linalg.norm(own[:, None] - other, axis=2).min(axis=1)
            assert apart.max() >= ELSEWHERE_MM - 0.02
        entries.append(own)
        assert alternative.lesion_fraction >= 0.95
        assert alternative.probe_count == len(alternative.probes)
        assert "mm away" in alternative.difference


def test_fixed_probes_stay_and_the_rest_keeps_away_from_them():
    one = placements_of(chosen()[0])[0]
    fixed = FixedProbe("Left as it is", one.device, one.program, one.entry_ras_mm, one.tip_ras_mm)
    case = replace(prepared(), case=replace(prepared().case, fixed=(fixed,)))
    advice = advise_modality(case, access().region)
    found, _ = place_probes(Placer(case, access().region, access().paths), advice, silent)
    placed = placements_of(found)
    assert placed[0].name == "Left as it is"
    assert placed[0].tip_ras_mm == one.tip_ras_mm
    assert len({p.name for p in placed}) == len(placed)
    for other in placed[1:]:
        assert np.linalg.norm(np.subtract(other.entry_ras_mm, one.entry_ras_mm)) >= 10.0 - 0.02
    assert found.selection.lesion_fraction >= 0.95


def test_fixed_probes_of_two_modalities_are_refused():
    one = placements_of(chosen()[0])[0]
    other = next(d for d in prepared().case.devices if d.modality == "cryo")
    fixed = FixedProbe("A", other, other.programs[0], one.entry_ras_mm, one.tip_ras_mm)
    with pytest.raises(InputError, match="expected a device for modality"):
        chosen_modality(replace(prepared().case, fixed=(fixed,)))
