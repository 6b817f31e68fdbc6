"""One background task at a time for a panel, with progress and Cancel, reported on the panel's own thread."""

import logging
from collections.abc import Callable
from typing import Any

import qt
from slicer.i18n import tr as _

from BoneAblationPlannerLib.background import BackgroundTask
from BoneAblationPlannerLib.errors import Cancelled, InputError, PlanningError
from BoneAblationPlannerLib.progress import ReportProgress

_EVERY_MS = 40
_WAIT_SECONDS = 0.03  # of every 40 ms the worker gets at least this much of Python's lock


class TaskRunner:
    """Runs work in the background and calls back on the thread that made the runner.

    Parameters
    ----------
    changed : callable
        Called whenever the runner starts, advances or ends.
    failed : callable
        Gets one line in the clinic's words; details are in the log.
    """

    def __init__(self, changed: Callable[[], None], failed: Callable[[str], None]) -> None:
        self._changed, self._failed = changed, failed
        self._task: BackgroundTask[Any] | None = None
        self._finish: Callable[[Any], None] | None = None
        self._timer = qt.QTimer()
        self._timer.setInterval(_EVERY_MS)
        self._timer.connect("timeout()", self._poll)

    @property
    def running(self) -> bool:
        """Whether a task has not ended yet, cancelled or not."""
        return self._task is not None

    @property
    def cancelling(self) -> bool:
        """Whether the running task was told to stop."""
        return self.running and self._finish is None

    @property
    def progress(self) -> tuple[float, str]:
        """Fraction done 0..1 and stage of the running task."""
        return self._task.progress if self._task is not None else (0.0, "")

    def start(self, work: Callable[[ReportProgress], Any], finish: Callable[[Any], None]) -> None:
        """Run `work` in the background, then `finish` with its result here. Ignored while something runs."""
        if self.running:
            return
        self._task, self._finish = BackgroundTask(work), finish
        self._timer.start()
        self._changed()

    def cancel(self) -> None:
        """Stop the task at its next step; its result is dropped even if it was about to end."""
        if self._task is not None:
            self._task.cancel()
            self._finish = None
            self._changed()

    def close(self) -> None:
        """Stop without another word: the panel is going away."""
        self.cancel()
        self._timer.stop()
        self._task = None

    def _poll(self) -> None:
        task = self._task
        if task is None:
            return
        if not task.poll(_WAIT_SECONDS):
            self._changed()
            return
        finish, self._task, self._finish = self._finish, None, None
        self._timer.stop()
        try:
            self._end(task, finish)
        finally:
            self._changed()

    def _end(self, task: BackgroundTask[Any], finish: Callable[[Any], None] | None) -> None:
        message = attempt(lambda: finish(task.result()) if finish is not None else None)
        if message is not None:
            self._failed(message)


def attempt(action: Callable[[], Any]) -> str | None:
    """Do something; None when it went well or was cancelled, else one line for the panel, with details in the log."""
    try:
        action()
    except Cancelled:
        return None
    except (InputError, PlanningError) as error:
        logging.info("not planned: %s", error)
        return str(error)
    except Exception:  # a panel must outlive any defect; the log has the traceback
        logging.exception("the planner failed")
        return _("The planner failed; nothing was changed. Details are in the log (View menu, Error Log).")
    return None
