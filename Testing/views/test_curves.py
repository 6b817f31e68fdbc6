"""Curves lie where their values are, on axes with round steps."""

import numpy as np
import pytest

from BoneAblationPlannerLib.plan import Thermocouple
from BoneAblationPlannerLib.views.annotate import bytes_of
from BoneAblationPlannerLib.views.curves import Line, drawn, round_steps
from BoneAblationPlannerLib.views.finishing import TITLE_ROWS
from BoneAblationPlannerLib.views.temperature import curve_picture

SIZE = (900, 800)
LEFT, TOP, RIGHT, BOTTOM = 150, 30, SIZE[0] - 40, SIZE[1] - 110
"""Of the plot in the picture."""


@pytest.mark.parametrize(("low", "high"), [(0.0, 111.0), (0.0, 3.93e8), (12.0, 12.9), (-7.0, 5.0)])
def test_steps_are_round_and_few(low, high):
    steps = round_steps(low, high)
    assert 2 <= len(steps) <= 6
    assert low - 1e-9 <= steps[0] < steps[-1] <= high * (1 + 1e-9) + 1e-9
    mantissa = (steps[1] - steps[0]) / 10 ** np.floor(np.log10((steps[1] - steps[0]) * (1 + 1e-9)))
    assert min(abs(mantissa - m) for m in (1, 2, 5, 10)) < 1e-6


def places(image, colour):
    """Columns and rows of a colour in the plot, without title and legend."""
    pixels = np.asarray(image)[TITLE_ROWS : TITLE_ROWS + SIZE[1]]
    rows, columns = np.nonzero((pixels == bytes_of(colour)).all(axis=-1))
    return columns, rows


def test_temperatures_fill_the_height_from_below_the_coldest_to_above_the_hottest():
    """37 to 57 to 47 degrees over two minutes, on a scale from 36 to 58."""
    wire = Thermocouple("T1", (0.0, 0.0, 0.0), 37.0, 57.0, (0.0, 60.0, 120.0), (37.0, 57.0, 47.0))
    columns, rows = places(curve_picture((wire,), SIZE), (0.0, 0.45, 0.7))
    per_degree = (BOTTOM - TOP) / 22
    assert rows.min() == pytest.approx(TOP + per_degree, abs=4)
    assert rows.max() == pytest.approx(BOTTOM - per_degree, abs=4)
    assert (columns.min(), columns.max()) == (pytest.approx(LEFT, abs=4), pytest.approx(RIGHT, abs=4))
    assert columns[rows.argmin()] == pytest.approx((LEFT + RIGHT) / 2, abs=6)


def test_zero_is_among_the_values_unless_a_scale_is_given():
    colour = (1.0, 0.0, 0.0)
    flat = Line("flat", np.array([0.0, 10.0]), np.array([100.0, 100.0]), colour, 4)
    _, rows = places(drawn([flat], "title", "mm", ".0f", SIZE), colour)
    assert rows.mean() == pytest.approx(TOP, abs=3)
    _, rows = places(drawn([flat], "title", "mm", ".0f", SIZE, (50.0, 150.0)), colour)
    assert rows.mean() == pytest.approx((TOP + BOTTOM) / 2, abs=3)
