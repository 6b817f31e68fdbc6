"""numba as the project uses it: cached machine code, IEEE division, and threads that sleep when idle.

Idle OpenMP workers spin by default, which slows a busy machine many times over. TBB, which numba would take first where
the system has it, spins for minutes when a process ends on a busy machine. Both are set before numba loads.
"""

import os

os.environ.setdefault("OMP_WAIT_POLICY", "passive")
os.environ.setdefault("NUMBA_THREADING_LAYER_PRIORITY", "omp tbb workqueue")

from numba import get_num_threads as threads
from numba import njit, prange

__all__ = ["inlined", "kernel", "parallel_kernel", "prange", "summing_kernel", "threads"]

kernel = njit(cache=True, nogil=True, error_model="numpy")
"""Compile a single-threaded kernel."""
inlined = njit(cache=True, nogil=True, error_model="numpy", inline="always")
"""Compile a piece of a kernel that is written into each of its callers, which can then be vectorised as a whole."""
parallel_kernel = njit(cache=True, nogil=True, parallel=True, error_model="numpy")
"""Compile a kernel whose `prange` loops run on all cores."""
summing_kernel = njit(cache=True, nogil=True, error_model="numpy", fastmath={"reassoc", "nsz", "contract"})
"""Compile a single-threaded kernel whose sums may be taken in any order, so that they vectorise."""
