"""Long work in a thread that a panel polls: the panel stays alive, and only the panel's thread touches the scene."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import cache
from threading import Event
from typing import Generic, TypeVar

from BoneAblationPlannerLib.progress import ReportProgress

T = TypeVar("T")


@cache
def _one_worker() -> ThreadPoolExecutor:
    """Shared by all panels: two planning runs at a time would compete for the same cores and numba's thread pool."""
    return ThreadPoolExecutor(max_workers=1, thread_name_prefix="bone-ablation-planner")


class BackgroundTask(Generic[T]):
    """A function of a progress receiver, run in the worker thread.

    Parameters
    ----------
    work : callable
        Gets a `ReportProgress`; what it returns or raises comes out of `result`.
    """

    def __init__(self, work: Callable[[ReportProgress], T]) -> None:
        self._cancelled = Event()
        self._progress: tuple[float, str] = (0.0, "")
        self._future: Future[T] = _one_worker().submit(work, self._report)

    @property
    def progress(self) -> tuple[float, str]:
        """Fraction done 0..1 and what is being done, as last reported."""
        return self._progress

    def cancel(self) -> None:
        """Ask the work to stop; it ends with `Cancelled` at its next report."""
        self._cancelled.set()

    def poll(self, seconds: float = 0.0) -> bool:
        """Whether the work has ended, after waiting up to `seconds`.

        Waiting gives Python's lock to the worker: a host that keeps the lock while its window is idle, as Slicer does,
        would starve it otherwise.
        """
        return bool(wait([self._future], timeout=seconds).done)

    def result(self) -> T:
        """What the work returned; raises what it raised. Waits for the end."""
        return self._future.result()

    def _report(self, fraction: float, stage: str) -> bool:
        self._progress = (fraction, stage)
        return not self._cancelled.is_set()
