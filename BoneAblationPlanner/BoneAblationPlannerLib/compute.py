"""numba as the project uses it: cached machine code, IEEE division, and threads that sleep when idle.

Idle OpenMP workers spin by default, which slows a busy machine many times over; the variable must be set before
numba loads.
"""

import os

os.environ.setdefault("OMP_WAIT_POLICY", "passive")

from numba import njit, prange

__all__ = ["kernel", "parallel_kernel", "prange"]

kernel = njit(cache=True, nogil=True, error_model="numpy")
"""Compile a single-threaded kernel."""
parallel_kernel = njit(cache=True, nogil=True, parallel=True, error_model="numpy")
"""Compile a kernel whose `prange` loops run on all cores."""
