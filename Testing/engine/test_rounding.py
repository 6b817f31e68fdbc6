"""Figures in words never read better than they are, and what is exact stays as it is."""

import numpy as np
import pytest

from BoneAblationPlannerLib.rounding import mm_down, percent_down, percent_up


@pytest.mark.parametrize("digits", [0, 1])
def test_shares_are_rounded_to_the_safe_side(digits):
    last = 10.0 ** -(digits + 2)
    for fraction in np.random.default_rng(1).random(500):
        low, high = (float(word(fraction, digits).removesuffix(" %")) / 100 for word in (percent_down, percent_up))
        assert low <= fraction <= high
        assert high - low <= 1.001 * last


def test_whole_steps_are_kept_in_spite_of_floating_point():
    for n in range(1001):
        assert percent_down(n / 1000) == percent_up(n / 1000) == f"{n / 10:.1f} %"
        assert mm_down(n / 10) == f"{n / 10:.1f} mm"


def test_nearly_all_is_not_all_and_nearly_nothing_is_not_nothing():
    assert percent_down(0.99996) == "99.9 %"
    assert percent_up(0.00004) == "0.1 %"


def test_distances_are_cut_towards_less():
    assert mm_down(4.96) == "4.9 mm"
    assert mm_down(-0.04) == "-0.1 mm"
    assert mm_down(-0.0) == "0.0 mm"
    assert mm_down(2.25, sign=True) == "+2.2 mm"
