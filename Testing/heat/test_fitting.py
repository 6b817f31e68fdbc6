"""How large a zone is against the chart's: known sizes come back, a row in its own medium is as large as it says."""

import numpy as np
import pytest
from grids import oblique_grid

from BoneAblationPlannerLib.devices.catalogue import find_device
from BoneAblationPlannerLib.zones.heat.applicators import protocol_of, strength_of
from BoneAblationPlannerLib.zones.heat.calibration import ENTRY, TIP, bench_grid, on_bench
from BoneAblationPlannerLib.zones.heat.fitting import LARGEST, SMALLEST, STEP, fit_scale
from BoneAblationPlannerLib.zones.reach import ZoneScale
from BoneAblationPlannerLib.zones.spheroid import Spheroid, contains

CENTRE = np.array([12.0, -34.0, 56.0])


def grid():
    return oblique_grid((36, 60, 80), (0.9, 1.1, 1.8), CENTRE)


def chart():
    """Three needles, two of them side by side, one aslant; 24 x 34 mm and 20 x 28 mm."""
    aslant = np.array([0.6, 0.0, 0.8])
    return [
        Spheroid(CENTRE - [8.0, 0, 0], np.array([0.0, 0.0, 1.0]), 24.0, 34.0),
        Spheroid(CENTRE + [6.0, 2, 0], np.array([0.0, 0.0, 1.0]), 24.0, 34.0),
        Spheroid(CENTRE + [0.0, 8, 3], aslant, 20.0, 28.0),
    ]


def union_of(zones):
    points = grid().ras_of_mask(np.ones(grid().shape, dtype=bool))
    return np.any([contains(points, zone) for zone in zones], axis=0).reshape(grid().shape)


@pytest.mark.parametrize("scale", [(0.6, 0.84), (1.0, 1.0), (0.97, 0.71), (1.2, 0.9)])
def test_a_union_of_known_size_gives_back_its_factors(scale):
    """The zone is drawn on the voxels that the fit sees, so that only this factor has Dice 1."""
    known = ZoneScale(*scale)
    found = fit_scale(union_of([known.of(zone) for zone in chart()]), grid(), chart())
    assert (found.across, found.along) == pytest.approx(scale, abs=1.5 * STEP)


def test_no_other_factors_agree_better():
    """Against brute force over coarse factors, for a zone that is no union of scaled spheroids at all."""
    points = grid().ras_of_mask(np.ones(grid().shape, dtype=bool)).reshape(*grid().shape, 3)
    zone = union_of(chart()) & (points[..., 0] > CENTRE[0] - 12) & (points[..., 2] < CENTRE[2] + 9)

    def dice(across, along):
        drawn = union_of([ZoneScale(across, along).of(one) for one in chart()])
        return 2 * (drawn & zone).sum() / (drawn.sum() + zone.sum())

    found = fit_scale(zone, grid(), chart())
    best = max(dice(a, b) for a in np.arange(0.8, 1.03, 0.05) for b in np.arange(0.75, 1.1, 0.08))
    assert dice(found.across, found.along) >= best - 1e-9


def test_nothing_killed_is_as_small_as_can_be_told_and_everything_as_large():
    nothing = np.zeros(grid().shape, dtype=bool)
    assert fit_scale(nothing, grid(), chart()) == ZoneScale(SMALLEST, SMALLEST)
    assert fit_scale(~nothing, grid(), chart()) == ZoneScale(LARGEST, LARGEST)
    with pytest.raises(ValueError, match="spheroid"):
        fit_scale(nothing, grid(), [])


def test_a_zone_in_the_medium_of_its_row_is_as_large_as_the_chart():
    """There the row's axes are reproduced within 1 mm; voxels of 1 mm may hide another."""
    device = find_device("mwa-neuwave-17g")
    program = device.programs[0]
    bench = bench_grid(program.short_mm, program.long_mm, program.beyond_tip_mm)
    strength = strength_of(device, program)
    treatment, _ = on_bench(protocol_of(device, program), strength, device.diameter_mm, bench, None)
    row = Spheroid.around_needle(ENTRY, TIP, program.short_mm, program.long_mm, program.beyond_tip_mm)
    found = fit_scale(treatment.killed, bench, [row])
    assert found.across == pytest.approx(1, abs=2 / program.short_mm)
    assert found.along == pytest.approx(1, abs=2 / program.long_mm)
