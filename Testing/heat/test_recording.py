"""Virtual thermocouples lie between voxels, frames are means of blocks, the dose goes with the temperature."""

import numpy as np
import pytest
from grids import every_point, oblique_grid

from BoneAblationPlannerLib.errors import InputError
from BoneAblationPlannerLib.zones.heat.recording import FRAME_STEP_CELSIUS, FRAMES, Recorder

GRID = oblique_grid((9, 11, 12), (0.8, 1.0, 1.6))
SLOPE = np.array([0.3, -0.2, 0.5])


def linear_field(offset):
    return (every_point(GRID) @ SLOPE + offset).reshape(GRID.shape).astype(np.float32)


def test_a_thermocouple_reads_a_linear_field_exactly_anywhere():
    points = {
        f"p{n}": GRID.ras_from_ijk([ijk])[0] for n, ijk in enumerate([(3.3, 4.9, 2.1), (0.0, 0.0, 0.0), (11, 10, 8)])
    }
    recorder = Recorder(GRID, points, 100.0)
    recorder.note(0.0, linear_field(37.0), linear_field(3.0))
    recorder.note(10.0, linear_field(40.0), linear_field(5.0))
    done = recorder.done()
    for name, point in points.items():
        assert done.curves_celsius[name] == pytest.approx([point @ SLOPE + 37, point @ SLOPE + 40], abs=1e-3)
        assert done.curves_cem43_min[name] == pytest.approx([point @ SLOPE + 3, point @ SLOPE + 5], abs=1e-3)
    assert done.times_s.tolist() == [0.0, 10.0]


def test_a_thermocouple_outside_the_block_is_refused_by_name():
    outside = GRID.ras_from_ijk([[-3.0, 2.0, 2.0]])[0]
    with pytest.raises(InputError, match="thermocouple 'nerve'"):
        Recorder(GRID, {"nerve": outside}, 10.0)


def test_frames_are_block_means_at_even_times():
    recorder = Recorder(GRID, {}, 240.0)
    for time_s in np.arange(0.0, 241.0, 5.0):
        recorder.note(float(time_s), linear_field(37.0 + time_s / 100))
    done = recorder.done()
    assert len(done.frame_times_s) == FRAMES + 1
    assert np.diff(done.frame_times_s) == pytest.approx(10.0)
    assert done.frames_celsius.shape[1:] == done.frame_grid.shape
    # The mean of a linear field over whole blocks is its value at the block's centre.
    whole = tuple(
        slice(0, n // f)
        for n, f in zip(
            GRID.shape, np.rint(done.frame_grid.spacing_kji_mm / GRID.spacing_kji_mm).astype(int), strict=True
        )
    )
    wanted = (every_point(done.frame_grid) @ SLOPE + 37.0).reshape(done.frame_grid.shape)
    assert np.abs(done.frames_celsius[0] - wanted)[whole].max() < FRAME_STEP_CELSIUS
