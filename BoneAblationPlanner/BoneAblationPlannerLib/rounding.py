"""Figures in words, rounded so that they never read better than they are."""

import math

_SAFE = 1e-6
"""In units of the last digit: what floating point may add to a figure that has no more digits."""

LARGEST_DOSE_MIN = 1e6
"""Doses beyond this are given as this: dead many times over."""


def percent_down(fraction: float, digits: int = 1) -> str:
    """A share of which more is better, as coverage: 99.96 % is not all of it."""
    return f"{math.floor(fraction * 100 * 10**digits + _SAFE) / 10**digits:.{digits}f} %"


def percent_up(fraction: float, digits: int = 1) -> str:
    """A share of which less is better, as a loss: 0.04 % is not nothing."""
    return f"{math.ceil(fraction * 100 * 10**digits - _SAFE) / 10**digits:.{digits}f} %"


def mm_down(value_mm: float, digits: int = 1, sign: bool = False) -> str:
    """A margin or a free distance: 4.96 mm does not keep 5 mm."""
    value = math.floor(value_mm * 10**digits + _SAFE) / 10**digits
    return f"{value or 0.0:{'+' if sign else ''}.{digits}f} mm"


def dose_word(cem43_min: float) -> str:
    """A thermal dose as it is read; one that is dead many times over is cut off."""
    if cem43_min >= LARGEST_DOSE_MIN:
        return "over 1 000 000"
    return f"{cem43_min:.1f}" if cem43_min < 100 else f"{cem43_min:.0f}"
