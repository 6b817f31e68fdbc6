"""Nearly even directions in space."""

import numpy as np
from numpy.typing import NDArray


def fibonacci_sphere(count: int) -> NDArray[np.float64]:
    """Nearly even unit vectors (count, 3)."""
    n = np.arange(count) + 0.5
    polar = np.arccos(1 - 2 * n / count)
    turn = np.pi * (1 + np.sqrt(5)) * n
    return np.stack([np.cos(turn) * np.sin(polar), np.sin(turn) * np.sin(polar), np.cos(polar)], axis=1)
